/*
 * What is known about the host's iommufd and about iommufd objects
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/ioctl.h>
#include <linux/iommufd.h>
#include "hw/vfio/iommufd-query.h"
#include "qapi/qapi-commands-iommufd.h"
#include "qom/object_interfaces.h"
#include "system/iommufd.h"
#include "system/iommufd-error.h"

#define IOMMU_NODE "/dev/iommu"

/* A kernel that knows a command refuses the size before it does anything */
static bool knows_command(int fd, unsigned long command)
{
    uint32_t size = 0;

    return ioctl(fd, command, &size) == 0 || errno != ENOTTY;
}

static bool query_accounting(int fd, IOMMUFDAccounting *accounting)
{
    IOMMUFDAccountingMode mode = iommufd_accounting_mode(fd);

    *accounting = mode == IOMMUFD_ACCOUNTING_MODE_PROCESS ?
                  IOMMUFD_ACCOUNTING_PROCESS : IOMMUFD_ACCOUNTING_USER;
    return mode != IOMMUFD_ACCOUNTING_MODE_UNKNOWN;
}

static IOMMUFDKernelInfo *query_kernel(int fd)
{
    IOMMUFDKernelInfo *info = g_new0(IOMMUFDKernelInfo, 1);

    info->map_file = knows_command(fd, IOMMU_IOAS_MAP_FILE);
    info->change_process = knows_command(fd, IOMMU_IOAS_CHANGE_PROCESS);
    return info;
}

static IOMMUFDFinding *query_node(IOMMUFDKernelInfo **kernel)
{
    IOMMUFDFinding *finding;
    int fd;

    finding = iommufd_probe_node(&fd);
    if (!finding) {
        *kernel = query_kernel(fd);
        (*kernel)->has_default_accounting =
            query_accounting(fd, &(*kernel)->default_accounting);
        close(fd);
    }
    return finding;
}

static int query_object(Object *obj, void *opaque)
{
    IOMMUFDObjectInfoList **list = opaque;
    IOMMUFDBackend *be;
    IOMMUFDObjectInfo *info;

    if (!object_dynamic_cast(obj, TYPE_IOMMUFD_BACKEND)) {
        return 0;
    }
    be = IOMMUFD_BACKEND(obj);
    info = g_new0(IOMMUFDObjectInfo, 1);
    info->id = g_strdup(object_get_canonical_path_component(obj));
    info->descriptor = be->owned ? IOMMUFD_DESCRIPTOR_OPENED
                                 : IOMMUFD_DESCRIPTOR_PASSED;
    info->has_accounting = query_accounting(be->fd, &info->accounting);
    info->users = be->users;
    info->devices = vfio_iommufd_query_devices(be);
    QAPI_LIST_PREPEND(*list, info);
    return 0;
}

/* Management tools hide the node from QEMU, and pass a descriptor instead */
static int query_kernel_of_object(Object *obj, void *opaque)
{
    IOMMUFDKernelInfo **kernel = opaque;
    IOMMUFDBackend *be;

    if (!object_dynamic_cast(obj, TYPE_IOMMUFD_BACKEND)) {
        return 0;
    }
    be = IOMMUFD_BACKEND(obj);
    if (!iommufd_fd_is_iommufd(be->fd)) {
        return 0;
    }
    *kernel = query_kernel(be->fd);
    (*kernel)->object = g_strdup(object_get_canonical_path_component(obj));
    return 1;
}

static void set_finding(IOMMUFDInfo *info, const IOMMUFDFinding *finding)
{
    info->cause = g_strdup(iommufd_cause_name(finding->cause));
    info->message = g_strdup(finding->message);
    info->remedy = g_strdup(finding->remedy);
}

/* Only physical devices need it, so iommufd as such is available */
static void query_interrupts(IOMMUFDInfo *info)
{
    g_autoptr(IOMMUFDHost) host = iommufd_host_new("/");
    const IOMMUFDInterrupts *interrupts = iommufd_host_interrupts(host);
    g_autoptr(IOMMUFDFinding) finding = iommufd_host_interrupts_finding(host);

    info->kernel->has_interrupt_isolation = interrupts->known;
    info->kernel->interrupt_isolation = interrupts->isolated;
    info->kernel->has_allow_unsafe_interrupts =
            interrupts->parameter == IOMMUFD_SEEN_YES;
    info->kernel->allow_unsafe_interrupts = interrupts->allow_unsafe;
    if (finding) {
        set_finding(info, finding);
    }
}

IOMMUFDInfo *qmp_query_iommufd(Error **errp)
{
    IOMMUFDInfo *info = g_new0(IOMMUFDInfo, 1);
    Object *objects = object_get_objects_root();
    g_autoptr(IOMMUFDFinding) finding = query_node(&info->kernel);

    info->node = g_strdup(IOMMU_NODE);
    if (finding) {
        object_child_foreach(objects, query_kernel_of_object, &info->kernel);
    }
    info->available = info->kernel;
    if (info->available) {
        query_interrupts(info);
    } else {
        set_finding(info, finding);
    }
    object_child_foreach(objects, query_object, &info->objects);
    return info;
}
