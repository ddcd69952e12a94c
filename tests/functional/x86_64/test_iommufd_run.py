#!/usr/bin/env python3
#
# A QEMU that qemu-iommufd run starts with descriptors
#
# SPDX-License-Identifier: GPL-2.0-or-later

import itertools
import json
import re

from qemu_test.iommufd_lab import (IGB, PF, TOKEN, VFS, WRONG_TOKEN,
                                   IommufdLabTest)

EDU = '0000:00:04.0'
EDU2 = '0000:00:05.0'
# The lab's kernel has a driver for it
SERIAL = '0000:00:06.0'
PCI = '/sys/bus/pci/devices'
# What a QEMU of 64 MiB pins: RAM and firmware
MAPPED = 67371008
PAGE = 4096

# The exit status of run where QEMU was not started
FAILED = 125

IDENTICAL = f'DMA through {EDU}: 4096 bytes out and back, identical'
IDENTICAL2 = f'DMA through {EDU2}: 4096 bytes out and back, identical'

# A program in place of QEMU that says what it was given
SHOW = '''#!/bin/sh
for fd in /proc/$$/fd/*; do
    # the shell reads this script through one of its own
    [ "${fd##*/}" -ge 10 ] || echo "${fd##*/} $(readlink "$fd")"
done
echo "limit $(ulimit -l)"
for word; do echo "word $word"; done
exit 42
'''

# In this namespace QEMU finds neither /dev/iommu nor /dev/vfio
HIDDEN = '''#!/bin/sh
exec unshare -U -r -m sh -c '
    mkdir /tmp/dev
    mount -t tmpfs tmpfs /tmp/dev
    touch /tmp/dev/null /tmp/dev/urandom
    mount --bind /dev/null /tmp/dev/null
    mount --bind /dev/urandom /tmp/dev/urandom
    mount --rbind /tmp/dev /dev
    ! ls -d /dev/iommu /dev/vfio 2>/dev/null || exit 1
    exec qemu-system-x86_64 "$@"' sh "$@"
'''


class IommufdRunTest(IommufdLabTest):
    """The lab is the host of qemu-iommufd."""

    def dma(self, options, devices):
        """The command that starts QEMUs and lets the devices do DMA."""
        words = ' '.join(f'--option={option}' for option in options.split())
        return f'run-dma {words} {devices}'

    def drivers(self, *devices):
        """The drivers of devices, and what they are meant for."""
        return self.succeed_in_lab('; '.join(
            f'basename "$(readlink {PCI}/{device}/driver)"; '
            f'cat {PCI}/{device}/driver_override'
            for device in devices)).split()


class IommufdRun(IommufdRunTest):
    """What QEMU gets, and what is taken for it."""

    def boot(self):
        """The lab, with the programs that take the place of QEMU."""
        self.boot_lab(files={'show': SHOW, 'hidden': HIDDEN})

    def test_ordinary_user(self):
        self.boot()
        self.succeed_in_lab(f'bind {EDU} {EDU2}')
        output = self.succeed_in_lab(self.dma(
            f'--user=qemu --memlock={MAPPED}', EDU))
        self.assertIn('uid 1000, groups 1000 , capabilities 0000000000000000 '
                      '0000000000000000, no_new_privs 1\n', output)
        self.assertIn('nodes 3=/dev/iommu 4=/dev/vfio/devices/vfio0\n', output)
        self.assertIn(f'accounting process, pinned {MAPPED}\n', output)
        self.assertIn(IDENTICAL, output)

    def test_hidden_nodes(self):
        self.boot()
        self.succeed_in_lab(f'bind {EDU}')
        output = self.succeed_in_lab(self.dma(
            f'--user=qemu --memlock={MAPPED}', f'--qemu /hidden {EDU}'))
        self.assertIn('nodes 3=/dev/iommu 4=/dev/vfio/devices/vfio0\n', output)
        self.assertIn(IDENTICAL, output)

    def test_memlock_too_small(self):
        self.boot()
        self.succeed_in_lab(f'bind {EDU}')
        output = self.fail_in_lab(self.dma(
            f'--user=qemu --memlock={MAPPED - PAGE}', EDU))
        self.assertRegex(output, r'the limit of locked memory '
                         rf'\(RLIMIT_MEMLOCK\) is {MAPPED - PAGE} bytes, guest '
                         rf'memory needs {MAPPED}(, of which \d+ are pinned)? '
                         r'\(accounting mode process\): Cannot allocate '
                         'memory\n')
        self.assertIn('ended with status 1', output)

    def test_two_vms_by_process(self):
        self.boot()
        self.succeed_in_lab(f'bind {EDU} {EDU2}')
        output = self.succeed_in_lab(self.dma(
            f'--user=qemu --memlock={MAPPED}', f'{EDU} {EDU2}'))
        self.assertIn(IDENTICAL, output)
        self.assertIn(IDENTICAL2, output)

    def test_two_vms_by_user(self):
        self.boot()
        self.succeed_in_lab(f'bind {EDU} {EDU2}')
        user = '--user=qemu --accounting=user'
        output = self.succeed_in_lab(self.dma(
            f'{user} --memlock={2 * MAPPED}', f'{EDU} {EDU2}'))
        self.assertIn(f'accounting user, pinned {MAPPED}\n', output)
        self.assertIn(IDENTICAL, output)
        self.assertIn(IDENTICAL2, output)
        output = self.fail_in_lab(self.dma(
            f'{user} --memlock={2 * MAPPED - PAGE}', f'{EDU} {EDU2}'))
        self.assertIn(f'guest memory needs {MAPPED}, and other processes of '
                      f'user 1000 have pinned {MAPPED}, which probably count '
                      'as well (accounting mode user): Cannot allocate memory',
                      output)

    def test_what_qemu_gets(self):
        self.boot()
        self.succeed_in_lab(f'bind {EDU} {EDU2}')
        words = f'--device {EDU2},id=a --device {EDU}'
        # one descriptor too many, and one of the standard ones is missing
        status, output = self.run_in_lab(
            f'qemu-iommufd run --memlock 8M {words} -- /show -S '
            '9</etc/passwd 0<&-')
        self.assertEqual(status, 42)
        lines = output.splitlines()
        self.assertIn('0 /dev/null', lines)
        self.assertIn('3 /dev/iommu', lines)
        self.assertIn('4 /dev/vfio/devices/vfio1', lines)
        self.assertIn('5 /dev/vfio/devices/vfio0', lines)
        self.assertNotIn('/etc/passwd', output)
        self.assertIn('limit 8192', lines)
        given = [line.removeprefix('word ') for line in lines
                 if line.startswith('word ')]
        self.assertEqual(given, [
            '-S', '-object', 'iommufd,id=iommufd0,fd=3', '-device',
            f'vfio-pci,host={EDU2},iommufd=iommufd0,fd=4,id=a', '-device',
            f'vfio-pci,host={EDU},id=hostdev1,iommufd=iommufd0,fd=5'])
        dry = self.succeed_in_lab(
            f'qemu-iommufd run --dry-run {words} -- /show -S')
        self.assertEqual(dry.replace(' \\\n    ', ' ').rstrip('\n'),
                         '/show ' + ' '.join(given))

    def test_mediated_device(self):
        self.boot()
        # makes it
        self.succeed_in_lab('mtty')
        uuid = self.succeed_in_lab('ls /sys/bus/mdev/devices').strip()
        commands = ' '.join(f'{{"execute": "{name}"}}' for name in (
            'qmp_capabilities', 'query-iommufd', 'quit'))
        output = self.succeed_in_lab(
            f"echo '{commands}' | qemu-iommufd run --user=qemu --memlock=64K "
            f'--device {uuid} -- qemu-system-x86_64 -machine q35 '
            '-accel qtest -nodefaults -display none -L /usr/share/qemu '
            # QEMU quits without what a slow console has not taken yet
            '-qmp stdio >/tmp/replies && cat /tmp/replies')
        answer, = [json.loads(line)['return'] for line in output.splitlines()
                   if '"available"' in line]
        self.assertTrue(answer['available'])
        obj, = answer['objects']
        self.assertEqual(obj['descriptor'], 'passed')
        device, = obj['devices']
        self.assertEqual(device['host-device'], uuid)
        self.assertEqual(device['driver'], 'vfio-pci')
        # no IOMMU, so no page tables of hardware
        self.assertNotIn('hwpt', device)

    def test_without_right_to_account(self):
        """Without CAP_SYS_RESOURCE the mode stays, and QEMU starts."""
        self.boot()
        self.succeed_in_lab('chmod 666 /dev/iommu')
        status, output = self.run_in_lab(
            "su -s /bin/sh qemu -c 'qemu-iommufd run -- /show'")
        self.assertEqual(status, 42)
        self.assertIn('qemu-iommufd: warning: locked memory stays accounted '
                      'to the user, to change that needs CAP_SYS_RESOURCE: '
                      'Operation not permitted\n', output)
        output = self.fail_in_lab(
            "su -s /bin/sh qemu -c 'qemu-iommufd run --memlock 1T -- /show'",
            expected=FAILED)
        self.assertIn('the limit of locked memory cannot be 1099511627776 '
                      'bytes, the hard limit is', output)
        self.assertNotIn('word', output)

    def test_not_ready(self):
        """What check says is said before QEMU starts."""
        self.boot()
        self.succeed_in_lab(f'bind {EDU}')
        finding = ('device is not bound to a VFIO driver, nor to any other: '
                   f'{PCI}/{EDU2}/vfio-dev')
        output = self.fail_in_lab(f'qemu-iommufd run --device {EDU} '
                                  f'--device {EDU2} -- /show',
                                  expected=FAILED)
        self.assertIn(f'qemu-iommufd: {EDU2}: {finding}', output)
        self.assertNotIn('word', output)
        self.assertIn(finding.rsplit(':', 1)[0].replace('\n', ' '), ' '.join(
            self.fail_in_lab(f'qemu-iommufd check {EDU2}').split()))

    def test_bind(self):
        self.boot()
        former = self.drivers(SERIAL)
        self.assertEqual(former, ['serial', '(null)'])
        for device, end, how in ((EDU, 'quit', 'status 0'),
                                 (EDU2, '9', 'signal 9'),
                                 (EDU, '+15', 'status 0')):
            # the one that has a driver is bound, and given back, with it
            output = self.succeed_in_lab(self.dma(
                f'--user=qemu --memlock=1G --bind --device={SERIAL}',
                f'--end {end} {device}'))
            self.assertIn('5=/dev/vfio/devices/', output)
            self.assertIn(f'{device}: run ended with {how}\n', output)
            self.assertEqual(self.drivers(SERIAL), former)
            self.assertEqual(self.drivers(device), ['(null)'])

    def test_bind_and_fail(self):
        """What was bound for a QEMU that cannot start is given back."""
        self.boot()
        self.succeed_in_lab('mv /dev/iommu /dev/away')
        output = self.fail_in_lab(
            f'qemu-iommufd run --bind --device {SERIAL} -- /show',
            expected=FAILED)
        self.assertIn('/dev/iommu does not exist', output)
        self.assertEqual(self.drivers(SERIAL), ['serial', '(null)'])
        self.succeed_in_lab('mv /dev/away /dev/iommu')
        output = self.fail_in_lab(f'qemu-iommufd run --bind --user nobody '
                                  f'--device {SERIAL} -- /show',
                                  expected=FAILED)
        self.assertIn("there is no user 'nobody'", output)
        self.assertEqual(self.drivers(SERIAL), ['serial', '(null)'])

    def test_vf_token(self):
        """Where the physical function has one, QEMU gets what it is given."""
        vf, _ = VFS
        self.boot_lab('newest', append='vfio_pci.enable_sriov=1', options=IGB)
        # the physical function is in use while it has a token
        qemu = ('-- qemu-system-x86_64 -machine q35 -accel qtest -nodefaults '
                '-display none -L /usr/share/qemu')
        self.succeed_in_lab(
            f'bind {PF}; qemu-iommufd run --device {PF},vf-token={TOKEN} '
            f'{qemu} -daemonize; echo 1 >{PCI}/{PF}/sriov_numvfs; bind {vf}')
        output = self.succeed_in_lab(f'qemu-iommufd check {vf}')
        self.assertIn('warn vf-token-required', output)
        self.assertIn('Give the token of the physical function: vf-token=UUID',
                      ' '.join(output.split()))
        if self.too_old_for_token():
            return
        words = f'echo quit | qemu-iommufd run --device {vf}'
        qemu += ' -monitor stdio'
        self.succeed_in_lab(f'{words},vf-token={TOKEN} {qemu}')
        for option, cause in (
                ('', 'no VF token was given'),
                (f',vf-token={WRONG_TOKEN}', 'probably with another token')):
            output = self.fail_in_lab(f'{words}{option} {qemu}')
            self.assertIn('virtual function whose physical function '
                          f'{PF} is used through VFIO', output)
            self.assertIn(cause, output)

    def test_bind_daemon(self):
        """A QEMU in the background keeps the device until it ends."""
        self.boot()
        output = self.succeed_in_lab(
            f'qemu-iommufd run --bind --device {SERIAL} -- '
            'qemu-system-x86_64 -accel qtest -qtest null -display none '
            '-nodefaults -daemonize -pidfile /tmp/pid & '
            # until the QEMU that was started has left its child to run
            'while ! [ -s /tmp/pid ]; do sleep 0.1; done; '
            'while [ $(ps | grep -c "[q]emu-system-x86_64 -acc") != 3 ]; '
            'do sleep 0.1; done; '
            'sleep 1; '
            f'echo is for $(cat {PCI}/{SERIAL}/driver_override);'
            ' kill -9 $(cat /tmp/pid); wait')
        self.assertIn('is for vfio-pci\n', output)
        self.assertEqual(self.drivers(SERIAL), ['serial', '(null)'])

    def test_bind_what_the_host_uses(self):
        device = '0000:00:07.0'
        self.boot_lab(options=['-device', 'VGA,addr=7.0'])
        output = self.fail_in_lab(
            f'qemu-iommufd run --bind --device {device} -- true',
            expected=FAILED)
        self.assertEqual(output, f'qemu-iommufd: {device} is the display that '
                         'the host booted with; --force takes it away from '
                         'the host\n')
        self.assertEqual(self.drivers(device), ['(null)'])
        self.succeed_in_lab(
            f'qemu-iommufd run --bind --force --device {device} -- sh -c '
            f"'readlink {PCI}/{device}/driver | "
            "grep vfio-pci'")
        self.assertEqual(self.drivers(device), ['(null)'])


NVME = '0000:00:07.0'
NIC = '0000:00:08.0'
# A disk whose namespace has two paths: what is mounted is not below it
SHARED = '0000:00:09.0'
# Two functions of one card, in one IOMMU group
PAIR = '0000:00:0a.0', '0000:00:0a.1'


class IommufdRunBind(IommufdRunTest):
    """Devices that the lab has drivers for, and uses as a host does."""

    def boot(self):
        """
        The lab with a disk, one with multipath, and two network cards, one of
        them with virtual functions.
        """
        # any file will do, what is written does not reach it
        disk = f'if=none,format=raw,snapshot=on,file={self.qemu_bin}'
        self.boot_lab('drivers', files={'show': SHOW}, options=(
            '-drive', f'id=disk,{disk}',
            '-device', 'nvme,serial=one,drive=disk,addr=7.0',
            '-device', 'e1000e,addr=8.0',
            '-device', 'nvme,serial=three,addr=a.0,multifunction=on',
            '-device', 'nvme,serial=four,addr=a.1',
            '-drive', f'id=shared,{disk}',
            '-device', 'nvme-subsys,id=paths,nqn=lab',
            '-device', 'nvme,id=path,serial=two,subsys=paths,addr=9.0',
            '-device', 'nvme-ns,drive=shared,bus=path', *IGB))

    def disk(self, device):
        """The disk of a device, whatever its number is."""
        paths = self.succeed_in_lab(
            f'ls -d {PCI}/{device}/nvme/*/nvme*')
        # the disk of one with several paths is not below it, but called alike
        return re.search(r'(nvme\d+)(c\d+)?(n1)$', paths).expand(r'\1\3')

    def refuse(self, device, reason, prepare, undo):
        """A device that is in use is not taken, and was never unbound."""
        driver = self.drivers(device)
        output = self.fail_in_lab(
            f'{prepare}; qemu-iommufd run --bind --device {device} -- /show; '
            f'status=$?; {undo}; exit $status', expected=FAILED)
        self.assertRegex(output, f'qemu-iommufd: {device} {reason}; '
                         '--force takes it away from the host')
        self.assertNotIn('word', output)
        self.assertEqual(self.drivers(device), driver)

    def test_disk_in_use(self):
        self.boot()
        for device in NVME, SHARED:
            disk = self.disk(device)
            self.succeed_in_lab(f'mke2fs /dev/{disk}')
            self.refuse(device, rf"holds the host's file system /mnt "
                        rf'\({disk}\)', f'mkdir -p /mnt; mount -t ext2 '
                        f'/dev/{disk} /mnt', 'umount /mnt; rmdir /mnt')
            # where this process does not see it
            self.refuse(device, rf'.*{disk}.*', 'mkdir -p /tmp/mnt; unshare '
                        f'-m sh -c "mount -t ext2 /dev/{disk} /tmp/mnt; '
                        'echo >/tmp/mounted; exec sleep 1000" & other=$!; '
                        'until [ -e /tmp/mounted ]; do sleep 0.1; done; '
                        '! grep /tmp/mnt /proc/self/mounts',
                        'kill $other; wait; rm /tmp/mounted')
            # which the kernel would also give to somebody else
            self.refuse(device, rf'.*{disk}, which process \d+ \(sleep\).*',
                        f'sleep 1000 </dev/{disk} & other=$!; sleep 1',
                        'kill $other; wait')
            self.refuse(device, rf'.*{disk}.*',
                        f'mkswap /dev/{disk}; swapon /dev/{disk}',
                        f'swapoff /dev/{disk}')

    def test_idle_disk(self):
        """It works, and comes back with its data."""
        self.boot()
        for device in NVME, SHARED:
            disk = self.disk(device)
            self.succeed_in_lab(f'mke2fs /dev/{disk}')
            before = self.succeed_in_lab(f'md5sum </dev/{disk}')
            output = self.succeed_in_lab(
                f'qemu-iommufd run --bind --device {device} -- sh -c '
                f"'readlink {PCI}/{device}/driver'")
            self.assertIn('/vfio-pci\n', output)
            self.assertEqual(self.drivers(device), ['nvme', '(null)'])
            disk = self.disk(device)
            self.succeed_in_lab(
                f'until [ -b /dev/{disk} ]; do sleep 0.1; done')
            self.assertEqual(self.succeed_in_lab(f'md5sum </dev/{disk}'),
                             before)

    def test_network_in_use(self):
        self.boot()
        self.refuse(NIC, "is the host's network interface eth0.*",
                    'ip link set eth0 up', 'ip link set eth0 down')
        self.refuse(NIC, "is the host's network interface eth0.*",
                    'brctl addbr br0; brctl addif br0 eth0', 'brctl delbr br0')
        self.refuse(NIC, '.*', 'unshare -n sleep 1000 & other=$!; sleep 1; '
                    'ip link set eth0 netns $other; '
                    '! ls -d /sys/class/net/eth0', 'kill $other; wait; '
                    'until [ -e /sys/class/net/eth0 ]; do sleep 0.1; done')

    def test_node_in_use(self):
        self.boot()
        node = self.succeed_in_lab(
            f'ls {PCI}/{SERIAL}/*:0/*:0.0/tty').strip()
        self.refuse(SERIAL, r'.*process \d+ \(sleep\).*',
                    f'sleep 1000 </dev/{node} & other=$!; sleep 1',
                    'kill $other; wait')

    def test_group(self):
        """A group is taken as a whole, or not at all."""
        self.boot()
        first, second = PAIR
        # a driver that lets go and comes back makes another one
        nodes = f'ls -i {PCI}/{first}/nvme {PCI}/{second}/nvme'
        before = self.succeed_in_lab(nodes)
        output = self.fail_in_lab(
            f'qemu-iommufd run --bind --device {first} -- /show',
            expected=FAILED)
        self.assertIn(f'{second} (nvme', output)
        self.assertEqual(self.succeed_in_lab(nodes), before)
        status, output = self.run_in_lab(
            f'qemu-iommufd run --bind --device {first} --device {second} -- '
            '/show')
        self.assertEqual(status, 42, output)
        self.assertEqual(self.drivers(*PAIR), ['nvme', '(null)'] * 2)
        self.assertNotEqual(self.succeed_in_lab(nodes), before)

    def enable_vfs(self, probe):
        """Two, which are given to a driver or not."""
        self.succeed_in_lab(f'cd {PCI}/{PF}; echo 0 >sriov_numvfs; '
                            f'echo {probe} >sriov_drivers_autoprobe; '
                            'echo 2 >sriov_numvfs')

    def test_virtual_functions(self):
        """The network interface of their card stays up all the time."""
        self.boot()
        self.succeed_in_lab(f'ip link set $(ls {PCI}/{PF}/net) up')
        # which is numbered anew when its driver lets go and comes back
        seen = f'cd {PCI}/{PF}/net/*; cat ifindex carrier_changes'
        words = ' '.join(f'--device={vf}' for vf in VFS)
        for probe, former in (0, ['(null)']), (1, ['igbvf', '(null)']):
            self.enable_vfs(probe)
            self.assertEqual(self.drivers(*VFS), former * 2)
            before = self.succeed_in_lab(
                f'cd {PCI}/{PF}/net/*; until grep -qx 1 carrier; '
                f'do sleep 0.1; done; {seen}')
            output = self.succeed_in_lab(self.dma(f'--bind {words}', EDU))
            self.assertRegex(output, r'\bnodes 3=/dev/iommu( [456]='
                             r'/dev/vfio/devices/vfio\d+){3}\n')
            self.assertIn(IDENTICAL, output)
            self.assertEqual(self.drivers(*VFS), former * 2)
            self.assertEqual(self.succeed_in_lab(seen), before)
        # so the test would see it
        self.succeed_in_lab(f'echo 0 >{PCI}/{PF}/sriov_numvfs; '
                            f'ip link set $(ls {PCI}/{PF}/net) down; '
                            f'qemu-iommufd run --bind --device {PF} -- true')
        self.assertNotEqual(self.succeed_in_lab(seen), before)

    def test_virtual_function_gone(self):
        """There is nothing to give back when its card has taken it away."""
        self.boot()
        # what is found in the middle of that depends on the moment
        for _ in range(3):
            self.enable_vfs(probe=1)
            output = self.succeed_in_lab(
                f'rm -f /tmp/up; qemu-iommufd run --bind --device {VFS[0]} -- '
                'sh -c "echo >/tmp/up; sleep 1" & until [ -e /tmp/up ]; do '
                # waits until the device is closed
                f'sleep 0.1; done; echo 0 >{PCI}/{PF}/sriov_numvfs; wait $!')
            self.assertEqual(output, '')
            self.assertEqual(self.succeed_in_lab('ls /run/qemu-iommufd'), '')

    def test_not_even_by_force(self):
        """What no VFIO driver takes is not unbound for one."""
        self.boot()
        self.enable_vfs(probe=1)
        port = self.succeed_in_lab(
            f'basename $(dirname $(readlink -f {PCI}/{PF}))').strip()
        seen = f'cat {PCI}/{PF}/net/*/ifindex {PCI}/{PF}/sriov_numvfs'
        before = self.succeed_in_lab(seen), self.drivers(PF, port, *VFS)
        for device, use, refusal in (
                (PF, 'is in use by its 2 virtual functions',
                 'vfio-pci does not take the device, 2 virtual functions are '
                 'enabled on it'),
                (port, 'is a bridge of the host',
                 'vfio-pci does not take the device, it is a PCI bridge')):
            for force in '', '--force':
                output = self.fail_in_lab(
                    f'qemu-iommufd run --bind {force} --device {device} -- '
                    '/show', expected=FAILED)
                self.assertIn(f'qemu-iommufd: {device}: {refusal}', output)
                self.assertEqual(f'qemu-iommufd: {device} {use}\n' in output,
                                 not force)
                self.assertNotIn('--force takes', output)
                self.assertEqual((self.succeed_in_lab(seen),
                                  self.drivers(PF, port, *VFS)), before)

    def test_nothing_before_all_was_tried(self):
        """A driver that lets go and comes back numbers its interface anew."""
        self.boot()
        number = 'cat /sys/class/net/eth0/ifindex'
        before = self.succeed_in_lab(number)
        words = f'qemu-iommufd run --bind --device {NIC}'
        for options, message, status in (
                ('--user nobody -- true', "there is no user 'nobody'", 125),
                ('--user 4294967296 -- true', 'not the number of a user', 125),
                (f'--device {EDU},fd=4 -- true', "'fd=4'", 125),
                ('--device 0000:00:1e.0 -- true', 'host has no PCI device',
                 125),
                ('--bind=nosuch -- true', 'nosuch', 125),
                ('--bind= -- true', 'not the name of a driver', 125),
                ('--bind=e1000e -- true', 'not a VFIO driver', 125),
                ('-- /tmp/script', 'No such file or directory', 127),
                ('-- /nonexistent', 'No such file or directory', 127),
                ('-- /etc/passwd', 'Permission denied', 126),
                ('--user qemu -- /tmp/private', 'Permission denied', 126)):
            output = self.fail_in_lab(
                'cp /bin/busybox /tmp/private; chmod 700 /tmp/private; '
                'echo "#!/nonexistent" >/tmp/script; chmod 755 /tmp/script; '
                f'{words} {options}', expected=status)
            self.assertIn(message, output)
        self.fail_in_lab(
            f'mv /dev/iommu /dev/away; {words} -- true; status=$?; '
            'mv /dev/away /dev/iommu; exit $status', expected=FAILED)
        self.assertEqual(self.succeed_in_lab(number), before)
        # so the test would see it
        self.succeed_in_lab(f'{words} -- true')
        self.assertNotEqual(self.succeed_in_lab(number), before)

    def test_killed_at_each_step(self):
        """What is left can be given back, by restore and by the next run."""
        self.boot()
        former = self.drivers(NIC)
        self.assertEqual(former, ['e1000e', '(null)'])
        words = f'qemu-iommufd run --bind --device {NIC} -- true'
        left = []
        # each call that changes something, until there is no next one
        for call in 'ftruncate', 'pwrite64', 'write', 'unlink':
            for step in itertools.count(1):
                status, output = self.run_in_lab(
                    f'strace -f -o /dev/null -e trace={call} '
                    f'-e inject={call}:signal=SIGKILL:when={step} {words}')
                if status == 0:
                    break
                self.assertEqual(status, 137, output)
                left.append(' '.join(self.drivers(NIC)))
                self.succeed_in_lab(words if len(left) % 2 else
                                    'qemu-iommufd restore')
                self.assertEqual(self.drivers(NIC), former, (call, step))
                self.assertEqual(
                    self.succeed_in_lab('ls /run/qemu-iommufd'), '')
        # written down, bound in three steps, and all of it back again
        self.assertEqual(left, [
            'e1000e (null)', 'e1000e (null)', 'e1000e (null)',
            'e1000e vfio-pci', 'vfio-pci', 'vfio-pci vfio-pci',
            'vfio-pci (null)', '(null)', 'e1000e (null)'])

    def test_meant_for_another_driver(self):
        """What the device is meant for does not keep its driver away."""
        self.boot()
        override = f'{PCI}/{NIC}/driver_override'
        self.succeed_in_lab(f'echo vfio-pci >{override}; '
                            f'qemu-iommufd run --bind --device {NIC} -- true')
        self.assertEqual(self.drivers(NIC), ['e1000e', 'vfio-pci'])
        self.succeed_in_lab(f'echo >{override}')

    def test_nobody_reads_the_messages(self):
        self.boot()
        # the node of the device cannot be seen when it is there
        self.succeed_in_lab(
            f'bind {EDU}; mount -t tmpfs tmpfs /dev/vfio/devices; '
            f'{{ qemu-iommufd run --bind --device {NIC} -- true; '
            'echo $? >/tmp/status; } 2>&1 | true; '
            'until [ -e /tmp/status ]; do sleep 0.1; done; '
            'umount /dev/vfio/devices; grep -x 125 /tmp/status')
        self.assertEqual(self.drivers(NIC), ['e1000e', '(null)'])

    def test_second_cannot_be_opened(self):
        """The first one is not waited for, and given back as well."""
        self.boot()
        output = self.fail_in_lab(
            # the node of the first one is there, as it will be numbered
            f'bind {SERIAL} {EDU}; set -- $(stat -c "0x%t 0x%T" '
            '/dev/vfio/devices/vfio1); '
            f'echo {EDU} >/sys/bus/pci/drivers/vfio-pci/unbind; '
            'mount -t tmpfs tmpfs /dev/vfio/devices; '
            'mknod /dev/vfio/devices/vfio1 c $(($1)) $(($2)); '
            f'qemu-iommufd run --bind --device {NIC} --device {EDU2} -- true; '
            'status=$?; umount /dev/vfio/devices; exit $status',
            expected=FAILED)
        self.assertIn(f'{EDU2}: ', output)
        self.assertIn('/dev/vfio/devices/vfio2', output)
        self.assertEqual(self.drivers(NIC), ['e1000e', '(null)'])

    def test_one_at_a_time(self):
        self.boot()
        output = self.succeed_in_lab(
            f'qemu-iommufd run --bind --device {NIC} -- sh -c "echo >/tmp/up;'
            ' sleep 1000" & until [ -e /tmp/up ]; do sleep 0.1; done; '
            f'qemu-iommufd run --bind --device {NIC} -- true; echo run $?; '
            f'qemu-iommufd restore {NIC}; echo restore $?; kill $!; wait')
        self.assertEqual(output.count(f'{NIC} is with another qemu-iommufd '
                                      'run'), 2, output)
        self.assertIn(f'run {FAILED}\n', output)
        self.assertIn('restore 1\n', output)
        self.assertEqual(self.drivers(NIC), ['e1000e', '(null)'])

    def test_restore_while_held(self):
        """A QEMU that outlives run keeps its device, and nothing waits."""
        self.boot()
        output = self.succeed_in_lab(
            f'qemu-iommufd run --bind --device {NIC} -- sh -c "exec sleep '
            '1000 4<&4" & until pidof sleep; do sleep 0.1; done; '
            'killall -9 qemu-iommufd; sleep 0.5; '
            'qemu-iommufd restore; echo restore $?; '
            'killall sleep; sleep 0.5; qemu-iommufd restore')
        self.assertRegex(output, rf'{NIC} is still in use by process \d+ '
                         r'\(sleep\)\n')
        self.assertIn('restore 1\n', output)
        self.assertIn(f'{NIC}: given back to e1000e\n', output)
        self.assertEqual(self.drivers(NIC), ['e1000e', '(null)'])

    def test_killed_from_outside(self):
        """The device is given back although the program that was called is
        gone."""
        self.boot()
        self.succeed_in_lab(
            f'qemu-iommufd run --bind --device {NIC} -- sh -c "echo >/tmp/up; '
            'sleep 2" & until [ -e /tmp/up ]; do sleep 0.1; done; '
            'kill -9 $!; until [ -z "$(ls /run/qemu-iommufd)" ]; '
            'do sleep 0.1; done')
        self.assertEqual(self.drivers(NIC), ['e1000e', '(null)'])

    def test_no_waiting(self):
        """What the caller does with its children is its own."""
        self.boot()
        words = f'exec qemu-iommufd run --bind --device {NIC} -- /show'
        for before in ("trap '' CHLD", 'sleep 1000 &'):
            status, output = self.run_in_lab(
                f'timeout 30 sh -c "{before} {words}"' if before[-1] == '&'
                else f'timeout 30 sh -c "{before}; {words}"')
            self.assertEqual(status, 42, output)
            self.assertEqual(self.drivers(NIC), ['e1000e', '(null)'])

    def test_signals_reach_a_daemon(self):
        self.boot()
        self.succeed_in_lab(
            f'qemu-iommufd run --bind --device {NIC} -- qemu-system-x86_64 '
            '-accel qtest -qtest null -display none -nodefaults -daemonize '
            '-pidfile /tmp/pid -L /usr/share/qemu & '
            'until [ -s /tmp/pid ]; do sleep 0.1; done; sleep 2; '
            'kill -TERM $!; kill -TERM $!; timeout 30 sh -c '
            '"while [ -d /proc/$(cat /tmp/pid) ]; do sleep 0.1; done"; wait')
        self.assertEqual(self.drivers(NIC), ['e1000e', '(null)'])

    def test_signals_reach_what_is_left(self):
        """A signal that comes before QEMU is in the background is for it."""
        self.boot()
        self.succeed_in_lab(
            "echo 'trap \"echo >/tmp/got; exit\" TERM; echo >/tmp/up; "
            "while :; do sleep 0.1; done' >/tmp/left; "
            "echo 'sh /tmp/left & trap exit TERM; "
            "while :; do sleep 0.1; done' >/tmp/leaves")
        self.succeed_in_lab(
            f'qemu-iommufd run --bind --device {NIC} -- sh /tmp/leaves & '
            'until [ -e /tmp/up ]; do sleep 0.1; done; sleep 0.5; '
            'kill -TERM $!; wait; cat /tmp/got', 30)
        self.assertEqual(self.drivers(NIC), ['e1000e', '(null)'])

    def test_other_user(self):
        """QEMU has nothing of root's, and its own limits."""
        self.boot()
        show = ('tty; id -u; id -g; id -G; echo "home $HOME user $USER"; pwd; '
                'ulimit -l; ulimit -Hl; cut -d" " -f5,6,7 /proc/self/stat')
        output = self.succeed_in_lab(
            f"chmod 700 /root; cd /root; qemu-iommufd run --user 4711:4712 "
            f"--memlock 1M -- sh -c '{show}'")
        lines = output.splitlines()
        self.assertEqual(lines[1:8], ['4711', '4712', '4712', 'home / user ',
                                      '/', '1024', '1024'], output)
        # it leads a session that has no terminal
        self.assertRegex(lines[8], r'^\d+ \d+ 0$')

    def test_stale_node(self):
        """What is opened is the device that was looked at."""
        self.boot()
        self.succeed_in_lab(f'bind {EDU}')
        output = self.fail_in_lab(
            'mv /dev/vfio/devices/vfio0 /tmp/vfio0; '
            'cp -a /dev/null /dev/vfio/devices/vfio0; '
            f'qemu-iommufd run --device {EDU} -- /show; status=$?; '
            'mv /tmp/vfio0 /dev/vfio/devices/vfio0; exit $status',
            expected=FAILED)
        self.assertIn('/dev/vfio/devices/vfio0', output)
        self.assertNotIn('word', output)


class IommufdAccounting(IommufdLabTest):
    """The property accounting of iommufd objects."""

    def check_mode(self, options, mode):
        """The device works in QEMU, which says that it has the mode."""
        output = self.succeed_in_lab(f'accounting {options} {EDU}')
        self.assertIn(f'qom-get {mode}, query-iommufd {mode}\n', output)

    def test_modes(self):
        self.boot_lab()
        self.succeed_in_lab(f'bind {EDU}')
        self.check_mode('', 'user')
        self.check_mode('--mode user', 'user')
        self.check_mode('--mode process', 'process')
        self.check_mode('--fd --mode process', 'process')
        # what the descriptor has already is read back too
        self.check_mode('--fd --fd-mode process', 'process')

    def test_refused(self):
        self.boot_lab()
        self.succeed_in_lab(f'bind {EDU}')
        output = self.fail_in_lab(f'accounting --confined --fd --mode process '
                                  f'{EDU}')
        self.assertRegex(output, r'setting the memory accounting mode of fd '
                         r'\d+ to process needs CAP_SYS_RESOURCE: Operation '
                         r'not permitted\n')
        self.succeed_in_lab(f'accounting --confined --fd --fd-mode process '
                            f'--mode process {EDU}')
        output = self.fail_in_lab(f'accounting --fd --used --mode process '
                                  f'{EDU}')
        self.assertRegex(output, r'the memory accounting mode of fd \d+ cannot '
                         r'be changed to process, an IOAS or a device has '
                         r'already been added: Device or resource busy\n')
        self.succeed_in_lab('chmod 666 /dev/iommu')
        output = self.fail_in_lab(
            "su -s /bin/sh qemu -c 'qemu-system-x86_64 -M none -accel qtest "
            "-display none -object iommufd,id=iommufd0,accounting=process'")
        self.assertIn('setting the memory accounting mode of /dev/iommu to '
                      'process needs CAP_SYS_RESOURCE: Operation not '
                      'permitted\n', output)


if __name__ == '__main__':
    IommufdLabTest.main()
