#!/usr/bin/env python3
#
# Devices that come and go, and their descriptors, with a real iommufd
#
# SPDX-License-Identifier: GPL-2.0-or-later

from qemu_test.iommufd_faults import MIGRATABLE, library
from qemu_test.iommufd_lab import IommufdLabTest

EDU, NVME = '0000:00:04.0', '0000:00:0c.0'


class IommufdLifetime(IommufdLabTest):
    """QEMU closes what it was given, and keeps what it uses."""

    def test_hotplug(self):
        self.boot_lab()
        self.succeed_in_lab(f'bind {EDU}')
        output = self.succeed_in_lab(f'hotplug --descriptors --times 2 {EDU}')
        self.assertEqual(output.count('no descriptor is left'), 2)
        self.assertEqual(
            output.count("qom-set: fd of iommufd object 'iommufd0' cannot be"
                         " changed while devices use it"), 2)
        self.assertEqual(
            output.count("qom-set: Attempt to set property 'fd' on device"
                         " 'hostdev0' (type 'vfio-pci') after it was"
                         " realized"), 2)

    def end_unstopped(self, *options):
        """QEMU ends in the ordinary way, and says what is wrong."""
        self.boot_lab(options=['-device', 'nvme,serial=lab,addr=c.0'],
                      files={'migratable.so': library(MIGRATABLE)})
        self.succeed_in_lab(f'bind {NVME}')
        output = self.succeed_in_lab(
            f'end-unstopped {" ".join(options)} {NVME}')
        self.assertRegex(output, f'{NVME}: Failed setting device state to '
                         'STOP.*Input/output error')

    def test_end_unstopped(self):
        self.end_unstopped()

    def test_end_unstopped_legacy(self):
        self.end_unstopped('--legacy')


if __name__ == '__main__':
    IommufdLabTest.main()
