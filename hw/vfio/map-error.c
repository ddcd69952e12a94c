/*
 * Errors that name the cause when memory is not mapped for DMA
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/mman.h>
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/range.h"
#include "qemu/rcu.h"
#include "qemu/mmap-alloc.h"
#include "qemu/units.h"
#include "block/aio.h"
#include "hw/vfio/map-error.h"
#include "system/iommufd-error.h"
#include "qemu/main-loop.h"
#if QEMU_VERSION_MAJOR > 10 || QEMU_VERSION_MINOR > 0
#include "hw/vfio/bar-dma-buf.h"
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

/*
 * What QEMU knows of a mapping that has failed.  It points to nothing that is
 * QEMU's, so that it can be looked at after the devices and the memory are
 * gone.
 */
typedef struct {
    IOMMUFDMap map;
    IOMMUFDFailure failure;
    GArray *ranges;
    GArray *devices;
    char *region;
    char *file;
} MapFailure;

static void map_failure_free(MapFailure *f)
{
    for (guint i = 0; i < f->devices->len; i++) {
        IOMMUFDDevice *device = &g_array_index(f->devices, IOMMUFDDevice, i);

        g_free((char *)device->name);
        g_free((char *)device->sysfsdev);
    }
    g_array_unref(f->devices);
    g_array_unref(f->ranges);
    g_free(f->region);
    g_free(f->file);
    g_free(f);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MapFailure, map_failure_free)

static void add_devices(MapFailure *f, VFIOIOMMUFDContainer *container)
{
    VFIODevice *vbasedev;
    VFIOIOASHwpt *hwpt;

    QLIST_FOREACH(hwpt, &container->hwpt_list, next) {
        QLIST_FOREACH(vbasedev, &hwpt->device_list, hwpt_next) {
            IOMMUFDDevice device = {
                .name = g_strdup(vbasedev->name),
                .sysfsdev = g_strdup(vbasedev->sysfsdev),
                .fd = vbasedev->fd,
            };

            g_array_append_val(f->devices, device);
        }
    }
}

/*
 * Bytes without a page, UINT64_MAX if that cannot be told at once: a gigabyte
 * of small pages takes about a millisecond
 */
static uint64_t unpopulated(void *vaddr, uint64_t size)
{
    size_t page = qemu_real_host_page_size();
    size_t most = GiB;
    g_autofree unsigned char *there = g_malloc(MIN(size, most) / page + 1);
    uint64_t missing = 0;
    gint64 end = g_get_monotonic_time() + 10 * 1000;

    for (uint64_t done = 0; done < size; done += most) {
        size_t len = MIN(size - done, most);

        if (g_get_monotonic_time() > end ||
            mincore(vaddr + done, len, there)) {
            return UINT64_MAX;
        }
        for (size_t i = 0; i < DIV_ROUND_UP(len, page); i++) {
            missing += there[i] & 1 ? 0 : page;
        }
    }
    return missing;
}

/* Without @vaddr nothing is looked for that takes time */
static void add_backing(MapFailure *f, MemoryRegion *mr, void *vaddr,
                        uint64_t size)
{
    RAMBlock *rb = mr ? mr->ram_block : NULL;
    g_autofree char *link = NULL;
    int fd;

    f->map.unpopulated = UINT64_MAX;
    if (!rb || f->map.device_memory) {
        return;
    }
    fd = qemu_ram_get_fd(rb);
    link = fd < 0 ? NULL : g_strdup_printf("/proc/self/fd/%d", fd);
    f->file = link ? g_file_read_link(link, NULL) : NULL;
    f->map.backing_file = f->file;
    f->map.backing_page = qemu_ram_pagesize(rb);
    f->map.backing_on_disk = fd >= 0 && qemu_ram_is_shared(rb) &&
                             qemu_fd_getfs(fd) == QEMU_FS_TYPE_UNKNOWN;
    f->map.backing_readonly = rb->flags & RAM_READONLY;
    if (vaddr) {
        f->map.unpopulated = unpopulated(vaddr, size);
    }
}

static IOMMUFDExport export_of(MemoryRegion *mr)
{
#if QEMU_VERSION_MAJOR > 10 || QEMU_VERSION_MINOR > 0
    int fd = vfio_bar_dma_buf(mr);

    return fd >= 0 ? IOMMUFD_EXPORT_DONE :
           fd == -ENOENT ? IOMMUFD_EXPORT_NONE : IOMMUFD_EXPORT_FAILED;
#else
    return IOMMUFD_EXPORT_NONE;
#endif
}

static MapFailure *map_failure_new(VFIOAnyContainer *bcontainer,
                                   MemoryRegion *mr, hwaddr iova,
                                   uint64_t size, void *vaddr, bool readonly,
                                   int err)
{
    VFIOIOMMUFDContainer *container = VFIO_IOMMU_IOMMUFD(bcontainer);
    MapFailure *f = g_new0(MapFailure, 1);

    f->region = g_strdup(mr ? memory_region_name(mr) : "guest memory");
    f->ranges = usable_ranges(bcontainer);
    f->devices = g_array_new(false, false, sizeof(IOMMUFDDevice));
    f->map = (IOMMUFDMap) {
        .region = f->region,
        .iova = iova,
        .size = size,
        .readonly = readonly,
        .device_memory = mr && memory_region_is_ram_device(mr),
        .total = ram_to_map(bcontainer->space->as, iova, size),
        .mode = iommufd_accounting_mode(container->be->fd),
        .ranges = (const IOMMUFDRange *)f->ranges->data,
        .n_ranges = f->ranges->len,
        .page_size = bcontainer->pgsizes & -bcontainer->pgsizes,
    };
    f->map.export = f->map.device_memory ? export_of(mr) : IOMMUFD_EXPORT_NONE;
    add_backing(f, mr, vaddr, size);
    add_devices(f, container);
    f->failure = (IOMMUFDFailure) {
        .stage = IOMMUFD_STAGE_MAP,
        .err = err,
        .iommufd = container->be->fd,
        .others = (const IOMMUFDDevice *)f->devices->data,
        .n_others = f->devices->len,
        .map = &f->map,
    };
    return f;
}

static void error_map_plain(Error **errp, MemoryRegion *mr, hwaddr iova,
                            uint64_t size, int err)
{
    error_setg_errno(errp, err, "'%s' at 0x%" HWADDR_PRIx ", %" PRIu64
                     " bytes, cannot be mapped for DMA",
                     mr ? memory_region_name(mr) : "guest memory", iova, size);
}

static bool is_iommufd(VFIOAnyContainer *bcontainer)
{
    return object_dynamic_cast(OBJECT(bcontainer), TYPE_VFIO_IOMMU_IOMMUFD);
}

static bool was_warned(MemoryRegion *mr)
{
    VFIODevice *vbasedev = mr && memory_region_is_ram_device(mr) ?
                           vfio_get_vfio_device(memory_region_owner(mr)) :
                           NULL;

    return vbasedev && vbasedev->dma_warned;
}

void vfio_error_map(Error **errp, VFIOAnyContainer *bcontainer,
                    MemoryRegion *mr, hwaddr iova, uint64_t size, void *vaddr,
                    bool readonly, int err)
{
    g_autoptr(MapFailure) f = NULL;

    /*
     * While a device is realized only the first error is kept, and only the
     * first one about the memory of a device is printed.
     */
    if (bcontainer->error || !is_iommufd(bcontainer) || was_warned(mr)) {
        error_map_plain(errp, mr, iova, size, err);
        return;
    }
    f = map_failure_new(bcontainer, mr, iova, size, vaddr, readonly, err);
    iommufd_error(errp, &f->failure);
}

/*
 * Reports on behalf of a guest
 */

static void report_later(void *opaque)
{
    g_autoptr(MapFailure) f = opaque;
    Error *why = NULL;

    iommufd_error(&why, &f->failure);
    error_report_err(why);
}

/* Has there been no report of this kind for a minute? */
static bool is_due(VFIOAnyContainer *bcontainer, bool device_memory, int err)
{
    int64_t now = qemu_clock_get_ms(QEMU_CLOCK_REALTIME);
    int kind = (err & 63) + (device_memory ? 64 : 0);

    if (now - bcontainer->map_reports_since > 60 * 1000) {
        memset(bcontainer->map_reports, 0, sizeof(bcontainer->map_reports));
        bcontainer->map_reports_since = now;
    }
    if (bcontainer->map_reports[kind / 64] & BIT_ULL(kind % 64)) {
        return false;
    }
    bcontainer->map_reports[kind / 64] |= BIT_ULL(kind % 64);
    return true;
}

void vfio_report_map(VFIOAnyContainer *bcontainer, MemoryRegion *mr,
                     hwaddr iova, uint64_t size, void *vaddr, bool readonly,
                     int err)
{
    ram_addr_t offset;
    bool device_memory;
    Error *why = NULL;

    /* QEMU 10.0 does not know what the guest's IOMMU maps */
    mr = mr ?: memory_region_from_host(vaddr, &offset);
    device_memory = mr && memory_region_is_ram_device(mr);
    if (!is_due(bcontainer, device_memory, err)) {
        return;
    }
    if (is_iommufd(bcontainer)) {
        aio_bh_schedule_oneshot(qemu_get_aio_context(), report_later,
                                map_failure_new(bcontainer, mr, iova, size,
                                                NULL, readonly, err));
    } else {
        error_map_plain(&why, mr, iova, size, err);
        error_report_err(why);
    }
}
