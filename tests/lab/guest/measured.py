# SPDX-License-Identifier: GPL-2.0-or-later
"""
A QEMU whose possessions are counted, and one that has a port for a device which comes and goes.
"""

import fcntl
import os
import signal
import struct
import time

from nested import Edu, Failed, Nested, Nvme, allocate_ioas, pci_path, vfio_node
from ports import RootPort

IOMMU_DESTROY = 0x3b80
HEAP = '/tmp/heap'


def objects(iommu):
    """
    How many objects of the kernel an iommufd has. The kernel has no list of them, but gives a new one the lowest free
    id: the ids that many new ones leave out are in use.
    """
    new = [allocate_ioas(iommu) for _ in range(64)]
    for found in new:
        fcntl.ioctl(iommu, IOMMU_DESTROY, struct.pack('2I', 8, found))
    return max(new) - len(new)


def read(path):
    """What a file says."""
    with open(path, encoding='utf-8') as file:
        return file.read()


def pinned_pages():
    """The pages that the kernel has pinned for DMA, of all programs."""
    stat = dict(line.split() for line in read('/proc/vmstat').splitlines())
    return int(stat['nr_foll_pin_acquired']) - int(stat['nr_foll_pin_released'])


class LowNvme(Nvme):
    """One whose queues are in little memory."""

    SUBMISSIONS, COMPLETIONS = 0x300000, 0x301000


class Counted(Nested):
    """It has little memory, as most of what plugging takes is to pin it."""

    RAM_SIZE = '4M'

    def pass_fd(self, name, path):
        """Open a path and give QEMU the descriptor by this name."""
        fd = os.open(path, os.O_RDWR)
        self.qmp.command('getfd', {'fdname': name}, fd)
        return fd

    def possessions(self):
        """What QEMU has of the kernel, by name."""
        folder = f'/proc/{self.pid}'
        links = self.open_files()
        status = self.status()
        return {
            'descriptors': len(links),
            'of iommufd and VFIO': sum('iommu' in link or 'vfio' in link for link in links),
            'mappings': read(f'{folder}/maps').count('\n'),
            'pinned pages': pinned_pages(),
            **{name: int(status[name].split()[0]) for name in ('VmLck', 'VmPin', 'Threads')}}

    def reachable_bars(self):
        """How many BARs QEMU says that other devices reach."""
        return sum(len(device['reachable-bars']) for iommufd in self.qmp.command('query-iommufd')['objects']
                   for device in iommufd['devices'])

    def status(self):
        """What the kernel says of the process."""
        return dict(line.split(':', 1) for line in read(f'/proc/{self.pid}/status').splitlines())


class Measured(Counted):
    """The one with a port."""

    def __init__(self, qemu, device, preload=(), accel=None):
        self.device = device
        self.node = vfio_node(pci_path(device))
        self.port = RootPort()
        os.environ.update({
            'LD_PRELOAD': ' '.join(['/heap.so', *preload]), 'HEAP': HEAP,
            # what these keep for later counts as allocated
            'GLIBC_TUNABLES': 'glibc.malloc.tcache_count=0', 'G_SLICE': 'always-malloc'})
        super().__init__(self.port.options(), program=qemu, accel=accel)
        del os.environ['LD_PRELOAD']
        self.port.set_up(self)

    def add_object(self, by_fd):
        """Add an iommufd object; its descriptor if it is ours, too."""
        iommu = self.pass_fd('iommu', '/dev/iommu') if by_fd else None
        self.qmp.command('object-add', {'qom-type': 'iommufd', 'id': 'iommufd0',
                                        **({'fd': 'iommu'} if by_fd else {})})
        return iommu

    def delete_object(self, iommu):
        """Delete it; fail if something is left in its descriptor."""
        self.qmp.command('object-del', {'id': 'iommufd0'})
        if iommu is not None:
            left = objects(iommu)
            os.close(iommu)
            if left:
                raise Failed(f'objects of the kernel are left in an iommufd: {left}')

    def plug(self, **more):
        """The reply to device_add."""
        return self.qmp.execute('device_add', {
            'driver': 'vfio-pci', 'id': 'hostdev0', 'iommufd': 'iommufd0', 'bus': self.port.id, **more})

    def use(self, name):
        """Let the device do DMA."""
        found = self.config_read(self.port.bus, 0, 0)
        if found == Nvme.ID:
            LowNvme(self, self.port.bus, 0, self.port.bar).identify(name, 0x200000)
        else:
            Edu(self, self.port.bus, 0, self.port.bar).out_and_back(name, 0x200000)

    def switch_on(self):
        """What a guest does to reach the device, which others reach then, too."""
        self.enable_device(self.port.bus, 0, self.port.bar)

    def unplug(self):
        """Take it away again."""
        self.port.unplug(self)
        self.qmp.events.clear()

    def heap(self):
        """The bytes that QEMU has allocated."""
        # RCU frees what it has been given a little later
        time.sleep(0.2)
        if os.path.exists(HEAP):
            os.unlink(HEAP)
        os.kill(self.pid, signal.SIGUSR2)
        while not os.path.exists(HEAP) or not read(HEAP).endswith('\n'):
            time.sleep(0.01)
        return int(read(HEAP))

    def footprint(self):
        """That, and memory: what is resident, and what is allocated."""
        return {**self.possessions(), 'VmRSS': int(self.status()['VmRSS'].split()[0]), 'heap': self.heap()}
