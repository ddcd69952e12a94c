# SPDX-License-Identifier: GPL-2.0-or-later
"""
The cases of tests/faults, each a test: a fault of the host or of the options,
and what QEMU has to say about it.
"""

import errno
import json
import os
from pathlib import Path
import re
import shlex
import struct
import subprocess
import sys
import unittest

from .config import BUILD_DIR
from .iommufd_lab import MINOR, PATIENCE, SOURCE, without_asan_notice

HEADERS = SOURCE / 'linux-headers'
TESTS = Path(__file__).resolve().parents[2]
# What several of the libraries below include
IOCTL = TESTS / 'lab' / 'ioctl.h'
# It takes the place of the kernel
SHIM = TESTS / 'faults' / 'shim.c'
HEAP = TESTS / 'lab' / 'heap.c'
FAIL_NTH = TESTS / 'lab' / 'fail-nth.c'
MIGRATABLE = TESTS / 'lab' / 'migratable.c'
# In the lab, and on the host the same program
RUNNER = TESTS / 'lab' / 'guest' / 'faults'
PASSED = Path(BUILD_DIR) / 'faults' / 'passed'

sys.path.insert(0, str(TESTS / 'faults'))
# pylint: disable=wrong-import-position
from table import CONFINED, FOREIGN, case_name, cases_of, read

# Seconds for one QEMU and what comes before it, also where a lab that is no PC
# has to share the host's CPUs with compilers
QEMU_LIMIT = 30
FOREIGN_LIMIT = 120

# What the shim lets fail, by the number of the ioctl; config is a read
IOCTLS = {
    'config': 0, 'info': 0x6b, 'region-info': 0x6c, 'irq-info': 0x6d,
    'set-irqs': 0x6e, 'bind': 0x76, 'attach': 0x77, 'detach': 0x78,
    'destroy': 0x80, 'ioas-alloc': 0x81, 'iova-ranges': 0x84, 'map': 0x85,
    'unmap': 0x86, 'hwpt-alloc': 0x89, 'hw-info': 0x8a, 'map-file': 0x8f,
}

# QEMU was built without the diagnosis: it knows the step that failed
PLAIN = 'IOMMUFD_PLAIN' in os.environ

ERRNOS = {os.strerror(number) for number in errno.errorcode}

FINDING = re.compile(r'^(?:\d+@[\d.]+:)?iommufd_finding (\S+): (.*)')
OBJECT = {'qom-type': 'iommufd', 'id': 'iommufd0'}
DEVICE = {'driver': 'vfio-pci', 'id': 'hostdev0', 'iommufd': 'iommufd0'}


def complete(case, catalogue):
    """Fill in what a row leaves out."""
    case = {**case, 'name': case_name(case, catalogue),
            'limit': (FOREIGN_LIMIT if case['level'] in FOREIGN else
                      QEMU_LIMIT) * PATIENCE}
    if 'device' in case:
        case['options'] = [OBJECT, {**DEVICE, **case.pop('device')}]
    elif 'object' in case:
        case['options'] = [{**OBJECT, **case.pop('object')}]
    if 'shim' in case:
        case['setup'] = shim_setup(case)
    return case


def shim_setup(case):
    """The setup of a case whose ioctls the shim answers."""
    return ['shim_host', *case.get('setup', []),
            'launcher="env LD_PRELOAD={shim}"',
            f'export IOMMUFD_SHIM="{shim_plan(case["shim"])}"']


def confined(case):
    """
    The same case for a QEMU that cannot look at the host. It gets devices as
    descriptors, as from libvirt, unless the row says that it has to find them.
    """
    if 'run' in case:
        return
    finds = case.get('finds-device', False)
    options, opens = [], []
    for option in case.get('options', []):
        device = option.get('host', option.get('sysfsdev'))
        if (device and 'iommufd' in option and 'fd' not in option and
                not finds):
            number = 9 - len(opens)
            opens.append(f'open_device {number} {device}')
            option = {key: value for key, value in option.items()
                      if key not in ('host', 'sysfsdev')}
            option['fd'] = str(number)
        options.append(option)
    for how in case.get('confined', CONFINED):
        way = CONFINED[how]
        ways = case.get('ways', [way])
        yield {**case, 'how': how, 'name': f'{case["name"]}-{how}',
               'options': options, 'ways': [way] if way in ways else ways,
               'setup': [*case.get('setup', []), *opens, how]}


def with_kvm(case):
    """The same case for a VM with KVM, which is told of each device first."""
    if (case['level'] == 'lab' and 'run' not in case and
            case.get('boot', 'full') == 'full'):
        yield {**case, 'accel': 'kvm', 'boot': 'kvm',
               'name': case['name'] + '-kvm', **case.get('kvm', {})}


def try_confinement(how, programs):
    """
    A shell command that succeeds if a confined program can look at itself, and
    at nothing else. The words of made-up-host are in that folder.
    """
    look = '\n'.join(
        ['read line </proc/$$/status || exit'] +
        [f'if cat {file}; then exit 1; fi'
         for file in ('/proc/1/status', '/proc/interrupts')] +
        [f'if ls {folder}; then exit 1; fi'
         for folder in ('/sys/bus/pci/devices', '/sys/class/misc',
                        '/sys/kernel/iommu_groups')])
    setup = (f'here={programs}; . $here/made-up-host; {how}; '
             'exec $launcher sh -c "$0"')
    return shlex.join(['unshare', '-m', 'sh', '-c', setup, look])


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


def library(source):
    """A library to be preloaded, built if need be."""
    path = Path(BUILD_DIR) / 'faults' / f'{source.stem}.so'
    newest = max(file.stat().st_mtime for file in (source, IOCTL))
    if path.exists() and path.stat().st_mtime > newest:
        return path
    path.parent.mkdir(exist_ok=True)
    subprocess.run(['cc', '-shared', '-fPIC', '-O1', '-I', str(HEADERS),
                    '-o', str(path), str(source), '-ldl'], check=True)
    return path


def dmar(slot, start, last):
    """
    QEMU's own table of IOMMUs, with memory that the firmware accesses through
    a device. It is newer than QEMU's, so that Linux takes it.
    """
    ioapic = struct.pack('<BBHBBBB', 3, 8, 0, 0, 0xff, 0, 0)
    unit = struct.pack('<HHBBHQ', 0, 16 + len(ioapic), 1, 0, 0, 0xfed90000)
    device = struct.pack('<BBHBBBB', 1, 8, 0, 0, 0, slot, 0)
    memory = struct.pack('<HHHHQQ', 1, 24 + len(device), 0, 0, start, last)
    body = struct.pack('<BB10x', 38, 1) + unit + ioapic + memory + device
    table = struct.pack('<4sIBB6s8sI4sI', b'DMAR', 36 + len(body), 1, 0,
                        b'BOCHS ', b'BXPC    ', 2, b'BXPC', 1) + body
    return table[:9] + bytes([-sum(table) & 0xff]) + table[10:]


def machine(boot):
    """How the lab boots as the machine of boots.toml that is given."""
    return {'append': boot.get('append', ''),
            'options': boot.get('options', []),
            'without': boot.get('without', []),
            'acpi': {'dmar': dmar(**boot['rmrr'])} if 'rmrr' in boot else {}}


def run_on_host(qemu, table):
    """Run cases in mount namespaces of this host; what the runner prints."""
    return subprocess.run(
        [sys.executable, '-B', str(RUNNER), os.path.abspath(qemu), table],
        check=True, stdout=subprocess.PIPE,
        encoding='utf-8').stdout.splitlines()


def cases(*levels):
    """The cases of some levels for this base, in the order of the files."""
    catalogue = read('catalogue.toml')
    for row in cases_of(MINOR):
        if row['level'] not in levels:
            continue
        case = complete(row, catalogue)
        yield case
        if PLAIN:
            continue
        yield from confined(case)
        for other in with_kvm(case):
            yield other
            if 'kvm' in case:
                yield from confined(other)


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
        if not line.startswith('{'):
            continue
        item = json.loads(line)
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
        elif 'how' in case or PLAIN:
            for way in case.get('ways', ['cli', 'qmp']):
                self.check_truth(case, way, results.get(way))
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
        lines, findings = self.read_log(way, result)

        def expand(text):
            for name, value in facts.items():
                text = text.replace('{' + name + '}', value)
            return text

        said = '\n'.join(lines)
        for part in case.get('stderr', []):
            self.assertIn(expand(part), said)
        for part in case.get('not-stderr', []):
            self.assertNotIn(expand(part), said)
        if 'cause' in case:
            self.assertEqual([cause for cause, _ in findings[-1:]],
                             [case['cause']], said)
        message, hint = self.check_end(case, way, result, lines)
        if case.get('works'):
            return ''
        if way == 'cli':
            for part in case.get('hint', []):
                self.assertIn(expand(part), hint)
        for part in case['message']:
            self.assertIn(expand(part), message)
        for part in case.get('absent', []):
            self.assertNotIn(expand(part), message)
        return message

    def check_truth(self, case, way, result):
        """
        One run with a confined QEMU. It ends as ever, and with the same errno;
        as the cause it names that of the row, or says that it does not know.
        """
        lines, findings = self.read_log(way, result)
        for part in case.get('not-stderr', []):
            self.assertNotIn(part, '\n'.join(lines))
        message, _ = self.check_end(case, way, result, lines)
        for part in case.get('message', []):
            if part in ERRNOS and not case.get('finds-device'):
                self.assertIn(part, message)
            elif part in ERRNOS:
                self.assertTrue(any(text in message for text in ERRNOS),
                                message)
        for part in ['?', *case.get('absent', [])]:
            if part != 'probably':
                self.assertNotIn(part, message)
        known = ['unknown', case.get('cause'), *case.get('confined-cause', [])]
        if case.get('finds-device') and 'how' in case:
            known.append('sysfs-' + case['how'])
        if PLAIN:
            known = ['unknown']
        for cause, text in findings[-1:]:
            self.assertTrue(cause in known or 'probably' in text,
                            f'{cause} as a fact: {text}')

    def read_log(self, way, result):
        """What a QEMU has written: its lines, and the findings traced."""
        self.assertIsNotNone(result, f'{way} was not run')
        self.log.info('%s', json.dumps(result, indent=1))
        self.assertNotIn('broken', result)
        lines = without_asan_notice(result['stderr']).splitlines()
        findings = [found.groups() for found in map(FINDING.match, lines)
                    if found]
        lines = [line for line in lines if not FINDING.match(line)]
        self.assertNotEqual(result['status'], 99, f'setup: {lines}')
        return lines, findings

    def check_end(self, case, way, result, lines):
        """How a QEMU has ended; the error message, and the hint with it."""
        errors = [reply['error'] for reply in result['replies']
                  if 'error' in reply]
        if case.get('works'):
            self.assertEqual((result['status'], errors), (0, []),
                             '\n'.join(lines))
            return '', ''
        if way == 'cli':
            message, hint = self.command_line_error(case, result, lines)
        else:
            # It was told, and goes on
            self.assertEqual((result['status'], len(errors)), (0, 1), result)
            self.assertIn('error', result['replies'][-1])
            if 'qmp' not in case:
                self.assertEqual(len(result['replies']), self.failing(case))
            message, hint = errors[0]['desc'], ''
        self.assertNotIn('\n', message)
        return message, hint

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


class LabFaultChecks(FaultChecks):
    """
    Part of a test class: the cases of a level run in the lab, all those of one
    machine when the first of them is asked for.
    """

    LEVEL = 'lab'
    QEMU = 'qemu-system-x86_64'

    # by machine
    _results = {}

    def results(self, case):
        """Run all cases of a machine, or remember what they said."""
        name = case.get('boot', 'full')
        if name not in self._results:
            # if that fails, it fails once
            self._results[name] = (({}, {}), self.log_filename)
            try:
                self._results[name] = (self.run_all(name), self.log_filename)
            except unittest.SkipTest as reason:
                self._results[name] = (reason, None)
        if isinstance(self._results[name][0], unittest.SkipTest):
            raise self._results[name][0]
        (facts, results), log = self._results[name]
        self.log.info('the lab is in %s', log)
        return facts, results.get(case['name'], {})

    def run_all(self, name):
        """Boot a machine and run its cases."""
        boots = read('boots.toml')
        boot = boots['boot'][name]
        boot = {**boots['boot'].get(boot.get('like'), {}), **boot}
        table = {'facts': boots['facts'],
                 'prepare': boot.get('prepare', []) +
                 [try_confinement(how, '/lab') for how in CONFINED],
                 'cases': [case for case in cases(self.LEVEL)
                           if case.get('boot', 'full') == name]}
        kernel = boot.get('kernel', 'full')
        self.boot_lab(kernel, files={'table.json': json.dumps(table)},
                      **machine(boot))
        status, output = self.run_in_lab(
            f'/lab/{RUNNER.name} {self.QEMU} /table.json',
            boot.get('limit', 800))
        if status:
            self.log.error('the runner ended with status %d', status)
        return read_results(output.splitlines())
