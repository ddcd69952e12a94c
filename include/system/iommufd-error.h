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
 * iommufd_explain: why a step has failed
 * @failure: the step; what it leaves out is looked up
 *
 * Without the diagnosis (CONFIG_IOMMUFD_DIAG), or if that finds nothing, it
 * is the step and its errno.
 *
 * Returns: a finding that the caller frees, never NULL.
 */
IOMMUFDFinding *iommufd_explain(const IOMMUFDFailure *failure);

/**
 * iommufd_error_set: make an error of a finding
 * @errp: set to the finding, in place of what it points to
 * @finding: the finding; its remedy becomes the hint
 */
void iommufd_error_set(Error **errp, const IOMMUFDFinding *finding);

/**
 * iommufd_error: report why a step has failed
 * @errp: set to the cause, in place of what it points to
 * @failure: the step
 */
void iommufd_error(Error **errp, const IOMMUFDFailure *failure);

/**
 * iommufd_open_node: open /dev/iommu
 * @errp: set if that fails, with the cause in the message and the remedy in
 *     the hint
 *
 * Returns: a descriptor that the caller closes, or -1.
 */
int iommufd_open_node(Error **errp);

/**
 * iommufd_probe_node: see whether /dev/iommu can be used
 * @fd: set to a descriptor that the caller closes, or -1
 *
 * Returns: why not, to be freed by the caller, or NULL.
 */
IOMMUFDFinding *iommufd_probe_node(int *fd);

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
 * iommufd_error_page_table: report a step that does not know its device
 * @errp: set to the cause
 * @be: the iommufd object
 * @stage: the step that failed
 * @err: errno of the step
 */
void iommufd_error_page_table(Error **errp, const IOMMUFDBackend *be,
                              IOMMUFDStage stage, int err);

#endif
