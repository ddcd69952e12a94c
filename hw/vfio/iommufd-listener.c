/*
 * When the memory of the machine changes
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/vfio/iommufd-listener.h"
#include "hw/vfio/iommufd-maps.h"
#if QEMU_VERSION_MAJOR > 10 || QEMU_VERSION_MINOR > 0
#include "vfio-iommufd.h"

static void listener_begin(VFIOContainer *bcontainer)
{
    vfio_iommufd_maps_begin(VFIO_IOMMU_IOMMUFD(bcontainer)->maps);
}

static void listener_commit(VFIOContainer *bcontainer)
{
    vfio_iommufd_maps_commit(VFIO_IOMMU_IOMMUFD(bcontainer)->maps);
}

void vfio_iommufd_listen(VFIOIOMMUClass *vioc)
{
    vioc->listener_begin = listener_begin;
    vioc->listener_commit = listener_commit;
}
#else

static VFIOIOMMUFDMaps *maps_of(MemoryListener *listener)
{
    return container_of(listener, VFIOIOMMUFDContainer,
                        bcontainer.listener)->maps;
}

static void listener_begin(MemoryListener *listener)
{
    vfio_iommufd_maps_begin(maps_of(listener));
}

static void listener_commit(MemoryListener *listener)
{
    vfio_iommufd_maps_commit(maps_of(listener));
}

void vfio_iommufd_listen(MemoryListener *listener)
{
    listener->begin = listener_begin;
    listener->commit = listener_commit;
}
#endif
