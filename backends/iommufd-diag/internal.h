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
/* @sysfsdev, or if that is NULL, where the device behind @fd is in sysfs */
char *host_sysfsdev(const char *root, const char *sysfsdev, int fd);
/*
 * A process that has the character device @devt open, as "process 12 (NAME)";
 * *@self is set if it is this one, which is looked at only if @self is given.
 */
char *host_holder(const char *root, dev_t devt, bool *self);

/*
 * finding.c
 */

/* @remedy is taken over; the text of @err ends the message */
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
/* What the host loses with the device ("is the host's ..."), or NULL */
char *device_host_use(const char *root, const char *sysfsdev);
/* The number of the device's node, false if it has none */
bool device_node_devt(const char *root, const char *sysfsdev, dev_t *devt);

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

#endif
