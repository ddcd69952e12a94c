# SPDX-License-Identifier: GPL-2.0-or-later
"""
Functional tests in the lab: a small Linux with a real iommufd and real VFIO.

The lab boots in the QEMU under test, under TCG, and the same QEMU is inside
it. See tests/lab in the repository of the fork.
"""

import logging
import os
from pathlib import Path
import re
import subprocess
import time
import uuid

from .config import BUILD_DIR
from .testcase import QemuSystemTest

# This file is linked into QEMU's source tree, the lab is not.
LAB = Path(__file__).resolve().parents[2] / 'lab'

# How many times longer than usual all may take, as with sanitizers
PATIENCE = int(os.environ.get('IOMMUFD_LAB_PATIENCE', 1))


def without_asan_notice(text):
    """What a QEMU says, without what ASan says about its coroutines."""
    return re.sub(r"^==\d+==WARNING: ASan doesn't fully support .*\n", '',
                  text, flags=re.MULTILINE)


class IommufdLabTest(QemuSystemTest):
    """A test whose commands run in the lab."""

    BOOT_LIMIT = 60
    COMMAND_LIMIT = 60

    # what has come from the console and is not looked at yet
    _received = ''

    def boot_lab(self, kernel='full', append='', *, options=(), without=(),
                 files=None, acpi=None):
        """
        Boot the lab with a variant of its kernel, with more options for its
        machine, without lines of it that have one of some words, with more
        files in its root folder, and with ACPI tables.
        """
        self.set_machine('q35')
        self.require_accelerator('tcg')
        bzimage = self._kernel(kernel)
        initramfs = Path(BUILD_DIR) / 'lab' / 'initramfs.cpio'
        self._prepare(LAB / 'initramfs', BUILD_DIR, initramfs)
        if files or acpi:
            initramfs = self._add_files(initramfs, files or {}, acpi or {})
        self.vm.set_console()
        for line in (LAB / 'machine').read_text(encoding='utf-8').splitlines():
            if (line.startswith('-') and not line.startswith('-machine')
                    and not any(word in line for word in without)):
                self.vm.add_args(*line.split())
        self.vm.add_args(*options)
        # The kernel hands words that it does not know to init
        words = [append] + [f'{name}={value}'
                            for name, value in os.environ.items()
                            if name in ('ASAN_OPTIONS', 'UBSAN_OPTIONS')]
        self.vm.add_args('-kernel', bzimage, '-initrd', str(initramfs),
                         '-append', ' '.join(words))
        self.vm.launch()
        self._wait('# ', self.BOOT_LIMIT, 'boot')
        # From here on the console carries what commands say, and no more.
        self._send("stty -echo; PS1=''; echo ready $?")
        self._wait('\nready 0\n', self.BOOT_LIMIT, 'shell')

    def run_in_lab(self, command, limit=COMMAND_LIMIT):
        """Run a command of the lab's shell; its exit status and output."""
        mark = uuid.uuid4().hex
        self.log.info('lab: %s', command)
        self._send(f'echo begin-{mark}; ( {command} ) </dev/null 2>&1; '
                   f'echo end-{mark} $?')
        self._wait(f'begin-{mark}\n', limit, command)
        output = without_asan_notice(
            self._wait(f'end-{mark} ', limit, command))
        status = int(self._wait('\n', limit, command))
        self.log.info('lab: status %d, output:\n%s', status, output)
        return status, output

    def succeed_in_lab(self, command, limit=COMMAND_LIMIT):
        """Run a command that has to succeed; its output."""
        status, output = self.run_in_lab(command, limit)
        self.assertEqual(status, 0, f'{command}:\n{output}')
        return output

    def fail_in_lab(self, command, limit=COMMAND_LIMIT):
        """
        Run a command that has to fail in the ordinary way, with status 1
        rather than by a signal; its output.
        """
        status, output = self.run_in_lab(command, limit)
        self.assertEqual(status, 1, f'{command}:\n{output}')
        return output

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
            path.write_bytes(content.encode() if isinstance(content, str)
                             else content)
        names = '\n'.join(str(path.relative_to(root))
                          for path in sorted(root.rglob('*')))
        return subprocess.run(
            ['cpio', '--quiet', '--create', '--format=newc', '--owner=+0:+0'],
            cwd=root, input=names.encode(), check=True,
            capture_output=True).stdout

    def _kernel(self, variant):
        command = [str(LAB / 'kernel'), '--cached', variant]
        result = subprocess.run(command, check=False, capture_output=True,
                                encoding='utf-8')
        if result.returncode:
            self.skipTest(f"the lab kernel '{variant}' is not built; "
                          f"run: tests/lab/kernel {variant}")
        return result.stdout.strip()

    def _send(self, line):
        self.vm.console_socket.sendall((line + '\n').encode())

    def _wait(self, text, limit, what):
        """Wait for text on the console; what came before it."""
        console = logging.getLogger('console')
        limit *= PATIENCE
        deadline = time.monotonic() + limit
        while text not in self._received:
            self.vm.console_socket.settimeout(
                max(deadline - time.monotonic(), 0.001))
            try:
                data = self.vm.console_socket.recv(4096)
            except TimeoutError:
                self.vm.kill()
                self.fail(f'the lab hangs and was killed, {limit} s after: '
                          f'{what}; its console: {self.console_log_name}')
            if not data:
                self.fail(f'the lab ended during: {what}; '
                          f'its console: {self.console_log_name}')
            # The log shows the console as it is, also when a line is not
            # complete: that is where a lab hangs.
            console.debug(data.decode(errors='replace').rstrip())
            self._received += data.decode(errors='replace').replace('\r', '')
        before, self._received = self._received.split(text, 1)
        return before
