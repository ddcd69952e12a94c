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

    def test_confined(self):
        self.boot_lab()
        # the nodes are for root alone, so only the descriptors can help
        self.succeed_in_lab("confine sh -c '! ls -d /dev/iommu /dev/vfio"
                            " && [ $(id -u) = 1000 ]'")

    def check_dma(self, options=''):
        self.boot_lab()
        self.succeed_in_lab(f'bind {EDU} {EDU2}')
        output = self.succeed_in_lab(f'dma --fds {options} {EDU} {EDU2}')
        self.assertIn(IDENTICAL % EDU, output)
        self.assertIn(IDENTICAL % EDU2, output)

    def test_command_line(self):
        self.check_dma()

    def test_without_device_id(self):
        self.check_dma('--no-device-id')

    def test_object_and_device_of_one_id(self):
        self.check_dma('--object-id hostdev0')

    def check_hotplug(self, options=''):
        self.boot_lab()
        self.succeed_in_lab(f'bind {EDU}')
        output = self.succeed_in_lab(f'hotplug {options} --times 2 {EDU}')
        self.assertEqual(output.count(IDENTICAL % EDU), 2)
        self.assertEqual(output.count(f'{EDU}: unplugged'), 2)
        # The lab has no KVM, so there is nothing to say about it
        self.assertNotIn('KVM', output)

    def test_hotplug(self):
        self.check_hotplug()

    def test_no_descriptor_is_left_to_the_next_object(self):
        self.check_hotplug('--last-by-path')

    def test_mdev(self):
        self.boot_lab()
        self.succeed_in_lab('mtty')


if __name__ == '__main__':
    IommufdLabTest.main()
