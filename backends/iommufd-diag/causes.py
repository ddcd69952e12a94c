#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is made of causes.toml: C, the page for users, and the names in a JSON schema."""

import argparse
import json
import pathlib
import re
import sys
import textwrap

try:
    import tomllib
except ImportError:
    import tomli as tomllib

HERE = pathlib.Path(__file__).parent
WIDTH = 110
VALUE = re.compile(r'\{([a-z-]+)(?::([a-z]))?\}')
# By letter: the type of a parameter, and its conversion
TYPES = {None: ('const char *', '%s'), 'u': ('uint64_t ', '%" PRIu64 "'), 'd': ('int ', '%d'),
         'x': ('uint64_t ', '0x%" PRIx64 "'), 'o': ('unsigned int ', '%04o')}
MADE = 'Made of causes.toml by causes.py; do not edit.'
INTRO = '''\
.. SPDX-License-Identifier: GPL-2.0-or-later
.. Made of backends/iommufd-diag/causes.toml by causes.py; do not edit.

Errors of device assignment through iommufd
===========================================

What QEMU says when ``-object iommufd`` or a VFIO device with ``iommufd=`` fails because of the host, why it says so,
and what to do about it. The messages are the same on the command line and over QMP; those about a device begin with
``vfio`` and its address. Words in capitals stand for what differs. ``-trace iommufd_finding`` prints the name of the
cause, which does not change, before the message.

A message states as a fact only what was read on the host. With "probably" it is the likely cause: nothing was read
that would contradict it, but nothing that proves it either.
'''


class Text:
    """One text of a cause: a function in C."""

    def __init__(self, cause, name, fields):
        self.message, self.remedy = fields['message'], fields['remedy']
        self.function = f'finding_{cause}_{name}'.replace('-', '_')
        self.parameters = {}
        for found in VALUE.finditer(self.message + self.remedy):
            known = self.parameters.setdefault(found[1], found[2])
            if known != found[2]:
                sys.exit(f'{cause}: {name}: {{{found[1]}}} has two types')

    def prototype(self):
        parameters = ''.join(f', {TYPES[kind][0]}{word.replace("-", "_")}' for word, kind in self.parameters.items())
        return f'IOMMUFDFinding *{self.function}(int err{parameters})'

    @staticmethod
    def printf(text):
        """The arguments of g_strdup_printf()."""
        if not text:
            return 'NULL'
        literal = json.dumps(text.replace('%', '%%'), ensure_ascii=True)
        arguments = ''.join(', ' + found[1].replace('-', '_') for found in VALUE.finditer(text))
        literal = VALUE.sub(lambda found: TYPES[found[2]][1], literal)
        return f'g_strdup_printf({literal}{arguments})'

    def body(self, symbol):
        return (f'{self.prototype()}\n{{\n    return finding_new({symbol}, err,\n        {self.printf(self.message)},\n'
                f'        {self.printf(self.remedy)});\n}}\n')


def read():
    """Causes by name, with Text objects."""
    with open(HERE / 'causes.toml', 'rb') as file:
        causes = tomllib.load(file)
    for name, cause in causes.items():
        cause['texts'] = [Text(name, text, fields) for text, fields in cause['texts'].items()]
    return causes


def symbol(name):
    return 'IOMMUFD_CAUSE_' + name.replace('-', '_').upper()


def enum(causes):
    """The enumeration, which is included within its braces, and the names."""
    lines = [f'/* {MADE} */']
    return '\n'.join(lines + [f'IOMMUFD_CAUSE({symbol(name)}, "{name}"),' for name in causes]) + '\n'


def header(causes):
    lines = [f'/* {MADE} */']
    for cause in causes.values():
        lines += [text.prototype() + ';' for text in cause['texts']]
    return '\n'.join(lines) + '\n'


def source(causes):
    lines = [f'/* {MADE} */', '#include "qemu/osdep.h"', '#include "backends/iommufd-diag/finding.h"', '']
    for name, cause in causes.items():
        lines += [text.body(symbol(name)) for text in cause['texts']]
    return '\n'.join(lines)


def words(text):
    """A text as people read it, with words in capitals in place of values."""
    return VALUE.sub(lambda found: found[1].upper(), text)


def page(causes):
    """The page, by groups in the order of the causes."""
    groups = {}
    for name, cause in causes.items():
        groups.setdefault(cause['group'], []).append(name)
    # what is not known comes last
    groups['Other'] = groups.pop('Other')
    lines = [INTRO.rstrip()]
    for title, names in groups.items():
        lines += ['', title, '-' * len(title)]
        for name in names:
            lines += ['', f'``{name}``', '~' * (len(name) + 4)]
            lines += entry(causes[name])
    return '\n'.join(lines) + '\n'


def entry(cause):
    lines = []
    for what, key in (('Evidence', 'evidence'), ('Doubt', 'doubt')):
        if key in cause:
            lines += ['', *textwrap.wrap(f'*{what}:* {cause[key]}.', WIDTH)]
    remedies = {}
    for text in cause['texts']:
        remedies.setdefault(text.remedy, []).append(text.message)
    for remedy, messages in remedies.items():
        lines += ['', '::', ''] + [f'  {words(message)}' for message in messages]
        for line in words(remedy).splitlines():
            lines += ['', *textwrap.wrap(line.replace('*', r'\*').replace('_ ', r'\_ '), WIDTH)]
    return lines


def schema(causes, file):
    """A JSON schema in which the values of "cause" are the names."""
    rules = json.loads(pathlib.Path(file).read_text(encoding='utf-8'))
    rules['$defs']['cause']['enum'] = list(causes)
    return json.dumps(rules, indent=2, ensure_ascii=False) + '\n'


def main():
    parser = argparse.ArgumentParser(prog='causes.py', description=__doc__)
    parser.add_argument('what', choices=['enum', 'header', 'source', 'page', 'schema', 'names'])
    parser.add_argument('output', help='the file to write, or - to print it')
    parser.add_argument('template', nargs='?', help='the JSON schema without the names')
    args = parser.parse_args()

    causes = read()
    text = {'enum': enum, 'header': header, 'source': source, 'page': page, 'names': lambda names: '\n'.join(names) + '\n',
            'schema': lambda names: schema(names, args.template)}[args.what](causes)
    if args.output == '-':
        sys.stdout.write(text)
    else:
        pathlib.Path(args.output).write_text(text, encoding='utf-8')


if __name__ == '__main__':
    main()
