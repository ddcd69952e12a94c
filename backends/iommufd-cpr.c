/*
 * CPR state of iommufd objects
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "migration/cpr.h"
#include "qapi/error.h"
#include "system/iommufd.h"
#include "system/iommufd-cpr.h"
#include "system/iommufd-error.h"

void iommufd_cpr_delete_fd(const char *name, int fd)
{
    int found = cpr_find_fd(name, 0);

    if (found < 0) {
        return;
    }
    cpr_delete_fd(name, 0);
    if (found != fd) {
        /* That is not ours, and hides what may be */
        iommufd_cpr_delete_fd(name, fd);
        cpr_save_fd(name, 0, found);
    }
}

void iommufd_cpr_replace_fd(const char *name, int fd, int new_fd)
{
    iommufd_cpr_delete_fd(name, fd);
    cpr_save_fd(name, 0, new_fd);
}

void iommufd_cpr_unparent(Object *obj)
{
    iommufd_cpr_delete_fd(object_get_canonical_path_component(obj),
                          IOMMUFD_BACKEND(obj)->fd);
}

int iommufd_cpr_saved_fd(const char *name, Error **errp)
{
    int fd = cpr_find_fd(name, 0);

    /* It is that of a device if the previous QEMU had no such object */
    if (fd < 0 || !iommufd_fd_is_iommufd(fd)) {
        error_setg(errp, "no saved descriptor for iommufd object '%s' in the "
                   "CPR state", name);
        return -1;
    }
    return fd;
}

bool iommufd_cpr_check_device_fd(int fd, Error **errp)
{
    if (cpr_is_incoming() && (fd < 0 || iommufd_fd_is_iommufd(fd))) {
        error_setg(errp, "no saved descriptor for the device in the CPR state");
        return false;
    }
    return true;
}

int iommufd_cpr_open_fd(const char *name, Error **errp)
{
    int fd;

    /* What devices have there is not on a descriptor that is new */
    if (cpr_is_incoming()) {
        return iommufd_cpr_saved_fd(name, errp);
    }
    fd = iommufd_open_node(errp);
    if (fd >= 0) {
        cpr_save_fd(name, 0, fd);
    }
    return fd;
}

static int check_name(Object *obj, void *opaque)
{
    const char *name = object_get_canonical_path_component(obj);
    int first, second;

    if (!object_dynamic_cast(obj, TYPE_IOMMUFD_BACKEND)) {
        return 0;
    }
    first = cpr_find_fd(name, 0);
    if (first < 0) {
        return 0;
    }
    cpr_delete_fd(name, 0);
    second = cpr_find_fd(name, 0);
    cpr_save_fd(name, 0, first);
    if (second < 0) {
        return 0;
    }
    error_setg(opaque, "iommufd object '%s' has the id of a device or of "
               "memory: CPR cannot tell their descriptors apart", name);
    return -1;
}

bool iommufd_cpr_check_names(void *opaque, Error **errp)
{
    return !object_child_foreach(object_get_objects_root(), check_name, errp);
}
