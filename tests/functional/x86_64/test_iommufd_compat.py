#!/usr/bin/env python3
#
# What QEMU accepts: the lines of tests/compat with the base as it is, and
# with the fork
#
# SPDX-License-Identifier: GPL-2.0-or-later

import json
import os
from pathlib import Path
import re
import shlex
import tomllib
import unittest

from qemu_test.iommufd_faults import (QEMU_LIMIT, RUNNER, SHIM, TESTS, library,
                                      read, read_results, run_on_host,
                                      shim_setup)
from qemu_test.iommufd_lab import MINOR, PATIENCE, STOCK, IommufdLabTest

README = TESTS.parent / 'README.md'
HEADING = 'What the fork refuses although QEMU accepts it'
LIMIT = 300


def step(text):
    """A QMP command as a row has it: its name, then NAME=VALUE words."""
    command, *words = shlex.split(text)
    if command == 'outl':
        return {'qtest': text}
    if command == 'event':
        return {'event': words[0]}
    arguments = dict(word.split('=', 1) for word in words)
    result = {'execute': command, 'arguments': arguments}
    if command == 'getfd':
        result['fd'] = arguments.pop('fd')
    return result


def read_file(name):
    """One file of the list, and its rows for the runner."""
    with open(TESTS / 'compat' / f'{name}.toml', 'rb') as file:
        table = tomllib.load(file)
    for row in table['row']:
        command = row.get('command', '').replace(',\n', ',')
        row.update(name=row['line'], ways=['cli'],
                   fds={**table['fds'], **row.get('fds', {})},
                   limit=QEMU_LIMIT * PATIENCE, arguments=shlex.split(command),
                   qmp=[item if isinstance(item, dict) else step(item)
                        for item in row.get('qmp', [])])
        if name == 'shim':
            row['shim'] = ['change-process=1']
            row['setup'] = shim_setup(row)
    return table


FILES = {name: read_file(name) for name in ('shim', 'lab')}


def tests(cls):
    """A test for each row."""
    for name, table in FILES.items():
        for row in table['row']:
            words = re.sub(r'\W+', '_', row['line'])
            method = f'test_{name}_{words}'
            assert not hasattr(cls, method), f'two rows are {row["line"]}'

            def test(self, name=name, row=row):
                self.check(name, row)
            setattr(cls, method, test)
    return cls


def outcome(result):
    """What came of a row: how QEMU ended, and what it answered."""
    if result['status'] < 0:
        return 'crashes'
    refused = result['status'] or any('error' in reply
                                      for reply in result['replies'])
    return 'refuses' if refused else 'accepts'


def names(reply):
    """The names in a list that QEMU returns, but for those of no use."""
    return {item['name'] for item in reply['return']
            if not item['name'].startswith('legacy-')}


@tests
class IommufdCompat(IommufdLabTest):
    """All rows of a file run with both when the first of them is asked for."""

    _results = {}

    def results(self, name):
        """What the base and the fork made of a file, by line."""
        if name not in self._results:
            # if that fails, it fails once
            self._results[name] = ({}, {})
            try:
                run = self.run_in_the_lab if name == 'lab' else self.run_here
                self._results[name] = run(FILES[name])
            except unittest.SkipTest as reason:
                self._results[name] = reason
        if isinstance(self._results[name], unittest.SkipTest):
            raise self._results[name]
        return self._results[name]

    def run_here(self, table):
        """On this host, where the shim answers ioctls."""
        if os.geteuid() != 0:
            self.skipTest('making up a host needs root')
        path = self.scratch_file('table.json')
        facts = {**read('boots.toml')['facts'],
                 'shim': f'echo {library(SHIM)}'}
        Path(path).write_text(json.dumps({'facts': facts,
                                          'cases': table['row']}))
        return [read_results(run_on_host(str(qemu), path))[1]
                for qemu in (STOCK, self.qemu_bin)]

    def run_in_the_lab(self, table):
        """With real devices."""
        boot = table['boot']
        cases = {'facts': read('boots.toml')['facts'], 'cases': table['row']}
        self.boot_lab(boot['kernel'], boot['append'], options=boot['options'],
                      files={'table.json': json.dumps(cases),
                             'usr/bin/stock': STOCK})
        for command in boot['prepare']:
            self.succeed_in_lab(command)
        results = []
        for qemu in ('stock', 'qemu-system-x86_64'):
            output = self.succeed_in_lab(
                f'/lab/{RUNNER.name} {qemu} /table.json', LIMIT)
            results.append(read_results(output.splitlines())[1])
        return results

    def check(self, name, row):
        """Compare what both said."""
        if not STOCK.exists():
            self.skipTest(f'the base is not built; run: tests/stock {MINOR}')
        stock, fork = (results.get(row['name'], {}).get('cli')
                       for results in self.results(name))
        self.log.info('base: %s', json.dumps(stock, indent=1))
        self.log.info('fork: %s', json.dumps(fork, indent=1))
        for result in stock, fork:
            self.assertIsNotNone(result, 'it was not run')
            self.assertNotIn('broken', result)
        expected = row.get('stock', 'accepts')
        if isinstance(expected, dict):
            expected = expected.get(MINOR, 'accepts')
        self.assertEqual(outcome(stock), expected, stock)
        if 'refused' in row:
            self.assertIn(row['refused'], ('crash', 'corruption'))
            self.assertEqual(outcome(fork), 'refuses', fork)
        elif expected == 'accepts' or row.get('fork') == 'accepts':
            self.assertEqual(outcome(fork), 'accepts', fork)
        else:
            self.assertNotEqual(outcome(fork), 'crashes', fork)
        for number in row.get('names', []):
            missing = (names(stock['replies'][number]) -
                       names(fork['replies'][number]))
            self.assertEqual(sorted(missing), [])

    def test_readme(self):
        """The table there has the rows that are refused, and no others."""
        text = README.read_text(encoding='utf-8')
        section = text.split(f'## {HEADING}\n')[1].split('\n## ')[0]
        listed = re.findall(r'^\| (.*?) \| (crash|corruption):', section, re.M)
        refused = {(row['readme'], row['refused'])
                   for table in FILES.values() for row in table['row']
                   if 'refused' in row}
        self.assertEqual(sorted(listed), sorted(refused))


if __name__ == '__main__':
    IommufdLabTest.main()
