#!/usr/bin/env python3
#
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Functional tests of devices that reach the memory of other devices by DMA.
"""

from qemu_test.iommufd_faults import MIGRATABLE, library
from qemu_test.iommufd_lab import IommufdLabTest, lab_kernel

EDU, PEER, DISK = '0000:00:04.0', '0000:00:0c.0', '0000:00:0d.0'
FAR_EDU = '0000:00:0e.0'
OTHER_EDU, OTHER_PEER = '0000:00:05.0', '0000:00:0f.0'
NEWEST = lab_kernel('newest')
NOWHERE = ['what is not to be reached']
WARNING = "other devices cannot reach '"
# what becomes of a BAR
ALWAYS = ['a BAR', 'a BAR that was moved', 'a BAR that was switched off and on',
          'a BAR after a reset of the machine',
          'a BAR of a device that was plugged again']
BEFORE = ['where a BAR was before']
OF_DISK = ['a BAR of the disk', 'a BAR of the disk after a reset',
           'a BAR of the disk after low power']


class IommufdPeers(IommufdLabTest):
    """Contents are compared, word by word."""

    def peer_dma(self, options, expected, missed=(), kernel=NEWEST, disk=False,
                 edu=EDU, size='1M'):
        """What QEMU says, if all of it was reached that should be."""
        self.boot_lab(kernel, options=[
            '-device', f'pci-testdev,addr=c.0,membar={size},membar-backed=on',
            '-device', 'nvme,addr=d.0,serial=disk,cmb_size_mb=1,legacy-cmb=on',
            '-device', 'edu,addr=e.0,dma_mask=0xfffffffff',
            '-device', 'pci-testdev,addr=f.0,membar=1M,membar-backed=on'],
            files={'migratable.so': library(MIGRATABLE)})
        self.succeed_in_lab(
            f'bind {edu} {PEER} {DISK} {OTHER_EDU} {OTHER_PEER}')
        more = f'--disk {DISK}' if disk else ''
        output = self.succeed_in_lab(f'peer-dma {options} {more} {edu} {PEER}')
        if disk:
            self.assertIn('DMA from registers: as the guest reads', output)
        for what in expected:
            self.assertIn(f'DMA through {what}: 4096 bytes out and back, '
                          'identical', output)
        self.assertEqual(output.count('identical'), len(expected) + len(missed))
        for what in missed:
            self.assertIn(f'DMA does not come through {what}', output)
        self.assertEqual(output.count('not come through'), len(missed))
        # with a device that does DMA
        self.assertEqual(output.count('DMA through memory'), len(missed))
        return output

    def test_iommufd(self):
        output = self.peer_dma('', ALWAYS + OF_DISK, BEFORE, disk=True)
        self.assertNotIn(WARNING, output)

    def test_two_iommufds(self):
        output = self.peer_dma('--two', ALWAYS, BEFORE)
        self.assertNotIn(WARNING, output)

    def test_viommu(self):
        output = self.peer_dma('--viommu', ALWAYS + OF_DISK,
                               ['what the guest has unmapped'], disk=True)
        self.assertNotIn(WARNING, output)

    def test_failed_state(self):
        """QEMU has to reset a device that it cannot stop."""
        output = self.peer_dma('--failed-state', [
            *ALWAYS, *OF_DISK, 'a BAR of the disk that QEMU has reset'],
            BEFORE, disk=True)
        self.assertIn(f'{DISK}: Failed setting device state to ', output)
        self.assertIn('Resetting device', output)

    def test_migration(self):
        """To devices that do not decode addresses until they are loaded."""
        output = self.peer_dma(
            f'--migrate {OTHER_EDU} {OTHER_PEER}',
            ['a BAR', 'a BAR of a device that was migrated to'])
        self.assertNotIn(WARNING, output)

    def test_large(self):
        self.peer_dma('--high 8', ['the start of a large BAR',
                                   'the end of a large BAR'], edu=FAR_EDU,
                      size='8G')

    def test_legacy(self):
        self.peer_dma('--legacy', ALWAYS + OF_DISK, BEFORE, disk=True)

    def test_off(self):
        output = self.peer_dma('--off --unreachable', [], NOWHERE)
        self.assertNotIn(WARNING, output)

    def test_old_kernel(self):
        """One line for each device, however many BARs it has."""
        output = self.peer_dma('--unreachable', [], NOWHERE, kernel='full')
        for device in EDU, PEER:
            self.assertEqual(output.count(f"{WARNING}{device}"), 1, output)
        self.assertEqual(output.count(WARNING), 2)
        self.assertIn('Linux before 6.19', output)
        self.assertNotIn('transactions', output)


if __name__ == '__main__':
    IommufdLabTest.main()
