#!/usr/bin/env python3
#
# A PCI device that is assigned on a machine with an IOMMU of AMD
#
# SPDX-License-Identifier: GPL-2.0-or-later

import struct

from qemu_test.iommufd_lab import IommufdLabTest

EDU = '0000:00:04.0'
# Offsets in a table of ACPI: the vendor's revision, and the checksum
REVISION, CHECKSUM = 24, 9
# In an IVRS, the offset of the first block about an IOMMU; the type of those
# that have its extended features, where, and which bit is dirty tracking
BLOCKS, WITH_FEATURES, FEATURES = 48, 0x11, 24
DIRTY = 1 << 52


def with_dirty_tracking(table):
    """An IVRS whose IOMMUs track dirty pages, so far as it says."""
    table = bytearray(table)
    at = BLOCKS
    while at < len(table):
        kind, _, length = struct.unpack_from('<BBH', table, at)
        if kind == WITH_FEATURES:
            value = struct.unpack_from('<Q', table, at + FEATURES)[0]
            struct.pack_into('<Q', table, at + FEATURES, value | DIRTY)
        at += length
    # Linux takes it if it is newer
    table[REVISION] += 1
    table[CHECKSUM] = 0
    table[CHECKSUM] = -sum(table) & 0xff
    return bytes(table)


class IommufdAmd(IommufdLabTest):
    """DMA goes through that IOMMU."""

    def boot(self, **more):
        """A lab with an IOMMU of AMD, and edu behind it."""
        self.boot_lab('amd', options=['-device', 'amd-iommu,dma-remap=on'],
                      without=['intel-iommu'], **more)
        self.succeed_in_lab(f'bind {EDU}')

    def check_dirty_tracking(self, expected):
        """QEMU and the kernel say the same of it."""
        self.assertIn(f'as the kernel says: {expected}\n',
                      self.succeed_in_lab(f'dirty-tracking {EDU}'))

    def test_dma(self):
        self.boot()
        for options in '', '--fds':
            output = self.succeed_in_lab(f'dma {options} {EDU}')
            self.assertIn('4096 bytes out and back, identical', output)

    def test_dirty_tracking(self):
        """Of one that does not, and of one that says it does."""
        self.boot()
        self.check_dirty_tracking('no')
        table = self.succeed_in_lab(
            'xxd -p </sys/firmware/acpi/tables/IVRS')
        self.boot(acpi={'ivrs': with_dirty_tracking(bytes.fromhex(table))})
        self.check_dirty_tracking('yes')


if __name__ == '__main__':
    IommufdLabTest.main()
