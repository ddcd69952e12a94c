# SPDX-License-Identifier: GPL-2.0-or-later
"""
A QEMU in the lab with a small Linux in it, which has a shell on its serial port.

Its kernel is the lab's variant "guest", and where the lab is no PC its own one;
its user space is busybox. It runs with KVM where the lab's processor, which TCG
emulates, can do that: then no instruction is emulated twice.
"""

import os
import subprocess
import time

from nested import Failed, Nested

KERNEL = '/guest/vmlinux'
INITRD = '/tmp/guest.cpio'
INIT = '''#!/bin/busybox sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
stty -echo
echo "up after $(cat /proc/uptime)"
while echo ready && read -r line; do
    sh -c "$line" 2>&1
    echo "=status $?"
done
'''


def make_initrd():
    """The guest's user space, unless it is there."""
    if os.path.exists(INITRD):
        return
    script = (f'mkdir -p /tmp/guest/bin /tmp/guest/proc /tmp/guest/sys '
              f'/tmp/guest/dev /tmp/guest/tmp && cd /tmp/guest && '
              # here, where it takes a tenth of the time
              f'cp /bin/busybox bin && /bin/busybox --install -s bin && '
              f'cat >init && chmod +x init && '
              f'find . | cpio -o -H newc >{INITRD}')
    subprocess.run(['sh', '-c', script], input=INIT, text=True, check=True,
                   stderr=subprocess.DEVNULL)


class LinuxGuest(Nested):
    """A guest that has booted, or with -incoming one that comes from another QEMU."""

    RAM_SIZE = '96M'
    # a guest hangs after these seconds: one with an IOMMU and without KVM boots
    # in half of them while compilers use the processors
    LIMIT = 300
    ACCEL = 'kvm'
    MACHINE = ['-machine', 'q35,usb=off,smbus=off,sata=off',
               # slots that need no ACPI
               '-global', 'ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off',
               # no firmware that looks for what to boot
               '-bios', 'qboot.rom']
    # no time to be measured
    WORDS = 'tsc=reliable lpj=4000000'
    # not the usual one
    CPU = {}
    # what a disk is plugged into, or needs besides
    PLACE = ['-device', 'pcie-root-port,id=rp0,chassis=1']
    # what /proc/interrupts has for MSI-X
    MSIX = ['MSIX', 'MSI-X']

    def __init__(self, arguments, fds=(), words='acpi=off', **kwargs):
        make_initrd()
        self.words = words
        self.received = ''
        super().__init__(arguments, fds, **kwargs)
        if '-incoming' not in arguments:
            self.wait_until_up()

    def _command(self, program, arguments, qmp, serial):
        command = [program, *self.MACHINE, '-accel', self.accel,
                   *self.CPU.get(self.accel, []), '-m', self.RAM_SIZE, '-nodefaults', '-no-user-config',
                   '-display', 'none', '-L', '/usr/share/qemu',
                   '-kernel', KERNEL, '-initrd', INITRD,
                   '-append', f'{self.WORDS} {self.words}'] + arguments
        print('+', *command, flush=True)
        return command + ['-chardev', f'socket,id=qmp,{qmp}',
                          '-mon', 'chardev=qmp,mode=control',
                          '-chardev', f'socket,id=serial,{serial}',
                          '-serial', 'chardev:serial']

    def _use_qtest(self, sock):
        self.serial = sock

    def _wait(self, text):
        """What comes before a text on the serial port."""
        deadline = time.monotonic() + self.LIMIT
        while text not in self.received:
            self.serial.settimeout(max(deadline - time.monotonic(), 0.01))
            try:
                data = self.serial.recv(4096)
            except TimeoutError:
                data = b''
            if not data:
                raise Failed(f'the guest does not say {text!r}, but: '
                             f'{self.received[-1000:]}')
            self.received += data.decode(errors='replace').replace('\r', '')
        before, self.received = self.received.split(text, 1)
        return before

    def successor(self, arguments, **kwargs):
        """Where the guest goes on, and what it says next."""
        other = super().successor(arguments, words=self.words, **kwargs)
        other.received = self.received
        return other

    def wait_until_up(self):
        """Wait for the guest's shell."""
        begin = time.monotonic()
        self._wait('up after ')
        self._wait('ready\n')
        print(f'guest is up after {time.monotonic() - begin:.1f} s',
              flush=True)

    def start(self, command):
        """Start a command, which finish() waits for."""
        self.serial.sendall((command + '\n').encode())

    def run(self, command):
        """Run a command that has to succeed; its output."""
        self.start(command)
        return self.finish(command)

    def finish(self, command):
        """Wait for the end of a command that has to succeed; its output."""
        output = self._wait('=status ')
        status = self._wait('\n')
        self._wait('ready\n')
        if status != '0':
            raise Failed(f'{command}: status {status}: {output}')
        return output

    def run_until(self, condition, what):
        """Wait until a command of the guest's shell succeeds."""
        deadline = time.monotonic() + self.LIMIT
        while self.run(f'({condition}) >/dev/null 2>&1 || echo no') != '':
            if time.monotonic() > deadline:
                raise Failed(f'the guest waits in vain for: {what}')
            time.sleep(0.3)

    def reboot(self):
        """Let the guest boot again."""
        self.serial.sendall(b'reboot -f\n')
        self.wait_until_up()


class ArmGuest(LinuxGuest):
    """One on an Arm server, which has an ITS, too."""

    PROGRAM = 'qemu-system-aarch64'
    MACHINE = ['-machine', 'virt,gic-version=3']
    CPU = {'kvm': ['-cpu', 'host'], 'tcg': ['-cpu', 'cortex-a57']}
    WORDS = 'console=ttyAMA0 quiet panic=-1'


class MainframeGuest(LinuxGuest):
    """One that has a channel subsystem, and PCI devices by instructions."""

    PROGRAM = 'qemu-system-s390x'
    ACCEL = 'tcg'
    # its clock must not tick while it comes to nothing, as it does on an
    # emulated mainframe
    MACHINE = ['-machine', 's390-ccw-virtio', '-icount', 'shift=6']
    WORDS = 'console=ttysclp0 quiet panic=-1'
    PLACE = ['-device', 'zpci,uid=1,target=hostdev0']
    # the same as for MSI
    MSIX = ['PCI-MSI']
