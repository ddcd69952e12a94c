#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Functional tests of domains of libvirt with devices assigned through iommufd:
a Debian in the lab, with its libvirt and its AppArmor profiles.
"""

import json
import os
import re
import time

from qemu_test.iommufd_faults import machine, read
from qemu_test.iommufd_lab import IommufdLabTest, lab_kernel

# With the fork's packages, or with the QEMU under test in Debian's place
PACKAGES = 'IOMMUFD_LAB_PACKAGES' in os.environ

EDU, EDU2 = '0000:00:04.0', '0000:00:05.0'
# Of the machine "full" of the faults: what firmware accesses memory through,
# what shares its group with a device of a host driver, and two in one group
FIRMWARE, SHARED = '0000:00:07.0', '0000:01:01.0'
PAIR = '0000:02:01.0', '0000:02:02.0'
PCI = '/sys/bus/pci/devices'
QEMU = '/usr/bin/qemu-system-x86_64'
DRIVER = "<driver iommufd='yes'/>"
IOMMUFD = "<iommufd enabled='yes'/>"
FILE = ("<memoryBacking><source type='file'/><access mode='shared'/>"
        "</memoryBacking>")
LARGE = ("<features><acpi/></features>"
         "<maxMemory slots='1' unit='GiB'>700</maxMemory><cpu><numa>"
         "<cell id='0' cpus='0' memory='64' unit='MiB'/></numa></cpu>")
DIMM = ("<memory model='dimm'><target><size unit='MiB'>2</size><node>0</node>"
        "</target><address type='dimm' slot='0' base='0x9000000000'/>"
        "</memory>")


def hostdev(address, driver=DRIVER, managed='yes'):
    """A device of the host in the XML of libvirt."""
    domain, bus, slot, function = re.split('[:.]', address)
    return (f"<hostdev mode='subsystem' type='pci' managed='{managed}'>"
            f"{driver}<source><address domain='0x{domain}' bus='0x{bus}' "
            f"slot='0x{slot}' function='0x{function}'/></source></hostdev>")


def bound(address):
    """A device that is bound to vfio-pci and stays so."""
    return hostdev(address, managed='no')


def viommu(options):
    """An IOMMU in the XML of libvirt."""
    return f"<iommu model='intel'><driver {options}/></iommu>"


def domain(*devices, name='vm', kind='q35', more='', options=()):
    """
    A domain that is small enough for a VM in a VM, perhaps with options that
    libvirt gives to QEMU as they are.
    """
    words = ''.join(f"<qemu:arg value='{word}'/>" for word in options)
    return (f"<domain type='qemu' xmlns:qemu="
            f"'http://libvirt.org/schemas/domain/qemu/1.0'>"
            f"<name>{name}</name><memory unit='MiB'>64</memory>{more}"
            f"<os><type arch='x86_64' machine='{kind}'>hvm</type></os>"
            f"<devices><emulator>{QEMU}</emulator>"
            f"<controller type='usb' model='none'/>"
            f"<controller type='pci' model='pcie-root'/>"
            f"<controller type='pci' model='pcie-root-port'/>"
            f"<controller type='pci' model='pcie-root-port'/>"
            f"<memballoon model='none'/>{''.join(devices)}</devices>"
            f"<qemu:commandline>{words}</qemu:commandline></domain>")


class IommufdLibvirt(IommufdLabTest):
    """Domains that libvirt starts."""

    RESTORE = 'libvirt-host'
    BOOT_LIMIT = 300
    COMMAND_LIMIT = 180

    def boot(self, name=None):
        """A Debian with libvirt, on one of the machines of the faults."""
        kernel = lab_kernel('libvirt')
        boot = read('boots.toml')['boot'][name] if name else {}
        self.boot_lab(kernel, debian=['--packages'] if PACKAGES else [],
                      **machine(boot))
        for command in boot.get('prepare', []):
            self.succeed_in_lab(command)

    def no_denials(self):
        """AppArmor has denied nothing."""
        self.assertEqual(self.succeed_in_lab(
            "dmesg | grep 'apparmor=.DENIED' || true"), '')

    def write(self, name, xml):
        """Write XML to a file."""
        self.succeed_in_lab(f'echo "{xml}" >/tmp/{name}.xml')

    def define(self, xml, name='vm'):
        """Define a domain."""
        self.write(name, xml)
        self.succeed_in_lab(f'virsh define /tmp/{name}.xml')

    def start(self, xml):
        """Define a domain and start it."""
        self.define(xml)
        self.succeed_in_lab('virsh start vm')

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

    def wait_for_drivers(self, drivers):
        """libvirt gives a device back after QEMU has said that it is gone."""
        for _ in range(20):
            if self.drivers() == drivers:
                break
            time.sleep(0.5)
        self.assertEqual(self.drivers(), drivers)

    def test_capabilities(self):
        """libvirt knows that this QEMU has it."""
        self.boot()
        output = self.succeed_in_lab(f'{QEMU} --version')
        self.assertIn('(qemu-iommufd', output)
        output = self.succeed_in_lab('virsh domcapabilities --virttype qemu '
                                     '--machine q35')
        self.assertRegex(output, r"<enum name='iommufd'>\s*"
                                 '<value>yes</value>')

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
        # with no system in it that lets go of the device, a guest has to start
        self.succeed_in_lab('virsh detach-device vm /tmp/edu2.xml && '
                            'virsh reset vm')
        self.wait_for_drivers(['vfio-pci', ''])
        self.assertEqual(self.assigned(), ['hostdev0'])
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
        if PACKAGES:
            self.assertRegex(output, r'Seccomp:\s2')
            self.assertIn(' -sandbox on', output)
        self.no_denials()

    def test_save(self):
        """A domain goes on with Debian's QEMU, as on another host, and back."""
        if not PACKAGES:
            self.skipTest("Debian's QEMU is there only beside the packages")
        self.boot()
        self.start(domain(kind='pc-q35-10.2'))
        # the path that AppArmor allows has the one program or the other
        for change, package in ((f'mount --bind {QEMU}.distrib {QEMU}',
                                 'Debian 1:'),
                                (f'umount {QEMU}', 'qemu-iommufd 10')):
            self.succeed_in_lab(f'virsh save vm /var/tmp/saved && {change} '
                                '&& virsh restore /var/tmp/saved')
            output = self.succeed_in_lab(
                'virsh domstate vm; '
                'virsh qemu-monitor-command vm --hmp info version')
            self.assertIn('running', output)
            self.assertIn(package, output)
        self.no_denials()

    def assert_fails(self, xml, words, before=''):
        """
        A domain does not start, and virsh says why. What comes before leaves
        the number of a process that then ends.
        """
        self.define(xml)
        try:
            if before:
                self.succeed_in_lab(before)
            output = self.fail_in_lab('virsh start vm')
            if before:
                self.succeed_in_lab('kill $(cat /tmp/held) && sleep 1')
        finally:
            self.succeed_in_lab('virsh undefine vm')
        for word in words:
            self.assertIn(word, output)

    def test_what_virsh_says(self):
        """Of domains that cannot start virsh has the cause."""
        self.boot('full')
        group, pair = (self.succeed_in_lab(
            f'basename "$(readlink {PCI}/{device}/iommu_group)"').strip()
                       for device in (EDU, PAIR[0]))
        # by something that libvirt has not started
        held = (f'{QEMU} -daemonize -pidfile /tmp/held -accel tcg -S '
                '-nodefaults -display none -object iommufd,id=iommufd0 '
                '-device vfio-pci,iommufd=iommufd0,host=')
        failed = []
        for what, *how in (
                ('RAM in a file on a disk', domain(bound(EDU), more=FILE), (
                    "'pc.ram' is a shared mapping of "
                    '/var/lib/libvirt/qemu/ram/', 'neither on tmpfs nor on '
                    'hugetlbfs', 'Use memory-backend-memfd')),
                ('a device in use', domain(bound(EDU)), (
                    f'{EDU} cannot be opened: it is probably in use',
                    'Invalid argument', 'qemu-iommufd check'), held + EDU),
                ('memory of the firmware', domain(bound(FIRMWARE)), (
                    'firmware uses memory', 'Invalid argument',
                    'qemu-iommufd check')),
                ('a group that is opened', domain(bound(EDU)), (
                    f'group {group}', f'legacy interface (/dev/vfio/{group})',
                    'Device or resource busy'),
                 f'sleep 1000 8<>/dev/vfio/{group} & echo $! >/tmp/held'),
                ('a group, half of it in use', domain(bound(PAIR[1])), (
                    f'another device of IOMMU group {pair} has a host driver '
                    'or another owner', 'Operation not permitted',
                    'qemu-iommufd check'), held + PAIR[0]),
                ('a host driver in the group', domain(bound(SHARED)), (
                    'has a host driver', 'Operation not permitted',
                    'qemu-iommufd check')),
                ('a vIOMMU that misses mappings', domain(
                    bound(EDU), viommu("aw_bits='39'")), (
                        'caching', 'mode')),
                ('a vIOMMU of more bits', domain(
                    bound(EDU), viommu("caching_mode='on' aw_bits='48'")), (
                        'aw-bits', '48', '39')),
                ('memory beyond the bits', domain(
                    bound(EDU), DIMM, more=LARGE), (
                        '0x9000000000', '39 bits', 'Invalid argument')),
                ('nodes that libvirt does not give', domain(options=(
                    '-object', 'iommufd,id=mine')), (
                        '/dev/iommu does not exist here, but the kernel '
                        'provides it', 'namespace'))):
            try:
                self.assert_fails(*how)
            except AssertionError as error:
                failed.append(f'{what}: {error}')
        self.assertEqual(failed, [], '\n'.join(failed))


if __name__ == '__main__':
    IommufdLabTest.main()
