/*
 * What is known about VFIO devices that use an iommufd object
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VFIO_IOMMUFD_QUERY_H
#define HW_VFIO_IOMMUFD_QUERY_H

#include "qapi/qapi-types-iommufd.h"
#include "system/iommufd.h"

/**
 * vfio_iommufd_query_devices: list the devices that use an iommufd object
 * @be: the iommufd object
 *
 * Returns: a list that the caller frees, the device attached first in front.
 */
IOMMUFDDeviceInfoList *vfio_iommufd_query_devices(IOMMUFDBackend *be);

#endif
