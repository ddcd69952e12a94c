/*
 * The passed descriptor of an iommufd object
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "system/iommufd-fd.h"

bool iommufd_check_set_fd(const IOMMUFDBackend *be, Error **errp)
{
    if (be->users) {
        error_setg(errp, "fd of iommufd object '%s' cannot be changed while "
                   "devices use it",
                   object_get_canonical_path_component(OBJECT(be)));
        return false;
    }
    return true;
}

void iommufd_drop_fd(int fd, const char *str)
{
    if (iommufd_fd_is_named(str)) {
        close(fd);
    }
}

void iommufd_set_fd(IOMMUFDBackend *be, int fd, const char *str)
{
    be->owned = false;
    if (fd == be->fd) {
        return;
    }
    if (be->fd_taken) {
        close(be->fd);
    }
    be->fd = fd;
    be->fd_taken = iommufd_fd_is_named(str);
}
