#!/usr/bin/env python3
#
# A device that is plugged and unplugged very often
#
# SPDX-License-Identifier: GPL-2.0-or-later

import json
import os

from qemu_test.iommufd_faults import HEAP, library
from qemu_test.iommufd_lab import KVM_KERNEL, NEWER, IommufdLabTest

EDU = '0000:00:04.0'

# Of 40 cycles each
PERIODS = int(os.environ.get('IOMMUFD_SOAK_PERIODS', 25))
KVM_PERIODS = 8
# In the first ones QEMU gets what it keeps
WARM = 2
# Bytes that what is allocated varies by. The smallest block has 24, so this
# is less than what leaks when one is lost in each period of a short test.
NOISE = 256
# The same of what is resident, in KiB
RESIDENT_NOISE = 64


class IommufdSoak(IommufdLabTest):
    """What QEMU has does not grow."""

    def soak(self, periods, *options):
        """What is left after that, which is not more than after a little."""
        output = self.succeed_in_lab(
            f'bind {EDU}; soak --periods {periods} {" ".join(options)} {EDU} '
            '2>/tmp/stderr || { tail /tmp/stderr; false; }',
            limit=20 * periods)
        found = [json.loads(line) for line in output.splitlines()
                 if line.startswith('{')]
        self.assertEqual(len(found), periods)
        before, after = found[WARM - 1], found[-1]
        self.assertEqual(after['cycles'], periods * 40)
        self.assertEqual(after['pinned pages'], 0)
        for name in ('descriptors', 'mappings', 'Threads', 'VmLck', 'VmPin'):
            self.assertLessEqual(after[name], before[name], name)
        self.assertLess(after['heap'] - before['heap'], NOISE)
        self.assertLess(after['VmRSS'] - before['VmRSS'], RESIDENT_NOISE)
        return after

    def test_plug_and_unplug(self):
        self.boot_lab(files={'heap.so': library(HEAP)})
        after = self.soak(PERIODS)
        # twice in each period
        self.assertEqual(after['BARs reached'], 2 * PERIODS if NEWER else 0)
        self.assertEqual(after['of iommufd and VFIO'], 0)

    def test_kvm(self):
        """KVM has to know each device that comes, and forget it."""
        self.boot_lab(KVM_KERNEL, files={'heap.so': library(HEAP)})
        after = self.soak(KVM_PERIODS, '--accel kvm')
        # KVM's own
        self.assertEqual(after['of iommufd and VFIO'], 1)


if __name__ == '__main__':
    IommufdLabTest.main()
