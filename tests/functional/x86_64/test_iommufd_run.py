#!/usr/bin/env python3
#
# A QEMU that qemu-iommufd run starts with descriptors
#
# SPDX-License-Identifier: GPL-2.0-or-later

import json

from qemu_test.iommufd_lab import IommufdLabTest

EDU = '0000:00:04.0'
EDU2 = '0000:00:05.0'
# The lab's kernel has a driver for it
SERIAL = '0000:00:06.0'
# What a QEMU of 64 MiB pins: RAM and firmware
MAPPED = 67371008
PAGE = 4096

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


class IommufdRun(IommufdLabTest):
    """The lab is the host of qemu-iommufd."""

    def boot(self):
        """The lab, with the programs that take the place of QEMU."""
        self.boot_lab(files={'show': SHOW, 'hidden': HIDDEN})

    def dma(self, options, devices):
        """The command that starts QEMUs and lets the devices do DMA."""
        words = ' '.join(f'--option={option}' for option in options.split())
        return f'run-dma {words} {devices}'

    def bound_to(self, device):
        """The driver and the driver_override of a device."""
        path = f'/sys/bus/pci/devices/{device}'
        return self.succeed_in_lab(
            f'basename "$(readlink {path}/driver)"; '
            f'cat {path}/driver_override').split()

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
            '-S', '-object',
            '{"qom-type":"iommufd","id":"iommufd0","fd":"3"}', '-device',
            f'{{"driver":"vfio-pci","host":"{EDU2}","id":"a",'
            '"iommufd":"iommufd0","fd":"4"}', '-device',
            f'{{"driver":"vfio-pci","host":"{EDU}","id":"hostdev1",'
            '"iommufd":"iommufd0","fd":"5"}'])
        dry = self.succeed_in_lab(
            f'qemu-iommufd run --dry-run {words} -- /show -S')
        self.assertEqual(dry.replace(' \\\n    ', ' ').rstrip('\n'),
                         '/show ' + ' '.join(
                             f"'{word}'" if '{' in word else word
                             for word in given))

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
            '-qmp stdio')
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
            "su -s /bin/sh qemu -c 'qemu-iommufd run --memlock 1T -- /show'")
        self.assertIn('the limit of locked memory cannot be 1099511627776 '
                      'bytes, the hard limit is', output)
        self.assertNotIn('word', output)

    def test_not_ready(self):
        """What check says is said before QEMU starts."""
        self.boot()
        self.succeed_in_lab(f'bind {EDU}')
        finding = ('device is not bound to a VFIO driver, nor to any other: '
                   f'/sys/bus/pci/devices/{EDU2}/vfio-dev')
        output = self.fail_in_lab(f'qemu-iommufd run --device {EDU} '
                                  f'--device {EDU2} -- /show')
        self.assertIn(f'qemu-iommufd: {EDU2}: {finding}', output)
        self.assertNotIn('word', output)
        self.assertIn(finding.rsplit(':', 1)[0].replace('\n', ' '), ' '.join(
            self.fail_in_lab(f'qemu-iommufd check {EDU2}').split()))

    def test_bind(self):
        self.boot()
        former = self.bound_to(SERIAL)
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
            self.assertEqual(self.bound_to(SERIAL), former)
            self.assertEqual(self.bound_to(device), ['(null)'])

    def test_bind_and_fail(self):
        """What was bound for a QEMU that cannot start is given back."""
        self.boot()
        self.succeed_in_lab('mv /dev/iommu /dev/away')
        output = self.fail_in_lab(
            f'qemu-iommufd run --bind --device {SERIAL} -- /show')
        self.assertIn('/dev/iommu does not exist', output)
        self.assertEqual(self.bound_to(SERIAL), ['serial', '(null)'])
        self.succeed_in_lab('mv /dev/away /dev/iommu')
        output = self.fail_in_lab(f'qemu-iommufd run --bind --user nobody '
                                  f'--device {SERIAL} -- /show')
        self.assertIn("there is no user 'nobody'", output)
        self.assertEqual(self.bound_to(SERIAL), ['serial', '(null)'])

    def test_bind_daemon(self):
        """A QEMU in the background keeps the device until it ends."""
        self.boot()
        output = self.succeed_in_lab(
            f'qemu-iommufd run --bind --device {SERIAL} -- '
            'qemu-system-x86_64 -accel qtest -qtest null -display none '
            '-nodefaults -daemonize -pidfile /tmp/pid & '
            # until the QEMU that was started has left its child to run
            'while ! [ -s /tmp/pid ]; do sleep 0.1; done; '
            'while [ $(ps | grep -c "[q]emu-system-x86_64 -acc") != 2 ]; '
            'do sleep 0.1; done; '
            'sleep 1; '
            f'echo is for $(cat /sys/bus/pci/devices/{SERIAL}/driver_override);'
            ' kill -9 $(cat /tmp/pid); wait')
        self.assertIn('is for vfio-pci\n', output)
        self.assertEqual(self.bound_to(SERIAL), ['serial', '(null)'])

    def test_bind_what_the_host_uses(self):
        device = '0000:00:07.0'
        self.boot_lab(options=['-device', 'VGA,addr=7.0'])
        output = self.fail_in_lab(
            f'qemu-iommufd run --bind --device {device} -- true')
        self.assertEqual(output, f'qemu-iommufd: {device} is the display that '
                         'the host booted with; --force takes it away from '
                         'the host\n')
        self.assertEqual(self.bound_to(device), ['(null)'])
        self.succeed_in_lab(
            f'qemu-iommufd run --bind --force --device {device} -- sh -c '
            f"'readlink /sys/bus/pci/devices/{device}/driver | "
            "grep vfio-pci'")
        self.assertEqual(self.bound_to(device), ['(null)'])


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
                         r'become process, it is in use: an IOAS or a device '
                         r'was added to it already: Device or resource busy\n')
        self.succeed_in_lab('chmod 666 /dev/iommu')
        output = self.fail_in_lab(
            "su -s /bin/sh qemu -c 'qemu-system-x86_64 -M none -accel qtest "
            "-display none -object iommufd,id=iommufd0,accounting=process'")
        self.assertIn('setting the memory accounting mode of /dev/iommu to '
                      'process needs CAP_SYS_RESOURCE: Operation not '
                      'permitted\n', output)


if __name__ == '__main__':
    IommufdLabTest.main()
