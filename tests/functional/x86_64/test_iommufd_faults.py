#!/usr/bin/env python3
#
# What QEMU says when options, descriptors or the host are wrong: the cases of
# tests/faults that a mount namespace is enough for
#
# SPDX-License-Identifier: GPL-2.0-or-later

import json
import os
from pathlib import Path
import subprocess
import sys

from qemu_test import QemuSystemTest
from qemu_test.config import BUILD_DIR
from qemu_test.iommufd_faults import (FaultChecks, HEADERS, RUNNER, SHIM, read,
                                      read_results, tests_of, try_confinement)


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
                                 'shim': f'echo {self.shim()}'},
                       'cases': [case]}, file)
        done = subprocess.run(
            [sys.executable, '-B', str(RUNNER),
             os.path.abspath(self.qemu_bin), table],
            check=False, capture_output=True, encoding='utf-8')
        self.assertEqual(done.returncode, 0, done.stderr)
        facts, results = read_results(done.stdout.splitlines())
        return facts, results.get(case['name'], {})

    def test_confinement(self):
        """What QEMU is confined by in half of the cases."""
        for how in ('unreadable', 'missing'):
            with self.subTest(how):
                subprocess.run(try_confinement(how, RUNNER.parent),
                               shell=True, check=True)

    def shim(self):
        """The library that takes the place of the kernel, built if need be."""
        library = Path(BUILD_DIR) / 'faults' / 'shim.so'
        if (library.exists() and
                library.stat().st_mtime > SHIM.stat().st_mtime):
            return library
        library.parent.mkdir(exist_ok=True)
        subprocess.run(['cc', '-shared', '-fPIC', '-O1', '-I', str(HEADERS),
                        '-o', str(library), str(SHIM), '-ldl'], check=True)
        return library


if __name__ == '__main__':
    IommufdFaults.main()
