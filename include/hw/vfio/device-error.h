/*
 * Errors that name the cause when a VFIO device fails on iommufd
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VFIO_DEVICE_ERROR_H
#define HW_VFIO_DEVICE_ERROR_H

#include "hw/vfio/iommufd-compat.h"
#include "system/iommufd-error.h"
#include "qapi/qapi-types-run-state.h"

/**
 * vfio_iommufd_device: what a device is to the diagnosis
 * @vbasedev: the device
 *
 * Returns: a struct that points to what the device has.
 */
IOMMUFDDevice vfio_iommufd_device(const VFIODevice *vbasedev);

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
 * device or used twice, instead of what failed because of that
 * @errp: points to the error of what failed, which is replaced
 * @vbasedev: the device
 * @err: errno of what failed
 *
 * Returns: false.
 */
bool vfio_iommufd_explain_fd(Error **errp, const VFIODevice *vbasedev,
                             int err);

/**
 * vfio_iommufd_error_attach: report why a device was not attached
 * @errp: set to the cause, or if the page tables are those of other devices,
 *     which the device need not be able to use, only to what failed
 * @vbasedev: the bound device
 * @id: of the page tables
 * @err: errno of VFIO_DEVICE_ATTACH_IOMMUFD_PT
 *
 * Returns: -@err.
 */
int vfio_iommufd_error_attach(Error **errp, const VFIODevice *vbasedev,
                              uint32_t id, int err);

/**
 * vfio_iommufd_warn_unshared: warn that a device got page tables of its own
 * @vbasedev: the device
 * @why: why it could not use those of other devices; freed and set to NULL.
 *     Nothing is printed if it is NULL.
 */
void vfio_iommufd_warn_unshared(const VFIODevice *vbasedev, Error **why);

/**
 * vfio_migration_state_error: let a migration fail, or report why a device
 * does not go along with the VM
 * @migrates: the device is being migrated
 * @state: what the VM changes to
 * @ret: negative errno of the change of the device's state
 * @err: what has failed; freed
 */
void vfio_migration_state_error(bool migrates, RunState state, int ret,
                                Error *err);

#endif
