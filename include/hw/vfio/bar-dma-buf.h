/*
 * The memory of assigned devices as files
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VFIO_BAR_DMA_BUF_H
#define HW_VFIO_BAR_DMA_BUF_H

#include "qapi/qapi-builtin-types.h"

typedef struct VFIODevice VFIODevice;
typedef struct VFIOPCIDevice VFIOPCIDevice;

/*
 * A dma-buf of what QEMU maps of a BAR.  iommufd has devices reach the memory
 * of other devices only by such files.
 */
typedef struct VFIOBarDMABuf {
    int fd;
    bool exported;
} VFIOBarDMABuf;

/**
 * vfio_bar_dma_buf: have the kernel export memory of an assigned device
 * @mr: the memory
 *
 * Returns: the descriptor, which belongs to the device, or a negative errno:
 * -ENOENT if @mr is not a BAR of an assigned device, -ECANCELED if the device
 * has x-no-dma-buf, or the kernel's.
 */
int vfio_bar_dma_buf(MemoryRegion *mr);

/**
 * vfio_bar_close_dma_buf: close the descriptor, if there is one
 * @dma_buf: of what QEMU has mapped of a BAR
 *
 * The memory is unmapped where it still is in an IOAS.
 */
void vfio_bar_close_dma_buf(VFIOBarDMABuf *dma_buf);

/**
 * vfio_bar_config_written: unmap memory that the device does not decode any
 * more, and map it again when it does
 * @vdev: the device, in whose configuration space the guest has written
 * @addr: where
 * @val: the value
 * @len: its bytes
 */
void vfio_bar_config_written(VFIOPCIDevice *vdev, uint32_t addr, uint32_t val,
                             int len);

/**
 * vfio_bar_device_reset: map memory again that the kernel has unmapped as QEMU
 * has reset the device
 * @vbasedev: the device, in which the guest has written nothing for that
 */
void vfio_bar_device_reset(VFIODevice *vbasedev);

/**
 * vfio_bars_save_cpr: prepare for another QEMU, before it starts
 * @opaque: not used
 * @errp: set if the next QEMU could not tell descriptors apart
 *
 * QEMU 10.2 looks when it starts whether everything in an IOAS can be handed
 * to it, which the memory of devices cannot.
 *
 * Returns: whether CPR can go on.
 */
bool vfio_bars_save_cpr(void *opaque, Error **errp);

/**
 * vfio_bars_reachable: BARs that other devices can reach
 * @vbasedev: a device
 *
 * Returns: their numbers, in ascending order, which the caller frees.
 */
uint8List *vfio_bars_reachable(VFIODevice *vbasedev);

#endif
