# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034 # the variables are used by the scripts that source this file
#
# What the fork's shell scripts share. To be sourced, after `set -euo pipefail`.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/qemu-iommufd

say()
{
    printf '%s\n' "$*" >&2
}

die()
{
    say "error: $*"
    exit 1
}

# The text between the shebang block's SPDX line and the first line that is no comment.
show_help()
{
    sed -n '/^# SPDX/,/^$/{/^# SPDX/d;/^#/!d;s/^#\( \|$\)//;p}' "$0" | sed '1{/^$/d}'
}

need()
{
    local program
    for program; do
        command -v "$program" >/dev/null || die "$program is not installed; run: make setup"
    done
}

# step WHAT LOG COMMAND...: run a command that takes long, with its output in LOG, and show how far it is.
step()
{
    if command -v python3 >/dev/null; then
        python3 "$top/scripts/step.py" "$@"
        return
    fi
    # setup, on a system that has no Python yet
    say "$1 ..."
    mkdir -p "$(dirname "$2")"
    "${@:3}" </dev/null >"$2" 2>&1 || {
        say "$1: FAILED; see $2"
        return 1
    }
}
