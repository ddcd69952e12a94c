# SPDX-License-Identifier: GPL-2.0-or-later
"""How tests ended: (passed, skipped, the names of the failed)."""

import json
import re


def of_tap(tap):
    """Of one TAP stream."""
    passed, skipped, failed = 0, 0, []
    for bad, what in re.findall(r'^(not )?ok\b(?: \d+)?(?: -)? *(.*)', tap, re.M):
        if re.search(r'# *SKIP', what, re.I):
            skipped += 1
        elif bad:
            failed.append(what.strip())
        else:
            passed += 1
    return passed, skipped, failed


def of_meson(log):
    """Of a JSON log of meson test. A program that ended badly failed, whatever its TAP says."""
    passed, skipped, failed = 0, 0, []
    for test in map(json.loads, log.splitlines()):
        name = test['name'].split(' / ')[-1]
        good, left_out, bad = of_tap(test.get('stdout') or '')
        if test['result'] in ('OK', 'EXPECTEDFAIL'):
            # a program without TAP is one test
            good, bad = good if good + left_out else 1, []
        elif test['result'] == 'SKIP':
            good, left_out, bad = 0, left_out or 1, []
        else:
            bad = [f'{name}: {one}' for one in bad] or [f'{name}: {test["result"].lower()}']
        passed, skipped, failed = passed + good, skipped + left_out, failed + bad
    return passed, skipped, failed


def last_words(log):
    """What the failed tests in a JSON log of meson test have said last."""
    for test in map(json.loads, log.splitlines()):
        if test['result'] not in ('OK', 'EXPECTEDFAIL', 'SKIP'):
            yield (test.get('stderr') or test.get('stdout') or '')[-3000:].strip()


def suite_of(test):
    """Where a test belongs that meson introspects: unit, qtest, functional or other."""
    suites = [suite.removeprefix('qemu:') for suite in test['suite']]
    for name in ('unit', 'qtest'):
        if name in suites:
            return name
    return 'functional' if any(suite.startswith('func-') for suite in suites) else 'other'
