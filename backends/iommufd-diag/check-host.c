/*
 * Checks of a host, before anything is tried
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "checks.h"

#define KIB 1024

/* ROMs, flash and video memory, and some room */
#define GUEST_BESIDES (1024 * 1024 * 1024ULL)

/* Below it hardly any guest fits */
#define LOCKED_WARN (1024 * 1024 * 1024ULL)

#define NODE_DIR "/dev/vfio/devices"

char *join_some(const GPtrArray *names)
{
    GString *text = g_string_new(NULL);
    guint most = 6;

    for (guint i = 0; i < MIN(names->len, most); i++) {
        g_autofree char *shown = printable(names->pdata[i], "");

        g_string_append_printf(text, "%s%s", i ? ", " : "", shown);
    }
    if (names->len > most) {
        g_string_append_printf(text, " and %u more", names->len - most);
    }
    return g_string_free(text, false);
}

char *size_shown(uint64_t bytes)
{
    static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
    size_t unit = 0;

    while (unit + 1 < G_N_ELEMENTS(units) && bytes >= KIB &&
           (bytes % KIB == 0 || bytes >= 100 * KIB)) {
        bytes /= KIB;
        unit++;
    }
    return g_strdup_printf("%" PRIu64 " %s", bytes, units[unit]);
}

/*
 * The kernel
 */

char *shown_kernel(const Facts *facts)
{
    return g_strdup_printf("Linux %s", host_release(facts->host) ?:
                           "of a version that /proc does not show");
}

IOMMUFDFinding *check_sysfs(const Facts *facts)
{
    return host_has_sysfs(facts->host) ? NULL :
           finding_sysfs_missing_sysfs(0, "/sys");
}

IOMMUFDFinding *check_vfio_drivers(const Facts *facts)
{
    g_autoptr(GPtrArray) drivers = host_vfio_drivers(facts->host);

    return drivers->len ? NULL :
           host_option(facts->host, "CONFIG_VFIO_PCI") == 'n' ?
           finding_kernel_without_driver_host(0, host_release(facts->host) ?:
                                              "here") :
           finding_module_not_loaded_host(0);
}

char *shown_vfio_drivers(const Facts *facts)
{
    g_autoptr(GPtrArray) drivers = host_vfio_drivers(facts->host);
    g_autofree char *shown = NULL;

    for (guint i = 0; i < drivers->len; i++) {
        char *path = drivers->pdata[i];

        drivers->pdata[i] = g_path_get_basename(path);
        g_free(path);
    }
    shown = join_some(drivers);
    return g_strdup_printf("drivers: %s", shown);
}

/* Does the kernel show that VFIO devices have nodes? */
static bool nodes_seen(IOMMUFDHost *host)
{
    Dir class = { host->root, "/sys/class/vfio-dev" };
    g_autoptr(GPtrArray) names = dir_list(class, "");
    g_autofree char *line = NULL;

    for (guint i = 0; names && i < names->len; i++) {
        g_autofree char *attr = g_build_filename(names->pdata[i], "dev", NULL);

        if (dir_seen(class, attr) == IOMMUFD_SEEN_YES) {
            return true;
        }
    }
    dir_find_line(host->dir, "proc/devices", " vfio-dev\n", &line);
    return line;
}

/* Without iommufd they cannot be, and that has its own check */
static bool nodes_excluded(IOMMUFDHost *host)
{
    return host_option(host, "CONFIG_IOMMUFD") == 'n' &&
           !host_kernel_before(host, 6, 6);
}

IOMMUFDFinding *check_device_nodes(const Facts *facts)
{
    IOMMUFDHost *host = facts->host;
    char option = host_option(host, "CONFIG_VFIO_DEVICE_CDEV");
    bool loaded =
        dir_seen(host->dir, "sys/class/vfio-dev") == IOMMUFD_SEEN_YES &&
        dir_seen(host->dir, "proc/devices") == IOMMUFD_SEEN_YES;

    return !nodes_seen(host) && option != 'y' && !nodes_excluded(host) &&
           (option == 'n' || loaded || host_kernel_before(host, 6, 6)) ?
           no_device_nodes(facts, NODE_DIR) : NULL;
}

IOMMUFDFinding *check_device_nodes_known(const Facts *facts)
{
    return nodes_seen(facts->host) || nodes_excluded(facts->host) ||
           host_option(facts->host, "CONFIG_VFIO_DEVICE_CDEV") ? NULL :
           finding_kernel_without_cdev_unknown(0);
}

char *shown_device_nodes(const Facts *facts)
{
    return nodes_seen(facts->host) ?
           g_strdup("the kernel provides VFIO device nodes") :
           nodes_excluded(facts->host) ? NULL :
           g_strdup("the kernel is built with CONFIG_VFIO_DEVICE_CDEV");
}

/*
 * The IOMMU
 */

static const char *interrupts_why(IOMMUFDHost *host)
{
    return iommufd_host_interrupts(host)->gicv2m ?
           "they go through a GICv2m" : "interrupt remapping is off";
}

static char *interrupts_how(IOMMUFDHost *host)
{
    const char *off = host_started_with(host, "intremap", "off");

    return iommufd_host_interrupts(host)->gicv2m ?
           g_strdup("Use a host whose interrupt controller has an ITS.") :
           off ? host_boot_without(host, off) :
           host_is_vm(host) ?
           g_strdup("This host is a VM: let its own host give it interrupt "
                    "remapping (QEMU: -machine kernel-irqchip=split -device "
                    "intel-iommu,intremap=on,caching-mode=on before all other "
                    "devices).") :
           g_strdup("Enable interrupt remapping (VT-d or x2APIC) in the "
                    "firmware.");
}

IOMMUFDFinding *interrupts_finding(IOMMUFDHost *host, int err,
                                   const char *devices, const char *members,
                                   bool maybe)
{
    const char *why = interrupts_why(host);
    g_autofree char *how = interrupts_how(host);
    g_autofree char *accept =
        host_boot_with(host, "iommufd.allow_unsafe_interrupts=1");

    return maybe || iommufd_host_interrupts(host)->gicv2m ?
           finding_no_interrupt_isolation_maybe(err, devices, why, members,
                                                how, accept) :
           finding_no_interrupt_isolation_off(err, devices, why, members, how,
                                              accept);
}

IOMMUFDFinding *iommufd_host_interrupts_finding(IOMMUFDHost *host)
{
    return interrupts_not_isolated(iommufd_host_interrupts(host)) ?
           interrupts_finding(host, 0, "devices", "", false) : NULL;
}

IOMMUFDFinding *check_host_interrupts(const Facts *facts)
{
    return iommufd_host_interrupts_finding(facts->host);
}

IOMMUFDFinding *check_unsafe_interrupts(const Facts *facts)
{
    const IOMMUFDInterrupts *interrupts =
        iommufd_host_interrupts(facts->host);

    if (!interrupts->allow_unsafe) {
        return NULL;
    }
    return interrupts->gicv2m ?
           finding_no_interrupt_isolation_accepted(0, "interrupts go through "
                                                   "a GICv2m") :
           interrupts->known && !interrupts->isolated ?
           finding_no_interrupt_isolation_accepted(0, "interrupt remapping is "
                                                   "off") : NULL;
}

char *shown_host_interrupts(const Facts *facts)
{
    return !iommufd_host_interrupts(facts->host)->isolated ? NULL :
           g_strdup(facts->host->has_its ?
                    "an ITS isolates the interrupts of devices" :
                    "interrupt remapping is on");
}

char *shown_host_iommu(const Facts *facts)
{
    g_autoptr(GPtrArray) iommus = dir_list(facts->host->dir,
                                           "sys/class/iommu");

    return iommus ? join_some(iommus) : NULL;
}

/*
 * Memory
 */

char *user_shown(uint64_t uid)
{
    return uid ? g_strdup_printf("user %" PRIu64, uid) : g_strdup("root");
}

/* Who QEMU will run as: what this process may do counts for nobody else */
static char *memory_user(IOMMUFDHost *host)
{
    return user_shown(host->has_guest ? host->guest_uid : geteuid());
}

static bool memory_is_unlimited(IOMMUFDHost *host)
{
    const Locked *locked = host_locked(host);

    return !host->has_guest && locked->has_ipc_lock && locked->initial_userns;
}

IOMMUFDFinding *check_guest_memory(const Facts *facts)
{
    IOMMUFDHost *host = facts->host;
    uint64_t limit = host_locked(host)->limit;
    g_autofree char *user = memory_user(host);
    g_autofree char *size = size_shown(limit);
    g_autofree char *memory = size_shown(host->guest_memory);
    uint64_t enough = MIN(host->guest_memory, UINT64_MAX - GUEST_BESIDES) +
                      GUEST_BESIDES;

    return host->guest_memory && host->guest_memory >= limit ?
           finding_locked_memory_limit_guest(0, size, user, memory, enough,
                                             DIV_ROUND_UP(enough, KIB)) :
           NULL;
}

IOMMUFDFinding *check_memory_limit(const Facts *facts)
{
    IOMMUFDHost *host = facts->host;
    const Locked *locked = host_locked(host);
    g_autofree char *user = memory_user(host);
    g_autofree char *size = size_shown(locked->limit);

    if (memory_is_unlimited(host) || host->guest_memory ||
        locked->limit >= LOCKED_WARN) {
        return NULL;
    }
    return finding_locked_memory_limit_check(0, size, user,
        host->has_guest ? " without capabilities" :
        locked->has_ipc_lock ?
        ", and CAP_IPC_LOCK in a user namespace does not lift it" : "");
}

char *shown_memory_limit(const Facts *facts)
{
    IOMMUFDHost *host = facts->host;
    uint64_t limit = host_locked(host)->limit;
    g_autofree char *user = memory_user(host);
    g_autofree char *size = size_shown(limit);
    g_autofree char *memory = size_shown(host->guest_memory);

    if (memory_is_unlimited(host)) {
        return g_strdup_printf("no limit for %s (CAP_IPC_LOCK)", user);
    }
    if (limit == UINT64_MAX) {
        return g_strdup_printf("no limit for %s", user);
    }
    return host->guest_memory ?
           g_strdup_printf("%s may lock %s, and the guest has %s", user, size,
                           memory) :
           g_strdup_printf("%s may lock %s", user, size);
}

char *shown_control_group(const Facts *facts)
{
    Cgroup cgroup = host_cgroup(facts->host);
    g_autofree char *size = size_shown(cgroup.limit);

    return cgroup.known ?
           g_strdup_printf("the control group is limited to %s of memory",
                           size) : NULL;
}

char *shown_huge_pages(const Facts *facts)
{
    Dir dir = { facts->host->root, "/sys/kernel/mm/hugepages" };
    g_autoptr(GPtrArray) sizes = dir_list(dir, "");
    g_autoptr(GString) text = g_string_new(NULL);
    uint64_t kib, total, available;

    for (guint i = 0; sizes && i < sizes->len; i++) {
        g_autofree char *path = g_build_filename(dir.path, sizes->pdata[i],
                                                 NULL);
        Dir pages = { dir.root, path };
        g_autofree char *size = NULL;

        if (sscanf(sizes->pdata[i], "hugepages-%" SCNu64 "kB", &kib) != 1 ||
            !dir_number(pages, "nr_hugepages", &total) || !total ||
            !dir_number(pages, "free_hugepages", &available)) {
            continue;
        }
        size = size_shown(kib * KIB);
        g_string_append_printf(text, "%s%" PRIu64 " of %" PRIu64 " free, "
                               "%s each", text->len ? "; " : "", available,
                               total, size);
    }
    return g_strdup(text->len ? text->str : "none reserved");
}
