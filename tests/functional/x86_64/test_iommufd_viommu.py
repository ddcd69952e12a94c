#!/usr/bin/env python3
#
# Devices behind an IOMMU of the guest do DMA to and from what it maps
#
# SPDX-License-Identifier: GPL-2.0-or-later

from qemu_test.iommufd_lab import IommufdLabTest

EDU = '0000:00:04.0'
# RAM that is mapped by file, where the kernel can do that
MEMFD = ('-object', 'memory-backend-memfd,id=ram0,size=64M',
         '-machine', 'memory-backend=ram0')


class IommufdViommu(IommufdLabTest):
    """Contents are compared, word by word."""

    def check_dma(self, kernel, *options, pages=1000):
        self.boot_lab(kernel)
        self.succeed_in_lab(f'bind {EDU}')
        words = ' '.join(f'--option={option}' for option in options)
        output = self.succeed_in_lab(f'viommu --pages {pages} {words} {EDU}')
        for what in 'the first pages', 'the last pages':
            self.assertIn(f'DMA through {what}: 4096 bytes out and back, '
                          'identical\n', output)
        self.assertIn('DMA through pages that are unmapped: '
                      '1024 of 1024 words wrong\n', output)

    def test_anonymous(self):
        self.check_dma('full')

    def test_newest_anonymous(self):
        self.check_dma('newest')

    def test_newest_memfd(self):
        self.check_dma('newest', *MEMFD)


if __name__ == '__main__':
    IommufdLabTest.main()
