/*
 * Why IOMMUFD device assignment fails, or will fail, on a host
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef SYSTEM_IOMMUFD_DIAG_H
#define SYSTEM_IOMMUFD_DIAG_H

/*
 * A host is read below a root directory ("/" in QEMU), so that tests can show
 * any host.  Checks look at these facts and at what has failed, and each
 * returns a finding or nothing.  Nothing is written, and a look that fails
 * never hides the failure that was handed in.  What cannot be read is
 * unknown: neither there nor missing.
 */

/* Stable: tools tell causes apart by the names of iommufd_cause_name() */
typedef enum IOMMUFDCause {
#define IOMMUFD_CAUSE(symbol, name) symbol
#include "backends/iommufd-diag/causes.h.inc"
#undef IOMMUFD_CAUSE
    IOMMUFD_CAUSE__MAX,
} IOMMUFDCause;

/**
 * struct IOMMUFDFinding - what a check has found
 * @cause: the cause, IOMMUFD_CAUSE_UNKNOWN if several are possible
 * @message: one line, with path and errno text, without a full stop.  It
 *     states as a fact only what was read; else it says "probably", or names
 *     all that is possible.
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

/*
 * Why something has failed
 */

/* The steps on the way to a device that reaches guest memory */
typedef enum IOMMUFDStage {
    /* of the host, before anything is tried */
    IOMMUFD_STAGE_HOST,
    /* opening /dev/iommu, and using what was opened */
    IOMMUFD_STAGE_OPEN,
    /* using the descriptor that was passed to an iommufd object */
    IOMMUFD_STAGE_OBJECT_FD,
    /* finding and opening the VFIO device node of a device */
    IOMMUFD_STAGE_NODE,
    /* using the descriptor that was passed to a device */
    IOMMUFD_STAGE_DEVICE_FD,
    /* VFIO_DEVICE_BIND_IOMMUFD */
    IOMMUFD_STAGE_BIND,
    /* IOMMU_IOAS_ALLOC */
    IOMMUFD_STAGE_IOAS,
    /* IOMMU_GET_HW_INFO */
    IOMMUFD_STAGE_HW_INFO,
    /* IOMMU_HWPT_ALLOC */
    IOMMUFD_STAGE_HWPT,
    /* VFIO_DEVICE_ATTACH_IOMMUFD_PT */
    IOMMUFD_STAGE_ATTACH,
    /* IOMMU_IOAS_MAP, IOMMU_IOAS_MAP_FILE */
    IOMMUFD_STAGE_MAP,
} IOMMUFDStage;

/**
 * struct IOMMUFDDevice - a device of the VM
 * @name: how the user knows it, which is the same for the same host device
 * @sysfsdev: its directory in sysfs; NULL to learn it from @fd
 * @fd: descriptor of its VFIO device node, -1 if it has none
 * @iommufd: id of its iommufd object, NULL for the legacy VFIO container
 * @space: its address space, to be compared only
 * @id: its id in QEMU, or NULL
 */
typedef struct IOMMUFDDevice {
    const char *name;
    const char *sysfsdev;
    int fd;
    const char *iommufd;
    const void *space;
    const char *id;
} IOMMUFDDevice;

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

/* Whether the memory of a device is there as a dma-buf */
typedef enum IOMMUFDExport {
    IOMMUFD_EXPORT_NONE, /* QEMU has not asked for it */
    IOMMUFD_EXPORT_FAILED,
    IOMMUFD_EXPORT_DONE,
} IOMMUFDExport;

/**
 * struct IOMMUFDMap - guest memory that could not be mapped for DMA
 * @region: name of the guest's memory region
 * @iova: first I/O virtual address
 * @size: bytes
 * @readonly: the mapping was to be read-only
 * @device_memory: the memory is a BAR of another assigned device
 * @export: what has come of having the kernel export it
 * @total: bytes of all memory that the VM has to map in this IOAS
 * @unpopulated: bytes of the memory without a page, UINT64_MAX if not known
 * @backing_page: bytes of a page of the memory, 0 if not known
 * @backing_file: path of the file that backs the memory, or NULL
 * @backing_on_disk: the file is mapped shared, and is neither on tmpfs nor on
 *     hugetlbfs
 * @backing_readonly: QEMU itself cannot write the memory
 * @mode: memory accounting mode of the iommufd
 * @ranges: usable I/O virtual addresses, ascending
 * @n_ranges: their number, 0 if not known
 * @page_size: smallest page of the IOMMU in bytes, 0 if not known
 */
typedef struct IOMMUFDMap {
    const char *region;
    uint64_t iova;
    uint64_t size;
    bool readonly;
    bool device_memory;
    IOMMUFDExport export;
    uint64_t total;
    uint64_t unpopulated;
    uint64_t backing_page;
    const char *backing_file;
    bool backing_on_disk;
    bool backing_readonly;
    IOMMUFDAccountingMode mode;
    const IOMMUFDRange *ranges;
    size_t n_ranges;
    uint64_t page_size;
} IOMMUFDMap;

/**
 * struct IOMMUFDFailure - a step that has failed
 * @stage: the step
 * @err: its errno
 * @iommufd: descriptor of the iommufd, -1 if there is none
 * @id: id of the iommufd object, or NULL
 * @device: the device, from IOMMUFD_STAGE_NODE on; NULL if it is not known
 * @others: the other assigned devices of the VM; for IOMMUFD_STAGE_MAP those
 *     that use the mappings
 * @n_others: their number
 * @already_bound: the descriptor answers as one of a bound device does, though
 *     this bind has failed
 * @has_token: the bind carried a VF token
 * @kvm: the VM uses KVM
 * @map: the mapping, for IOMMUFD_STAGE_MAP
 * @time_limit: microseconds that looking through all processes may take, 0
 *     for a second
 */
typedef struct IOMMUFDFailure {
    IOMMUFDStage stage;
    int err;
    int iommufd;
    const char *id;
    const IOMMUFDDevice *device;
    const IOMMUFDDevice *others;
    size_t n_others;
    bool already_bound;
    bool has_token;
    bool kvm;
    const IOMMUFDMap *map;
    int64_t time_limit;
} IOMMUFDFailure;

/**
 * iommufd_diagnose: why a step has failed
 * @root: directory below which the host is read
 * @failure: the step
 *
 * Returns: the first finding of the stage's checks, to be freed by the caller;
 * NULL if nothing is known but the errno.
 */
IOMMUFDFinding *iommufd_diagnose(const char *root,
                                 const IOMMUFDFailure *failure);

/*
 * What QEMU needs to know in any case
 */

/**
 * iommufd_sysfs_of_fd: the device whose VFIO device node is open
 * @root: directory below which the host is read
 * @fd: any descriptor
 * @vfio: set to the name of the VFIO device, such as vfio0, which the caller
 *     frees; may be NULL
 *
 * Returns: the device's directory in sysfs without links and without @root,
 * to be freed by the caller; NULL if @fd is no such node, or if sysfs does not
 * show it.
 */
char *iommufd_sysfs_of_fd(const char *root, int fd, char **vfio);

/**
 * iommufd_sysfs_is_mediated: is this a mediated device?
 * @root: directory below which the host is read
 * @path: the device's directory in sysfs, without @root
 *
 * Returns: true if sysfs has it on the bus of mediated devices.
 */
bool iommufd_sysfs_is_mediated(const char *root, const char *path);

/*
 * The facts of a host
 */

/* Is something there?  What cannot be read is unknown. */
typedef enum IOMMUFDSeen {
    IOMMUFD_SEEN_UNKNOWN,
    IOMMUFD_SEEN_NO,
    IOMMUFD_SEEN_YES,
} IOMMUFDSeen;

/* A host, of which everything is read at most once */
typedef struct IOMMUFDHost IOMMUFDHost;

/**
 * struct IOMMUFDHostDevice - a device of a host
 * @host: the host
 * @path: its directory in sysfs, a path without the host's root
 * @real: the same without links, NULL if it cannot be resolved
 * @name: its name on its bus, such as 0000:01:00.0
 * @bus: its bus, NULL if not known
 * @api: of a mediated device, what it is to user space, such as vfio-ap
 * @pci_vendor: of a PCI device, 0 if it is not known, as are the next two
 * @pci_device: with that, what it is
 * @pci_class: its class, 24 bits
 * @driver: its driver; NULL if it has none, or if that is not known
 * @driver_seen: whether it has one
 * @override: the driver that it is meant for, or NULL
 * @vfio_dev: whether a VFIO driver has made a VFIO device for it
 * @vfio: name of that, such as vfio0; NULL if there is none or not known
 * @has_devt: the VFIO device shows the number of its device node
 * @devt: that number
 * @group: its IOMMU group; NULL if it is in none, or if that is not known
 * @group_seen: whether it is in one
 * @has_enable: the device shows whether it is enabled, which is what a VFIO
 *     driver does with a device that is in use
 * @enable: how often it was enabled
 * @planned: the driver that it will be bound to first, or NULL
 */
typedef struct IOMMUFDHostDevice {
    IOMMUFDHost *host;
    char *path;
    char *real;
    char *name;
    char *bus;
    char *api;
    uint16_t pci_vendor;
    uint16_t pci_device;
    uint32_t pci_class;
    char *driver;
    IOMMUFDSeen driver_seen;
    char *override;
    IOMMUFDSeen vfio_dev;
    char *vfio;
    bool has_devt;
    dev_t devt;
    char *group;
    IOMMUFDSeen group_seen;
    bool has_enable;
    uint64_t enable;
    char *planned;
} IOMMUFDHostDevice;

/**
 * iommufd_host_new: begin to look at a host
 * @root: directory below which the host is read
 *
 * Returns: a host, to be freed with iommufd_host_free().
 */
IOMMUFDHost *iommufd_host_new(const char *root);

/**
 * iommufd_host_free: free a host and all its devices
 * @host: the host, may be NULL
 */
void iommufd_host_free(IOMMUFDHost *host);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(IOMMUFDHost, iommufd_host_free)

/**
 * iommufd_host_device: a device of a host
 * @host: the host
 * @path: its directory in sysfs, a path without the host's root
 *
 * Returns: the device, which is the host's; it need not exist.
 */
IOMMUFDHostDevice *iommufd_host_device(IOMMUFDHost *host, const char *path);

/**
 * iommufd_host_bus_path: a device under the name that users know
 * @host: the host
 * @path: any path to the device in sysfs, without the host's root
 *
 * Returns: where its bus lists it, or where it is if no bus does, without
 * the host's root, to be freed by the caller; NULL if there is nothing.
 */
char *iommufd_host_bus_path(IOMMUFDHost *host, const char *path);

/* Does a line of a text end the search? */
typedef bool IOMMUFDLineMatch(const char *line, void *opaque);

/**
 * iommufd_host_find: look through a text of a host, compressed or not
 * @host: the host
 * @path: the file, without the host's root
 * @match: called with each line up to the first one that matches
 * @opaque: what @match is called with
 *
 * Returns: whether the file could be read.  No more than a sane one has is.
 */
bool iommufd_host_find(IOMMUFDHost *host, const char *path,
                       IOMMUFDLineMatch *match, void *opaque);

/**
 * iommufd_host_pci_devices: the PCI devices of a host
 * @host: the host
 *
 * Returns: an array of paths that the caller frees, as their bus lists them.
 */
GPtrArray *iommufd_host_pci_devices(IOMMUFDHost *host);

/**
 * iommufd_host_vfio_devices: the devices that are bound to VFIO drivers
 * @host: the host
 *
 * Returns: an array of paths that the caller frees.
 */
GPtrArray *iommufd_host_vfio_devices(IOMMUFDHost *host);

/**
 * iommufd_host_unseen: what this process lacks the rights to see
 * @host: the host
 *
 * Returns: an array of lines that the caller frees.
 */
GPtrArray *iommufd_host_unseen(IOMMUFDHost *host);

/**
 * iommufd_host_assume_guest: say what QEMU will run as, and for which guest
 * @host: the host
 * @uid: the user that QEMU will run as, without capabilities
 * @memory: bytes of the guest's memory, 0 if not known
 *
 * The check of locked memory judges for that, with the limit that this process
 * has.
 */
void iommufd_host_assume_guest(IOMMUFDHost *host, uid_t uid, uint64_t memory);

/**
 * struct IOMMUFDInterrupts - can devices send any interrupt to the host?
 * @known: the host shows whether interrupts are remapped
 * @isolated: they are
 * @gicv2m: it is not known, but those that are seen go through a GICv2m of
 *     Arm, which does not isolate them
 * @parameter: iommufd shows its parameter allow_unsafe_interrupts
 * @allow_unsafe: that lets devices be bound all the same
 */
typedef struct IOMMUFDInterrupts {
    bool known;
    bool isolated;
    bool gicv2m;
    IOMMUFDSeen parameter;
    bool allow_unsafe;
} IOMMUFDInterrupts;

/**
 * iommufd_host_interrupts: how the interrupts of devices are handled
 * @host: the host
 *
 * Returns: what can be seen of it, which is the host's.
 */
const IOMMUFDInterrupts *iommufd_host_interrupts(IOMMUFDHost *host);

/**
 * iommufd_host_interrupts_finding: why no physical device can be bound
 * @host: the host
 *
 * Returns: a finding that the caller frees; NULL if the interrupts of devices
 * are isolated, or it is not known.
 */
IOMMUFDFinding *iommufd_host_interrupts_finding(IOMMUFDHost *host);

/**
 * iommufd_device_is_pci: is this a PCI device?
 * @device: the device
 *
 * Returns: true if it is seen to be one.
 */
bool iommufd_device_is_pci(const IOMMUFDHostDevice *device);

/**
 * iommufd_device_is_mediated: is this a mediated device, which needs no IOMMU?
 * @device: the device
 *
 * Returns: true if it is seen to be one.
 */
bool iommufd_device_is_mediated(const IOMMUFDHostDevice *device);

/**
 * iommufd_device_has_vfio_driver: is the device VFIO's?
 * @device: the device
 *
 * Returns: true if its driver hands devices to VFIO.
 */
bool iommufd_device_has_vfio_driver(const IOMMUFDHostDevice *device);

/**
 * iommufd_device_vfio_driver: the VFIO driver that is for a PCI device
 * @device: the device
 * @module: set to the name of the module that has the driver, which the
 *     caller frees; may be NULL
 *
 * Some devices have a VFIO driver of their own, which the aliases of the
 * running kernel's modules tell.
 *
 * Returns: that driver, vfio-pci if there is none, to be freed by the caller.
 */
char *iommufd_device_vfio_driver(const IOMMUFDHostDevice *device,
                                 char **module);

/**
 * iommufd_device_plan: say that a device will be bound before it is assigned
 * @device: a PCI device
 * @driver: the VFIO driver that it will be bound to
 *
 * The checks judge the host as if that were done, unless the device has a VFIO
 * driver already; they fail with why @driver would not take it.
 */
void iommufd_device_plan(IOMMUFDHostDevice *device, const char *driver);

/**
 * iommufd_device_qemu_driver: the device of QEMU's that it is assigned with
 * @device: the device
 *
 * Returns: "vfio-pci", "vfio-ap" or "vfio-ccw", a static string; NULL if QEMU
 * has none that takes iommufd=, or if that is not known.
 */
const char *iommufd_device_qemu_driver(const IOMMUFDHostDevice *device);

/**
 * iommufd_device_group: the members of a device's IOMMU group
 * @device: the device
 *
 * Returns: an array of #IOMMUFDHostDevice, with the device itself, that the
 * caller releases and does not change; NULL if the members cannot be seen.
 */
GPtrArray *iommufd_device_group(const IOMMUFDHostDevice *device);

/**
 * iommufd_host_ask_kernel: find out of the kernel who has a disk
 * @host: the host, whose root is "/"; of any other nothing is asked
 *
 * Lets iommufd_device_use() open block devices for a moment, read-only and as
 * if to have them alone.  QEMU itself never does.
 */
void iommufd_host_ask_kernel(IOMMUFDHost *host);

/**
 * iommufd_device_use: what the host loses with a device
 * @device: the device
 * @in_use: set to whether that is in use at this time; unknown if it cannot
 *     be judged
 *
 * Returns: what to say of the device, such as "is the host's ..." or "holds
 * the host's ...", to be freed by the caller; NULL if nothing is known, and
 * then it is not in use.
 */
char *iommufd_device_use(const IOMMUFDHostDevice *device, IOMMUFDSeen *in_use);

/**
 * iommufd_device_holder: who has a device of VFIO's open
 * @device: the device
 *
 * Returns: another process, such as "process 12 (NAME)", that has its device
 * node or that of its group open, a string that is the host's or static; NULL
 * if there is none.
 */
const char *iommufd_device_holder(const IOMMUFDHostDevice *device);

/*
 * Before anything is tried
 */

typedef enum IOMMUFDVerdict {
    /* It makes no sense after another check has failed */
    IOMMUFD_VERDICT_SKIP,
    IOMMUFD_VERDICT_PASS,
    /* A device can be assigned, but there is something to know */
    IOMMUFD_VERDICT_WARN,
    IOMMUFD_VERDICT_FAIL,
} IOMMUFDVerdict;

/**
 * struct IOMMUFDResult - what came of a check
 * @check: its name, stable, such as "iommu-node"
 * @verdict: the verdict
 * @text: what was seen, one line without a full stop; NULL if @finding says it
 * @finding: what was found, or NULL
 */
typedef struct IOMMUFDResult {
    const char *check;
    IOMMUFDVerdict verdict;
    char *text;
    IOMMUFDFinding *finding;
} IOMMUFDResult;

/**
 * iommufd_check_host: run the checks of a host
 * @host: the host
 * @physical: devices are to be assigned that do DMA themselves; a missing
 *     IOMMU is no more than a warning to others, which are mediated devices
 *
 * Returns: an array of #IOMMUFDResult that the caller frees.
 */
GPtrArray *iommufd_check_host(IOMMUFDHost *host, bool physical);

/**
 * iommufd_check_device: run the checks of a device, up to one that is bound
 * @device: the device
 *
 * A check that needs a failed one is skipped.  Nothing is opened, but for what
 * iommufd_host_ask_kernel() allows.
 *
 * Returns: an array of #IOMMUFDResult that the caller frees.
 */
GPtrArray *iommufd_check_device(IOMMUFDHostDevice *device);

/**
 * iommufd_results_new: begin to collect results
 *
 * Returns: an empty array of #IOMMUFDResult that the caller frees.
 */
GPtrArray *iommufd_results_new(void);

/**
 * iommufd_results_add: add a result
 * @results: an array of #IOMMUFDResult
 * @check: the name of the check, a static string
 * @verdict: the verdict
 * @text: what was seen, which is taken over, or NULL
 * @finding: what was found, which is taken over, or NULL
 */
void iommufd_results_add(GPtrArray *results, const char *check,
                         IOMMUFDVerdict verdict, char *text,
                         IOMMUFDFinding *finding);

/**
 * iommufd_results_verdict: the worst of all verdicts
 * @results: an array of #IOMMUFDResult
 *
 * Returns: that verdict, pass if there is no result.
 */
IOMMUFDVerdict iommufd_results_verdict(const GPtrArray *results);

#endif
