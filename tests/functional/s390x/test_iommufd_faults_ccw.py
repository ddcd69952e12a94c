#!/usr/bin/env python3
#
# What QEMU says about channel devices when the host or the options have a
# fault: the cases of tests/faults that need a mainframe
#
# SPDX-License-Identifier: GPL-2.0-or-later

from qemu_test.iommufd_faults import LabFaultChecks, tests_of
from qemu_test.iommufd_lab import IommufdMainframeTest


@tests_of(('s390x',))
class IommufdFaultsCcw(LabFaultChecks, IommufdMainframeTest):
    """The cases of the level "s390x"."""

    LEVEL = 's390x'
    QEMU = 'qemu-system-s390x'


if __name__ == '__main__':
    IommufdFaultsCcw.main()
