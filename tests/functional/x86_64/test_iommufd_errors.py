#!/usr/bin/env python3
#
# What QEMU says when the host is not ready: the path, the errno's text, the
# cause, and in the hint what to do
#
# SPDX-License-Identifier: GPL-2.0-or-later

from qemu_test.iommufd_lab import IommufdLabTest

EDU = '0000:00:04.0'
SERIAL = '0000:00:06.0'
QEMU = ('timeout 30 qemu-system-x86_64 -machine q35 -accel qtest -nodefaults'
        ' -display none -L /usr/share/qemu')
OBJECT = '-object iommufd,id=iommufd0'


class IommufdErrors(IommufdLabTest):
    """Each in the lab's kernel that has the fault."""

    def check_error(self, options, *parts):
        output = self.fail_in_lab(f'{QEMU} {options}')
        for part in parts:
            self.assertIn(part, output)
        return output

    def device(self, address):
        return f'{OBJECT} -device vfio-pci,host={address},iommufd=iommufd0'

    def test_kernel_without_iommufd(self):
        self.boot_lab('no-iommufd')
        # said when the object is made, before any device is looked at
        self.check_error(OBJECT, '/dev/iommu', 'No such file or directory',
                         'CONFIG_IOMMUFD')

    def test_kernel_without_cdev(self):
        self.boot_lab('no-cdev')
        self.succeed_in_lab(f'bind {EDU}')
        self.check_error(self.device(EDU), EDU, '/vfio-dev/',
                         'CONFIG_VFIO_DEVICE_CDEV')

    def test_not_bound(self):
        self.boot_lab()
        output = self.check_error(self.device(EDU), EDU, 'vfio-pci')
        self.assertEqual(output.count('/sys/bus/pci/devices/'), 1)

    def test_other_driver(self):
        self.boot_lab()
        self.succeed_in_lab(
            f'readlink /sys/bus/pci/devices/{SERIAL}/driver | grep serial')
        self.check_error(self.device(SERIAL), SERIAL, "serial")

    def test_no_permission(self):
        self.boot_lab()
        self.check_error("; su -s /bin/sh qemu -c "
                         f"'{QEMU} {OBJECT}'",
                         '/dev/iommu', 'Permission denied')

    def test_not_the_iommufd_device(self):
        self.boot_lab()
        self.succeed_in_lab('mount --bind /dev/null /dev/iommu')
        self.check_error(OBJECT, '/dev/iommu')

    def test_fd_of_another_file(self):
        self.boot_lab()
        self.check_error(f'{OBJECT},fd=9 9</dev/null', '/dev/null')


if __name__ == '__main__':
    IommufdLabTest.main()
