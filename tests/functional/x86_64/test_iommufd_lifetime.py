#!/usr/bin/env python3
#
# Descriptors of devices that come and go, from a real iommufd
#
# SPDX-License-Identifier: GPL-2.0-or-later

from qemu_test.iommufd_lab import IommufdLabTest

EDU = '0000:00:04.0'


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


if __name__ == '__main__':
    IommufdLabTest.main()
