#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
What is made of causes.toml: C, the users' page, and the names in a JSON schema
"""

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
WIDTH = 79
VALUE = re.compile(r'\{([a-z-]+)(?::([a-z]))?\}')
# By letter: the type of a parameter, and its conversion
TYPES = {
    None: ('const char *', '%s'),
    'u': ('uint64_t ', '%" PRIu64 "'),
    'd': ('int ', '%d'),
    'x': ('uint64_t ', '0x%" PRIx64 "'),
    'o': ('unsigned int ', '%04o'),
}
MADE = '/* Made of causes.toml by causes.py; do not edit. */\n'
INTRO = '''\
.. SPDX-License-Identifier: GPL-2.0-or-later
.. Made of backends/iommufd-diag/causes.toml by causes.py; do not edit.

Errors of device assignment through iommufd
===========================================

What QEMU says when ``-object iommufd`` or a VFIO device with ``iommufd=``
fails because of the host, why it says so, and what to do about it.  The
messages are the same on the command line and over QMP; those about a device
begin with ``vfio`` and its address.  Words in capitals stand for what differs.
``-trace iommufd_finding`` prints the name of the cause, which does not change,
before the message.

A message states as a fact only what was read on the host.  With "probably" it
is the likely cause: nothing was read that would contradict it, but nothing
that proves it either.
'''


def identifier(name):
    """A name as it is in C."""
    return name.replace('-', '_')


class Text:
    """One text of a cause: a function in C."""

    def __init__(self, cause, name, fields):
        self.message, self.remedy = fields['message'], fields['remedy']
        self.function = identifier(f'finding_{cause}_{name}')
        self.parameters = {}
        for found in VALUE.finditer(self.message + self.remedy):
            known = self.parameters.setdefault(found[1], found[2])
            if known != found[2]:
                sys.exit(f'{cause}: {name}: {{{found[1]}}} has two types')

    def prototype(self):
        """The head of the function."""
        parameters = ''.join(f', {TYPES[kind][0]}{identifier(name)}'
                             for name, kind in self.parameters.items())
        return f'IOMMUFDFinding *{self.function}(int err{parameters})'

    @staticmethod
    def printf(text):
        """A string with values, to be freed."""
        if not text:
            return 'NULL'
        values = ''.join(f', {identifier(found[1])}'
                         for found in VALUE.finditer(text))
        literal = VALUE.sub(lambda found: TYPES[found[2]][1],
                            json.dumps(text.replace('%', '%%')))
        return f'g_strdup_printf({literal}{values})'

    def definition(self, symbol):
        """The function."""
        return (f'{self.prototype()}\n{{\n'
                f'    return finding_new({symbol}, err,\n'
                f'        {self.printf(self.message)},\n'
                f'        {self.printf(self.remedy)});\n}}\n')


def read():
    """Causes by name, with Text objects."""
    with open(HERE / 'causes.toml', 'rb') as file:
        causes = tomllib.load(file)
    for name, cause in causes.items():
        cause['texts'] = [Text(name, text, fields)
                          for text, fields in cause['texts'].items()]
        cause['symbol'] = 'IOMMUFD_CAUSE_' + identifier(name).upper()
    return causes


def enum(causes):
    """An enumeration, and the names: what IOMMUFD_CAUSE() makes of each."""
    return MADE + ''.join(f'IOMMUFD_CAUSE({cause["symbol"]}, "{name}"),\n'
                          for name, cause in causes.items())


def header(causes):
    """The functions."""
    return MADE + ''.join(f'{text.prototype()};\n'
                          for cause in causes.values()
                          for text in cause['texts'])


def source(causes):
    """Their definitions."""
    return MADE + ('#include "qemu/osdep.h"\n'
                   '#include "backends/iommufd-diag/finding.h"\n') + ''.join(
        '\n' + text.definition(cause['symbol'])
        for cause in causes.values() for text in cause['texts'])


def words(text):
    """A text as people read it, with words in capitals in place of values."""
    return VALUE.sub(lambda found: found[1].upper(), text)


def entry(cause):
    """The lines of a cause: the messages that have one remedy, and that."""
    remedies = {}
    for text in cause['texts']:
        remedies.setdefault(text.remedy, []).append(text.message)
    lines = []
    for key in ('evidence', 'doubt'):
        if key in cause:
            lines += ['', *textwrap.wrap(f'*{key.title()}:* {cause[key]}.',
                                         WIDTH)]
    for remedy, messages in remedies.items():
        lines += ['', '::', ''] + [f'  {words(text)}' for text in messages]
        for line in words(remedy).splitlines():
            line = line.replace('*', r'\*').replace('_ ', r'\_ ')
            lines += ['', *textwrap.wrap(line, WIDTH)]
    return lines


def page(causes):
    """The page, by groups; what is not known comes last."""
    groups = {}
    for name, cause in causes.items():
        groups.setdefault(cause['group'], []).append(name)
    groups['Other'] = groups.pop('Other')
    lines = [INTRO.rstrip()]
    for title, names in groups.items():
        lines += ['', title, '-' * len(title)]
        for name in names:
            lines += ['', f'``{name}``', '~' * (len(name) + 4)]
            lines += entry(causes[name])
    return '\n'.join(lines) + '\n'


def names_of(causes):
    """The names, one a line."""
    return '\n'.join(causes) + '\n'


def schema(causes, template):
    """A JSON schema in which the values of "cause" are the names."""
    rules = json.loads(pathlib.Path(template).read_text(encoding='utf-8'))
    rules['$defs']['cause']['enum'] = list(causes)
    return json.dumps(rules, indent=2, ensure_ascii=False) + '\n'


def main():
    """The program."""
    makers = {'enum': enum, 'header': header, 'source': source, 'page': page,
              'names': names_of, 'schema': schema}
    parser = argparse.ArgumentParser(prog='causes.py', description=__doc__)
    parser.add_argument('what', choices=makers)
    parser.add_argument('output', help='the file to write, or - to print it')
    parser.add_argument('template', nargs='*',
                        help='the JSON schema without the names')
    args = parser.parse_args()

    text = makers[args.what](read(), *args.template)
    if args.output == '-':
        sys.stdout.write(text)
    else:
        pathlib.Path(args.output).write_text(text, encoding='utf-8')


if __name__ == '__main__':
    main()
