#!/usr/bin/env python3
#
# A QEMU that takes the place of another one, where one of them is not the
# fork's
#
# SPDX-License-Identifier: GPL-2.0-or-later

from qemu_test.iommufd_lab import STOCK, IommufdLabTest

NVME = '0000:00:07.0'
PROGRAMS = ['stock', 'qemu-system-x86_64'] * 2


class IommufdCpr(IommufdLabTest):
    """Live updates from QEMU without the patches to the fork, and back."""

    def update(self, options):
        """
        There and back, and the device does DMA in each QEMU. Without the fork
        and KVM QEMU crashes when CPR starts and the device uses INTx, and
        disables a device without FLR when it takes that over.
        """
        if not STOCK.exists():
            self.skipTest(f'{STOCK} is not built; run: tests/stock 10.2')
        self.boot_lab('newest', options=('-device', 'nvme,serial=lab,addr=7.0'),
                      files={'usr/bin/stock': STOCK})
        self.succeed_in_lab(f'bind {NVME}')
        output = self.succeed_in_lab(
            f'cpr --programs {",".join(PROGRAMS)} --nvme {options} {NVME}',
            limit=120)
        for name in 'first', 'second', 'third', 'fourth':
            self.assertIn(f'DMA through the {name} QEMU: serial number lab\n',
                          output)

    def test_transfer(self):
        self.update('--mode cpr-transfer')

    def test_transfer_fds(self):
        self.update('--mode cpr-transfer --fds')

    def test_exec(self):
        self.update('--mode cpr-exec')

    def test_exec_fds(self):
        self.update('--mode cpr-exec --fds')

    def beside(self, mode):
        """A device that reaches another, before and after."""
        self.boot_lab('newest', options=[
            '-device', 'pci-testdev,addr=c.0,membar=1M,membar-backed=on'])
        self.succeed_in_lab('bind 0000:00:04.0 0000:00:0c.0')
        output = self.succeed_in_lab(
            f'cpr --mode {mode} --beside 0000:00:0c.0 0000:00:04.0', limit=120)
        self.assertIn('DMA through the other device of the second QEMU: '
                      '4096 bytes out and back', output)
        self.assertNotIn('other devices cannot reach', output)

    def test_transfer_beside(self):
        self.beside('cpr-transfer')

    def test_exec_beside(self):
        self.beside('cpr-exec')


if __name__ == '__main__':
    IommufdLabTest.main()
