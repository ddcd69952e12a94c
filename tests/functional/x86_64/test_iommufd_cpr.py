#!/usr/bin/env python3
#
# A QEMU that takes the place of another one, where one of them is not the
# fork's
#
# SPDX-License-Identifier: GPL-2.0-or-later

from qemu_test.iommufd_lab import STOCK, IommufdLabTest

EDU = '0000:00:04.0'
NVME = '0000:00:07.0'
ORDINALS = ['first', 'second', 'third', 'fourth']


class IommufdCpr(IommufdLabTest):
    """Live updates from QEMU without the patches to the fork, and back."""

    def update(self, device, what, options, *programs):
        """Let QEMUs replace each other, and the device do DMA in each."""
        if not STOCK.exists():
            self.skipTest(f'{STOCK} is not built')
        self.boot_lab('newest', options=('-device', 'nvme,serial=lab,addr=7.0'),
                      files={'usr/bin/stock': STOCK})
        self.succeed_in_lab(f'bind {device}')
        output = self.succeed_in_lab(
            f'cpr --programs {",".join(programs)} {options} {device}',
            limit=120)
        for name in ORDINALS[:len(programs)]:
            self.assertIn(f'DMA through the {name} QEMU: {what}\n', output)

    def update_nvme(self, options):
        """
        There and back. QEMU without the fork crashes in CPR without KVM,
        unless the device uses MSI-X or has no interrupts.
        """
        fork = 'qemu-system-x86_64'
        self.update(NVME, 'serial number lab', f'--nvme {options}',
                    'stock', fork, 'stock', fork)

    def test_transfer(self):
        self.update_nvme('--mode cpr-transfer')

    def test_transfer_fds(self):
        self.update_nvme('--mode cpr-transfer --fds')

    def test_exec(self):
        self.update_nvme('--mode cpr-exec')

    def test_exec_fds(self):
        self.update_nvme('--mode cpr-exec --fds')

    def test_intx(self):
        self.update(EDU, '4096 bytes out and back, identical', '',
                    'qemu-system-x86_64', 'stock')


if __name__ == '__main__':
    IommufdLabTest.main()
