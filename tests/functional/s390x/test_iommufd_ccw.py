#!/usr/bin/env python3
#
# Devices that a Linux guest uses, on a mainframe with a real iommufd
#
# SPDX-License-Identifier: GPL-2.0-or-later

import hashlib
import os
from pathlib import Path
import re
import socket
import threading
import time

from qemu_test.iommufd_lab import IommufdDiskTest, IommufdMainframeTest

SUBCHANNEL = '0.0.0000'
# of the telnet protocol
IAC, EOR, SB, SE = 255, 239, 250, 240
TERMINAL_TYPE = bytes([IAC, SB, 24, 0]) + b'IBM-3278-2' + bytes([IAC, SE])
END = bytes([IAC, EOR])
WRITE, QUERY = 0x01, bytes([0x11, 0, 7, 1, 255, 255, 3, 0, 0x81])


class Terminal(threading.Thread):
    """
    Who sits at a terminal 3270: answers the question what it is, and each
    text with another one.
    """

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX)
        # MD5 sums
        self.received, self.sent = [], []

    def start(self):
        self.socket.connect(self.path)
        self.socket.sendall(TERMINAL_TYPE)
        super().start()

    def run(self):
        data = b''
        while received := self.socket.recv(4096):
            data += received
            while END in data:
                record, data = data.split(END, 1)
                self.answer(record)

    def leave(self):
        """Go home."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.join()
        self.socket.close()

    def answer(self, record):
        """
        Send what a person at the terminal would, and as slowly: of two
        interrupts at once vfio-ccw forgets the first.
        """
        time.sleep(1)
        if record.endswith(QUERY):
            self.socket.sendall(b'\x88' + END)
        elif record[0] == WRITE:
            self.received.append(hashlib.md5(record[1:]).hexdigest())
            answer = bytes(byte % 250 for byte in os.urandom(900))
            self.sent.append(hashlib.md5(answer).hexdigest())
            self.socket.sendall(answer + END)


class IommufdCcw(IommufdMainframeTest):
    """What the guest has from the device is what the device has sent."""

    COMMAND_LIMIT = 900

    def boot(self):
        """A lab with a terminal; who is at that."""
        path = str(Path(self.socket_dir().name) / 'terminal')
        self.boot_lab('s390x', options=[
            '-chardev', f'socket,id=terminal,path={path},server=on,wait=off,'
            'tn3270=on', '-device',
            'x-terminal3270,chardev=terminal,devno=fe.0.000a'],
            files=self.guest_kernel('s390x'))
        self.addCleanup(self.end_lab)
        terminal = Terminal(path)
        terminal.start()
        self.addCleanup(terminal.leave)
        return terminal

    def check_guest(self, *options):
        """A guest uses the terminal."""
        terminal = self.boot()
        output = self.succeed_in_lab(
            f'ccw-guest {" ".join([*options, SUBCHANNEL])}')
        self.assertIn('SENSE ID: 3270/00\n', output)
        for what, sums in ('written', terminal.received), ('read',
                                                           terminal.sent):
            self.assertEqual(re.findall(f'^{what}: (.*)$', output, re.M), sums)

    def test_by_path(self):
        self.check_guest()

    def test_by_fd(self):
        self.check_guest('--fds')

    def test_legacy(self):
        self.check_guest('--legacy')


class IommufdZpci(IommufdDiskTest, IommufdMainframeTest):
    """What a guest reads and writes is what is on the disk."""

    KERNEL = 's390x'
    DISK = '0001:00:00.0'
    DISK_OPTIONS = ('-device', 'zpci,uid=1,target=disk',
                    '-device', 'nvme,id=disk,serial=disk,drive=disk')

    def test_nvme(self):
        self.check_nvme('--fixed')

    def test_pci(self):
        """It is bound and attached."""
        self.boot_with_disk()
        output = self.succeed_in_lab(
            'for c in qmp_capabilities query-iommufd quit; do '
            'echo "{\\"execute\\": \\"$c\\"}"; done | '
            'qemu-system-s390x -M s390-ccw-virtio -accel tcg -m 96M '
            '-nodefaults -display none -S -object iommufd,id=iommufd0 '
            f'-device vfio-pci,iommufd=iommufd0,host={self.DISK} -qmp stdio')
        self.assertIn(f'"host-device": "{self.DISK}"', output)
        self.assertRegex(output, r'"ioas": \d+')


if __name__ == '__main__':
    IommufdCcw.main()
