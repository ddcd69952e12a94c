/*
 * The memory of assigned devices as files, without iommufd
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/vfio/bar-dma-buf.h"

int vfio_bar_dma_buf(MemoryRegion *mr)
{
    return -ENOENT;
}

void vfio_bar_close_dma_buf(VFIOBarDMABuf *dma_buf)
{
}

void vfio_bar_device_reset(VFIODevice *vbasedev)
{
}

void vfio_bar_config_written(VFIOPCIDevice *vdev, uint32_t addr, uint32_t val,
                             int len)
{
}
