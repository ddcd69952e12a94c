# SPDX-License-Identifier: GPL-2.0-or-later
#
# The default devices, with errors that have the step and its errno and no more:
# ./configure --with-devices-x86_64=no-iommufd-diag

include default.mak
CONFIG_IOMMUFD_DIAG=n
