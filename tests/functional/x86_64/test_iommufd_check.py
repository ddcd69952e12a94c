#!/usr/bin/env python3
#
# qemu-iommufd check says beforehand what QEMU does, on real kernels
#
# SPDX-License-Identifier: GPL-2.0-or-later

import json
import re

from qemu_test.iommufd_lab import IommufdLabTest

EDU = '0000:00:04.0'
SERIAL = '0000:00:06.0'
QEMU = ('timeout 30 qemu-system-x86_64 -machine q35 -accel qtest -nodefaults'
        ' -display none -L /usr/share/qemu -object iommufd,id=iommufd0')
DEVICE = f'-device vfio-pci,host={EDU},iommufd=iommufd0'
# busybox has su, but no setpriv --reuid
AS_QEMU = 'su -s /bin/env -- qemu'


class IommufdCheck(IommufdLabTest):
    """Before and after binding, in the lab's kernels."""

    def check(self, arguments='', as_user=''):
        """What the tool says, for programs; its status agrees with it."""
        status, output = self.run_in_lab(
            f'{as_user} qemu-iommufd check --json {arguments}')
        report = json.loads(output)
        self.assertEqual(status, 0 if report['ready'] else 1, output)
        return report

    def failed(self, holder):
        """The checks that failed: from their name to cause and message."""
        return {check['name']: (check.get('cause'), check['message'])
                for check in holder['checks'] if check['result'] == 'fail'}

    def check_qemu_says(self, message, options='', setup='true', as_user=''):
        """QEMU fails with the message of the tool, which tries nothing."""
        output = self.fail_in_lab(
            f"unshare -m sh -c '{setup}; exec {as_user} {QEMU} {options}'")
        self.assertRegex(output, f': {re.escape(message)}(: [^:/]*)?\n')

    def check_qemu_starts(self):
        """A QEMU with the device runs, until it is killed."""
        self.succeed_in_lab(f'{QEMU} {DEVICE} -daemonize -pidfile /tmp/pid')
        pid = self.succeed_in_lab('cat /tmp/pid').strip()
        self.assertEqual(
            self.succeed_in_lab(f'cat /proc/{pid}/comm').strip()[:11],
            'qemu-system')
        return pid

    def test_full(self):
        self.boot_lab()
        report = self.check()
        self.assertTrue(report['ready'])
        self.assertEqual(report['devices'], [])
        self.assertEqual(report['unseen'], [])

        # before binding
        report = self.check(f'{EDU} {SERIAL}')
        edu, serial = report['devices']
        self.assertEqual(self.failed(report['host']), {})
        self.assertEqual(list(self.failed(edu)), ['driver'])
        self.assertEqual(self.failed(edu)['driver'][0], 'device-not-bound')
        self.check_qemu_says(self.failed(edu)['driver'][1], DEVICE)
        self.assertEqual(self.failed(serial)['driver'][0], 'driver-not-vfio')

        # and after
        self.succeed_in_lab(f'bind {EDU}')
        report = self.check()
        self.assertTrue(report['ready'])
        self.assertEqual([device['name'] for device in report['devices']],
                         [EDU])
        self.assertEqual(report['devices'][0]['iommu-group']['members'],
                         [{'name': EDU, 'driver': 'vfio-pci'}])
        for name in (EDU, EDU[5:], '/dev/vfio/devices/vfio0'):
            report = self.check(name)
            self.assertEqual(report['devices'][0]['path'],
                             f'/sys/bus/pci/devices/{EDU}')
            self.assertTrue(report['ready'])
        pid = self.check_qemu_starts()

        # while it is in use
        report = self.check(EDU)
        cause, message = self.failed(report['devices'][0])['bind']
        self.assertEqual(cause, 'device-busy')
        self.assertIn(f'process {pid} (qemu-system-x86)', message)
        self.check_qemu_says(message, DEVICE)
        self.succeed_in_lab(f'kill {pid}; while [ -e /proc/{pid} ]; do '
                            'sleep 0.1; done')
        self.assertTrue(self.check(EDU)['ready'])

    def test_user(self):
        self.boot_lab()
        self.succeed_in_lab(f'bind {EDU}')
        report = self.check(as_user=AS_QEMU)
        cause, message = self.failed(report['host'])['iommu-node']
        self.assertEqual(cause, 'node-permission')
        self.check_qemu_says(message, as_user=AS_QEMU)
        cause, message = self.failed(report['devices'][0])['device-node']
        self.assertEqual(cause, 'node-permission')
        self.succeed_in_lab('chmod 666 /dev/iommu')
        self.check_qemu_says(message, DEVICE, as_user=AS_QEMU)
        self.assertIn('processes of other users', report['unseen'][0])

        self.succeed_in_lab('chmod 666 /dev/vfio/devices/vfio0')
        self.assertTrue(self.check(as_user=AS_QEMU)['ready'])

    def test_changes_nothing(self):
        self.boot_lab()
        self.succeed_in_lab(f'bind {EDU}')
        state = ('find /dev /sys/devices /sys/module -type f -o -type l | wc;'
                 ' ls -lR /dev')
        # When the test itself has last written to its terminal
        written = re.compile(r'\w+ +\d+ \d+:\d+ (?=tty(?:S0)?$)', re.M)
        before = written.sub('', self.succeed_in_lab(state))
        self.succeed_in_lab('qemu-iommufd check')
        self.assertEqual(written.sub('', self.succeed_in_lab(state)), before)

    def test_no_iommufd(self):
        self.boot_lab('no-iommufd')
        for device in ('', EDU):
            report = self.check(device)
            cause, message = self.failed(report['host'])['iommufd']
            self.assertEqual(cause, 'kernel-without-iommufd')
        self.check_qemu_says(message)

        self.succeed_in_lab(f'bind {EDU}')
        report = self.check()
        self.assertEqual(self.failed(report['host'])['iommufd'],
                         (cause, message))
        self.assertEqual(
            self.failed(report['devices'][0])['device-node'][0],
            'kernel-without-cdev')

    def test_no_cdev(self):
        self.boot_lab('no-cdev')
        report = self.check(EDU)
        self.assertEqual(list(self.failed(report['host'])), ['device-nodes'])
        self.assertEqual(self.failed(report['host'])['device-nodes'][0],
                         'kernel-without-cdev')

        self.succeed_in_lab(f'bind {EDU}')
        report = self.check()
        cause, message = self.failed(report['devices'][0])['device-node']
        self.assertEqual(cause, 'kernel-without-cdev')
        self.check_qemu_says(message, DEVICE)

    def test_interrupts(self):
        self.boot_lab(append='intremap=off')
        self.succeed_in_lab(f'bind {EDU}')
        report = self.check()
        self.assertEqual(self.failed(report['host'])['interrupts'][0],
                         'no-interrupt-isolation')
        cause, message = self.failed(report['devices'][0])['bind']
        self.assertEqual(cause, 'no-interrupt-isolation')
        self.check_qemu_says(message, DEVICE)


if __name__ == '__main__':
    IommufdLabTest.main()
