#!/usr/bin/env python3
#
# Many devices, objects and VMs at a time, on a real iommufd
#
# SPDX-License-Identifier: GPL-2.0-or-later

from qemu_test.iommufd_lab import NEWER, IommufdLabTest

DEVICES = 26


class IommufdMany(IommufdLabTest):
    """All are plugged and used as one is."""

    def check_many(self, *options, vms=1, objects=1):
        """All devices are plugged, used and unplugged."""
        # each has a port, and so an IOMMU group, of its own
        machine = []
        for i in range(DEVICES):
            machine += ['-device', f'pcie-root-port,id=port{i},chassis={i + 1},'
                        f'multifunction=on,addr={0x10 + i // 8:x}.{i % 8}',
                        '-device', f'edu,bus=port{i}']
        self.boot_lab(options=machine)
        output = self.succeed_in_lab(
            'cd /sys/bus/pci/devices; for d in 0000:0[1-9a-f]:* 0000:1*; do '
            'bind $d || exit; done >/dev/null; '
            f'many-devices {" ".join(options)}')
        self.assertEqual(output.count(': 4096 bytes out and back, identical'),
                         DEVICES)
        self.assertEqual(
            output.count(f'{DEVICES // vms} devices on {objects} iommufds: '),
            vms)
        bars = DEVICES // vms if NEWER else 0
        self.assertEqual(output.count(f'others reach {bars} BARs'), vms)

    def test_one_object(self):
        self.check_many()

    def test_four_objects(self):
        self.check_many('--objects 4', objects=4)

    def test_two_vms(self):
        self.check_many('--qemus 2', vms=2)


if __name__ == '__main__':
    IommufdLabTest.main()
