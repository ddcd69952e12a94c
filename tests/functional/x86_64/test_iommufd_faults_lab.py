#!/usr/bin/env python3
#
# What QEMU says when the host has a fault: the cases of tests/faults that need
# a real iommufd
#
# SPDX-License-Identifier: GPL-2.0-or-later

import json
import struct
import unittest

from qemu_test.iommufd_faults import (CONFINED, FaultChecks, RUNNER, cases,
                                      read, read_results, tests_of,
                                      try_confinement)
from qemu_test.iommufd_lab import IommufdLabTest


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


@tests_of(('lab',))
class IommufdFaultsLab(FaultChecks, IommufdLabTest):
    """The cases of one machine run when the first of them is asked for."""

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
        table = {'facts': boots['facts'],
                 'prepare': boot.get('prepare', []) +
                 [try_confinement(how, '/lab') for how in CONFINED],
                 'cases': [case for case in cases('lab')
                           if case.get('boot', 'full') == name]}
        tables = {}
        if 'rmrr' in boot:
            tables['dmar'] = dmar(**boot['rmrr'])
        self.boot_lab(boot.get('kernel', 'full'), boot.get('append', ''),
                      options=boot.get('options', []),
                      without=boot.get('without', []),
                      files={'table.json': json.dumps(table)}, acpi=tables)
        status, output = self.run_in_lab(
            f'/lab/{RUNNER.name} qemu-system-x86_64 /table.json',
            boot.get('limit', 800))
        if status:
            self.log.error('the runner ended with status %d', status)
        return read_results(output.splitlines())


if __name__ == '__main__':
    IommufdFaultsLab.main()
