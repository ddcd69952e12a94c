#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Run a command that takes long: what it writes goes into a log, and how far it is to the terminal."""

import pathlib
import re
import subprocess
import sys
import time


def say(words, end='\n'):
    print(words, end=end, file=sys.stderr, flush=True)


def so_far(log, seconds):
    """ninja writes [done/all] in front of each step, meson test done/all; others have no such counter."""
    counters = re.findall(rb'^(?:\[\d+/\d+\]| *\d+/\d+ )', log.read_bytes()[-2000:], re.M) if log else []
    took = f'{seconds // 60} min {seconds % 60} s' if seconds >= 60 else f'{seconds} s'
    return ' '.join([*(counter.decode().strip() for counter in counters[-1:]), took])


def step(what, log, command, show=True, **options):
    """On a terminal one line that is rewritten each second, else a line each minute."""
    log, terminal, start = pathlib.Path(log), sys.stderr.isatty(), time.monotonic()
    log.parent.mkdir(parents=True, exist_ok=True)
    if not terminal:
        say(f'{what} ...')
    status = None
    with open(log, 'wb') as output, \
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                             **options) as run:
        while status is None:
            try:
                status = run.wait(1)
            except subprocess.TimeoutExpired:
                seconds = round(time.monotonic() - start)
                if terminal or seconds % 60 == 0:
                    line = f'{what} {so_far(log, seconds)}'
                    say(f'\r\033[K{line}' if terminal else line, end='' if terminal else '\n')
    took, clear = so_far(None, round(time.monotonic() - start)), '\r\033[K' if terminal else ''
    if status == 0 or not show:
        say(f'{clear}{what}: done in {took}')
        return status
    lines = log.read_text(errors='replace').splitlines()
    say('\n    '.join([f'{clear}{what}: FAILED after {took}; the end of {log}:', *lines[-15:]]))
    if any('No space left on device' in line for line in lines):
        say(f'{what}: there is no space left on the disk')
    return status


if __name__ == '__main__':
    if len(sys.argv) < 4:
        sys.exit(f'usage: step.py WHAT LOG COMMAND...\n{__doc__}')
    result = step(sys.argv[1], sys.argv[2], sys.argv[3:])
    sys.exit(result if result >= 0 else 128 - result)
