/*
 * The checks: facts and an errno in, a finding or nothing out
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BACKENDS_IOMMUFD_DIAG_CHECKS_H
#define BACKENDS_IOMMUFD_DIAG_CHECKS_H

#include "facts.h"
#include "finding.h"

/**
 * struct Facts - what a check looks at
 * @host: the host
 * @device: the device, NULL if there is none or it is not known
 * @failure: what has failed, NULL before anything is tried
 * @err: its errno, 0 before anything is tried
 * @who: the device as the subject of a message
 * @by_fd: the device came as a descriptor
 * @physical: devices that do DMA themselves are to be assigned
 */
typedef struct Facts {
    IOMMUFDHost *host;
    IOMMUFDHostDevice *device;
    const IOMMUFDFailure *failure;
    int err;
    const char *who;
    bool by_fd;
    bool physical;
} Facts;

typedef IOMMUFDFinding *CheckFunc(const Facts *facts);
/* One line about what is as it should be, or NULL to say nothing */
typedef char *ShownFunc(const Facts *facts);

/* check-host.c */
CheckFunc check_sysfs;
CheckFunc check_vfio_drivers;
CheckFunc check_device_nodes;
CheckFunc check_device_nodes_known;
CheckFunc check_host_interrupts;
CheckFunc check_unsafe_interrupts;
CheckFunc check_guest_memory;
CheckFunc check_memory_limit;
ShownFunc shown_kernel;
ShownFunc shown_vfio_drivers;
ShownFunc shown_device_nodes;
ShownFunc shown_host_iommu;
ShownFunc shown_host_interrupts;
ShownFunc shown_memory_limit;
ShownFunc shown_control_group;
ShownFunc shown_huge_pages;

/* check-node.c */
CheckFunc check_open_limit;
CheckFunc check_iommufd;
CheckFunc check_iommu_node;
CheckFunc check_object_fd;
ShownFunc shown_iommufd;
ShownFunc shown_iommu_node;
/*
 * Why @path cannot be opened, or is not what it should be.  @devt is the
 * number that the kernel gives the device, 0 if it is not known.  NULL if the
 * node looks right and @err says nothing.
 */
IOMMUFDFinding *node_finding(const Facts *facts, const char *path, dev_t devt,
                             int err);
/*
 * What opening @path would meet, as far as can be told without opening it: an
 * errno, or 0.  Then *@wrong tells whether it is another device.
 */
int node_errno(const Facts *facts, const char *path, dev_t devt, bool *wrong);

/* check-device.c */
CheckFunc check_host_iommu;
CheckFunc check_device_there;
CheckFunc check_device_kind;
CheckFunc check_device_iommu;
CheckFunc check_device_group;
CheckFunc check_device_reset;
CheckFunc check_device_driver;
CheckFunc check_device_number;
CheckFunc check_device_node;
ShownFunc shown_device;
ShownFunc shown_device_group;
ShownFunc shown_device_driver;
ShownFunc shown_device_node;
ShownFunc shown_device_reset;
/* Is the device, or one of its group that has a host driver, in use? */
bool group_is_host_own(const Facts *facts);
/* What binds the device to its VFIO driver, for good and until the next boot */
char *bind_commands(const Facts *facts, const IOMMUFDHostDevice *device);
/* The kernel provides no device nodes, so that nothing is at @path */
IOMMUFDFinding *no_device_nodes(const Facts *facts, const char *path);

/* check-bind.c */
CheckFunc check_device_fd;
CheckFunc check_bind_iommufd;
CheckFunc check_bind_twice;
CheckFunc check_bind_busy;
CheckFunc check_bind_firmware;
CheckFunc check_bind_group_open;
CheckFunc check_bind_group_busy;
CheckFunc check_bind_mediated;
CheckFunc check_bind_interrupts;
CheckFunc check_bind_members;
CheckFunc check_bind_other_vm;
CheckFunc check_bind_enabled;
CheckFunc check_bind_permission;
CheckFunc check_bind_token;
CheckFunc check_bind_access;
CheckFunc check_bind_gone;
CheckFunc check_bind_memory;
CheckFunc check_bind_open;
ShownFunc shown_bind;
/* Can a device send any interrupt to the host, and is that not accepted? */
bool interrupts_not_isolated(const IOMMUFDInterrupts *interrupts);
/* The number of the group, which is not known where sysfs is not */
const char *group_of(const Facts *facts);
/* A device of the VM in the same IOMMU group, NULL if there is none */
const IOMMUFDDevice *peer_in_group(const Facts *facts);
/* The device of the host that a device of the VM is, NULL if not known */
IOMMUFDHostDevice *facts_device(const Facts *facts,
                                const IOMMUFDDevice *device);

/* check-attach.c */
CheckFunc check_ioas_memory;
CheckFunc check_page_table_memory;
CheckFunc check_page_table_overlap;
CheckFunc check_hw_info;
CheckFunc check_hw_info_memory;
CheckFunc check_hwpt;
CheckFunc check_attach;

/* check-map.c */
CheckFunc check_map_limit;
CheckFunc check_map_huge_pages;
CheckFunc check_map_memory;
CheckFunc check_map_bar;
CheckFunc check_map_backing;
CheckFunc check_map_address;
CheckFunc check_map_rest;

/* A finding of interrupts that are not isolated; @maybe for a doubt */
IOMMUFDFinding *interrupts_finding(IOMMUFDHost *host, int err,
                                   const char *devices, const char *members,
                                   bool maybe);
/* "root" or "user N" */
char *user_shown(uint64_t uid);
/* The names, at most a few of them */
char *join_some(const GPtrArray *names);
/* A size of memory, most of which are whole numbers in some unit */
char *size_shown(uint64_t bytes);

#endif
