# SPDX-License-Identifier: GPL-2.0-or-later
"""
The VT-d of a nested QEMU, with one device behind it, and the guest's part in mapping and unmapping.

Its tables are written over qtest, and what the IOMMU has cached of them is invalidated.
"""

from nested import Failed

PAGE = 4096
LARGE = 2 << 20
# In guest memory
ROOT, CONTEXT, LEVEL3, LEVEL2, LEVEL1 = (0x100000, 0x101000, 0x102000,
                                         0x103000, 0x110000)
DOMAIN = 1
PRESENT, READ_WRITE, LARGE_PAGE = 1, 3, 1 << 7
ADDRESS_WIDTH_39 = 1


class Vtd:
    """An IOMMU whose tables are in guest memory, up to 0x310000."""

    OPTIONS = ['-device', 'intel-iommu,caching-mode=on,aw-bits=39']

    GCMD, GSTS, RTADDR, CCMD, IOTLB = (0xfed90000 + offset for offset in
                                       (0x18, 0x1c, 0x20, 0x28, 0xf8))
    TRANSLATION_ENABLE, SET_ROOT_TABLE = 1 << 31, 1 << 30
    INVALIDATE, ALL_CONTEXTS, OF_DOMAIN = 1 << 63, 1 << 61, 2 << 60

    def __init__(self, nested, slot):
        self.nested = nested
        self.write_entries(ROOT, [CONTEXT | PRESENT, 0])
        self.write_entries(CONTEXT + slot * 8 * 16, [
            LEVEL3 | PRESENT, DOMAIN << 8 | ADDRESS_WIDTH_39])
        self.write_entries(LEVEL3, [LEVEL2 | READ_WRITE,
                                    LEVEL2 + PAGE | READ_WRITE])
        self.write_entries(LEVEL2, [LEVEL1 + i * PAGE | READ_WRITE
                                    for i in range(512)])
        nested.writeq(self.RTADDR, ROOT)
        nested.writel(self.GCMD, self.SET_ROOT_TABLE)
        nested.writeq(self.CCMD, self.INVALIDATE | self.ALL_CONTEXTS)
        self.invalidate()
        nested.writel(self.GCMD, self.TRANSLATION_ENABLE)
        if not nested.readl(self.GSTS) & self.TRANSLATION_ENABLE:
            raise Failed('the IOMMU does not translate')

    def write_entries(self, address, entries):
        """Write 64-bit entries of a table."""
        for i in range(0, len(entries), 512):
            self.nested.write(address + i * 8, b''.join(
                entry.to_bytes(8, 'little') for entry in entries[i:i + 512]))

    def invalidate(self):
        """The tables have changed: QEMU reads all of them again."""
        self.nested.writeq(self.IOTLB, self.INVALIDATE | self.OF_DOMAIN
                           | DOMAIN << 32)

    def set_pages(self, iova, addresses):
        """Map pages from here on, or unmap those that have no address."""
        self.write_entries(LEVEL1 + iova // PAGE * 8, [
            address | READ_WRITE if address else 0 for address in addresses])
        self.invalidate()

    def map_large_pages(self, iova, addresses):
        """Map pages of 2 MiB from here on."""
        self.write_entries(LEVEL2 + iova // LARGE * 8, [
            address | READ_WRITE | LARGE_PAGE for address in addresses])
        self.invalidate()
