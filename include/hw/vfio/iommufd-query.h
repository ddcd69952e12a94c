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

typedef struct VFIODevice VFIODevice;

/**
 * vfio_iommufd_query_devices: list the devices that use an iommufd object
 * @be: the iommufd object
 *
 * Returns: a list that the caller frees, the device attached first in front.
 */
IOMMUFDDeviceInfoList *vfio_iommufd_query_devices(IOMMUFDBackend *be);

/**
 * vfio_iommufd_get_ids: what an attached device is attached to
 * @vbasedev: the device
 * @ioas_id: set to the ID of the IOAS
 * @hwpt_id: set to the ID of the HWPT, 0 if there is none
 */
void vfio_iommufd_get_ids(const VFIODevice *vbasedev, uint32_t *ioas_id,
                          uint32_t *hwpt_id);

#endif
