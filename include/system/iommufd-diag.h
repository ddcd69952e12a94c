/*
 * Why IOMMUFD device assignment fails on a host
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef SYSTEM_IOMMUFD_DIAG_H
#define SYSTEM_IOMMUFD_DIAG_H

/*
 * Each function below is called after something failed, looks at the host
 * and returns one finding.  The host is read below a root directory ("/" in
 * QEMU), so that tests can show any host.  Nothing is written, no state is
 * kept, and a look that fails never hides the failure that was handed in.
 */

/* Stable: tools tell causes apart by the names of iommufd_cause_name() */
typedef enum IOMMUFDCause {
    IOMMUFD_CAUSE_UNKNOWN,
    IOMMUFD_CAUSE_KERNEL_WITHOUT_IOMMUFD,
    IOMMUFD_CAUSE_MODULE_NOT_LOADED,
    IOMMUFD_CAUSE_NODE_MISSING,
    IOMMUFD_CAUSE_NODE_STALE,
    IOMMUFD_CAUSE_NODE_WRONG_TYPE,
    IOMMUFD_CAUSE_NODE_PERMISSION,
    IOMMUFD_CAUSE_NODE_DENIED,
    IOMMUFD_CAUSE_NODE_UNREADY,
    IOMMUFD_CAUSE_FD_CLOSED,
    IOMMUFD_CAUSE_FD_WRONG_KIND,
    IOMMUFD_CAUSE_FD_LIMIT,
    IOMMUFD_CAUSE_DEVICE_MISSING,
    IOMMUFD_CAUSE_DEVICE_NOT_BOUND,
    IOMMUFD_CAUSE_DRIVER_NOT_VFIO,
    IOMMUFD_CAUSE_DRIVER_WITHOUT_VFIO_DEV,
    IOMMUFD_CAUSE_VFIO_DEV_EMPTY,
    IOMMUFD_CAUSE_KERNEL_WITHOUT_CDEV,
    IOMMUFD_CAUSE_NOIOMMU,
    IOMMUFD_CAUSE_SYSFS_UNREADABLE,
    IOMMUFD_CAUSE_SYSFS_MALFORMED,
    IOMMUFD_CAUSE__MAX,
} IOMMUFDCause;

/**
 * struct IOMMUFDFinding - what a look at the host found
 * @cause: the cause, IOMMUFD_CAUSE_UNKNOWN when only the failure is known
 * @message: one line that states the cause as a fact, with path and errno
 *     text, without a full stop
 * @remedy: what to do about it, lines that end in a newline, or NULL
 */
typedef struct IOMMUFDFinding {
    IOMMUFDCause cause;
    char *message;
    char *remedy;
} IOMMUFDFinding;

/**
 * iommufd_cause_name: the stable name of a cause
 * @cause: a cause below IOMMUFD_CAUSE__MAX
 *
 * Returns: a static string such as "device-not-bound".
 */
const char *iommufd_cause_name(IOMMUFDCause cause);

/**
 * iommufd_finding_free: free a finding and its strings
 * @finding: the finding, may be NULL
 */
void iommufd_finding_free(IOMMUFDFinding *finding);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(IOMMUFDFinding, iommufd_finding_free)

/**
 * iommufd_diag_iommu_open: why /dev/iommu could not be opened
 * @root: directory below which the host is read
 * @err: errno of the failed open
 *
 * Returns: a finding that the caller frees, never NULL.
 */
IOMMUFDFinding *iommufd_diag_iommu_open(const char *root, int err);

/**
 * iommufd_diag_iommu_fd: why a descriptor is not an iommufd
 * @root: directory below which the host is read
 * @fd: number of the descriptor in this process
 * @passed: true if the user handed it in, false if it is QEMU's /dev/iommu
 * @err: errno of the iommufd ioctl that it refused
 *
 * Returns: a finding that the caller frees, never NULL.
 */
IOMMUFDFinding *iommufd_diag_iommu_fd(const char *root, int fd, bool passed,
                                      int err);

/**
 * iommufd_diag_device_node: why the VFIO device node of a device could not
 * be found or opened
 * @root: directory below which the host is read
 * @sysfsdev: the device's directory in sysfs, a path without @root
 * @err: errno of the step that failed
 *
 * Walks from the device to its node and reports the first thing that is
 * wrong; @err counts where the walk finds nothing wrong up to the open.
 *
 * Returns: a finding that the caller frees, never NULL.
 */
IOMMUFDFinding *iommufd_diag_device_node(const char *root,
                                         const char *sysfsdev, int err);

#endif
