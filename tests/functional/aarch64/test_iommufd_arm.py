#!/usr/bin/env python3
#
# A PCI device that is assigned on an Arm server with a real iommufd
#
# SPDX-License-Identifier: GPL-2.0-or-later

import json
from pathlib import Path
import re

from qemu_test.config import BUILD_DIR
from qemu_test.iommufd_lab import LAB, IommufdLabTest

EDU = '0000:00:04.0'


class IommufdArm(IommufdLabTest):
    """DMA goes through the SMMU, interrupts through the ITS."""

    BOOT_LIMIT = 180
    COMMAND_LIMIT = 120
    MACHINE = 'virt'
    OPTIONS = LAB / 'machine-aarch64'
    INSIDE = Path(BUILD_DIR).parent / 'on-aarch64'

    def check_dma(self, *options):
        """What the device fetches and stores is right."""
        self.boot_lab('aarch64')
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


if __name__ == '__main__':
    IommufdLabTest.main()
