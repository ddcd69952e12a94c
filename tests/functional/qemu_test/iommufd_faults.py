# SPDX-License-Identifier: GPL-2.0-or-later
"""
The cases of tests/faults, each a test: a fault of the host or of the options,
and what QEMU has to say about it.
"""

import errno
import json
from pathlib import Path
import re
import sys

from .config import BUILD_DIR
from .iommufd_lab import PATIENCE, without_asan_notice

# The fork's files are linked into QEMU's source tree
SOURCE = Path(__file__).parents[3]
HEADERS = SOURCE / 'linux-headers'
TESTS = Path(__file__).resolve().parents[2]
SHIM = TESTS / 'faults' / 'shim.c'
# In the lab, and on the host the same program
RUNNER = TESTS / 'lab' / 'guest' / 'faults'
PASSED = Path(BUILD_DIR) / 'faults' / 'passed'

sys.path.insert(0, str(TESTS / 'faults'))
# pylint: disable=wrong-import-position
from table import case_name, cases_of, read

# Seconds for one QEMU and what comes before it
QEMU_LIMIT = 30

# What the shim lets fail, by the number of the ioctl; config is a read
IOCTLS = {
    'config': 0, 'info': 0x6b, 'region-info': 0x6c, 'irq-info': 0x6d,
    'set-irqs': 0x6e, 'bind': 0x76, 'attach': 0x77, 'detach': 0x78,
    'destroy': 0x80, 'ioas-alloc': 0x81, 'iova-ranges': 0x84, 'map': 0x85,
    'unmap': 0x86, 'hwpt-alloc': 0x89, 'hw-info': 0x8a, 'map-file': 0x8f,
}

FINDING = re.compile(r'^(?:\d+@[\d.]+:)?iommufd_finding (\S+): ')
OBJECT = {'qom-type': 'iommufd', 'id': 'iommufd0'}
DEVICE = {'driver': 'vfio-pci', 'id': 'hostdev0', 'iommufd': 'iommufd0'}


def complete(case, catalogue):
    """Fill in what a row leaves out."""
    case = {**case, 'name': case_name(case, catalogue),
            'limit': QEMU_LIMIT * PATIENCE}
    if 'device' in case:
        case['options'] = [OBJECT, {**DEVICE, **case.pop('device')}]
    elif 'object' in case:
        case['options'] = [{**OBJECT, **case.pop('object')}]
    if 'shim' in case:
        case['setup'] = [
            'shim_host', *case.get('setup', []),
            'launcher="env LD_PRELOAD={shim}"',
            f'export IOMMUFD_SHIM="{shim_plan(case["shim"])}"']
    return case


def shim_plan(items):
    """What the shim gets: " NR=ERRNO[@N]" and numbers."""
    plan = ''
    for item in items:
        name, value = item.split('=')
        if name in IOCTLS:
            name = IOCTLS[name]
            value = re.sub('^E[A-Z]+', lambda found:
                           str(getattr(errno, found.group())), value)
        plan += f' {name}={value}'
    return plan


def cases(*levels):
    """The cases of some levels for this base, in the order of the files."""
    catalogue = read('catalogue.toml')
    base = (SOURCE / 'VERSION').read_text(encoding='utf-8')
    return [complete(case, catalogue) for case in cases_of(base)
            if case['level'] in levels]


def tests_of(levels):
    """Let a class have a test for each case, named after it."""
    def add(cls):
        for case in cases(*levels):
            name = 'test_' + case['name'].replace('-', '_')
            assert not hasattr(cls, name), f'two cases are {case["name"]}'

            def test(self, case=case):
                self.check(case)
            setattr(cls, name, test)
        return cls
    return add


def read_results(lines):
    """What the runner prints: the facts, and the results by case."""
    facts, results = {}, {}
    for line in lines:
        try:
            item = json.loads(line)
        except ValueError:
            continue
        if 'facts' in item:
            facts = item['facts']
        else:
            results.setdefault(item['name'], {})[item['way']] = item
    return facts, results


class FaultChecks:
    """Part of a test class: compare a case with what QEMU said."""

    def check(self, case):
        """The test of a case."""
        mark = PASSED / case['name']
        mark.unlink(missing_ok=True)
        facts, results = self.results(case)
        if 'run' in case:
            self.check_program(case, results.get('run'))
        else:
            self.check_ways(case, facts, results)
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()

    def check_program(self, case, result):
        """A program of the lab that ran QEMU itself."""
        self.assertIsNotNone(result, 'it was not run')
        self.assertEqual(result['status'], 0, result['stdout'])
        for part in case['stdout']:
            self.assertIn(part, result['stdout'])

    def check_ways(self, case, facts, results):
        """On the command line and over QMP."""
        messages = [self.check_way(case, way, facts, results.get(way))
                    for way in case.get('ways', ['cli', 'qmp'])]
        # Nothing may get lost over QMP; descriptors have other numbers there
        numbers = re.compile(r'(\bfd |VFIO_FD|socket:\[|process )\d+')
        texts = {numbers.sub(r'\1', message) for message in messages}
        if not case.get('differs'):
            self.assertEqual(len(texts), 1, texts)

    def check_way(self, case, way, facts, result):
        """One run of it; the error message."""
        self.assertIsNotNone(result, f'{way} was not run')
        self.log.info('%s', json.dumps(result, indent=1))
        self.assertNotIn('broken', result)
        lines = without_asan_notice(result['stderr']).splitlines()
        causes = [found.group(1) for found in map(FINDING.match, lines)
                  if found]
        lines = [line for line in lines if not FINDING.match(line)]
        self.assertNotEqual(result['status'], 99, f'setup: {lines}')

        def expand(text):
            for name, value in facts.items():
                text = text.replace('{' + name + '}', value)
            return text

        said = '\n'.join(lines)
        for part in case.get('stderr', []):
            self.assertIn(expand(part), said)
        for part in case.get('not-stderr', []):
            self.assertNotIn(expand(part), said)
        expected = [step for step in case.get('qmp', []) if step.get('fails')]
        errors = [reply['error'] for reply in result['replies']
                  if 'error' in reply][len(expected):]
        if 'cause' in case:
            self.assertEqual(causes[-1:], [case['cause']], said)
        if case.get('works'):
            self.assertEqual((result['status'], errors), (0, []), said)
            return ''
        if way == 'cli':
            message, hint = self.command_line_error(case, result, lines)
            for part in case.get('hint', []):
                self.assertIn(expand(part), hint)
        else:
            # It was told, and goes on
            self.assertEqual((result['status'], len(errors)), (0, 1), result)
            self.assertIn('error', result['replies'][-1])
            if 'qmp' not in case:
                self.assertEqual(len(result['replies']), self.failing(case))
            message = errors[0]['desc']
        for part in case['message']:
            self.assertIn(expand(part), message)
        for part in case.get('absent', []):
            self.assertNotIn(expand(part), message)
        self.assertNotIn('\n', message)
        return message

    @staticmethod
    def failing(case):
        """The how-manyth option it is that fails; the last by default."""
        return case.get('fails', len(case.get('options', [])))

    def command_line_error(self, case, result, lines):
        """The message, after where it was, and the hint below it."""
        self.assertEqual(result['status'], 1, lines)
        self.assertTrue(lines, 'nothing was said')
        # The first line is the error; nothing is said before it
        option = result['options'][self.failing(case) - 1]
        message = re.sub(r'^\S+: ', '', lines[0], count=1)
        # QEMU repeats it except when the object itself cannot be completed
        if option.startswith('-device'):
            self.assertTrue(message.startswith(option + ': '), message)
        return message.removeprefix(option + ': '), '\n'.join(lines[1:])
