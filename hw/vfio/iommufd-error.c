/*
 * Errors that name the cause when a VFIO device fails on iommufd
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/ioctl.h>
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/range.h"
#include "qemu/rcu.h"
#include "hw/vfio/iommufd-error.h"
#include "hw/vfio/pci.h"
#include "system/iommufd-error.h"
#include "system/kvm.h"
#if QEMU_VERSION_MAJOR > 10 || QEMU_VERSION_MINOR > 0
#include "vfio-iommufd.h"
#endif

/* As the user calls it, or NULL if @be is */
static const char *iommufd_id(const IOMMUFDBackend *be)
{
    return be ? object_get_canonical_path_component(OBJECT(be)) : NULL;
}

static void add_peer(GArray *peers, const VFIODevice *vbasedev)
{
    IOMMUFDPeer peer = {
        .name = vbasedev->name,
        .sysfsdev = vbasedev->sysfsdev,
        .fd = vbasedev->fd,
        .iommufd = iommufd_id(vbasedev->iommufd),
    };

    g_array_append_val(peers, peer);
}

/* The devices of the VM that work already */
static GArray *vm_peers(void)
{
    GArray *peers = g_array_new(false, false, sizeof(IOMMUFDPeer));
    VFIODevice *vbasedev;

    QLIST_FOREACH(vbasedev, &vfio_device_list, global_next) {
        add_peer(peers, vbasedev);
    }
    return peers;
}

static IOMMUFDDevice device_of(const VFIODevice *vbasedev, GArray *peers)
{
    return (IOMMUFDDevice) {
        .sysfsdev = vbasedev->sysfsdev,
        .fd = vbasedev->fd,
        .iommufd = vbasedev->iommufd->fd,
        .id = iommufd_id(vbasedev->iommufd),
        .kvm = kvm_enabled(),
        .peers = (const IOMMUFDPeer *)peers->data,
        .n_peers = peers->len,
    };
}

/* A device answers to this only after it was bound */
static bool is_bound(int fd)
{
    struct vfio_device_info info = { .argsz = sizeof(info) };

    return ioctl(fd, VFIO_DEVICE_GET_INFO, &info) == 0;
}

static bool has_token(const VFIODevice *vbasedev)
{
    return vbasedev->type == VFIO_DEVICE_TYPE_PCI &&
           !qemu_uuid_is_null(&container_of(vbasedev, VFIOPCIDevice,
                                            vbasedev)->vf_token);
}

void vfio_iommufd_error_bind(Error **errp, const VFIODevice *vbasedev, int err)
{
    g_autoptr(GArray) peers = vm_peers();
    IOMMUFDDevice device = device_of(vbasedev, peers);

    device.already_bound = is_bound(vbasedev->fd);
    device.has_token = has_token(vbasedev);
    iommufd_error_bind(errp, &device, err);
}

void vfio_iommufd_explain_fd(Error **errp, const VFIODevice *vbasedev, int err)
{
    ERRP_GUARD();
    g_autoptr(GArray) peers = vm_peers();
    IOMMUFDDevice device = device_of(vbasedev, peers);
    Error *why = NULL;

    if (iommufd_error_device_fd(&why, &device, err)) {
        error_free(*errp);
        *errp = NULL;
        error_propagate(errp, why);
    }
}

void vfio_iommufd_error_attach(Error **errp, const VFIODevice *vbasedev,
                               int err)
{
    g_autoptr(GArray) peers = vm_peers();
    IOMMUFDDevice device = device_of(vbasedev, peers);

    iommufd_error_attach(errp, IOMMUFD_STEP_ATTACH, &device, err);
}

void vfio_iommufd_warn_unshared(const VFIODevice *vbasedev, Error **why)
{
    if (*why) {
        warn_reportf_err(*why, VFIO_MSG_PREFIX "guest memory is pinned once "
                         "more, the page tables of other devices cannot be "
                         "used: ", vbasedev->name);
        *why = NULL;
    }
}

static bool add_ram(Int128 start, Int128 len, const MemoryRegion *mr,
                    hwaddr offset, void *opaque)
{
    uint64_t *total = opaque;

    if (mr->ram && !mr->ram_device) {
        *total += int128_get64(len);
    }
    return false;
}

/* All guest memory that has to be mapped in the address space, in bytes */
static uint64_t ram_to_map(AddressSpace *as)
{
    uint64_t total = 0;

    RCU_READ_LOCK_GUARD();
    flatview_for_each_range(address_space_to_flatview(as), add_ram, &total);
    return total;
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
            add_peer(peers, vbasedev);
        }
    }
    map->total = MAX(map->size, ram_to_map(bcontainer->space->as));
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
