# SPDX-License-Identifier: GPL-2.0-or-later
"""
Functional tests in the lab: a small Linux with a real iommufd and real VFIO.

The lab boots in the QEMU under test, under TCG, and the same QEMU is inside
it. See tests/lab in the repository of the fork.
"""

import atexit
import hashlib
import logging
import os
from pathlib import Path
import re
import shutil
import subprocess
import time
import uuid

from qemu.machine import QEMUMachine

from .config import BUILD_DIR
from .testcase import QemuSystemTest

# This file is linked into QEMU's source tree, the lab is not.
SOURCE = Path(__file__).parents[3]
MINOR = '.'.join((SOURCE / 'VERSION').read_text(encoding='utf-8')
                 .split('.')[:2])
LAB = Path(__file__).resolve().parents[2] / 'lab'

# The base without the patches, if tests/stock has built it
STOCK = Path(BUILD_DIR).parent / 'stock' / 'build' / 'qemu-system-x86_64'

# A network card with virtual functions, behind the first root port there is:
# options for it, itself, and the first two that it can have
IGB = ('-device', 'pcie-root-port,id=igb-port,slot=1,addr=b.0',
       '-device', 'igb,bus=igb-port')
PF = '0000:01:00.0'
VFS = '0000:01:10.0', '0000:01:10.2'
# Who has a virtual function needs this of a physical one that is used, too
TOKEN = '5a1fa3c8-f0d5-4b38-9a01-93b1b0b3c0de'
WRONG_TOKEN = TOKEN.replace('5', '6')


def lab_kernel(otherwise):
    """The variant of tests/lab/kernel that is asked for, or another one."""
    return os.environ.get('IOMMUFD_LAB_KERNEL', otherwise)


# For tests that ask for no other one
KERNEL = lab_kernel('full')
# Devices reach the memory of others there
NEWER = KERNEL.startswith(('newest', 'next'))
# The same Linux with KVM
KVM_KERNEL = f'{KERNEL.split("-")[0]}-drivers' if NEWER else 'drivers'

MIB = 1 << 20

# How many times longer than usual all may take, as with sanitizers
PATIENCE = int(os.environ.get('IOMMUFD_LAB_PATIENCE', 1))


def without_asan_notice(text):
    """What a QEMU says, without what ASan says about its coroutines."""
    return re.sub(r"^==\d+==WARNING: ASan doesn't fully support .*\n", '',
                  text, flags=re.MULTILINE)


class LabFailure(Exception):
    """The lab hangs or has ended."""


class Lab:
    """A lab that was booted: its QEMU, and what its console says."""

    def __init__(self, vm, booted_in):
        self.vm = vm
        self.booted_in = booted_in
        # what has come from the console and is not looked at yet
        self._received = ''

    def send(self, line):
        """Type a line."""
        self.vm.console_socket.sendall((line + '\n').encode())

    def wait(self, text, limit, what):
        """Wait for text on the console; what came before it."""
        console = logging.getLogger('console')
        limit *= PATIENCE
        deadline = time.monotonic() + limit
        while text not in self._received:
            self.vm.console_socket.settimeout(
                max(deadline - time.monotonic(), 0.001))
            try:
                data = self.vm.console_socket.recv(4096)
            except TimeoutError as error:
                self.vm.kill()
                raise LabFailure(f'the lab hangs and was killed, {limit} s '
                                 f'after: {what}') from error
            if not data:
                raise LabFailure(f'the lab ended during: {what}')
            # The log shows the console as it is, also when a line is not
            # complete: that is where a lab hangs.
            console.debug(data.decode(errors='replace').rstrip())
            self._received += data.decode(errors='replace').replace('\r', '')
        before, self._received = self._received.split(text, 1)
        return before

    def run(self, command, limit):
        """Run a command of the lab's shell; its exit status and output."""
        mark = uuid.uuid4().hex
        self.send(f'echo begin-{mark}; ( {command} ) </dev/null 2>&1; '
                  f'echo end-{mark} $?')
        self.wait(f'begin-{mark}\n', limit, command)
        output = self.wait(f'end-{mark} ', limit, command)
        return int(self.wait('\n', limit, command)), output

    def end(self):
        """Switch it off."""
        try:
            self.vm.shutdown()
        # whatever it is, the lab is of no more use
        except Exception as error:  # pylint: disable=broad-except
            logging.getLogger('qemu-test').warning('end of a lab: %s', error)


class IommufdLabTest(QemuSystemTest):
    """
    A test whose commands run in the lab.

    A lab serves all tests of a file that ask for the same machine, one after
    the other: before the next one it is brought back to what it was when it
    had booted, and that is checked. Where it does not succeed, and after a
    test that has failed, the lab is booted again.
    """

    BOOT_LIMIT = 60
    COMMAND_LIMIT = 60
    # the program that brings the lab back to what it was
    RESTORE = 'restore'
    # the machine: its type, the file with its options, what QEMU is in it, and
    # words for its kernel
    MACHINE = 'q35'
    OPTIONS = LAB / 'machine'
    INSIDE = Path(BUILD_DIR)
    WORDS = ''

    # the labs that run, by what they were asked to be
    _labs = {}
    _lab = None

    def run(self, result=None):
        """Run a test, and keep the labs only if it has passed."""
        result = result or self.defaultTestResult()
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            self._end_labs()
        return result

    @classmethod
    def _end_labs(cls):
        while cls._labs:
            cls._labs.popitem()[1].end()

    def boot_lab(self, kernel=KERNEL, append='', *, options=(), without=(),
                 files=None, acpi=None, debian=None):
        """
        Boot the lab, or take one that has, with a variant of its kernel, with
        more options for its machine, without lines of it that have one of
        some words, with more files in its root folder, each given by what is
        in it or as the path of one to copy, with ACPI tables, and in a Debian
        that has libvirt: then with the options of what makes its disk.
        """
        key = repr((kernel, append, options, without, files, acpi, debian))
        self._lab = self._restore_lab(key)
        if self._lab:
            return
        self.set_machine(self.MACHINE)
        self.require_accelerator('tcg')
        bzimage = self._cached(LAB / 'kernel', kernel)
        initramfs = self.INSIDE / 'lab' / 'initramfs.cpio'
        self._prepare(LAB / 'initramfs', self.INSIDE, initramfs)
        if files or acpi:
            initramfs = self._add_files(initramfs, files or {}, acpi or {})
        # not the test's own, which ends with the test
        vm = QEMUMachine(self.qemu_bin, name='lab', log_dir=self.log_file())
        vm.set_machine(self.machine)
        vm.set_console()
        for line in self.OPTIONS.read_text(encoding='utf-8').splitlines():
            if (line.startswith('-') and not line.startswith('-machine')
                    and not any(word in line for word in without)):
                vm.add_args(*line.split())
        vm.add_args(*options)
        if debian is not None:
            disk = self._cached(LAB / 'root', *debian)
            vm.add_args('-drive', f'file={disk},format=raw,if=none,id=debian,'
                        'snapshot=on,file.locking=off',
                        '-device', 'virtio-blk-pci,drive=debian,addr=1e.0')
            append += ' debian=/dev/vda'
        # The kernel hands words that it does not know to init
        words = [self.WORDS, append] + [f'{name}={value}'
                            for name, value in os.environ.items()
                            if name in ('ASAN_OPTIONS', 'UBSAN_OPTIONS')]
        vm.add_args('-kernel', bzimage, '-initrd', str(initramfs),
                    '-append', ' '.join(words))
        if not self._labs:
            atexit.register(self._end_labs)
        self._lab = self._labs[key] = Lab(vm, self.log_filename)
        vm.launch()
        self._wait('# ', 'boot')
        # From here on the console carries what commands say, and no more.
        self._lab.send(f"stty -echo; PS1=''; {self.RESTORE} --remember; "
                       "echo ready $?")
        self._wait('\nready 0\n', 'shell')

    def end_lab(self):
        """End a lab that no other test can use."""
        for key, lab in list(self._labs.items()):
            if lab is self._lab:
                self._labs.pop(key).end()

    def _restore_lab(self, key):
        """A lab that has booted, if there is one and it can be used again."""
        lab = self._labs.get(key)
        if not lab:
            return None
        try:
            status, output = lab.run(self.RESTORE, self.COMMAND_LIMIT)
        except LabFailure as error:
            status, output = None, error
        if status == 0:
            self.log.info('the lab has booted in %s', lab.booted_in)
            return lab
        self.log.info('the lab of %s is not used again: %s',
                      lab.booted_in, output)
        self._labs.pop(key).end()
        return None

    def _wait(self, text, what):
        try:
            self._lab.wait(text, self.BOOT_LIMIT, what)
        except LabFailure as error:
            self.fail(f'{error}; its console: {self.console_log_name}')

    def run_in_lab(self, command, limit=None):
        """Run a command of the lab's shell; its exit status and output."""
        self.log.info('lab: %s', command)
        try:
            status, output = self._lab.run(command,
                                           limit or self.COMMAND_LIMIT)
        except LabFailure as error:
            self.fail(f'{error}; its console: {self.console_log_name}')
        output = without_asan_notice(output)
        self.log.info('lab: status %d, output:\n%s', status, output)
        return status, output

    def succeed_in_lab(self, command, limit=None):
        """Run a command that has to succeed; its output."""
        status, output = self.run_in_lab(command, limit)
        self.assertEqual(status, 0, f'{command}:\n{output}')
        return output

    def fail_in_lab(self, command, limit=None, expected=1):
        """
        Run a command that has to fail in the ordinary way, with a status
        rather than by a signal; its output.
        """
        status, output = self.run_in_lab(command, limit)
        self.assertEqual(status, expected, f'{command}:\n{output}')
        return output

    @staticmethod
    def too_old_for_token():
        """QEMU 10.0 has the headers of a kernel that knows no token."""
        return MINOR == '10.0'

    def _prepare(self, *command):
        """Run a script of the lab on this machine; its output."""
        result = subprocess.run(list(map(str, command)), check=False,
                                capture_output=True, encoding='utf-8')
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.strip()

    def _add_files(self, initramfs, files, tables):
        """A copy of the archive, with what the kernel reads first before it."""
        tables = {f'kernel/firmware/acpi/{name}.aml': data
                  for name, data in tables.items()}
        whole = Path(self.scratch_file('initramfs.cpio'))
        whole.write_bytes(self._archive('acpi', tables) +
                          initramfs.read_bytes() +
                          self._archive('root', files))
        return whole

    def _archive(self, folder, files):
        if not files:
            return b''
        root = Path(self.scratch_file(folder))
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Path):
                shutil.copy(content, path)
                continue
            path.write_bytes(content.encode() if isinstance(content, str)
                             else content)
            if path.read_bytes().startswith(b'#!'):
                path.chmod(0o755)
        names = '\n'.join(str(path.relative_to(root))
                          for path in sorted(root.rglob('*')))
        return subprocess.run(
            ['cpio', '--quiet', '--create', '--format=newc', '--owner=+0:+0'],
            cwd=root, input=names.encode(), check=True,
            capture_output=True).stdout

    def guest_kernel(self, variant):
        """The kernel of guests, as a file for the lab."""
        return {'guest/vmlinux': Path(self._cached(LAB / 'kernel', variant))}

    def _cached(self, program, *args):
        """The path of what a program of the lab has made before."""
        result = subprocess.run([str(program), '--cached', *args], check=False,
                                capture_output=True, encoding='utf-8')
        if result.returncode:
            self.skipTest('something of the lab is not there; run: '
                          f'tests/lab/{" ".join([program.name, *args])}')
        return result.stdout.strip()


class IommufdArmTest(IommufdLabTest):
    """A test whose commands run in the lab of an Arm server."""

    MACHINE = 'virt'
    OPTIONS = LAB / 'machine-aarch64'
    INSIDE = Path(BUILD_DIR).parent / 'on-aarch64'
    BOOT_LIMIT = 180
    COMMAND_LIMIT = 120


class IommufdMainframeTest(IommufdLabTest):
    """A test whose commands run in the lab of a mainframe."""

    MACHINE = 's390-ccw-virtio'
    OPTIONS = LAB / 'machine-s390x'
    INSIDE = Path(BUILD_DIR).parent / 'on-s390x'
    WORDS = 'console=ttysclp0 quiet panic=-1'
    BOOT_LIMIT = 180
    COMMAND_LIMIT = 120


class IommufdDiskTest(IommufdLabTest):
    """A test of guests in the lab that have an NVMe disk."""

    COMMAND_LIMIT = 900
    KERNEL = None
    # where it is, and options for that
    DISK = '0000:00:0c.0'
    DISK_OPTIONS = ('-device', 'nvme,serial=disk,drive=disk,addr=c.0')

    def boot(self, *options):
        """A lab with a kernel for guests, which is its own."""
        self.boot_lab(self.KERNEL, options=options,
                      files=self.guest_kernel(self.KERNEL))

    def boot_with_disk(self, size=16):
        """A lab with an NVMe disk, in MiB; its file, and what is in that."""
        disk = Path(self.scratch_file('disk'))
        content = os.urandom(size * MIB)
        disk.write_bytes(content)
        self.boot('-drive', f'file={disk},format=raw,if=none,id=disk',
                  *self.DISK_OPTIONS)
        self.addCleanup(self.end_lab)
        self.succeed_in_lab(f'bind {self.DISK}')
        return disk, content

    def check_nvme(self, *options, programs=()):
        """
        A guest reads, writes, loses the disk and boots again; then the host
        has the disk. By options the guest goes on in other programs, and
        another guest takes its place.
        """
        disk, content = self.boot_with_disk()
        md5 = hashlib.md5(content[:2 * MIB]).hexdigest()
        if programs:
            options += '--programs', ','.join(programs)
        output = self.succeed_in_lab(
            f'nvme-guest {" ".join([*options, self.DISK, md5])}',
            limit=2 * self.COMMAND_LIMIT)
        found = re.findall('^(.*): 2 MiB read, identical$', output, re.M)
        self.assertEqual(found, [
            'first boot', *(f'gone on in {name}' for name in programs[1:]),
            *['plugged again'] * ('--fixed' not in options),
            'second boot', *['another guest'] * ('--again' in options)])
        self.assertGreater(int(re.search(r'^interrupts: (\d+)$', output,
                                         re.M)[1]), 10)
        self.assertIn(md5, self.succeed_in_lab(
            f'disk={self.DISK}; cd /sys/bus/pci; '
            'echo $disk >drivers/vfio-pci/unbind; '
            'echo >devices/$disk/driver_override; echo $disk >drivers_probe; '
            'until [ -b /dev/nvme0n1 ]; do sleep 0.1; done; '
            'dd if=/dev/nvme0n1 bs=1M skip=8 count=2 2>/dev/null | md5sum'))
        # what the device has, and not only what the guest believes
        written = disk.read_bytes()
        self.assertEqual(written[8 * MIB:10 * MIB], content[:2 * MIB])
        self.assertEqual(written[:8 * MIB], content[:8 * MIB])
        self.assertEqual(written[10 * MIB:], content[10 * MIB:])
        return output
