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
# busybox has su, but no setpriv --reuid
AS_QEMU = 'su -s /bin/env -- qemu'
SYSFS = '/sys/bus/pci/devices'


class IommufdErrors(IommufdLabTest):
    """Each in the lab's kernel that has the fault."""

    def check_error(self, options, message, hint='', setup='true',
                    as_user=''):
        """
        QEMU refuses the options with one error line, after setup has been
        done in a mount namespace of its own.
        """
        output = self.fail_in_lab(
            f"unshare -m sh -c '{setup}; exec {as_user} {QEMU} {options}'")
        self.assertIn(f': {message}\n', output)
        self.assertIn(hint, output)
        # The first line is the error; nothing is said before it
        self.assertIn(message, output.splitlines()[0])

    def device(self, address):
        return f'{OBJECT} -device vfio-pci,host={address},iommufd=iommufd0'

    def test_kernel_without_iommufd(self):
        self.boot_lab('no-iommufd')
        release = self.succeed_in_lab('uname -r').strip()
        message = (f'/dev/iommu does not exist, Linux {release} is built '
                   'without CONFIG_IOMMUFD: No such file or directory')
        self.check_error(OBJECT, message, 'CONFIG_VFIO_DEVICE_CDEV')
        # the object is refused before any device is looked at
        self.check_error(self.device(EDU), message)

    def test_kernel_without_cdev(self):
        self.boot_lab('no-cdev')
        release = self.succeed_in_lab('uname -r').strip()
        self.succeed_in_lab(f'bind {EDU}')
        self.check_error(
            self.device(EDU),
            f'vfio {EDU}: Linux {release} is built without '
            f'CONFIG_VFIO_DEVICE_CDEV: {SYSFS}/{EDU}/vfio-dev/vfio0/dev: '
            'No such file or directory', 'legacy VFIO container')

    def test_driver(self):
        self.boot_lab()
        self.check_error(
            self.device(EDU),
            f'vfio {EDU}: device is not bound to a VFIO driver, nor to any '
            f'other: {SYSFS}/{EDU}/vfio-dev: No such file or directory',
            f'driverctl set-override {EDU} vfio-pci')
        self.succeed_in_lab(
            f'readlink {SYSFS}/{SERIAL}/driver | grep serial')
        self.check_error(
            self.device(SERIAL),
            f"vfio {SERIAL}: device is bound to host driver 'serial', not to "
            f'a VFIO driver: {SYSFS}/{SERIAL}/vfio-dev: No such file or '
            'directory', f'driverctl set-override {SERIAL} vfio-pci')

    def test_iommu_node(self):
        self.boot_lab()
        number = self.succeed_in_lab('cat /sys/class/misc/iommu/dev').strip()
        self.check_error(
            OBJECT, '/dev/iommu does not exist here, but the kernel provides '
            f'it as character device {number}: No such file or directory',
            '--device /dev/iommu',
            setup='mount -t tmpfs tmpfs /dev')
        self.check_error(
            OBJECT, '/dev/iommu is a stale node: it is character device 1:3, '
            f'the kernel has the device as {number}: Inappropriate ioctl for '
            'device', 'mknod', setup='mount --bind /dev/null /dev/iommu')
        self.check_error(
            OBJECT, '/dev/iommu is a directory, not a character device: '
            'Is a directory', 'container',
            setup='mount -t tmpfs tmpfs /dev && mkdir /dev/iommu')
        self.check_error(
            OBJECT, '/dev/iommu has owner 0:0 and mode 0660, which does not '
            'let user 1000 (group 1000) read and write it: Permission denied',
            'udev rule', as_user=AS_QEMU)
        self.check_error(
            OBJECT, '/dev/iommu is on a file system that is mounted nodev: '
            'Permission denied', 'without nodev',
            setup='mount -t tmpfs -o nodev tmpfs /dev && '
            f'mknod /dev/iommu c {number.replace(":", " ")}')

    def test_device_node(self):
        self.boot_lab()
        self.succeed_in_lab(f'bind {EDU}')
        number = self.succeed_in_lab(
            f'cat {SYSFS}/{EDU}/vfio-dev/vfio0/dev').strip()
        node = '/dev/vfio/devices/vfio0'
        self.check_error(
            self.device(EDU),
            f'vfio {EDU}: {node} does not exist here, but the kernel '
            f'provides it as character device {number}: No such file or '
            'directory', f'--device {node}',
            setup='mount -t tmpfs tmpfs /dev/vfio')
        self.check_error(
            self.device(EDU),
            f'vfio {EDU}: {node} is a stale node: it is character device '
            f'1:3, the kernel has the device as {number}: No such device',
            'mknod', setup=f'mount --bind /dev/null {node}')
        self.check_error(
            self.device(EDU),
            f'vfio {EDU}: {node} is a directory, not a character device: '
            'Is a directory', 'container',
            setup=f'mount -t tmpfs tmpfs /dev/vfio && mkdir -p {node}')
        self.check_error(
            self.device(EDU),
            f'vfio {EDU}: {node} has owner 0:0 and mode 0600, which does not '
            'let user 1000 (group 1000) read and write it: Permission denied',
            'udev rule',
            setup='chmod 666 /dev/iommu', as_user=AS_QEMU)

    def test_sysfs(self):
        """What no real kernel shows, in place of the real sysfs."""
        self.boot_lab()
        path = f'{SYSFS}/{EDU}/vfio-dev'
        fake = f'mount -t tmpfs tmpfs {SYSFS} && mkdir -p {path}'
        self.check_error(
            self.device(EDU),
            f"vfio {EDU}: driver '(none)' has registered no VFIO "
            f'device: {path}: No such file or directory', setup=fake)
        self.check_error(
            self.device(EDU),
            f"vfio {EDU}: {path}/vfio0/dev contains 'x:y', not "
            'MAJOR:MINOR: Invalid argument',
            setup=f'{fake}/vfio0 && echo x:y >{path}/vfio0/dev')

    def test_passed_fd(self):
        self.boot_lab()
        self.check_error(
            f'{OBJECT},fd=9 9<>/dev/null', 'fd 9 is /dev/null, not an '
            'iommufd: Inappropriate ioctl for device', '/dev/vfio/devices')
        self.check_error(
            f'{OBJECT},fd=9', 'fd 9 is not open in this process: '
            'Bad file descriptor', 'O_CLOEXEC')

    def test_busy(self):
        """The bind fails, and nothing is said about KVM."""
        self.boot_lab()
        self.succeed_in_lab(f'bind {EDU}')
        twice = f'-device vfio-pci,host={EDU},iommufd=iommufd0'
        output = self.fail_in_lab(f'{QEMU} {self.device(EDU)} {twice}')
        self.assertIn(f"vfio {EDU}: device is already assigned to this VM as "
                      f"'{EDU}': Invalid argument", output)
        self.assertNotIn('KVM', output)


if __name__ == '__main__':
    IommufdLabTest.main()
