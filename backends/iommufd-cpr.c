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
#include "system/iommufd-cpr.h"
#include "system/iommufd-error.h"

/* Anything but the 0 of devices */
#define IOMMUFD_CPR_ID 1

void iommufd_cpr_save_fd(const char *name, int fd)
{
    cpr_save_fd(name, IOMMUFD_CPR_ID, fd);
}

void iommufd_cpr_delete_fd(const char *name)
{
    cpr_delete_fd(name, IOMMUFD_CPR_ID);
}

void iommufd_cpr_unparent(Object *obj)
{
    iommufd_cpr_delete_fd(object_get_canonical_path_component(obj));
}

int iommufd_cpr_saved_fd(const char *name, Error **errp)
{
    int fd = cpr_find_fd(name, IOMMUFD_CPR_ID);

    if (fd < 0) {
        /* A QEMU that keeps no separate name spaces saved it like a device */
        fd = cpr_find_fd(name, 0);
        if (fd >= 0 && !iommufd_fd_is_iommufd(fd)) {
            fd = -1;
        }
        if (fd >= 0) {
            cpr_delete_fd(name, 0);
            iommufd_cpr_save_fd(name, fd);
        }
    }
    if (fd < 0) {
        error_setg(errp, "no saved descriptor for iommufd object '%s' in the "
                   "CPR state", name);
    }
    return fd;
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
        iommufd_cpr_save_fd(name, fd);
    }
    return fd;
}
