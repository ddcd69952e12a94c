# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034 # the variables are used by the scripts that source this file
#
# What the scripts here share, and scripts/lib.sh. To be sourced, after `set -euo pipefail`.

# shellcheck source=../scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"

releases='trixie bookworm sid'
debian_qemu=qemu-system-x86,qemu-system-gui,qemu-system-modules-opengl,qemu-system-modules-spice,qemu-block-extra
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# select_release RELEASE: sets `release`, `base`, `packages` and `logs`.
select_release()
{
    release=$1
    case $release in
    trixie | bookworm) base=10.0 ;;
    sid) base=10.2 ;;
    *) die "there are no packages for ${release:-no release}; there are for: $releases" ;;
    esac
    packages=$top/build/packages/$release
    logs=$top/build/logs/packages-$release
}

need_chroots()
{
    [ "$(id -u)" -eq 0 ] || die "a chroot needs root; run this as root or with sudo"
    command -v mmdebstrap >/dev/null || die "mmdebstrap is not installed; run: apt-get install mmdebstrap"
    mirror=$("$top/scripts/debian-fetch" mirror)
    [ -n "$mirror" ] || die "this machine's apt names no Debian mirror, so there is nothing to make a chroot of"
}

# make_chroot DIR PACKAGES: a Debian of `release` with these packages (separated by commas) besides the essential ones.
# It is kept in the cache for a day.
make_chroot()
{
    local hooks=() sources=("deb [signed-by=$keyring] $mirror $release main") kept options

    # how this machine reaches its mirror, and what it lets pass from there
    mapfile -t options < <(apt-config dump | sed -En 's/^(Acquire::(Check-|https?::).*);$/--aptopt=\1/p')
    if [ "$release" = bookworm ]; then
        sources+=("deb [signed-by=$keyring] $mirror bookworm-backports main")
        # shellcheck disable=SC2016 # for mmdebstrap's shell
        hooks=(--setup-hook='printf "Package: %s\nPin: release n=bookworm-backports\nPin-Priority: 990\n" \
            "meson src:qemu src:seabios src:ipxe" >"$1/etc/apt/preferences.d/backports"')
    fi
    mkdir -p "$cache/chroots"
    kept=$cache/chroots/$release-$(sha256sum <<<"$2 ${hooks[*]} ${sources[*]}" | cut -c 1-12).tar
    # another run may be making it
    exec 7>"$kept.lock"
    flock 7
    if [ -z "$(find "$kept" -mmin -1440 2>/dev/null)" ]; then
        find "${kept%/*}" -name '*.tar*' ! -name '*.lock' -mmin +1440 -delete
        step "make a chroot of Debian $release" "$logs/chroot.log" \
            mmdebstrap --mode=root --variant=apt --format=tar --skip=cleanup/apt/lists \
            --dpkgopt=force-unsafe-io "${options[@]}" --include="$2" "${hooks[@]}" "$release" "$kept.new" "${sources[@]}" ||
            die "there is no chroot of Debian $release"
        mv "$kept.new" "$kept"
    fi
    exec 7>&-
    mkdir -p "$1"
    tar -C "$1" --numeric-owner --xattrs --xattrs-include='*' -xf "$kept"
    cp /etc/resolv.conf "$1/etc/"
    # nothing is to start services in there
    printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
    chmod +x "$1/usr/sbin/policy-rc.d"
}
