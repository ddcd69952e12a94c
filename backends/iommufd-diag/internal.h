/*
 * Looking at a host: what the files of the IOMMUFD diagnosis share
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BACKENDS_IOMMUFD_DIAG_INTERNAL_H
#define BACKENDS_IOMMUFD_DIAG_INTERNAL_H

#include "system/iommufd-diag.h"
#include "system/iommufd-survey.h"

/*
 * host.c: reading below a root directory
 *
 * All of it is bounded, in bytes, in entries and in depth, opens nothing but
 * regular files and directories, and gives up rather than wait.  What does
 * not exist or cannot be read is NULL, false or 0; errno tells why where a
 * pointer is returned.
 */

/* The first page of a text */
char *host_text(const char *root, const char *path);
/* A short attribute, as one printable line */
char *host_attr(const char *root, const char *path);
/* The same for PATH/NAME */
char *host_attr_of(const char *root, const char *path, const char *name);
/* An attribute that holds a number, decimal or with 0x; false without one */
bool host_number_of(const char *root, const char *path, const char *name,
                    uint64_t *number);
/* An attribute that holds MAJOR:MINOR */
bool host_devt(const char *root, const char *path, dev_t *devt);
/* The last component of what the link PATH/NAME points to */
char *host_link_of(const char *root, const char *path, const char *name);
/* A path without links below @root, itself a path without @root */
char *host_resolve(const char *root, const char *path);
bool host_exists(const char *root, const char *path);
bool host_has(const char *root, const char *path, const char *name);
/* The names in a directory, sorted, without . and .. */
GPtrArray *host_list(const char *root, const char *path);
typedef bool HostMatch(const char *line, void *opaque);
/*
 * Look through a text, compressed or not, for the first line that matches.
 * Returns whether it could be read; *@line is NULL if no line matches.
 */
bool host_find(const char *root, const char *path, HostMatch *match,
               void *opaque, char **line);
/* The same for a line with @needle in it */
bool host_find_line(const char *root, const char *path, const char *needle,
                    char **line);
/* The value in a text of lines "KEY<blank or colon>VALUE" */
char *host_value(const char *root, const char *path, const char *key);
char *host_kernel_release(const char *root);
/* Is the kernel older than this?  False if its version is not known. */
bool host_kernel_before(const char *root, unsigned int major,
                        unsigned int minor);
/* 'y', 'm', 'n', or 0 if no configuration of the kernel can be read */
char host_kernel_option(const char *root, const char *option);
bool host_module_shipped(const char *root, const char *module);
/* The number of the kernel's /dev/iommu, if it has one */
bool host_iommu_devt(const char *root, dev_t *devt);
/* Returns true to end the search */
typedef bool HostProcess(const char *root, const char *pid, void *opaque);
/* Goes through the processes, with @own also this one, for some time */
void host_each_process(const char *root, bool own, HostProcess *process,
                       void *opaque);
/*
 * A process that has the character device @devt open, as "process 12 (NAME)";
 * *@self is set if it is this one, which is looked at only if @self is given.
 */
char *host_holder(const char *root, dev_t devt, bool *self);
/* The same for all character devices: from a dev_t (as gint64) to a process */
GHashTable *host_holders(const char *root);
/* A configuration of the kernel that is there, but may not be read, or NULL */
char *host_kernel_config_denied(const char *root);

/*
 * finding.c
 */

/*
 * @remedy is taken over; the text of @err ends the message, unless it is 0
 * because nothing has failed yet
 */
IOMMUFDFinding *finding_new(IOMMUFDCause cause, int err, char *remedy,
                            const char *fmt, ...) G_GNUC_PRINTF(4, 5);
/* Adds what was seen, a fact about one place */
void finding_saw(IOMMUFDFinding *finding, const char *fmt, ...)
    G_GNUC_PRINTF(2, 3);

/*
 * device.c: what a device is to the host
 */

bool device_is_on_bus(const char *root, const char *sysfsdev, const char *bus);
/* Does every driver with this name hand its devices to VFIO? */
bool device_driver_is_vfio(const char *root, const char *sysfsdev,
                           const char *driver);
/* A driver that keeps others away and uses the device for nothing */
bool device_driver_is_stub(const char *driver);
/*
 * What the host loses with the device ("is the host's ..."), or NULL; *@in_use
 * tells whether that is in use at this time
 */
char *device_host_use(const char *root, const char *sysfsdev, bool *in_use);
/* Why there is no IOMMU for the device, or if @sysfsdev is NULL for any */
IOMMUFDFinding *device_no_iommu(const char *root, const char *sysfsdev);
/* Why the kernel provides no device nodes, nothing being at @path */
IOMMUFDFinding *device_no_cdev(const char *root, const char *path);
/* The name of a device's VFIO device, such as vfio0, or NULL */
char *device_vfio_name(const char *root, const char *sysfsdev);
/* The number of the device's node, false if it has none */
bool device_node_devt(const char *root, const char *sysfsdev, dev_t *devt);

/* I/O addresses that are no memory for a device, both ends included */
typedef struct ReservedRegion {
    uint64_t start;
    uint64_t last;
    /* as the kernel calls it */
    char type[20];
} ReservedRegion;

/* An array of #ReservedRegion: those of the device's IOMMU group */
GArray *device_reserved_regions(const char *root, const char *sysfsdev);
char *reserved_region_shown(const ReservedRegion *region);

/*
 * node.c
 */

/*
 * Why @path could not be opened, or is not what it should be.  @devt is the
 * number that the kernel gives the device, 0 if unknown.  Returns NULL if
 * the node looks right and @err says nothing.
 */
IOMMUFDFinding *node_finding(const char *root, const char *path, dev_t devt,
                             int err);

/* @what could not be opened for want of descriptors, by EMFILE or ENFILE */
IOMMUFDFinding *node_no_more_files(const char *what, int err);

/*
 * Can @path be used, as far as can be told without opening it?  errno is what
 * using it will meet, @wrong if it is not the device that it should be.
 */
bool node_usable(const char *root, const char *path, dev_t devt, int wrong);

typedef enum FdKind {
    FD_CLOSED,
    FD_IOMMU,
    FD_VFIO_DEVICE,
    FD_VFIO_GROUP,
    FD_VFIO_CONTAINER,
    FD_VFIO_LEGACY_DEVICE,
    FD_OTHER,
} FdKind;

/* What a descriptor of this process is; *@what is a noun phrase, or NULL */
FdKind fd_kind(const char *root, int fd, char **what);

/*
 * bind.c
 */

/* What is the same for all devices of a host, so that it is read once */
typedef struct HostFacts {
    IOMMUFDInterrupts interrupts;
    GHashTable *holders;
} HostFacts;

/* As iommufd_forecast_bind(), which has no @facts */
GPtrArray *bind_forecast(const char *root, const HostFacts *facts,
                         const char *sysfsdev);
/* The device can be bound only with a VF token */
IOMMUFDFinding *bind_needs_token(const char *root, const char *sysfsdev);

/*
 * map.c
 */

typedef struct Locked {
    /* in bytes; UINT64_MAX without a limit or if it is not known */
    uint64_t limit;
    bool has_ipc_lock;
    /* the user namespace that the kernel takes capabilities from */
    bool initial_userns;
} Locked;

Locked locked_memory(const char *root);
/* The memory limit of this process's control group, where there is one */
char *cgroup_limit(const char *root);

#endif
