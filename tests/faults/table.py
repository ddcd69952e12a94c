# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading the table of faults, for its tests and for tests/faults/faults."""

from pathlib import Path
import tomllib

TABLE = Path(__file__).parent
# How QEMU is confined when a case is run once more, each a word of
# made-up-host and the end of the case's name, and how it is spoken to then:
# over QMP as by libvirt, whose AppArmor profile the first is like
CONFINED = {'unreadable': 'qmp', 'missing': 'cli'}
# Levels of labs that are no PC
FOREIGN = ('s390x', 'aarch64')


def read(name):
    """One file of the table."""
    with open(TABLE / name, 'rb') as file:
        return tomllib.load(file)


def case_name(case, catalogue):
    """What the case's test is called, and its mark when it has passed."""
    variant = case.get('variant')
    return case['id'] + '-' + catalogue['ids'][case['id']] + (
        f'-{variant}' if variant else '')


def version(text):
    """A version to compare, of which the first two numbers count."""
    return tuple(int(number) for number in text.split('.')[:2])


def all_cases():
    """The files' names and cases as they are written, in their order."""
    for path in sorted(TABLE.glob('[A-Z]*.toml')):
        table = read(path.name)
        for case in table['case']:
            yield path.name, {**table.get('defaults', {}), **case}


def cases_of(base):
    """Those that a base with this version has."""
    for _, case in all_cases():
        if version(case.get('since', '0.0')) <= version(base):
            yield case
