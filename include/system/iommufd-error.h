/*
 * Errors that name the cause of an IOMMUFD failure
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef SYSTEM_IOMMUFD_ERROR_H
#define SYSTEM_IOMMUFD_ERROR_H

#include "system/iommufd.h"
#include "system/iommufd-diag.h"

/**
 * iommufd_accounting_mode: whose locked memory an iommufd's pages count as
 * @fd: the iommufd
 *
 * Returns: the mode, or IOMMUFD_ACCOUNTING_MODE_UNKNOWN with errno set.
 */
IOMMUFDAccountingMode iommufd_accounting_mode(int fd);

/**
 * iommufd_fd_is_iommufd: ask a descriptor whether it is an iommufd
 * @fd: the descriptor
 *
 * Returns: true if it is; otherwise false with errno set.
 */
bool iommufd_fd_is_iommufd(int fd);

/**
 * iommufd_open_node: open /dev/iommu
 * @errp: set if that fails, with the cause in the message and the remedy in
 *     the hint
 *
 * Returns: a descriptor that the caller closes, or -1.
 */
int iommufd_open_node(Error **errp);

/**
 * iommufd_check: check that an object's iommufd can be used
 * @be: the object, whose descriptor stays as it is
 * @errp: set when it cannot, as for iommufd_open_node()
 *
 * Without a passed descriptor this opens /dev/iommu, asks it for one option
 * and closes it again.  With one, it is the descriptor that is asked, and no
 * path is looked at unless that fails: the process that passes the descriptor
 * may have hidden /dev/iommu from QEMU.
 *
 * Returns: true if it is an iommufd.
 */
bool iommufd_check(const IOMMUFDBackend *be, Error **errp);

/**
 * iommufd_error_device_node: report why a VFIO device node was not found or
 * not opened
 * @errp: set to the cause, in place of what it points to
 * @sysfsdev: the device's directory in sysfs
 * @err: errno of the step that failed
 */
void iommufd_error_device_node(Error **errp, const char *sysfsdev, int err);

/**
 * iommufd_error_bind: report why a device was not bound to an iommufd
 * @errp: set to the cause
 * @device: the device
 * @err: errno of the bind
 */
void iommufd_error_bind(Error **errp, const IOMMUFDDevice *device, int err);

/**
 * iommufd_error_device_fd: report what is wrong with a device's descriptor
 * @errp: set to the cause, in place of what it points to, if something is
 *     wrong; else left alone
 * @device: the device
 * @err: errno of what was tried with the descriptor
 */
void iommufd_error_device_fd(Error **errp, const IOMMUFDDevice *device,
                             int err);

/**
 * iommufd_error_attach: report why a bound device got no page tables
 * @errp: set to the cause
 * @step: the step that failed
 * @device: the device
 * @err: errno of the step
 */
void iommufd_error_attach(Error **errp, IOMMUFDStep step,
                          const IOMMUFDDevice *device, int err);

/**
 * iommufd_error_page_table: the same, for a step that does not know its device
 * @errp: set to the cause
 * @be: the iommufd object
 * @step: the step that failed
 * @err: errno of the step
 */
void iommufd_error_page_table(Error **errp, const IOMMUFDBackend *be,
                              IOMMUFDStep step, int err);

/**
 * iommufd_error_map: report why guest memory was not mapped for DMA
 * @errp: set to the cause
 * @iommufd: descriptor of the iommufd
 * @map: the mapping; its memory accounting mode is filled in
 * @err: errno of the mapping
 */
void iommufd_error_map(Error **errp, int iommufd, IOMMUFDMap *map, int err);

#endif
