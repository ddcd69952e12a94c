/*
 * The memory of assigned devices as files
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/vfio.h>
#include "pci.h"
#include "hw/vfio/bar-dma-buf.h"
#include "hw/vfio/iommufd-maps.h"
#include "migration/misc.h"
#include "qapi/util.h"
#include "qemu/range.h"
#include "system/iommufd-cpr.h"
#include "trace.h"
#include "vfio-iommufd.h"

/* Linux 6.19 has it, and later headers */
#define FEATURE_DMA_BUF 11

/* What the kernel wants to know for it, with one range */
typedef struct Export {
    uint32_t argsz;
    uint32_t feature;
    uint32_t region;
    uint32_t open_flags;
    uint32_t flags;
    uint32_t n_ranges;
    uint64_t offset;
    uint64_t size;
} Export;

static VFIOMmap *find_mmap(VFIOPCIDevice *vdev, const MemoryRegion *mr,
                           int *bar)
{
    for (*bar = 0; *bar < PCI_ROM_SLOT; (*bar)++) {
        VFIORegion *region = &vdev->bars[*bar].region;

        for (unsigned i = 0; i < region->nr_mmaps; i++) {
            if (&region->mmaps[i].mem == mr) {
                return &region->mmaps[i];
            }
        }
    }
    return NULL;
}

static int export(VFIODevice *vbasedev, const VFIOMmap *mmap, int bar)
{
    Export args = {
        .argsz = sizeof(args),
        .feature = VFIO_DEVICE_FEATURE_GET | FEATURE_DMA_BUF,
        .region = bar,
        .open_flags = O_RDWR | O_CLOEXEC,
        .n_ranges = 1,
        .offset = mmap->offset,
        .size = mmap->size,
    };

    return vbasedev->io_ops->device_feature(vbasedev,
                                    (struct vfio_device_feature *)&args);
}

int vfio_bar_dma_buf(MemoryRegion *mr)
{
    VFIODevice *vbasedev = vfio_get_vfio_device(memory_region_owner(mr));
    VFIOPCIDevice *vdev = vfio_pci_from_vfio_device(vbasedev);
    int bar;
    VFIOMmap *mmap = vdev ? find_mmap(vdev, mr, &bar) : NULL;

    if (!mmap) {
        return -ENOENT;
    }
    if (vbasedev->no_dma_buf) {
        return -ECANCELED;
    }
    if (!mmap->dma_buf.exported) {
        mmap->dma_buf.fd = export(vbasedev, mmap, bar);
        mmap->dma_buf.exported = mmap->dma_buf.fd >= 0;
        trace_vfio_bar_dma_buf(vbasedev->name, bar, mmap->offset, mmap->size,
                               mmap->dma_buf.fd);
    }
    return mmap->dma_buf.fd;
}

void vfio_bar_close_dma_buf(VFIOBarDMABuf *dma_buf)
{
    if (dma_buf->exported) {
        vfio_iommufd_maps_forget(
            &container_of(dma_buf, VFIOMmap, dma_buf)->mem);
        close(dma_buf->fd);
        dma_buf->exported = false;
    }
}

/* Has it set a bit of a byte of a capability? */
static bool sets(uint32_t addr, uint32_t val, int len, uint32_t byte,
                 uint8_t bit)
{
    return range_covers_byte(addr, len, byte) &&
           (val >> (byte - addr) * 8) & bit;
}

static bool decodes_memory(const PCIDevice *pdev)
{
    bool has_power = !pdev->pm_cap ||
                     !(pci_get_word(pdev->config + pdev->pm_cap + PCI_PM_CTRL) &
                       PCI_PM_CTRL_STATE_MASK);

    return has_power &&
           pci_get_word(pdev->config + PCI_COMMAND) & PCI_COMMAND_MEMORY;
}

/* The kernel has unmapped all after a reset, and what is not decoded */
static void follow_kernel(VFIOPCIDevice *vdev, bool reset)
{
    bool decodes = decodes_memory(PCI_DEVICE(vdev));

    if (reset || !decodes) {
        vfio_iommufd_maps_lose(OBJECT(vdev));
    }
    if (decodes) {
        vfio_iommufd_maps_regain(OBJECT(vdev));
    }
}

void vfio_bar_config_written(VFIOPCIDevice *vdev, uint32_t addr, uint32_t val,
                             int len)
{
    PCIDevice *pdev = PCI_DEVICE(vdev);
    uint8_t af = pci_find_capability(pdev, PCI_CAP_ID_AF);
    uint8_t pcie = pdev->exp.exp_cap;
    bool reset = (pcie && sets(addr, val, len, pcie + PCI_EXP_DEVCTL + 1,
                               PCI_EXP_DEVCTL_BCR_FLR >> 8)) ||
                 (af && sets(addr, val, len, af + PCI_AF_CTRL,
                             PCI_AF_CTRL_FLR));

    if (!reset && !ranges_overlap(addr, len, PCI_COMMAND, 2) &&
        !(pdev->pm_cap &&
          range_covers_byte(addr, len, pdev->pm_cap + PCI_PM_CTRL))) {
        return;
    }
    follow_kernel(vdev, reset);
}

void vfio_bar_device_reset(VFIODevice *vbasedev)
{
    VFIOPCIDevice *vdev = vfio_pci_from_vfio_device(vbasedev);

    if (vdev) {
        follow_kernel(vdev, true);
    }
}

static NotifierWithReturn cpr_notifier;

static int cpr_event(NotifierWithReturn *notifier, MigrationEvent *e,
                     Error **errp)
{
    if (e->type == MIG_EVENT_PRECOPY_FAILED) {
        vfio_iommufd_maps_put_back();
    }
    return 0;
}

/* Set aside what no other device can reach */
static void set_aside_own(void)
{
    VFIODevice *vbasedev;

    QLIST_FOREACH(vbasedev, &vfio_device_list, global_next) {
        VFIOContainer *container = vbasedev->bcontainer;

        if (vbasedev->iommufd && container &&
            QLIST_FIRST(&container->device_list) == vbasedev &&
            !QLIST_NEXT(vbasedev, container_next)) {
            vfio_iommufd_maps_set_aside_own(
                VFIO_IOMMU_IOMMUFD(container)->maps, OBJECT(vbasedev->dev));
        }
    }
}

bool vfio_bars_save_cpr(void *opaque, Error **errp)
{
    if (!iommufd_cpr_check_names(opaque, errp)) {
        return false;
    }
    if (!cpr_notifier.notify) {
        migration_add_notifier_modes(&cpr_notifier, cpr_event,
                                     BIT(MIG_MODE_CPR_TRANSFER) |
                                     BIT(MIG_MODE_CPR_EXEC));
    }
    set_aside_own();
    return true;
}

static bool is_reachable(const VFIORegion *region)
{
    for (unsigned i = 0; i < region->nr_mmaps; i++) {
        if (vfio_iommufd_maps_has(&region->mmaps[i].mem)) {
            return true;
        }
    }
    return false;
}

uint8List *vfio_bars_reachable(VFIODevice *vbasedev)
{
    VFIOPCIDevice *vdev = vfio_pci_from_vfio_device(vbasedev);
    uint8List *bars = NULL;

    for (int i = PCI_ROM_SLOT - 1; vdev && i >= 0; i--) {
        if (is_reachable(&vdev->bars[i].region)) {
            QAPI_LIST_PREPEND(bars, i);
        }
    }
    return bars;
}
