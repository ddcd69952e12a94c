#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Functional tests of domains of libvirt with devices assigned through iommufd:
a Debian in the lab, with its libvirt and its AppArmor profiles.
"""

import json
import os
import re

from qemu_test.iommufd_lab import IommufdLabTest

EDU, EDU2 = '0000:00:04.0', '0000:00:05.0'
QEMU = '/usr/bin/qemu-system-x86_64'
DRIVER = "<driver iommufd='yes'/>"
IOMMUFD = "<iommufd enabled='yes'/>"


def hostdev(address, driver=DRIVER):
    """A device of the host in the XML of libvirt."""
    domain, bus, slot, function = re.split('[:.]', address)
    return (f"<hostdev mode='subsystem' type='pci' managed='yes'>{driver}"
            f"<source><address domain='0x{domain}' bus='0x{bus}' "
            f"slot='0x{slot}' function='0x{function}'/></source></hostdev>")


def domain(*devices, more='', emulator=QEMU):
    """A domain that is small enough for a VM in a VM."""
    return (f"<domain type='qemu'><name>vm</name>"
            f"<memory unit='MiB'>64</memory>{more}"
            f"<os><type arch='x86_64' machine='q35'>hvm</type></os>"
            f"<devices><emulator>{emulator}</emulator>"
            f"<controller type='usb' model='none'/>"
            f"<controller type='pci' model='pcie-root'/>"
            f"<controller type='pci' model='pcie-root-port'/>"
            f"<controller type='pci' model='pcie-root-port'/>"
            f"<memballoon model='none'/>{''.join(devices)}</devices></domain>")


class IommufdLibvirt(IommufdLabTest):
    """Domains that libvirt starts."""

    RESTORE = 'libvirt-host'
    BOOT_LIMIT = 300
    COMMAND_LIMIT = 180

    def boot(self, append=''):
        """A Debian with libvirt."""
        kernel = os.environ.get('IOMMUFD_LAB_KERNEL', 'libvirt')
        self.boot_lab(kernel, append, debian=True)

    def no_denials(self):
        """AppArmor has denied nothing."""
        self.assertEqual(self.succeed_in_lab(
            "dmesg | grep 'apparmor=.DENIED' || true"), '')

    def write(self, name, xml):
        """Write XML to a file."""
        self.succeed_in_lab(f'echo "{xml}" >/tmp/{name}.xml')

    def start(self, xml):
        """Define a domain and start it."""
        self.write('vm', xml)
        self.succeed_in_lab('virsh define /tmp/vm.xml && virsh start vm')

    def assert_fails(self, xml, *words):
        """A domain does not start, and virsh says why."""
        self.write('vm', xml)
        self.succeed_in_lab('virsh define /tmp/vm.xml')
        output = self.fail_in_lab('virsh start vm')
        for word in words:
            self.assertIn(word, output)

    def assigned(self):
        """The ids of the devices that QEMU has bound to an iommufd."""
        text = json.dumps({'execute': 'query-iommufd'})
        reply = self.succeed_in_lab(
            f"virsh qemu-monitor-command vm '{text}' 2>/dev/null")
        objects = json.loads(reply)['return']['objects']
        return sorted(device['id'] for iommufd in objects
                      for device in iommufd['devices'])

    def drivers(self):
        """The drivers of the two devices."""
        return [self.succeed_in_lab(
            'basename "$(readlink /sys/bus/pci/devices/'
            f'{device}/driver)"').strip() for device in (EDU, EDU2)]

    def test_capabilities(self):
        """libvirt knows that this QEMU has it."""
        self.boot()
        output = self.succeed_in_lab('virsh domcapabilities --virttype qemu '
                                     '--machine q35')
        self.assertRegex(output, r"(?s)<hostdev.*iommufd.*</hostdev>")

    def test_hotplug(self):
        """A domain with a device, to which another is added."""
        self.boot()
        self.start(domain(hostdev(EDU, ''), more=IOMMUFD))
        self.write('edu2', hostdev(EDU2, ''))
        self.succeed_in_lab('virsh attach-device vm /tmp/edu2.xml')
        # before the query, which looks at what libvirt's profile denies
        self.no_denials()
        self.assertEqual(self.assigned(), ['hostdev0', 'hostdev1'])
        self.assertEqual(self.drivers(), ['vfio-pci', 'vfio-pci'])
        self.succeed_in_lab('virsh destroy vm')
        self.assertEqual(self.drivers(), ['', ''])

    def test_device_form(self):
        """The form of libvirt 12.1, twice: start, destroy, start again."""
        self.boot()
        self.start(domain(hostdev(EDU), hostdev(EDU2)))
        self.succeed_in_lab('virsh destroy vm && virsh start vm')
        self.no_denials()
        self.assertEqual(self.assigned(), ['hostdev0', 'hostdev1'])

    def test_confined(self):
        """QEMU is an ordinary user's, in a profile of its own."""
        self.boot()
        self.start(domain(hostdev(EDU)))
        output = self.succeed_in_lab(
            'pid=$(cat /run/libvirt/qemu/vm.pid); cat /proc/$pid/status '
            '/proc/$pid/attr/current; echo; '
            "tr '\\0' ' ' </proc/$pid/cmdline")
        self.assertRegex(output, r'libvirt-[0-9a-f-]{36} \(enforce\)')
        self.assertRegex(output, r'CapEff:\s0000000000000000')
        self.assertRegex(output, r'Uid:\s[1-9]')
        self.no_denials()

    def test_what_virsh_says(self):
        """Of a domain that cannot start virsh has the cause."""
        self.boot()
        disk = ("<memoryBacking><source type='file'/><access mode='shared'/>"
                "</memoryBacking>")
        self.assert_fails(
            domain(hostdev(EDU), more=disk),
            "'pc.ram' is a shared mapping of /var/lib/libvirt/qemu/ram/",
            'neither on tmpfs nor on hugetlbfs', 'Use memory-backend-memfd')
        self.assertEqual(self.drivers(), ['', ''])


if __name__ == '__main__':
    IommufdLabTest.main()
