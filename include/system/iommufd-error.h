/*
 * Errors that name the cause of an IOMMUFD failure
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef SYSTEM_IOMMUFD_ERROR_H
#define SYSTEM_IOMMUFD_ERROR_H

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
 * iommufd_check_node: check that /dev/iommu can be used
 * @errp: set when it cannot, as for iommufd_open_node()
 *
 * Opens /dev/iommu, asks it for one iommufd option and closes it again.
 *
 * Returns: true if /dev/iommu is there, can be opened and is an iommufd.
 */
bool iommufd_check_node(Error **errp);

/**
 * iommufd_check_fd: check that a descriptor passed by the user is an iommufd
 * @fd: the descriptor, which stays the caller's
 * @errp: set when it is not, as for iommufd_open_node()
 *
 * No path is looked at unless the check fails: the process that passes the
 * descriptor may have hidden /dev/iommu from QEMU.
 *
 * Returns: true if @fd is open and is an iommufd.
 */
bool iommufd_check_fd(int fd, Error **errp);

/**
 * iommufd_error_device_node: report why a VFIO device node was not found or
 * not opened
 * @errp: set to the cause
 * @sysfsdev: the device's directory in sysfs
 * @err: errno of the step that failed
 */
void iommufd_error_device_node(Error **errp, const char *sysfsdev, int err);

#endif
