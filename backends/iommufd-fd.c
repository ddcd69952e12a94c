/*
 * The passed descriptor of an iommufd object
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "system/iommufd.h"
#include "system/iommufd-fd.h"

static int has_same_fd(Object *obj, void *opaque)
{
    IOMMUFDBackend *be = opaque;

    return obj != OBJECT(be) &&
           object_dynamic_cast(obj, TYPE_IOMMUFD_BACKEND) &&
           IOMMUFD_BACKEND(obj)->fd == be->fd;
}

bool iommufd_take_fd(IOMMUFDBackend *be, Error **errp)
{
    int fd = be->fd;

    /* A number can be given to several objects, and each closes its own */
    if (object_child_foreach(object_get_objects_root(), has_same_fd, be)) {
        be->fd = qemu_dup(fd);
        if (be->fd < 0) {
            error_setg_errno(errp, errno, "Cannot duplicate fd %d", fd);
            return false;
        }
    }
    be->fd_taken = true;
    return true;
}
