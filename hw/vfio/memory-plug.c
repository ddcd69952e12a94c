/*
 * Memory that is plugged while devices are assigned
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/ioctl.h>
#include <linux/vfio.h>
#include "qapi/error.h"
#include "qemu/rcu.h"
#include "hw/mem/pc-dimm.h"
#include "system/hostmem.h"
#include "hw/vfio/iommufd-compat.h"
#include "hw/vfio/map-error.h"
#include "hw/vfio/memory-plug.h"
#include "migration/cpr.h"

typedef struct {
    MemoryRegion *mr;
    hwaddr addr;
    uint64_t size;
    void *vaddr;
} PluggedMemory;

static bool is_ram(Int128 start, Int128 len, const MemoryRegion *mr,
                   hwaddr offset, void *opaque)
{
    bool *found = opaque;

    *found = mr->ram && !mr->ram_device;
    return *found;
}

/* Behind an IOMMU that translates it is the guest that has memory mapped */
static bool maps_guest_ram(const VFIOAnyContainer *bcontainer)
{
    bool found = false;

    RCU_READ_LOCK_GUARD();
    flatview_for_each_range(address_space_to_flatview(bcontainer->space->as),
                            is_ram, &found);
    return found;
}

/* On pseries the host pins what is registered, and the guest maps from that */
static bool registers_guest_ram(VFIOAnyContainer *bcontainer)
{
    return object_dynamic_cast(OBJECT(bcontainer), TYPE_VFIO_IOMMU_SPAPR) &&
           VFIO_IOMMU_LEGACY(bcontainer)->iommu_type == VFIO_SPAPR_TCE_v2_IOMMU;
}

static int set_registered(VFIOAnyContainer *bcontainer,
                          const PluggedMemory *memory, bool registered)
{
    VFIOAnyLegacyContainer *container = VFIO_IOMMU_LEGACY(bcontainer);
    struct vfio_iommu_spapr_register_memory reg = {
        .argsz = sizeof(reg),
        .vaddr = (uintptr_t)memory->vaddr,
        .size = memory->size,
    };

    return ioctl(container->fd,
                 registered ? VFIO_IOMMU_SPAPR_REGISTER_MEMORY :
                              VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY,
                 &reg) ? -errno : 0;
}

/* Other backends, such as vfio-user's, pin nothing */
static bool pins_guest_ram(VFIOAnyContainer *bcontainer)
{
    Object *obj = OBJECT(bcontainer);

    if (!bcontainer->initialized) {
        return false;
    }
    return registers_guest_ram(bcontainer) ||
           ((object_dynamic_cast(obj, TYPE_VFIO_IOMMU_IOMMUFD) ||
             object_dynamic_cast(obj, TYPE_VFIO_IOMMU_LEGACY)) &&
            maps_guest_ram(bcontainer));
}

static int map(VFIOAnyContainer *bcontainer, const PluggedMemory *memory)
{
    if (registers_guest_ram(bcontainer)) {
        return set_registered(bcontainer, memory, true);
    }
    return vfio_any_dma_map(bcontainer, memory->addr, memory->size,
                            memory->vaddr, memory->mr->readonly, memory->mr);
}

static int unmap(VFIOAnyContainer *bcontainer, const PluggedMemory *memory)
{
    if (registers_guest_ram(bcontainer)) {
        return set_registered(bcontainer, memory, false);
    }
    return vfio_any_dma_unmap(bcontainer, memory->addr, memory->size);
}

/* All at once, as each of them counts as locked memory */
static bool map_in_all(GPtrArray *containers, const PluggedMemory *memory,
                       Error **errp)
{
    VFIODevice *vbasedev;

    QLIST_FOREACH(vbasedev, &vfio_device_list, global_next) {
        VFIOAnyContainer *bcontainer = vbasedev->bcontainer;
        int ret;

        if (g_ptr_array_find(containers, bcontainer, NULL) ||
            !pins_guest_ram(bcontainer)) {
            continue;
        }
        ret = map(bcontainer, memory);
        if (ret) {
            vfio_error_map(errp, bcontainer, memory->mr, memory->addr,
                           memory->size, memory->vaddr, memory->mr->readonly,
                           -ret);
            return false;
        }
        g_ptr_array_add(containers, bcontainer);
    }
    return true;
}

/* What QEMU refuses, or maps bit by bit, is not mapped as a whole */
static bool is_mapped_as_a_whole(MemoryDeviceState *md)
{
    PCDIMMDevice *dimm =
        (PCDIMMDevice *)object_dynamic_cast(OBJECT(md), TYPE_PC_DIMM);

    if (dimm) {
        return !host_memory_backend_is_mapped(dimm->hostmem);
    }
    /* virtio-mem maps what the guest plugs, and can refuse that */
    return !MEMORY_DEVICE_GET_CLASS(md)->decide_memslots;
}

bool vfio_check_memory_plug(MemoryDeviceState *md, MemoryRegion *mr,
                            hwaddr addr, Error **errp)
{
    g_autoptr(GPtrArray) containers = g_ptr_array_new();
    PluggedMemory memory = {
        .addr = addr,
        .size = memory_region_size(mr),
    };
    hwaddr offset = 0;
    bool ok;

    /* The target of CPR takes over what the QEMU before it has mapped */
    if (cpr_is_incoming() || !is_mapped_as_a_whole(md)) {
        return true;
    }
    while (mr->alias) {
        offset += mr->alias_offset;
        mr = mr->alias;
    }
    if (!mr->ram || mr->ram_device || memory_region_is_protected(mr) ||
        memory_region_has_ram_discard_manager(mr)) {
        return true;
    }
    memory.mr = mr;
    memory.vaddr = memory_region_get_ram_ptr(mr) + offset;
    ok = map_in_all(containers, &memory, errp);
    for (guint i = 0; i < containers->len; i++) {
        int ret = unmap(containers->pdata[i], &memory);

        /* It would be in the way of the mapping that is to stay */
        if (ret && ok) {
            error_setg_errno(errp, -ret, "'%s' cannot be unmapped again after "
                             "a trial", memory_region_name(mr));
            ok = false;
        }
    }
    return ok;
}
