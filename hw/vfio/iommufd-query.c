/*
 * What is known about VFIO devices that use an iommufd object
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "pci.h"
#include "hw/vfio/iommufd-compat.h"
#include "hw/vfio/iommufd-props.h"
#include "hw/vfio/iommufd-query.h"
#if QEMU_VERSION_MAJOR > 10 || QEMU_VERSION_MINOR > 0
#include "hw/vfio/bar-dma-buf.h"
#include "vfio-iommufd.h"
#endif

static char *host_device_name(const VFIODevice *vbasedev)
{
    g_autofree char *path = vfio_iommufd_sysfs(vbasedev);

    return path ? g_path_get_basename(path) : NULL;
}

static IOMMUFDDeviceInfo *query_device(VFIODevice *vbasedev)
{
    IOMMUFDDeviceInfo *info = g_new0(IOMMUFDDeviceInfo, 1);
    const VFIOIOMMUFDContainer *container =
        VFIO_IOMMU_IOMMUFD(vbasedev->bcontainer);

    info->id = g_strdup(vbasedev->dev->id);
    info->host_device = host_device_name(vbasedev);
    info->driver = g_strdup(object_get_typename(OBJECT(vbasedev->dev)));
    info->devid = vbasedev->devid;
    info->ioas = container->ioas_id;
    info->has_hwpt = vbasedev->hwpt;
    info->hwpt = vbasedev->hwpt ? vbasedev->hwpt->hwpt_id : 0;
    info->dirty_tracking = vbasedev->iommu_dirty_tracking;
#if QEMU_VERSION_MAJOR > 10 || QEMU_VERSION_MINOR > 0
    info->reachable_bars = vfio_bars_reachable(vbasedev);
#endif
    return info;
}

IOMMUFDDeviceInfoList *vfio_iommufd_query_devices(IOMMUFDBackend *be)
{
    IOMMUFDDeviceInfoList *list = NULL;
    VFIODevice *vbasedev;

    /* The newest device comes first, and so ends up last */
    QLIST_FOREACH(vbasedev, &vfio_device_list, global_next) {
        if (vbasedev->iommufd == be) {
            QAPI_LIST_PREPEND(list, query_device(vbasedev));
        }
    }
    return list;
}
