#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Functional tests of Linux guests that use assigned devices: guests in the lab,
so in a VM in a VM.
"""

import hashlib
import os
from pathlib import Path
import re

from qemu_test.iommufd_lab import IommufdLabTest, LAB

DISK = '0000:00:0c.0'
MIB = 1 << 20


class IommufdGuests(IommufdLabTest):
    """What a guest reads and writes is what is on the device."""

    COMMAND_LIMIT = 300

    def boot(self):
        """A lab with an NVMe disk; its file, and what is in that."""
        kernel = os.environ.get('IOMMUFD_LAB_KERNEL', 'full')
        vmlinux = self._cached(LAB / 'kernel', 'guest')
        disk = Path(self.scratch_file('disk'))
        content = os.urandom(16 * MIB)
        disk.write_bytes(content)
        self.boot_lab(
            kernel, files={'guest/vmlinux': Path(vmlinux)}, options=[
                '-drive', f'file={disk},format=raw,if=none,id=disk',
                '-device', 'nvme,serial=disk,drive=disk,addr=c.0'])
        self.succeed_in_lab(f'bind {DISK}')
        return disk, content

    def check_nvme(self, *options, plugged=True):
        """A guest reads, writes, loses the disk and boots again."""
        disk, content = self.boot()
        md5 = hashlib.md5(content[:2 * MIB]).hexdigest()
        output = self.succeed_in_lab(
            f'nvme-guest {" ".join([*options, DISK, md5])}')
        found = re.findall('^(.*): 2 MiB read, identical$', output, re.M)
        self.assertEqual(found, ['first boot', *['plugged again'] * plugged,
                                 'second boot'])
        self.assertGreater(int(re.search(r'^interrupts: (\d+)$', output,
                                         re.M)[1]), 10)
        # what the device has, and not only what the guest believes
        written = disk.read_bytes()
        self.assertEqual(written[8 * MIB:10 * MIB], content[:2 * MIB])
        self.assertEqual(written[:8 * MIB], content[:8 * MIB])
        self.assertEqual(written[10 * MIB:], content[10 * MIB:])
        return output

    def test_nvme(self):
        """An NVMe disk, whose node QEMU opens."""
        self.check_nvme()

    def test_nvme_by_fd(self):
        """The same with descriptors, as from libvirt."""
        self.check_nvme('--fds', plugged=False)

    def test_nvme_viommu(self):
        """With an IOMMU in the guest."""
        output = self.check_nvme('--viommu')
        self.assertGreater(int(re.search(r'^IOMMU groups in the guest: (\d+)$',
                                         output, re.M)[1]), 1)


if __name__ == '__main__':
    IommufdLabTest.main()
