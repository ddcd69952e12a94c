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
    const char *id = object_get_canonical_path_component(OBJECT(be));

    if (id) {
        error_setg(errp, "fd of iommufd object '%s' cannot be changed after "
                   "it was created", id);
        return false;
    }
    return true;
}
