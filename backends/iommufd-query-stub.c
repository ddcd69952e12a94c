/*
 * query-iommufd in a QEMU without the iommufd object
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/qapi-commands-iommufd.h"

IOMMUFDInfo *qmp_query_iommufd(Error **errp)
{
    IOMMUFDInfo *info = g_new0(IOMMUFDInfo, 1);

    info->node = g_strdup("/dev/iommu");
    info->cause = g_strdup("qemu-without-iommufd");
    info->message = g_strdup("this QEMU was built without the iommufd object "
                             "(CONFIG_IOMMUFD)");
    info->remedy = g_strdup("Use a QEMU that was built with CONFIG_IOMMUFD, or "
                            "leave out iommufd= to use the legacy VFIO "
                            "container.\n");
    return info;
}
