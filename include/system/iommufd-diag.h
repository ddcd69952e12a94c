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
 * A function that returns a finding is called after something failed, and
 * looks at the host for the cause.  The host is read below a root directory
 * ("/" in QEMU), so that tests can show any host.  Nothing is written, no
 * state is kept, and a look that fails never hides the failure that was handed
 * in.
 */

/* Stable: tools tell causes apart by the names of iommufd_cause_name() */
typedef enum IOMMUFDCause {
#define IOMMUFD_CAUSE(symbol, name) IOMMUFD_CAUSE_##symbol
#include "system/iommufd-causes.h.inc"
#undef IOMMUFD_CAUSE
    IOMMUFD_CAUSE__MAX,
} IOMMUFDCause;

/**
 * struct IOMMUFDFinding - what a look at the host found
 * @cause: the cause, IOMMUFD_CAUSE_UNKNOWN when only the failure is known
 * @message: one line that states the cause as a fact, with path and errno
 *     text, without a full stop
 * @remedy: what to do about it, lines that end in a newline, or NULL
 * @evidence: what else was seen, one line, or NULL
 */
typedef struct IOMMUFDFinding {
    IOMMUFDCause cause;
    char *message;
    char *remedy;
    char *evidence;
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
 * iommufd_diag_sysfsdev: find a device in sysfs
 * @root: directory below which the host is read
 * @sysfsdev: its directory, if that is known, or NULL
 * @fd: any descriptor, or -1; only looked at without @sysfsdev
 *
 * Returns: a copy of @sysfsdev, else the directory of the device whose VFIO
 * device node is open at @fd, without links and without @root, to be freed by
 * the caller; NULL if @fd is no such node, or if sysfs does not show it.
 */
char *iommufd_diag_sysfsdev(const char *root, const char *sysfsdev, int fd);

/**
 * iommufd_diag_is_mediated: is this a mediated device, which needs no IOMMU?
 * @root: directory below which the host is read
 * @sysfsdev: the device's directory in sysfs, a path without @root
 *
 * Returns: true if sysfs has it on the bus of mediated devices.
 */
bool iommufd_diag_is_mediated(const char *root, const char *sysfsdev);

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

/**
 * struct IOMMUFDPeer - another device of the same VM
 * @name: how the user knows it
 * @sysfsdev: its directory in sysfs; NULL to learn it from @fd
 * @fd: descriptor of its VFIO device node
 * @iommufd: id of its iommufd object, NULL for the legacy VFIO container
 */
typedef struct IOMMUFDPeer {
    const char *name;
    const char *sysfsdev;
    int fd;
    const char *iommufd;
} IOMMUFDPeer;

/**
 * struct IOMMUFDDevice - a device at the time when binding or attaching it
 * failed
 * @sysfsdev: its directory in sysfs; NULL to learn it from @fd
 * @fd: descriptor of its VFIO device node
 * @iommufd: descriptor of the iommufd
 * @id: id of the iommufd object
 * @already_bound: @fd answers like a device that is bound, though this
 *     bind failed
 * @has_token: the bind carried a VF token
 * @kvm: the VM uses KVM
 * @peers: the other assigned devices of the VM
 * @n_peers: their number
 */
typedef struct IOMMUFDDevice {
    const char *sysfsdev;
    int fd;
    int iommufd;
    const char *id;
    bool already_bound;
    bool has_token;
    bool kvm;
    const IOMMUFDPeer *peers;
    size_t n_peers;
} IOMMUFDDevice;

/**
 * iommufd_diag_device_fd: what is wrong with the descriptor of a device
 * @root: directory below which the host is read
 * @device: the device
 * @err: errno of what was tried with it
 *
 * Returns: a finding that the caller frees, NULL if the descriptor is one of
 * a VFIO device node.
 */
IOMMUFDFinding *iommufd_diag_device_fd(const char *root,
                                       const IOMMUFDDevice *device, int err);

/**
 * iommufd_diag_bind: why a device could not be bound to an iommufd
 * @root: directory below which the host is read
 * @device: the device
 * @err: errno of VFIO_DEVICE_BIND_IOMMUFD
 *
 * Returns: a finding that the caller frees, never NULL.
 */
IOMMUFDFinding *iommufd_diag_bind(const char *root,
                                  const IOMMUFDDevice *device, int err);

/* The steps from a bound device to one that has page tables */
typedef enum IOMMUFDStep {
    IOMMUFD_STEP_IOAS_ALLOC,
    IOMMUFD_STEP_HW_INFO,
    IOMMUFD_STEP_HWPT_ALLOC,
    IOMMUFD_STEP_ATTACH,
} IOMMUFDStep;

/**
 * iommufd_diag_attach: why a bound device got no page tables
 * @root: directory below which the host is read
 * @step: the step that failed
 * @device: the device; its peers are those with another address space
 * @err: errno of the step
 *
 * Returns: a finding that the caller frees, never NULL.
 */
IOMMUFDFinding *iommufd_diag_attach(const char *root, IOMMUFDStep step,
                                    const IOMMUFDDevice *device, int err);

/* Whose locked memory the pinned memory counts as */
typedef enum IOMMUFDAccountingMode {
    IOMMUFD_ACCOUNTING_MODE_UNKNOWN,
    IOMMUFD_ACCOUNTING_MODE_USER,
    IOMMUFD_ACCOUNTING_MODE_PROCESS,
} IOMMUFDAccountingMode;

/* A range of addresses, both ends included */
typedef struct IOMMUFDRange {
    uint64_t start;
    uint64_t last;
} IOMMUFDRange;

/**
 * struct IOMMUFDMap - guest memory that could not be mapped for DMA
 * @region: name of the guest's memory region
 * @iova: first I/O virtual address
 * @size: bytes
 * @vaddr: address of the memory in this process
 * @readonly: the mapping was to be read-only
 * @device_memory: the memory is a BAR of another assigned device
 * @total: bytes of all memory that the VM has to map
 * @mode: memory accounting mode of the iommufd
 * @ranges: usable I/O virtual addresses, ascending
 * @n_ranges: their number, 0 if not known
 * @page_size: smallest page of the IOMMU in bytes, 0 if not known
 * @peers: the devices that use the mappings
 * @n_peers: their number
 */
typedef struct IOMMUFDMap {
    const char *region;
    uint64_t iova;
    uint64_t size;
    const void *vaddr;
    bool readonly;
    bool device_memory;
    uint64_t total;
    IOMMUFDAccountingMode mode;
    const IOMMUFDRange *ranges;
    size_t n_ranges;
    uint64_t page_size;
    const IOMMUFDPeer *peers;
    size_t n_peers;
} IOMMUFDMap;

/**
 * iommufd_diag_map: why guest memory could not be mapped for DMA
 * @root: directory below which the host is read
 * @map: the mapping
 * @err: errno of the map ioctl
 *
 * Returns: a finding that the caller frees, never NULL.
 */
IOMMUFDFinding *iommufd_diag_map(const char *root, const IOMMUFDMap *map,
                                 int err);

#endif
