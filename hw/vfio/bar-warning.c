/*
 * Warnings about the memory of devices that other devices cannot reach
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/vfio/bar-warning.h"

void vfio_warn_device_memory(VFIODevice *vbasedev, Error *err)
{
    if (vbasedev) {
        warn_report_err_once_cond(&vbasedev->dma_warned, err);
    } else {
        warn_report_err_once(err);
    }
}
