/*
 * Memory accounting of iommufd objects
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/ioctl.h>
#include <linux/iommufd.h>
#include "qapi/error.h"
#include "qapi/qapi-types-iommufd-accounting.h"
#include "system/iommufd-accounting.h"
#include "system/iommufd-error.h"
#include "trace.h"

static bool set_mode(const IOMMUFDBackend *be, int fd, Error **errp)
{
    ERRP_GUARD();
    const char *mode = IOMMUFDAccounting_str(be->accounting);
    bool process = be->accounting == IOMMUFD_ACCOUNTING_PROCESS;
    g_autofree char *what = be->owned ? g_strdup("/dev/iommu") :
                            g_strdup_printf("fd %d", fd);
    struct iommu_option option = {
        .size = sizeof(option),
        .option_id = IOMMU_OPTION_RLIMIT_MODE,
        .op = IOMMU_OPTION_OP_SET,
        .val64 = process,
    };
    int ret;

    if (!be->has_accounting ||
        iommufd_accounting_mode(fd) == (process ?
                                        IOMMUFD_ACCOUNTING_MODE_PROCESS :
                                        IOMMUFD_ACCOUNTING_MODE_USER)) {
        return true;
    }
    ret = ioctl(fd, IOMMU_OPTION, &option) ? errno : 0;
    trace_iommufd_set_accounting(fd, mode, ret);
    switch (ret) {
    case 0:
        return true;
    case EPERM:
        error_setg_errno(errp, ret, "setting the memory accounting mode of %s "
                         "to %s needs CAP_SYS_RESOURCE", what, mode);
        error_append_hint(errp, "Leave out accounting=, or pass a descriptor "
                          "that has the mode: libvirt and qemu-iommufd run "
                          "do that.\n");
        break;
    case EBUSY:
        error_setg_errno(errp, ret, "the memory accounting mode of %s cannot "
                         "be changed to %s, an IOAS or a device has already "
                         "been added", what, mode);
        error_append_hint(errp, "Set the mode before the descriptor is used, "
                          "or leave out accounting=.\n");
        break;
    default:
        error_setg_errno(errp, ret, "cannot set the memory accounting mode "
                         "of %s to %s", what, mode);
    }
    return false;
}

bool iommufd_accounting_apply(IOMMUFDBackend *be, Error **errp)
{
    return set_mode(be, be->fd, errp);
}

bool iommufd_accounting_check(IOMMUFDBackend *be, Error **errp)
{
    bool ok;
    int fd;

    if (!be->owned || !be->has_accounting) {
        return set_mode(be, be->fd, errp);
    }
    fd = iommufd_open_node(errp);
    if (fd < 0) {
        return false;
    }
    ok = set_mode(be, fd, errp);
    close(fd);
    return ok;
}

static int get_accounting(Object *obj, Error **errp)
{
    IOMMUFDBackend *be = IOMMUFD_BACKEND(obj);

    switch (iommufd_accounting_mode(be->fd)) {
    case IOMMUFD_ACCOUNTING_MODE_PROCESS:
        return IOMMUFD_ACCOUNTING_PROCESS;
    case IOMMUFD_ACCOUNTING_MODE_USER:
        return IOMMUFD_ACCOUNTING_USER;
    default:
        /* What /dev/iommu will have when the first device opens it */
        return be->accounting;
    }
}

static void set_accounting(Object *obj, int value, Error **errp)
{
    IOMMUFDBackend *be = IOMMUFD_BACKEND(obj);
    const char *name = object_get_canonical_path_component(obj);

    if (name) {
        error_setg(errp, "accounting of iommufd object '%s' cannot be changed "
                   "after it was created", name);
        return;
    }
    be->has_accounting = true;
    be->accounting = value;
}

void iommufd_accounting_init_props(ObjectClass *klass)
{
    object_class_property_add_enum(klass, "accounting", "IOMMUFDAccounting",
                                   &IOMMUFDAccounting_lookup, get_accounting,
                                   set_accounting);
    object_class_property_set_description(klass, "accounting",
                                          "What guest memory is charged to: "
                                          "the locked memory of the user (the "
                                          "kernel's default) or of the "
                                          "process");
}
