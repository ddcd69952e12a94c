#!/usr/bin/env python3
#
# What QEMU says when the host has a fault: the cases of tests/faults that need
# a real iommufd
#
# SPDX-License-Identifier: GPL-2.0-or-later

from qemu_test.iommufd_faults import LabFaultChecks, tests_of
from qemu_test.iommufd_lab import IommufdLabTest


@tests_of(('lab',))
class IommufdFaultsLab(LabFaultChecks, IommufdLabTest):
    """The cases of the level "lab"."""


if __name__ == '__main__':
    IommufdFaultsLab.main()
