#!/usr/bin/env python3
#
# What QEMU says when options, descriptors or the host are wrong: the cases of
# tests/faults that a mount namespace is enough for
#
# SPDX-License-Identifier: GPL-2.0-or-later

import json
import os
import subprocess

from qemu_test import QemuSystemTest
from qemu_test.iommufd_faults import (FaultChecks, RUNNER, SHIM, library, read,
                                      read_results, run_on_host, tests_of,
                                      try_confinement)


@tests_of(('namespace', 'shim'))
class IommufdFaults(FaultChecks, QemuSystemTest):
    """The real QEMU in a mount namespace, on the command line and in QMP."""

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest('making up a host needs root')

    def results(self, case):
        """Run a case."""
        table = self.scratch_file('table.json')
        with open(table, 'w', encoding='utf-8') as file:
            json.dump({'facts': {**read('boots.toml')['facts'],
                                 'shim': f'echo {library(SHIM)}'},
                       'cases': [case]}, file)
        facts, results = read_results(run_on_host(self.qemu_bin, table))
        return facts, results.get(case['name'], {})

    def test_confinement(self):
        """What QEMU is confined by in half of the cases."""
        for how in ('unreadable', 'missing'):
            subprocess.run(try_confinement(how, RUNNER.parent), shell=True,
                           check=True)


if __name__ == '__main__':
    IommufdFaults.main()
