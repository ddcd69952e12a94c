#!/usr/bin/env python3
#
# A PCI device that is assigned on an Arm server with a real iommufd
#
# SPDX-License-Identifier: GPL-2.0-or-later

import json
import re

from qemu_test.iommufd_lab import IommufdArmTest, IommufdDiskTest

EDU = '0000:00:04.0'


class IommufdArm(IommufdDiskTest, IommufdArmTest):
    """DMA goes through the SMMU, interrupts through the ITS."""

    KERNEL = 'aarch64'

    def check_dma(self, *options):
        """What the device fetches and stores is right."""
        self.boot_lab(self.KERNEL)
        self.succeed_in_lab(f'bind {EDU}')
        output = self.succeed_in_lab(f'arm-dma {" ".join([*options, EDU])}')
        self.assertIn(f'DMA through {EDU}: 4096 bytes out and back, identical',
                      output)
        self.assertRegex(output, '3 interrupts have come by ITS-')
        kernel = json.loads(re.search('^kernel: (.*)$', output, re.M)[1])
        self.assertIs(kernel['interrupt-isolation'], True)

    def test_by_path(self):
        self.check_dma()

    def test_by_fd(self):
        self.check_dma('--fds')

    def test_nvme(self):
        """A guest reads, writes, loses the disk and boots again."""
        self.check_nvme()

    def test_nvme_tcg(self):
        """The same without KVM."""
        self.check_nvme('--accel', 'tcg')


if __name__ == '__main__':
    IommufdDiskTest.main()
