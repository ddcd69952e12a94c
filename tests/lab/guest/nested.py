# SPDX-License-Identifier: GPL-2.0-or-later
"""
A QEMU in the lab, driven through QMP and qtest.

QEMU's own Python packages do this with asyncio, whose import alone takes seconds under TCG, so this is the little
that the lab needs: with -accel qtest no guest runs, this program takes the guest's place.
"""

import contextlib
import fcntl
import json
import os
import shlex
import socket
import struct
import time

VFIO_DEVICE_BIND_IOMMUFD, IOMMU_IOAS_ALLOC = 0x3b76, 0x3b81


# Without a guest, for which KVM would start to run what is in memory
ACCEL = {'qtest': ['-accel', 'qtest'], 'kvm': ['-accel', 'kvm', '-S']}


class Failed(Exception):
    """What is printed as the last word of a program that did not succeed."""


class Qmp:
    """The client side of a QMP connection."""

    def __init__(self, sock):
        self.sock = sock
        self.lines = sock.makefile('r', encoding='utf-8')
        self.events = []
        self._receive()
        self.command('qmp_capabilities')

    def _receive(self):
        try:
            line = self.lines.readline()
        except ConnectionResetError:
            line = ''
        if not line:
            raise Failed('QEMU has closed the QMP connection')
        return json.loads(line)

    def execute(self, name, arguments=None, fd=None):
        """Execute a command, with a descriptor for getfd; its reply."""
        message = {'execute': name}
        if arguments:
            message['arguments'] = arguments
        data = (json.dumps(message) + '\n').encode()
        if fd is None:
            self.sock.sendall(data)
        else:
            socket.send_fds(self.sock, [data], [fd])
        while True:
            reply = self._receive()
            if 'return' in reply or 'error' in reply:
                return reply
            self.events.append(reply)

    def command(self, name, arguments=None, fd=None):
        """Execute a command that has to succeed; its result."""
        reply = self.execute(name, arguments, fd)
        if 'error' in reply:
            raise Failed(f"{name}: {reply['error']['desc']}")
        return reply['return']

    def wait_event(self, name):
        """Wait for an event that no earlier call has returned; its data."""
        while True:
            for event in self.events:
                if event['event'] == name:
                    self.events.remove(event)
                    return event.get('data', {})
            self.events.append(self._receive())


class Nested:
    """
    A QEMU without a guest: memory, ports and PCI devices are ours. It gets
    descriptors, can be an ordinary user, perhaps with a limit of locked
    memory in KiB, another accelerator, and something can be done while it
    starts.
    """

    ACCEL = 'qtest'
    RAM_SIZE = '64M'
    PROGRAM = 'qemu-system-x86_64'

    def __init__(self, arguments, fds=(), confined=False, started=None,
                 program=None, memlock=None, accel=None):
        self.accel = accel or self.ACCEL
        qmp, qemu_qmp = socket.socketpair()
        qtest, qemu_qtest = socket.socketpair()
        program = self._command(program or self.PROGRAM, arguments,
                                f'fd={qemu_qmp.fileno()}',
                                f'fd={qemu_qtest.fileno()}')
        if confined or memlock:
            limit = ['--memlock', memlock] if memlock else []
            program[:0] = ['confine', *limit]
        self.pid = os.fork()
        if self.pid == 0:
            for fd in (qemu_qmp.fileno(), qemu_qtest.fileno(), *fds):
                os.set_inheritable(fd, True)
            os.execvp(program[0], program)
        qemu_qmp.close()
        qemu_qtest.close()
        if started:
            started()
        try:
            self.qmp = Qmp(qmp)
        except Failed:
            status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            how = f'signal {-status}' if status < 0 else f'status {status}'
            raise Failed(f'QEMU ended with {how}') from None
        self._use_qtest(qtest)

    def _command(self, program, arguments, qmp, qtest):
        command = [program, '-machine', 'q35', *ACCEL[self.accel],
                   '-m', self.RAM_SIZE, '-nodefaults', '-display', 'none',
                   '-L', '/usr/share/qemu'] + arguments
        print('+', shlex.join(command), flush=True)
        return command + [
            '-chardev', f'socket,id=qmp,{qmp}',
            '-mon', 'chardev=qmp,mode=control',
            '-chardev', f'socket,id=qtest,{qtest}',
            '-qtest', 'chardev:qtest', '-qtest-log', 'none']

    def _use_qtest(self, sock):
        self.qtest_socket = sock
        self.qtest_lines = sock.makefile('r', encoding='utf-8')

    def become(self, program, arguments, execute):
        """
        Go on with another program in the same process, which executes the
        command that it is given by a function.
        """
        paths = ['/tmp/qmp.sock', '/tmp/qtest.sock']
        listeners = []
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(path)
            listener.listen()
            # not forever
            listener.settimeout(60)
            listeners.append(listener)
        execute(self._command(program, arguments,
                              *(f'path={path}' for path in paths)))
        try:
            qmp, qtest = (listener.accept()[0] for listener in listeners)
        except TimeoutError:
            raise Failed('the new QEMU does not start') from None
        self.qmp = Qmp(qmp)
        self._use_qtest(qtest)

    def successor(self, arguments, **kwargs):
        """Another QEMU, which takes over."""
        return type(self)(arguments, accel=self.accel, **kwargs)

    def quit(self):
        """End QEMU as a user would, and look at how it ended."""
        self.qmp.command('quit')
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        if status:
            raise Failed(f'QEMU ended with status {status}')

    def open_files(self):
        """The files that QEMU has open, by path; none once it has ended."""
        folder, paths = f'/proc/{self.pid}/fd', []
        with contextlib.suppress(FileNotFoundError, PermissionError):
            for fd in os.listdir(folder):
                # unless it is closed just now
                with contextlib.suppress(FileNotFoundError):
                    paths.append(os.readlink(f'{folder}/{fd}'))
        return paths

    def migration(self):
        """The state of the migration."""
        return self.qmp.command('query-migrate').get('status')

    def finish_migration(self):
        """Wait for the end of the migration to another QEMU, which has to succeed, and end this one."""
        wait_until(lambda: self.migration() in ('completed', 'failed'), 'the migration ends', 60)
        if self.migration() == 'failed':
            raise Failed('the migration has failed')
        self.quit()

    def qtest(self, *words):
        """Execute a qtest command; its result."""
        try:
            self.qtest_socket.sendall((' '.join(map(str, words)) + '\n').encode())
            reply = self.qtest_lines.readline().split()
        except (BrokenPipeError, ConnectionResetError):
            reply = None
        if not reply or reply[0] != 'OK':
            raise Failed(f'qtest {words[0]}: {reply or "connection closed"}')
        return reply[-1]

    def read(self, address, size):
        """Read guest memory."""
        return bytes.fromhex(self.qtest('read', address, size)[2:])

    def write(self, address, data):
        """Write guest memory."""
        self.qtest('write', address, len(data), '0x' + data.hex())

    def readl(self, address):
        """Read a 32-bit register in memory space."""
        return int(self.qtest('readl', address), 16)

    def writel(self, address, value):
        """Write a 32-bit register in memory space."""
        self.qtest('writel', address, value)

    def writeq(self, address, value):
        """Write a 64-bit register in memory space."""
        self.qtest('writeq', address, value)

    def config_read(self, bus, slot, offset):
        """Read 32 bits of a PCI device's configuration space."""
        self.qtest('outl', 0xcf8, 1 << 31 | bus << 16 | slot << 11 | offset)
        return int(self.qtest('inl', 0xcfc), 16)

    def config_write(self, bus, slot, offset, value):
        """Write 32 bits of a PCI device's configuration space."""
        self.qtest('outl', 0xcf8, 1 << 31 | bus << 16 | slot << 11 | offset)
        self.qtest('outl', 0xcfc, value)

    def enable_device(self, bus, slot, bar):
        """What firmware does: give BAR 0 an address, and let the device use the bus."""
        self.config_write(bus, slot, 0x10, bar)
        # Memory space and bus mastering
        self.config_write(bus, slot, 0x04, 0x6)


class Edu:
    """The edu device assigned to a nested QEMU, with its DMA engine."""

    ID = 0x11e81234
    BUFFER = 0x40000
    SIZE = 4096
    TO_DEVICE = 1
    FROM_DEVICE = 3

    def __init__(self, nested, bus, slot, bar=0xe0000000):
        self.nested = nested
        self.bar = bar
        found = nested.config_read(bus, slot, 0)
        if found != self.ID:
            raise Failed(f'PCI device {bus}:{slot} is {found:08x}, not edu')
        nested.enable_device(bus, slot, bar)

    def _dma(self, source, destination, direction):
        for offset, value in ((0x80, source), (0x88, destination),
                              (0x90, self.SIZE), (0x98, direction)):
            self.nested.writeq(self.bar + offset, value)
        while self.nested.readl(self.bar + 0x98) & 1:
            pass

    def copy(self, source, destination):
        """Let the device fetch what is there, and store it elsewhere."""
        self._dma(source, self.BUFFER, self.TO_DEVICE)
        self._dma(self.BUFFER, destination, self.FROM_DEVICE)

    def out_and_back(self, name, address, iova_of=lambda address: address):
        """
        Let the device fetch a pattern from guest memory and store it
        elsewhere, and compare, word by word. What the device has to use for
        an address can differ from it.
        """
        # never the same, as the device still has what it fetched last
        first = int.from_bytes(os.urandom(4), 'little')
        words = [(i * 0x01000193 + first) & 0xffffffff
                 for i in range(self.SIZE // 4)]
        pattern = b''.join(word.to_bytes(4, 'little') for word in words)
        target = address + 2 * self.SIZE
        self.nested.write(address, pattern)
        self.nested.write(target, b'\xa5' * self.SIZE)
        self.copy(iova_of(address), iova_of(target))
        result = self.nested.read(target, self.SIZE)
        wrong = sum(pattern[i:i + 4] != result[i:i + 4]
                    for i in range(0, self.SIZE, 4))
        if wrong:
            raise Failed(f'DMA through {name}: '
                         f'{wrong} of {len(words)} words wrong')
        print(f'DMA through {name}: {self.SIZE} bytes out and back, identical',
              flush=True)


class Nvme:
    """
    The NVMe controller assigned to a nested QEMU, with MSI-X enabled and all
    interrupts masked, as a driver has it that polls. It has no other state
    than what the device and guest memory have, so it goes on in another QEMU.
    """

    ID = 0x00101b36
    ENTRIES = 2
    SUBMISSIONS = 0x800000
    COMPLETIONS = 0x801000
    IDENTIFY, CONTROLLER = 6, 1

    def __init__(self, nested, bus, slot, bar=0xe0000000):
        self.nested = nested
        self.bar = bar
        self.commands = 0
        found = nested.config_read(bus, slot, 0)
        if found != self.ID:
            raise Failed(f'PCI device {bus}:{slot} is {found:08x}, not nvme')
        nested.config_write(bus, slot, 0x14, 0)
        nested.enable_device(bus, slot, bar)
        msix = nested.config_read(bus, slot, 0x34) & 0xff
        while nested.config_read(bus, slot, msix) & 0xff != 0x11:
            msix = nested.config_read(bus, slot, msix) >> 8 & 0xff
        nested.config_write(bus, slot, msix,
                            nested.config_read(bus, slot, msix) | 1 << 31)
        nested.write(self.COMPLETIONS, bytes(16 * self.ENTRIES))
        for offset, value in ((0x24, (self.ENTRIES - 1) * 0x10001),
                              (0x28, self.SUBMISSIONS), (0x2c, 0),
                              (0x30, self.COMPLETIONS), (0x34, 0),
                              # entries of 64 and 16 bytes, go
                              (0x14, 6 << 16 | 4 << 20 | 1)):
            nested.writel(bar + offset, value)
        while not nested.readl(bar + 0x1c) & 1:
            pass

    def identify(self, name, address):
        """
        Let the device fetch a command from guest memory, and store there what
        it is and which command it has completed.
        """
        index = self.commands % self.ENTRIES
        phase = ~self.commands // self.ENTRIES & 1
        self.commands += 1
        identifier = int.from_bytes(os.urandom(2), 'little')
        self.nested.write(address, b'\xa5' * 4096)
        self.nested.write(
            self.SUBMISSIONS + 64 * index,
            struct.pack('<BxHI16xQQI20x', self.IDENTIFY, identifier, 0,
                        address, 0, self.CONTROLLER))
        self.nested.writel(self.bar + 0x1000, self.commands % self.ENTRIES)
        while True:
            done, status = struct.unpack(
                '<HH', self.nested.read(self.COMPLETIONS + 16 * index + 12, 4))
            if status & 1 == phase:
                break
        self.nested.writel(self.bar + 0x1004, self.commands % self.ENTRIES)
        serial = self.nested.read(address, 4096)[4:24].decode().strip()
        if done != identifier or status >> 1:
            raise Failed(f'DMA through {name}: command {done} instead of '
                         f'{identifier}, status {status >> 1:x}')
        print(f'DMA through {name}: serial number {serial}', flush=True)


def vfio_node(path):
    """The node of the VFIO device that has this directory in sysfs."""
    try:
        return '/dev/vfio/devices/' + os.listdir(path + '/vfio-dev')[0]
    except OSError as error:
        raise Failed(f'{path} is not bound to a VFIO driver') from error


def mdev_path(uuid):
    """
    The directory in sysfs of a serial port of the kernel's mtty sample, which
    is made unless it is there.
    """
    path = '/sys/bus/mdev/devices/' + uuid
    if not os.path.exists(path):
        types = '/sys/class/mdev_bus/mtty/mdev_supported_types'
        kind = sorted(os.listdir(types))[0]
        with open(f'{types}/{kind}/create', 'w', encoding='utf-8') as file:
            file.write(uuid)
    return path


def pci_path(device):
    """The directory of a PCI device in sysfs."""
    return '/sys/bus/pci/devices/' + device


def json_option(fields):
    """An -object or -device in JSON, as libvirt writes it."""
    return json.dumps(fields, separators=(',', ':'))


def assign(iommufd, device, fds, name):
    """
    QEMU's options for an iommufd object and a device that uses it, which get
    descriptors, or else what names the device.
    """
    iommufd = {'qom-type': 'iommufd', 'id': 'iommufd0', **iommufd}
    device = {'driver': 'vfio-pci', 'id': 'hostdev0',
              'iommufd': iommufd['id'], **device}
    if fds:
        iommufd['fd'], device['fd'] = map(str, fds)
    else:
        device.update(name)
    return ['-object', json_option(iommufd), '-device', json_option(device)]


def open_nodes(path):
    """Descriptors for an iommufd object and for the device."""
    return [os.open('/dev/iommu', os.O_RDWR),
            os.open(vfio_node(path), os.O_RDWR)]


def bind(node, iommu):
    """Bind a device to an iommufd, by the descriptors of both; its devid."""
    request = struct.pack('4I', 16, 0, iommu, 0)
    return struct.unpack('4I', fcntl.ioctl(node, VFIO_DEVICE_BIND_IOMMUFD, request))[3]


def allocate_ioas(iommu):
    """Allocate an IOAS in an iommufd; its id."""
    return struct.unpack('3I', fcntl.ioctl(iommu, IOMMU_IOAS_ALLOC, struct.pack('3I', 12, 0, 0)))[2]


def wait_until(condition, what, limit=20):
    """Wait for something that happens by itself, but not forever."""
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(f'this does not happen: {what}')
        time.sleep(0.05)


def main(program):
    """Run a program of the lab, and turn failures into an exit status."""
    try:
        program()
    except Failed as error:
        raise SystemExit(f'error: {error}') from None
