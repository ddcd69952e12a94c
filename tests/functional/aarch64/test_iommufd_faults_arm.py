#!/usr/bin/env python3
#
# What QEMU says about devices of an Arm server when the host has a fault: the
# cases of tests/faults that need one
#
# SPDX-License-Identifier: GPL-2.0-or-later

from qemu_test.iommufd_faults import LabFaultChecks, tests_of
from qemu_test.iommufd_lab import IommufdArmTest


@tests_of(('aarch64',))
class IommufdFaultsArm(LabFaultChecks, IommufdArmTest):
    """The cases of the level "aarch64"."""

    LEVEL = 'aarch64'
    QEMU = 'qemu-system-aarch64'


if __name__ == '__main__':
    IommufdFaultsArm.main()
