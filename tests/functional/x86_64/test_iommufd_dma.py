#!/usr/bin/env python3
#
# Devices assigned through iommufd do DMA to and from guest memory
#
# SPDX-License-Identifier: GPL-2.0-or-later

from qemu_test.iommufd_lab import IommufdLabTest

EDU = '0000:00:04.0'
EDU2 = '0000:00:05.0'


class IommufdDma(IommufdLabTest):
    """Contents are compared, word by word."""

    def check_dma(self, options='', devices=(EDU,), kernel='full'):
        names = ' '.join(devices)
        self.boot_lab(kernel)
        self.succeed_in_lab(f'bind {names}')
        output = self.succeed_in_lab(f'dma {options} {names}')
        for device in devices:
            self.assertIn(f'DMA through {device}: 4096 bytes out and back, '
                          'identical', output)
        return output

    def test_anonymous(self):
        self.check_dma('--ram anonymous')

    def test_memfd(self):
        self.check_dma('--ram memfd')

    def test_hugetlbfs(self):
        self.check_dma('--ram hugetlbfs')

    def test_private_file(self):
        self.check_dma('--ram file-private')

    def test_newest_anonymous(self):
        self.check_dma('--ram anonymous', kernel='newest')

    def test_newest_memfd(self):
        self.check_dma('--ram memfd', kernel='newest')

    def test_newest_hugetlbfs(self):
        self.check_dma('--ram hugetlbfs', kernel='newest')

    def test_newest_mem_path(self):
        self.check_dma('--ram mem-path', kernel='newest')

    def test_newest_private_memfd(self):
        self.check_dma('--ram memfd-private', kernel='newest')

    def test_newest_private_file(self):
        # The device must not see the pages of the file
        self.check_dma('--ram file-private', kernel='newest')

    def test_newest_device_node(self):
        # Not a file that the kernel maps, wherever the node is
        self.check_dma('--ram device', kernel='newest')

    def test_two_devices(self):
        self.check_dma(devices=(EDU, EDU2))

    def test_legacy_container(self):
        self.check_dma('--legacy')


if __name__ == '__main__':
    IommufdLabTest.main()
