#!/usr/bin/env python3
#
# Descriptors instead of paths, and devices that come and go, as libvirt
# does it
#
# SPDX-License-Identifier: GPL-2.0-or-later

from qemu_test.iommufd_lab import IommufdLabTest

EDU = '0000:00:04.0'
EDU2 = '0000:00:05.0'
IDENTICAL = 'DMA through %s: 4096 bytes out and back, identical'


class IommufdFd(IommufdLabTest):
    """QEMU runs as an ordinary user, and sees no /dev/iommu."""

    def test_command_line(self):
        self.boot_lab()
        self.succeed_in_lab(f'bind {EDU} {EDU2}')
        # the nodes are for root alone, so only the descriptors can help
        self.succeed_in_lab('confine sh -c "! ls -d /dev/iommu /dev/vfio'
                            ' && [ $(id -u) = 1000 ]"')
        output = self.succeed_in_lab(f'dma --fds {EDU} {EDU2}')
        self.assertIn(IDENTICAL % EDU, output)
        self.assertIn(IDENTICAL % EDU2, output)

    def test_hotplug(self):
        self.boot_lab()
        self.succeed_in_lab(f'bind {EDU}')
        output = self.succeed_in_lab(f'hotplug --times 2 {EDU}')
        self.assertEqual(output.count(IDENTICAL % EDU), 2)
        self.assertEqual(output.count(f'{EDU}: unplugged'), 2)

    def test_mdev(self):
        self.boot_lab()
        self.succeed_in_lab('mdev')


if __name__ == '__main__':
    IommufdLabTest.main()
