/*
 * Errors that name the cause when memory is not mapped for DMA
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/range.h"
#include "qemu/rcu.h"
#include "hw/vfio/iommufd-error.h"
#include "hw/vfio/map-error.h"
#include "system/iommufd-error.h"
#if QEMU_VERSION_MAJOR > 10 || QEMU_VERSION_MINOR > 0
#include "vfio-iommufd.h"
#endif

typedef struct {
    hwaddr iova;
    uint64_t bytes;
    bool has_iova;
} GuestRam;

static bool add_ram(Int128 start, Int128 len, const MemoryRegion *mr,
                    hwaddr offset, void *opaque)
{
    GuestRam *ram = opaque;

    if (mr->ram && !mr->ram_device) {
        ram->bytes += int128_get64(len);
        ram->has_iova |= range_covers_byte(int128_get64(start),
                                           int128_get64(len), ram->iova);
    }
    return false;
}

/*
 * All guest memory that has to be mapped in the address space, in bytes.
 * What is being mapped is not part of it yet if it is being plugged, nor if
 * the guest's IOMMU maps it.
 */
static uint64_t ram_to_map(AddressSpace *as, hwaddr iova, uint64_t size)
{
    GuestRam ram = { .iova = iova };

    RCU_READ_LOCK_GUARD();
    flatview_for_each_range(address_space_to_flatview(as), add_ram, &ram);
    return ram.bytes + (ram.has_iova ? 0 : size);
}

static GArray *usable_ranges(VFIOAnyContainer *bcontainer)
{
    GArray *ranges = g_array_new(false, false, sizeof(IOMMUFDRange));

    for (GList *l = bcontainer->iova_ranges; l; l = l->next) {
        IOMMUFDRange range = {
            .start = range_lob(l->data),
            .last = range_upb(l->data),
        };

        g_array_append_val(ranges, range);
    }
    return ranges;
}

static void error_map_iommufd(Error **errp, VFIOAnyContainer *bcontainer,
                              IOMMUFDMap *map, int err)
{
    VFIOIOMMUFDContainer *container = VFIO_IOMMU_IOMMUFD(bcontainer);
    g_autoptr(GArray) ranges = usable_ranges(bcontainer);
    g_autoptr(GArray) peers = g_array_new(false, false, sizeof(IOMMUFDPeer));
    VFIODevice *vbasedev;
    VFIOIOASHwpt *hwpt;

    QLIST_FOREACH(hwpt, &container->hwpt_list, next) {
        QLIST_FOREACH(vbasedev, &hwpt->device_list, hwpt_next) {
            vfio_iommufd_add_peer(peers, vbasedev);
        }
    }
    map->total = ram_to_map(bcontainer->space->as, map->iova, map->size);
    map->ranges = (const IOMMUFDRange *)ranges->data;
    map->n_ranges = ranges->len;
    map->page_size = bcontainer->pgsizes & -bcontainer->pgsizes;
    map->peers = (const IOMMUFDPeer *)peers->data;
    map->n_peers = peers->len;
    iommufd_error_map(errp, container->be->fd, map, err);
}

void vfio_error_map(Error **errp, VFIOAnyContainer *bcontainer,
                    MemoryRegion *mr, hwaddr iova, uint64_t size, void *vaddr,
                    bool readonly, int err)
{
    IOMMUFDMap map = {
        .region = mr ? memory_region_name(mr) : "guest memory",
        .iova = iova,
        .size = size,
        .vaddr = vaddr,
        .readonly = readonly,
        .device_memory = mr && memory_region_is_ram_device(mr),
    };

    /* While a device is realized only the first error is kept */
    if (!bcontainer->error &&
        object_dynamic_cast(OBJECT(bcontainer), TYPE_VFIO_IOMMU_IOMMUFD)) {
        error_map_iommufd(errp, bcontainer, &map, err);
        return;
    }
    error_setg_errno(errp, err, "'%s' at 0x%" HWADDR_PRIx ", %" PRIu64
                     " bytes, cannot be mapped for DMA", map.region, iova,
                     size);
}

void vfio_report_map(VFIOAnyContainer *bcontainer, MemoryRegion *mr,
                     hwaddr iova, uint64_t size, void *vaddr, bool readonly,
                     int err)
{
    Error *why = NULL;

    if (!bcontainer->map_error_reported) {
        bcontainer->map_error_reported = true;
        vfio_error_map(&why, bcontainer, mr, iova, size, vaddr, readonly, err);
        error_report_err(why);
    }
}

void vfio_warn_device_memory(VFIODevice *vbasedev, Error *err)
{
    if (vbasedev) {
        warn_report_err_once_cond(&vbasedev->dma_warned, err);
    } else {
        warn_report_err_once(err);
    }
}
