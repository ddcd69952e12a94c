#!/usr/bin/env python3
#
# Devices assigned through iommufd do DMA to and from guest memory
#
# SPDX-License-Identifier: GPL-2.0-or-later

from qemu_test.iommufd_lab import IommufdLabTest

EDU = '0000:00:04.0'
EDU2 = '0000:00:05.0'
FAR_EDU = '0000:00:0c.0'


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

    def test_newest_file(self):
        self.check_dma('--ram file', kernel='newest')

    def test_newest_shm(self):
        self.check_dma('--ram shm', kernel='newest')

    def test_newest_hugetlbfs_memfd(self):
        self.check_dma('--ram hugetlbfs-memfd', kernel='newest')

    def test_newest_private_hugetlbfs(self):
        self.check_dma('--ram hugetlbfs-private', kernel='newest')

    def test_newest_device_node(self):
        # Not a file that the kernel maps, wherever the node is
        self.check_dma('--ram device', kernel='newest')

    def check_threads(self, ram, kernel='newest', huge=False):
        """
        Several threads map it, in chunks, and what stays where it is when the
        machine is reset stays mapped.
        """
        output = self.check_dma(
            f'--ram {ram} --size 256 --iommufd ,map-threads=3 '
            '--option=-trace --option=vfio_iommufd_maps_add', kernel=kernel)
        self.assertRegex(output, r'maps_add iova=0x0 size=0x10000000 mapped=5 '
                         r'kept=0 threads=3 \(0\)')
        # but for the second half of a huge page that the first MiB is in
        self.assertRegex(output, r'maps_add iova=0x100000 size=0xff00000 '
                         rf'mapped={int(huge)} kept=4 threads=1 \(0\)')
        # before the first border, and across each
        self.assertEqual(output.count('identical'), 4)

    def test_threads_anonymous(self):
        self.check_threads('anonymous', 'full')
        self.check_threads('anonymous')

    def test_threads_memfd(self):
        self.check_threads('memfd', 'full')
        self.check_threads('memfd')

    def test_threads_hugetlbfs(self):
        self.check_threads('hugetlbfs', huge=True)

    def test_threads_mem_path(self):
        self.check_threads('mem-path', huge=True)

    def test_threads_private_memfd(self):
        self.check_threads('memfd-private')

    def test_threads_private_file(self):
        self.check_threads('file-private')

    def test_threads_device_node(self):
        self.check_threads('device')

    def test_threads_plugged(self):
        """Memory that is plugged later, too."""
        self.boot_lab('newest', options=['-device', 'edu,addr=c.0,dma_mask='
                                         '0xffffffffff'])
        self.succeed_in_lab(f'bind {FAR_EDU}')
        output = self.succeed_in_lab(
            'dma --plug 256 --iommufd ,map-threads=3 --option=-trace '
            f'--option=vfio_iommufd_maps_add {FAR_EDU}')
        self.assertRegex(output, r'maps_add iova=0x100000000 size=0x10000000 '
                         r'mapped=4 kept=0 threads=3 \(0\)')
        self.assertEqual(output.count('identical'), 4)

    def test_threads_two_objects(self):
        output = self.check_dma('--size 256 --objects 2 --iommufd '
                                ',map-threads=3', (EDU, EDU2), 'newest')
        self.assertEqual(output.count('identical'), 8)

    def test_two_devices(self):
        self.check_dma(devices=(EDU, EDU2))

    def test_legacy_container(self):
        self.check_dma('--legacy')


if __name__ == '__main__':
    IommufdLabTest.main()
