#!/usr/bin/env python3
#
# The host loses a device, or wants it back, while a guest uses it
#
# SPDX-License-Identifier: GPL-2.0-or-later

from qemu_test.iommufd_faults import HEAP, library
from qemu_test.iommufd_lab import NEWER, IommufdLabTest, lab_kernel

# One that can lose devices
KERNEL = lab_kernel('faults')
EDU = '0000:00:04.0'
PLUGGED = '0000:01:00.0'
PORT = ['-device', 'pcie-root-port,id=slot1,chassis=1,addr=b.0',
        '-device', 'edu,id=plugged,bus=slot1']


class IommufdSurprise(IommufdLabTest):
    """The guest is asked to give it up, and nothing is left of it."""

    COMMAND_LIMIT = 150

    def boot(self, **lab):
        """A lab with the library that counts what QEMU has."""
        self.boot_lab(files={'heap.so': library(HEAP)}, **lab)

    def check_kernel(self):
        """It has no complaints."""
        self.assertEqual(self.succeed_in_lab(
            "dmesg | grep -E 'BUG:|WARNING:|Oops:' || true"), '')

    def test_taken_by_host(self):
        """Its driver is unbound, and it is removed from the bus."""
        self.boot()
        output = self.succeed_in_lab(f'bind {EDU}; surprise {EDU}')
        for how in 'unbind', 'remove':
            self.assertIn(f'{how}: the guest was asked, and has given up the '
                          'device', output)
            self.assertIn(f'{how}: QEMU was killed, and the host has the '
                          'device', output)
        for what in (f'vfio {EDU}: device is meant for vfio-pci '
                     '(driver_override), but is not bound to it: ',
                     f'host has no PCI device {EDU}: '):
            self.assertIn(f'then: {what}', output)
        for name in 'before', 'unbind and back', 'remove and back':
            self.assertIn(f'{name}: others reach {int(NEWER)} BARs', output)
        self.check_kernel()

    def test_taken_out(self):
        """It is pulled out of the host's slot."""
        self.boot(kernel=KERNEL, options=PORT)
        self.succeed_in_lab(f'bind {PLUGGED}; (surprise --wait {PLUGGED}; '
                            'echo status $?) >/tmp/said 2>&1 & '
                            'until grep "guest uses" /tmp/said; do '
                            'sleep 0.1; done')
        # which waits for the host, and that for the guest
        self._lab.vm.cmd('device_del', id='plugged')
        output = self.succeed_in_lab(
            'until grep status /tmp/said; do sleep 0.1; done; cat /tmp/said')
        self.assertIn('\nstatus 0\n', output)
        self.assertIn(f'before: others reach {int(NEWER)} BARs', output)
        self.assertIn('DMA through asked: 4096 bytes out and back', output)
        self.assertIn(f'then: host has no PCI device {PLUGGED}: ', output)
        self._lab.vm.event_wait('DEVICE_DELETED',
                                match={'data': {'device': 'plugged'}})
        self.check_kernel()


if __name__ == '__main__':
    IommufdLabTest.main()
