/*
 * Errors that name the cause when memory is not mapped for DMA
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VFIO_MAP_ERROR_H
#define HW_VFIO_MAP_ERROR_H

#include "hw/vfio/iommufd-compat.h"

/**
 * vfio_error_map: report why memory was not mapped for DMA
 * @errp: set to the cause, for containers of iommufd, or to what failed
 * @bcontainer: the container
 * @mr: the memory region, or NULL if it is not known
 * @iova: first I/O virtual address
 * @size: bytes
 * @vaddr: address of the memory in QEMU
 * @readonly: the mapping was to be read-only
 * @err: errno of the mapping
 */
void vfio_error_map(Error **errp, VFIOAnyContainer *bcontainer,
                    MemoryRegion *mr, hwaddr iova, uint64_t size, void *vaddr,
                    bool readonly, int err);

/**
 * vfio_report_map: print why memory was not mapped for DMA, on behalf of a
 * guest that decides what is mapped
 *
 * The parameters are those of vfio_error_map(); a region that is not given is
 * found by its address.  The guest may try again as often as it likes: for each
 * container there is one report a minute of each kind, which is an errno of
 * guest memory or of the memory of devices.  It is printed later, as the caller
 * may hold locks that looking at the host would hold for too long.
 */
void vfio_report_map(VFIOAnyContainer *bcontainer, MemoryRegion *mr,
                     hwaddr iova, uint64_t size, void *vaddr, bool readonly,
                     int err);

#endif
