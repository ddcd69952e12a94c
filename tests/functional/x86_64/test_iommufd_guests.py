#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Functional tests of Linux guests that use assigned devices: guests in the lab,
so in a VM in a VM.
"""

import hashlib
import re

from qemu_test.iommufd_lab import (IGB, MIB, MINOR, PF, STOCK, TOKEN, VFS,
                                   IommufdDiskTest, lab_kernel)

# What the lab keeps, and what guests get: on one hub with the physical function
PEER, NIC = '0000:00:0d.0', '0000:00:0e.0'
FORK = 'qemu-system-x86_64'


class IommufdGuests(IommufdDiskTest):
    """What a guest reads and writes is what is on the device."""

    KERNEL = lab_kernel('drivers')

    def boot(self, *options):
        """A lab with a kernel for guests."""
        self.boot_lab(
            self.KERNEL, 'vfio_pci.enable_sriov=1', options=options,
            files={**self.guest_kernel('guest'), 'usr/bin/stock': STOCK})

    def test_nvme(self):
        """An NVMe disk, whose node QEMU opens."""
        self.check_nvme()

    def test_nvme_by_fd(self):
        """The same with descriptors, as from libvirt, and without a port."""
        self.check_nvme('--fds', '--fixed', '--again')

    def test_nvme_viommu(self):
        """With an IOMMU in the guest."""
        output = self.check_nvme('--viommu')
        # they are remapped, too
        self.assertRegex(output, r'interrupt: \d+: \d+ IR-')
        # strict: DMA, not DMA-FQ
        self.assertIn("the disk's domain in the guest: DMA\n", output)

    def test_nvme_tcg(self):
        """Without KVM, which has the interrupts sent by QEMU."""
        self.check_nvme('--accel', 'tcg')

    def test_nvme_viommu_tcg(self):
        """The same with an IOMMU in the guest."""
        self.check_nvme('--accel', 'tcg', '--viommu')

    def check_update(self, mode, *options):
        """A live update while the guest reads: to the base and back, too."""
        if self.KERNEL == 'drivers':
            self.skipTest('CPR, which needs IOMMU_IOAS_CHANGE_PROCESS')
        if MINOR == '10.0':
            self.skipTest('CPR, which QEMU 10.0 has not with iommufd')
        self.check_nvme('--update', mode, *options,
                        programs=[FORK, 'stock', FORK, FORK])

    def test_update_transfer(self):
        """The new QEMU is started beside the old one."""
        self.check_update('cpr-transfer')

    def test_update_by_fd(self):
        """The same with descriptors."""
        self.check_update('cpr-transfer', '--fds')

    def test_update_exec(self):
        """It is started in the same process."""
        self.check_update('cpr-exec')

    def test_memory(self):
        """Memory comes and goes while the disk reads into it."""
        _, content = self.boot_with_disk(64)
        sums = (hashlib.md5(content[:size * MIB]).hexdigest()
                for size in (2, 64))
        output = self.succeed_in_lab(
            f'memory-guest {self.DISK} {" ".join(sums)}', limit=1800)
        for what in ('virtio-mem', 'DIMM'):
            self.assertIn(f'{what}: 64 MiB read at once, identical', output)
        self.assertEqual(output.count('all that was read is right'), 7)

    def check_migration(self, *places):
        """A guest goes from place to place; what it has come to, each time."""
        self.boot()
        output = self.succeed_in_lab(f'migrate-guest {" ".join(places)}')
        return re.findall(r'^(.*): \d+ numbers, all in order$', output, re.M)

    def test_migration(self):
        """There and back, and some that do not succeed."""
        self.assertEqual(
            self.check_migration(FORK, f'cancelled={FORK}', f'failed={FORK}',
                                 FORK, FORK),
            ['at first', *(f'{end} with {FORK}' for end in
                           ('cancelled', 'failed', 'completed', 'completed'))])

    def test_migration_stock(self):
        """To the base and back, and from the base."""
        if self.KERNEL == 'drivers':
            self.skipTest('migration from and to the base without the patches,'
                          ' which crashes on Linux 6.12')
        self.assertEqual(
            self.check_migration(FORK, 'stock', FORK, 'stock'),
            ['at first', 'completed with stock', f'completed with {FORK}',
             'completed with stock'])
        self.assertEqual(self.check_migration('stock', FORK),
                         ['at first', f'completed with {FORK}'])

    def boot_with_network(self):
        """A lab with two network interfaces and one that has functions."""
        port = '-netdev', 'hubport,hubid=0,id='
        self.boot(port[0], port[1] + 'peer', '-device',
                  f'e1000e,netdev=peer,addr={PEER[8:]}',
                  port[0], port[1] + 'nic', '-device',
                  f'e1000e,netdev=nic,addr={NIC[8:]}',
                  port[0], port[1] + 'igb', *IGB[:-1],
                  f'{IGB[-1]},netdev=igb')

    def check_network(self, arguments, interrupts):
        """A guest exchanges data with the lab, with such interrupts."""
        output = self.succeed_in_lab(f'nic-guest {arguments}')
        self.assertIn('guest and lab: 1048576 bytes there and back, identical',
                      output)
        kinds = re.findall(r'^interrupt: \S+ \d+ (\S+)', output, re.M)
        self.assertTrue(kinds, output)
        for kind in kinds:
            self.assertRegex(kind, interrupts)
        return output

    def test_virtual_functions(self):
        """Two in a guest, their physical function in the lab."""
        self.boot_with_network()
        self.succeed_in_lab(
            f'echo 2 >/sys/bus/pci/devices/{PF}/sriov_numvfs; '
            f'bind {" ".join(VFS)}')
        output = self.check_network(' '.join([PF, *VFS]), 'MSI-?X')
        self.assertIn('between the interfaces: 1048576 bytes, identical',
                      output)
        self.assertIn('second interface and lab: 1048576 bytes there and back, '
                      'identical', output)

    def test_physical_function(self):
        """One VM has it, and another one of its virtual functions."""
        self.boot_with_network()
        self.succeed_in_lab(f'bind {PF}')
        output = self.check_network(f'--vf-token {TOKEN} {PEER} {PF}',
                                    'MSI-?X')
        self.assertIn('a second VM has the virtual function: 8086:10ca',
                      output)

    def check_intx(self, *options):
        """A network interface whose driver uses INTx."""
        self.boot_with_network()
        self.succeed_in_lab(f'bind {NIC}')
        self.check_network(f'--words e1000e.IntMode=0 {" ".join(options)} '
                           f'{PEER} {NIC}', 'IO-APIC')

    def test_intx(self):
        """KVM has its interrupts, and their end."""
        self.check_intx()

    def test_intx_tcg(self):
        """QEMU has them."""
        self.check_intx('--accel', 'tcg')


if __name__ == '__main__':
    IommufdDiskTest.main()
