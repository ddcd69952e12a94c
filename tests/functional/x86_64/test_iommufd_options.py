#!/usr/bin/env python3
#
# Options that name a device in different ways
#
# SPDX-License-Identifier: GPL-2.0-or-later

from qemu_test.iommufd_lab import (IGB, PF, TOKEN, VFS, WRONG_TOKEN,
                                   IommufdLabTest)

EDU = '0000:00:04.0'
EDU2 = '0000:00:05.0'
SYSFS = '/sys/bus/pci/devices'
NODES = '9<>/dev/iommu 8<>/dev/vfio/devices/vfio0'
OBJECT = '-object iommufd,id=iommufd0'
# without busybox's timeout, which keeps descriptors open for a second
QEMU = ('qemu-system-x86_64 -machine q35 -accel qtest -nodefaults'
        ' -display none -L /usr/share/qemu')


class IommufdOptions(IommufdLabTest):
    """Against a real iommufd."""

    def check_error(self, options, message):
        """QEMU refuses the options, and says so first."""
        output = self.fail_in_lab(f'{QEMU} {options}')
        self.assertIn(f': {message}', output.splitlines()[0] + '\n')

    def start(self, options):
        """QEMU accepts the options; what it says."""
        return self.succeed_in_lab(
            f'echo quit | {QEMU} -monitor stdio {options} 2>&1')

    def check_warning(self, options, message):
        """QEMU accepts the options, and warns."""
        self.assertIn(f'warning: {message}', self.start(options))

    def test_mdev(self):
        """A mediated device is known as one, however it is named."""
        self.boot_lab()
        self.succeed_in_lab('mtty --fds')
        self.succeed_in_lab('mkdir /tmp/sysfs &&'
                            ' mount -t sysfs sysfs /tmp/sysfs')
        self.succeed_in_lab('mtty --sysfs /tmp/sysfs')

    def test_two_devices(self):
        """The descriptor is one device, another option names another."""
        self.boot_lab()
        self.succeed_in_lab(f'bind {EDU}')
        device = f'{OBJECT},fd=9 -device vfio-pci,fd=8,iommufd=iommufd0'
        for option, value in ('host', ''), ('sysfsdev', f'{SYSFS}/'):
            self.check_warning(
                f'{device},{option}={value}{EDU2} {NODES}',
                f'{option}= is ignored: it says {EDU2}, and fd 8 is {EDU}\n')
            output = self.start(f'{device},{option}={value}{EDU} {NODES}')
            self.assertNotIn('is ignored', output)

    def test_object_not_used(self):
        """The objects there are, for who has forgotten or misspelt one."""
        self.boot_lab()
        objects = f'-object iommufd,id=iommufd1 {OBJECT}'
        self.check_error(f'{objects} -device vfio-pci,host={EDU}',
                         f'vfio {EDU}: legacy VFIO container, as iommufd= is '
                         'not set (existing: iommufd0, iommufd1): ')
        self.check_error(f'{objects} -device vfio-pci,host={EDU},iommufd=0',
                         "no iommufd object '0'; create it before the device "
                         '(existing: iommufd0, iommufd1)\n')

    def test_vf_token(self):
        """Only who knows the token may have the virtual function."""
        vf, _ = VFS
        self.boot_lab('newest', append='vfio_pci.enable_sriov=1', options=IGB)
        self.succeed_in_lab(f'bind {PF}')
        if self.too_old_for_token():
            self.check_warning(
                f'{OBJECT} -device vfio-pci,host={PF},iommufd=iommufd0,'
                f'vf-token={TOKEN}',
                f'vfio {PF}: vf-token= is ignored, this QEMU was built with '
                'headers older than Linux 6.17\n')
            return
        # the physical function is in use while it has a token
        self.succeed_in_lab(
            f'{QEMU} -daemonize {OBJECT}'
            f' -device vfio-pci,host={PF},iommufd=iommufd0,vf-token={TOKEN}')
        self.succeed_in_lab(f'echo 1 >{SYSFS}/{PF}/sriov_numvfs; bind {vf}')
        device = f'{OBJECT} -device vfio-pci,host={vf},iommufd=iommufd0'
        self.succeed_in_lab(f'echo quit | {QEMU} -monitor stdio'
                            f' {device},vf-token={TOKEN}')
        for option in '', f',vf-token={WRONG_TOKEN}':
            output = self.fail_in_lab(f'{QEMU} {device}{option}')
            self.assertIn('Permission denied', output)

    def test_vf_token_ignored(self):
        """The kernel is too old, or the device has no use for it."""
        self.boot_lab()
        self.succeed_in_lab(f'bind {EDU}')
        options = (f'{OBJECT} -device vfio-pci,host={EDU},iommufd=iommufd0,'
                   f'vf-token={TOKEN}')
        ignored = f'vfio {EDU}: vf-token= is ignored, '
        if self.too_old_for_token():
            self.check_warning(options, f'{ignored}this QEMU was built with '
                               'headers older than Linux 6.17\n')
            return
        release = self.succeed_in_lab('uname -r').strip()
        self.check_warning(options, f'{ignored}Linux {release} takes none '
                           'through the device node\n')
        self.boot_lab('newest')
        self.succeed_in_lab(f'bind {EDU}')
        self.check_warning(options, f'{ignored}the device is not a function '
                           'of SR-IOV\n')
        # a device that looks like one with virtual functions
        self.succeed_in_lab(
            f'cd {SYSFS}/{EDU}/ && mkdir -p /tmp/pf/vfio-dev/vfio0 &&'
            ' cat vfio-dev/vfio0/dev >/tmp/pf/vfio-dev/vfio0/dev &&'
            ' echo 8 >/tmp/pf/sriov_totalvfs &&'
            ' mount --bind /tmp/pf $(pwd -P)')
        self.check_warning(options, f'{ignored}its physical function has '
                           "another driver than VFIO's, or had it when the "
                           'virtual function was made\n')


if __name__ == '__main__':
    IommufdLabTest.main()
