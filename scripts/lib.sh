# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the fork's scripts share. To be sourced, after `set -euo pipefail`.

# shellcheck disable=SC2034 # used by the scripts that source this file
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck disable=SC2034 # used by the scripts that source this file
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
        command -v "$program" >/dev/null ||
            die "$program is not installed; run: make setup"
    done
}

duration()
{
    if [ "$1" -lt 60 ]; then
        echo "$1 s"
    else
        echo "$(($1 / 60)) min $(($1 % 60)) s"
    fi
}

# ninja writes [done/all] in front of each step, meson test done/all; other programs have no such counter.
progress_of()
{
    tail -c 2000 "$1" 2>/dev/null | grep -Eo '^(\[[0-9]+/[0-9]+\]| *[0-9]+/[0-9]+ )' | tail -n 1 || true
}

# watch_step WHAT LOG: on a terminal one line that is rewritten each second, else a line each minute.
watch_step()
{
    local what=$1 log=$2 start=$SECONDS now

    trap - EXIT INT TERM
    while sleep 1 && kill -0 $$ 2>/dev/null; do
        now=$((SECONDS - start))
        if [ -t 2 ]; then
            printf '\r\033[K%s %s %s' "$what" "$(progress_of "$log")" "$(duration $now)" >&2
        elif [ $((now % 60)) -eq 0 ]; then
            say "$what $(progress_of "$log") $(duration $now)"
        fi
    done
}

# step WHAT LOG COMMAND...: run a command that takes long, with its output in LOG, and show how far it is.
# When it fails, name the log, show its end, and return the command's status.
# COMMAND runs where errors do not end the script, so it should be a program rather than a function.
step()
{
    local what=$1 log=$2 start=$SECONDS status=0 watcher

    shift 2
    mkdir -p "$(dirname "$log")"
    : >"$log"
    [ -t 2 ] || say "$what ..."
    # The command stays in the foreground: a background one would not see Ctrl-C.
    watch_step "$what" "$log" </dev/null >/dev/null &
    watcher=$!
    "$@" </dev/null >>"$log" 2>&1 || status=$?
    kill "$watcher" 2>/dev/null || true
    wait "$watcher" 2>/dev/null || true
    [ ! -t 2 ] || printf '\r\033[K' >&2
    if [ "$status" -eq 0 ]; then
        say "$what: done in $(duration $((SECONDS - start)))"
        return 0
    fi
    say "$what: FAILED after $(duration $((SECONDS - start))); the end of $log:"
    # awk ends the last line, which a full disk may have cut off
    tail -n 15 "$log" | awk '{ print "    " $0 }' >&2
    ! grep -q 'No space left on device' "$log" || say "$what: there is no space left on the disk"
    return "$status"
}

# ccache_across_clones FOLDER: let builds below FOLDER (build/MINOR) in any clone share what ccache holds.
ccache_across_clones()
{
    export CCACHE_BASEDIR=$1 CCACHE_NOHASHDIR=1
}
