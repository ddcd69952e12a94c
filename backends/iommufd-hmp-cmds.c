/*
 * HMP command for iommufd
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "monitor/hmp.h"
#include "monitor/monitor.h"
#include "qapi/qapi-commands-iommufd.h"

static const char *yes_no(bool yes)
{
    return yes ? "yes" : "no";
}

static void print_kernel(Monitor *mon, const IOMMUFDKernelInfo *kernel)
{
    if (kernel->object) {
        monitor_printf(mon, "  told by the descriptor of: %s\n",
                       kernel->object);
    }
    if (kernel->has_default_accounting) {
        monitor_printf(mon, "  default memory accounting: by %s\n",
                       IOMMUFDAccounting_str(kernel->default_accounting));
    }
    monitor_printf(mon, "  IOMMU_IOAS_MAP_FILE: %s\n",
                   yes_no(kernel->map_file));
    monitor_printf(mon, "  IOMMU_IOAS_CHANGE_PROCESS: %s\n",
                   yes_no(kernel->change_process));
    if (kernel->has_interrupt_isolation) {
        monitor_printf(mon, "  interrupt isolation: %s\n",
                       yes_no(kernel->interrupt_isolation));
    }
    if (kernel->has_allow_unsafe_interrupts) {
        monitor_printf(mon, "  unsafe interrupts allowed: %s\n",
                       yes_no(kernel->allow_unsafe_interrupts));
    }
}

static void print_device(Monitor *mon, const IOMMUFDDeviceInfo *device)
{
    const uint8List *bar;

    monitor_printf(mon, "  %s \"%s\": host device %s, devid %" PRIu32
                   ", IOAS %" PRIu32, device->driver, device->id ?: "",
                   device->host_device ?: "unknown", device->devid,
                   device->ioas);
    if (device->has_hwpt) {
        monitor_printf(mon, ", HWPT %" PRIu32, device->hwpt);
    }
    monitor_printf(mon, "\n    dirty tracking: %s\n",
                   yes_no(device->dirty_tracking));
    if (device->reachable_bars) {
        monitor_printf(mon, "    BARs reachable by DMA:");
        for (bar = device->reachable_bars; bar; bar = bar->next) {
            monitor_printf(mon, " %" PRIu8, bar->value);
        }
        monitor_printf(mon, "\n");
    }
}

static void print_object(Monitor *mon, const IOMMUFDObjectInfo *object)
{
    monitor_printf(mon, "%s: descriptor %s, users %" PRIu32, object->id,
                   IOMMUFDDescriptor_str(object->descriptor), object->users);
    if (object->has_accounting) {
        monitor_printf(mon, ", memory accounting by %s",
                       IOMMUFDAccounting_str(object->accounting));
    }
    monitor_printf(mon, "\n");
    for (IOMMUFDDeviceInfoList *entry = object->devices; entry;
         entry = entry->next) {
        print_device(mon, entry->value);
    }
}

void hmp_info_iommufd(Monitor *mon, const QDict *qdict)
{
    g_autoptr(IOMMUFDInfo) info = qmp_query_iommufd(NULL);

    monitor_printf(mon, "iommufd is %s",
                   info->available ? "available" : "not available");
    if (info->cause) {
        monitor_printf(mon, "%s %s (%s)\n%s", info->available ? ", but" : ":",
                       info->message, info->cause, info->remedy ?: "");
    } else {
        monitor_printf(mon, "\n");
    }
    if (info->kernel) {
        print_kernel(mon, info->kernel);
    }
    for (IOMMUFDObjectInfoList *entry = info->objects; entry;
         entry = entry->next) {
        print_object(mon, entry->value);
    }
}
