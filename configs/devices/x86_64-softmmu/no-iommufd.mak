# SPDX-License-Identifier: GPL-2.0-or-later
#
# All devices, but no iommufd object: what the other targets are by default

include default.mak

CONFIG_IOMMUFD=n
