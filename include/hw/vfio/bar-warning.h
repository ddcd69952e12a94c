/*
 * Warnings about the memory of devices that other devices cannot reach
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VFIO_BAR_WARNING_H
#define HW_VFIO_BAR_WARNING_H

#include "hw/vfio/iommufd-compat.h"

/**
 * vfio_warn_device_memory: warn that the memory of a device is not mapped
 * @vbasedev: the device that the memory is of, or NULL if it is not of VFIO.
 *     There is one warning for each device.
 * @err: why, which is freed
 */
void vfio_warn_device_memory(VFIODevice *vbasedev, Error *err);

#endif
