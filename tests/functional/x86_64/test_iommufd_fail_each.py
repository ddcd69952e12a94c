#!/usr/bin/env python3
#
# Each step on the way to a device fails in turn
#
# SPDX-License-Identifier: GPL-2.0-or-later

import errno
import json
import os
import re

from qemu_test.iommufd_faults import FAIL_NTH, HEAP, library
from qemu_test.iommufd_lab import (KVM_KERNEL, NEWER, IommufdLabTest,
                                   lab_kernel)

# One whose memory can be made to run out
KERNEL = lab_kernel('faults')
EDU = '0000:00:04.0'
NVME = '0000:00:0c.0'
NVME_OPTIONS = ['-device', 'nvme,serial=disk,addr=c.0']

# Without these there is no device: IOAS_ALLOC, GET_HW_INFO, HWPT_ALLOC and
# IOAS_MAP of iommufd, and of VFIO the info about regions, bind and attach
NEEDED = {0x3b81, 0x3b8a, 0x3b89, 0x3b85, 0x3b6c, 0x3b76, 0x3b77}
# Nor without this one, for which the kernel needs no memory
DEVICE_INFO = 0x3b6b
KVM_SET_DEVICE_ATTR = 0x4018aee1
# Without this one others do not reach it: IOAS_MAP_FILE
REACHED = {0x3b8f} if NEWER else set()
# Each that QEMU is killed in. On the way back: SET_IRQS and, if others have
# reached it, IOAS_UNMAP; then detach, IOAS_UNMAP and DESTROY.
KILLED = {'plugging': NEEDED | REACHED,
          'unplugging': {0x3b6e} | ({0x3b86} if NEWER else set()),
          'detaching': {0x3b78, 0x3b86, 0x3b80}}


def request(result):
    """The number of the ioctl that has failed; none if it was another call."""
    found = re.match(r'ioctl(?:\([^ ]+,)? (0x[0-9a-f]+)', result['call'])
    return found and int(found[1], 16)


class IommufdFailEach(IommufdLabTest):
    """QEMU says what failed, has nothing left of it, and plugs it then."""

    def fail_each(self, options, device, *, before='', **lab):
        """Let each fail; what failed, and what QEMU said."""
        self.boot_lab(options=NVME_OPTIONS, files={
            'heap.so': library(HEAP), 'fail-nth.so': library(FAIL_NTH)}, **lab)
        output = self.succeed_in_lab(
            f'{before} bind {device}; fail-each {options} {device} '
            '2>/tmp/stderr || { tail /tmp/stderr; false; }', limit=400)
        found = [json.loads(line) for line in output.splitlines()
                 if line.startswith('{')]
        self.assertEqual(self.succeed_in_lab(
            "dmesg | grep -E 'BUG:|WARNING:|Oops:' || true"), '')
        return found

    def check_calls(self, options, device, more=(), **lab):
        """System calls."""
        needed, left = set(), NEEDED.union(more, {DEVICE_INFO, 'pread64 1'})
        tried = set()
        for result in self.fail_each(options, device, **lab):
            name = result['failed'].split(':')[0]
            text = os.strerror(getattr(errno, result['failed'].split()[-1]))
            number = request(result)
            tried.add(number)
            # that of NVMe is mapped in two parts
            if number in REACHED and device == EDU:
                self.assertEqual(result['reachable BARs'], 0, result)
            # QEMU 10.0 asks once more for the ROM, and does without
            if number in left - needed:
                needed.add(number)
                self.assertIn(text, result['said'] or '', result)
            # opening, and the whole configuration space
            elif name in ('openat 1', 'pread64 1'):
                needed.add(name)
                self.assertIn(text, result['said'], result)
        self.assertLessEqual(left, needed)
        self.assertLessEqual(REACHED, tried)

    def test_calls_by_path(self):
        self.check_calls('', EDU)

    def test_calls_by_fd(self):
        self.check_calls('--fds', NVME)

    def test_calls_kvm(self):
        """With KVM, to whose VFIO device QEMU has to add the device first."""
        self.check_calls('--accel kvm', EDU, [KVM_SET_DEVICE_ATTR],
                         kernel=KVM_KERNEL)

    def test_killed(self):
        """And the next QEMU can use the device at once."""
        found = self.fail_each('--kill', EDU)
        for when, needed in KILLED.items():
            killed = {request(result) for result in found
                      if result['failed'].endswith(f'killed {when}')}
            self.assertLessEqual(needed, killed, when)

    def test_allocations(self):
        """
        The kernel is out of memory, here and there. The device is enabled
        beforehand, as ACPI's interpreter would do that otherwise and does not
        survive it. It has no MSI, for which VFIO keeps memory in store.
        """
        found = self.fail_each('--allocations', NVME, kernel=KERNEL,
                               before=f'echo 1 >/sys/bus/pci/devices/{NVME}'
                               '/enable;')
        said = [result['said'] for result in found if result['said']]
        self.assertGreater(len(said), 30)
        for message in said:
            self.assertIn('Cannot allocate memory', message)
        failed = {request(result) for result in found if result['said']}
        self.assertLessEqual(NEEDED, failed)
        self.assertLessEqual(REACHED, set(map(request, found)))


if __name__ == '__main__':
    IommufdLabTest.main()
