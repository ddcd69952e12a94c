/*
 * Errors that name the cause when a VFIO device fails on iommufd
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VFIO_IOMMUFD_ERROR_H
#define HW_VFIO_IOMMUFD_ERROR_H

#include "hw/vfio/iommufd-compat.h"
#include "system/iommufd-diag.h"

/**
 * vfio_iommufd_error_bind: report why a device was not bound to its iommufd
 * @errp: set to the cause
 * @vbasedev: the device, with its descriptor and iommufd object
 * @err: errno of VFIO_DEVICE_BIND_IOMMUFD
 */
void vfio_iommufd_error_bind(Error **errp, const VFIODevice *vbasedev,
                             int err);

/**
 * vfio_iommufd_explain_fd: report a device's descriptor that is no VFIO
 * device, instead of what failed because of that
 * @errp: points to the error of what failed, which is replaced
 * @vbasedev: the device
 * @err: errno of what failed
 */
void vfio_iommufd_explain_fd(Error **errp, const VFIODevice *vbasedev,
                             int err);

/**
 * vfio_iommufd_error_attach: report why a device was not attached
 * @errp: set to the cause
 * @vbasedev: the bound device
 * @err: errno of VFIO_DEVICE_ATTACH_IOMMUFD_PT
 */
void vfio_iommufd_error_attach(Error **errp, const VFIODevice *vbasedev,
                               int err);

/**
 * vfio_iommufd_warn_unshared: warn that a device got page tables of its own
 * @vbasedev: the device
 * @why: why it could not use those of other devices; freed and set to NULL.
 *     Nothing is printed if it is NULL.
 */
void vfio_iommufd_warn_unshared(const VFIODevice *vbasedev, Error **why);

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
 * The parameters are those of vfio_error_map().  Prints once for a container:
 * the guest may try again as often as it likes.
 */
void vfio_report_map(VFIOAnyContainer *bcontainer, MemoryRegion *mr,
                     hwaddr iova, uint64_t size, void *vaddr, bool readonly,
                     int err);

/**
 * vfio_warn_device_memory: warn that the memory of a device is not mapped
 * @vbasedev: the device that the memory is of, or NULL if it is not of VFIO.
 *     There is one warning for each device.
 * @err: why, which is freed
 */
void vfio_warn_device_memory(VFIODevice *vbasedev, Error *err);

#endif
