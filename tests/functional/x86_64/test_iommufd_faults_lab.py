#!/usr/bin/env python3
#
# What QEMU says when the host has a fault: the cases of tests/faults that need
# a real iommufd
#
# SPDX-License-Identifier: GPL-2.0-or-later

import json
import unittest

from qemu_test.iommufd_faults import (CONFINED, FaultChecks, RUNNER, cases,
                                      machine, read, read_results, tests_of,
                                      try_confinement)
from qemu_test.iommufd_lab import IommufdLabTest


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
        kernel = boot.get('kernel', 'full')
        self.boot_lab(kernel, files={'table.json': json.dumps(table)},
                      **machine(boot))
        status, output = self.run_in_lab(
            f'/lab/{RUNNER.name} qemu-system-x86_64 /table.json',
            boot.get('limit', 800))
        if status:
            self.log.error('the runner ended with status %d', status)
        return read_results(output.splitlines())


if __name__ == '__main__':
    IommufdFaultsLab.main()
