/*
 * Checks of a device, from its address to its device node
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/sysmacros.h>
#include "checks.h"

#define NODE_DIR "/dev/vfio/devices"
#define NOIOMMU_PREFIX "noiommu-"

/*
 * Is it there?
 */

/* Another function of the slot, or the same address in another domain */
static char *nearest_pci_device(const GPtrArray *names, const char *bdf)
{
    const char *address = strchr(bdf, ':');
    const char *function = strrchr(bdf, '.');
    size_t slot = function ? function + 1 - bdf : 0;

    for (guint i = 0; slot && address && i < names->len; i++) {
        const char *name = names->pdata[i];

        if (g_str_has_suffix(name, address) || !strncmp(name, bdf, slot)) {
            return g_strdup(name);
        }
    }
    return NULL;
}

static IOMMUFDFinding *no_pci_device(const Facts *facts)
{
    const IOMMUFDHostDevice *device = facts->device;
    g_autofree char *dir = g_path_get_dirname(device->path);
    g_autoptr(GPtrArray) names = dir_list(facts->host->dir, dir);
    g_autofree char *near = NULL;
    g_autofree char *hint = NULL;

    if (!names && errno != ENOENT) {
        return finding_device_missing_other(facts->err, device->path);
    }
    if (!names || !names->len) {
        return finding_sysfs_missing_pci(facts->err, device->name,
                                         device->path);
    }
    near = nearest_pci_device(names, device->name);
    hint = near ? g_strdup_printf("The nearest address with a device is %s; "
                                  "lspci -D lists all.", near) :
           g_strdup("lspci -D lists the devices of the host.");
    return finding_device_missing_pci(facts->err, device->name, device->path,
                                      hint);
}

static IOMMUFDFinding *no_device(const Facts *facts)
{
    const IOMMUFDHostDevice *device = facts->device;

    if (iommufd_device_is_mediated(device)) {
        return finding_mdev_missing_uuid(facts->err, device->name,
            dir_seen(facts->host->dir, "sys/bus/mdev") == IOMMUFD_SEEN_NO ?
            ", the mdev module is not loaded" : "", device->path);
    }
    return iommufd_device_is_pci(device) ? no_pci_device(facts) :
           finding_device_missing_other(facts->err, device->path);
}

IOMMUFDFinding *check_device_there(const Facts *facts)
{
    const IOMMUFDHostDevice *device = facts->device;
    Dir dir = facts->host->dir;

    if (!device) {
        return NULL;
    }
    switch (dir_seen(dir, device->path)) {
    case IOMMUFD_SEEN_NO:
        return no_device(facts);
    case IOMMUFD_SEEN_UNKNOWN:
        return host_has_sysfs(facts->host) ?
               finding_sysfs_unreadable_read(facts->err, device->path) :
               finding_sysfs_missing_sysfs(facts->err, device->path);
    default:
        break;
    }
    if (dir_seen(device_dir(device), "subsystem") == IOMMUFD_SEEN_NO &&
        !(g_str_has_prefix(device->path, "/sys/bus/") &&
          strstr(device->path, "/devices/"))) {
        return finding_not_a_device_path(facts->err, device->path);
    }
    return NULL;
}

/* Those that QEMU has a device for, with iommufd= */
IOMMUFDFinding *check_device_kind(const Facts *facts)
{
    const IOMMUFDHostDevice *device = facts->device;

    if (!device->real || !device->bus || iommufd_device_qemu_driver(device)) {
        return NULL;
    }
    if (!iommufd_device_is_mediated(device)) {
        return finding_device_kind_unsupported_bus(0, device->bus,
                                                   device->path);
    }
    return device->api ?
           finding_device_kind_unsupported_api(0, device->api,
                                               device->path) : NULL;
}

char *shown_device(const Facts *facts)
{
    const IOMMUFDHostDevice *device = facts->device;
    const char *bus = device->bus;

    if (device->pci_vendor) {
        return g_strdup_printf("PCI device %04x:%04x", device->pci_vendor,
                               device->pci_device);
    }
    return g_strdup_printf("%s%s", bus ? "device on bus " : "device in sysfs",
                           bus ?: "");
}

/*
 * Has it an IOMMU?
 */

/* Why there is none, and what to do */
static char *no_iommu_reason(IOMMUFDHost *host, char **cure)
{
    static const char *const tables[] = { "DMAR", "IVRS", "IORT", "VIOT" };
    static const struct {
        const char *key;
        /* of the other vendor, who does not care */
        const char *table;
    } keys[] = {
        { "iommu" },
        { "intel_iommu", "IVRS" },
        { "amd_iommu", "DMAR" },
    };
    Dir acpi = { host->root, "/sys/firmware/acpi/tables" };
    g_autoptr(GPtrArray) iommus = dir_list(host->dir, "sys/class/iommu");
    const char *table = NULL;

    if (iommus && iommus->len) {
        *cure = g_strdup("Devices behind a software bridge, and some that are "
                         "part of the chipset, have none.");
        return g_strdup("the host's IOMMU does not cover it");
    }
    for (size_t i = 0; !table && i < G_N_ELEMENTS(tables); i++) {
        if (dir_seen(acpi, tables[i]) == IOMMUFD_SEEN_YES) {
            table = tables[i];
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *word = host_started_with(host, keys[i].key, "off");

        if (word && !(table && !g_strcmp0(table, keys[i].table))) {
            g_autofree char *shown = printable(word, "");

            *cure = host_boot_without(host, shown);
            return g_strdup_printf("the kernel command line says %s", shown);
        }
    }
    /* Arm has that table for interrupts, too */
    if (table && g_str_equal(table, "IORT")) {
        *cure = g_strdup("Look for arm-smmu in the kernel log.");
        return g_strdup("probably the firmware describes none, or the kernel "
                        "has not switched it on");
    }
    if (table) {
        *cure = g_str_equal(table, "DMAR") &&
                !host_started_with(host, "intel_iommu", "on") ?
                host_boot_with(host, "intel_iommu=on") :
                g_strdup("Look for DMAR, AMD-Vi or virtio_iommu in the kernel "
                         "log.");
        return g_strdup_printf("the firmware describes an IOMMU (%s), but the "
                               "kernel has not switched it on", table);
    }
    if (host_is_vm(host)) {
        *cure = g_strdup("This host is a VM: let its own host give it an "
                         "IOMMU (QEMU: -machine kernel-irqchip=split -device "
                         "intel-iommu,intremap=on,caching-mode=on before "
                         "all other devices; on Arm -machine "
                         "iommu=smmuv3).");
        return g_strdup(dir_seen(acpi, "") == IOMMUFD_SEEN_YES ?
                        "this host is a VM that has been given none" :
                        "probably this host, which is a VM, has been given "
                        "none");
    }
    *cure = g_strdup("Enable the IOMMU in the firmware (VT-d, AMD-Vi, "
                     "SMMU).");
    return g_strdup(dir_seen(acpi, "") == IOMMUFD_SEEN_YES ?
                    "the firmware describes no IOMMU" :
                    "probably it is off in the firmware");
}

IOMMUFDFinding *check_host_iommu(const Facts *facts)
{
    g_autoptr(GPtrArray) iommus = dir_list(facts->host->dir,
                                           "sys/class/iommu");
    g_autofree char *reason = NULL;
    g_autofree char *cure = NULL;

    if (iommus ? iommus->len :
        dir_seen(facts->host->dir, "sys/class/iommu") != IOMMUFD_SEEN_NO) {
        return NULL;
    }
    reason = no_iommu_reason(facts->host, &cure);
    return finding_no_iommu_host(0, reason, cure);
}

/*
 * The directory below vfio-dev has that name on newer kernels.  The group has
 * it on all, but that of a mediated device as well.
 */
static bool is_noiommu(const IOMMUFDHostDevice *device)
{
    g_autofree char *name = dir_attr(device_dir(device), "iommu_group/name");

    return (!g_strcmp0(name, "vfio-noiommu") &&
            !iommufd_device_is_mediated(device)) ||
           (device->vfio && g_str_has_prefix(device->vfio, NOIOMMU_PREFIX));
}

IOMMUFDFinding *check_device_iommu(const Facts *facts)
{
    const IOMMUFDHostDevice *device = facts->device;
    g_autofree char *path = NULL;
    g_autofree char *reason = NULL;
    g_autofree char *cure = NULL;

    if (!device) {
        return NULL;
    }
    if (is_noiommu(device)) {
        return finding_noiommu_device(facts->err, device->path);
    }
    if (device->group_seen != IOMMUFD_SEEN_NO ||
        !iommufd_device_is_pci(device) || device->vfio) {
        return NULL;
    }
    path = g_build_filename(device->path, "iommu_group", NULL);
    reason = no_iommu_reason(facts->host, &cure);
    return finding_no_iommu_device(facts->err, reason, path, cure);
}

/* What is not seen may be in the way */
IOMMUFDFinding *check_device_group(const Facts *facts)
{
    const IOMMUFDHostDevice *device = facts->device;
    g_autofree char *path = NULL;
    g_autoptr(GPtrArray) members = NULL;

    if (!facts->physical || device->group_seen == IOMMUFD_SEEN_NO) {
        return NULL;
    }
    path = g_build_filename(device->path, "iommu_group", "devices", NULL);
    members = iommufd_device_group(device);
    return members ? NULL :
           finding_sysfs_unreadable_group(errno, device->group ?: "(unknown)",
                                          path);
}

char *shown_device_group(const Facts *facts)
{
    const IOMMUFDHostDevice *device = facts->device;
    g_autoptr(GPtrArray) members = iommufd_device_group(device);
    g_autoptr(GPtrArray) others = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *shown = NULL;

    if (!device->group) {
        return NULL;
    }
    for (guint i = 0; members && i < members->len; i++) {
        const IOMMUFDHostDevice *member = members->pdata[i];

        if (member != device) {
            g_ptr_array_add(others, g_strdup_printf("%s (%s)", member->name,
                                                    member->driver ?:
                                                    "no driver"));
        }
    }
    shown = join_some(others);
    return g_strdup_printf("group %s, %s%s", device->group,
                           others->len ? "shared with " : "not shared",
                           shown);
}

/*
 * Has it a VFIO driver?
 */

static bool on_denylist(const Facts *facts)
{
    /* Intel QuickAssist (PF, VF), DSA and IAA with known errata */
    static const uint16_t devices[] = {
        0x0435, 0x0443, 0x0b25, 0x0cfe, 0x19e2, 0x19e3, 0x37c8, 0x37c9,
    };
    g_autofree char *off = dir_attr(facts->host->dir,
        "sys/module/vfio_pci/parameters/disable_denylist");

    if (!g_strcmp0(off, "Y") || facts->device->pci_vendor != 0x8086) {
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(devices); i++) {
        if (facts->device->pci_device == devices[i]) {
            return true;
        }
    }
    return false;
}

/* Why a VFIO driver that is there does not take the device; or NULL */
static IOMMUFDFinding *driver_refuses(const Facts *facts, const char *driver,
                                      const char *path)
{
    Dir dir = device_dir(facts->device);
    uint32_t class = facts->device->pci_class >> 8;
    uint64_t number;

    if (class == 0x0604 || class == 0x0607) {
        return finding_bind_refused_bridge(facts->err, driver, path);
    }
    if (dir_number(dir, "sriov_numvfs", &number) && number) {
        return finding_bind_refused_vfs(facts->err, driver, number, path,
                                        facts->device->path);
    }
    return g_str_equal(driver, "vfio-pci") && on_denylist(facts) ?
           finding_bind_refused_denylist(facts->err, driver, path) : NULL;
}

static bool has_driver(const Facts *facts, const char *driver)
{
    g_autofree char *dir = g_build_filename("sys/bus",
                                            facts->device->bus ?: "pci",
                                            "drivers", driver, NULL);

    return dir_seen(facts->host->dir, dir) != IOMMUFD_SEEN_NO;
}

static bool kernel_lacks_vfio_pci(const Facts *facts, const char *driver)
{
    return g_str_equal(driver, "vfio-pci") &&
           host_option(facts->host, "CONFIG_VFIO_PCI") == 'n';
}

/* The device is meant for a VFIO driver, but has none */
static IOMMUFDFinding *bind_refused(const Facts *facts, const char *path)
{
    const IOMMUFDHostDevice *device = facts->device;
    const char *driver = device->override;
    IOMMUFDFinding *finding;
    uint64_t boot_vga;

    if (!has_driver(facts, driver)) {
        return kernel_lacks_vfio_pci(facts, driver) ?
               finding_kernel_without_driver_device(facts->err, driver,
                   host_release(facts->host) ?: "here", "CONFIG_VFIO_PCI",
                   path) :
               finding_module_not_loaded_driver(facts->err, driver, path);
    }
    finding = driver_refuses(facts, driver, path);
    if (finding) {
        return finding;
    }
    return dir_number(device_dir(device), "boot_vga", &boot_vga) && boot_vga ?
           finding_bind_refused_display(facts->err, driver, path) :
           finding_bind_refused_other(facts->err, driver, path, device->name,
                                      device->bus ?: "pci");
}

/* The device will be bound to a VFIO driver, if that takes it */
static IOMMUFDFinding *plan_refused(const Facts *facts)
{
    const IOMMUFDHostDevice *device = facts->device;
    const char *driver = device->planned;
    g_autofree char *path = NULL;
    g_autofree char *best = NULL;
    g_autofree char *module = NULL;

    if (has_driver(facts, driver)) {
        return driver_refuses(facts, driver, device->path);
    }
    if (kernel_lacks_vfio_pci(facts, driver)) {
        return finding_kernel_without_driver_host(facts->err,
                                                  host_release(facts->host) ?:
                                                  "here");
    }
    path = g_build_filename("/sys/bus/pci/drivers", driver, NULL);
    best = iommufd_device_vfio_driver(device, &module);
    return finding_module_not_loaded_planned(facts->err, driver, path,
                                             g_str_equal(driver, best) ?
                                             module : driver);
}

/* Some distributions have one directory for programs, some have two */
static bool has_driverctl(IOMMUFDHost *host)
{
    return dir_seen(host->dir, "usr/sbin/driverctl") == IOMMUFD_SEEN_YES ||
           dir_seen(host->dir, "usr/bin/driverctl") == IOMMUFD_SEEN_YES;
}

char *bind_commands(const Facts *facts, const IOMMUFDHostDevice *device)
{
    g_autofree char *module = NULL;
    g_autofree char *driver = iommufd_device_vfio_driver(device, &module);
    /* not by way of the group that it may have been found in */
    g_autofree char *path = g_strconcat("/sys/bus/pci/devices/", device->name,
                                        NULL);
    g_autofree char *load = has_driver(facts, driver) ? NULL :
                            g_strdup_printf("modprobe %s; ", module);
    g_autofree char *unbind = device->driver ?
        g_strdup_printf("echo %s > %s/driver/unbind; ", device->name,
                        path) : NULL;

    return g_strdup_printf("Bind %s to %s for good%s: driverctl set-override "
                           "%s %s\n"
                           "Or until the next boot: %secho %s > "
                           "%s/driver_override; %secho %s > "
                           "/sys/bus/pci/drivers_probe\n",
                           device == facts->device ? "it" : device->name,
                           driver, has_driverctl(facts->host) ? "" :
                           " (with the package driverctl)", device->name,
                           driver, load ?: "", driver, path,
                           unbind ?: "", device->name);
}

/* Nothing that would take from the host what it uses, or may use */
static char *bind_cure(const Facts *facts, const char *use, IOMMUFDSeen in_use)
{
    const IOMMUFDHostDevice *device = facts->device;
    Dir dir = device_dir(device);
    uint64_t number;

    if (device_is_bridge(device)) {
        return g_strdup("Assign the devices behind the bridge.");
    }
    if (dir_number(dir, "sriov_numvfs", &number) && number) {
        return g_strdup_printf("It %s: assign its virtual functions instead.",
                               use);
    }
    if (in_use == IOMMUFD_SEEN_YES) {
        return g_strdup_printf("It %s: do not assign it.", use);
    }
    if (in_use == IOMMUFD_SEEN_UNKNOWN && facts->failure) {
        return g_strdup_printf("See as root whether the host can do without "
                               "it: qemu-iommufd check %s", device->name);
    }
    if (in_use == IOMMUFD_SEEN_UNKNOWN) {
        return g_strdup_printf("Whether the host uses it cannot be judged: it "
                               "%s.\nqemu-iommufd run --bind, as root, takes "
                               "it if it finds that the host does not, and "
                               "with --force in any case.", use);
    }
    if (!iommufd_device_is_pci(device)) {
        return g_strdup("");
    }
    if (group_is_host_own(facts)) {
        return g_strdup("Its IOMMU group has what the host needs: another slot "
                        "may be in another group.");
    }
    return on_denylist(facts) ?
           g_strdup("vfio-pci refuses the device, which has errata that "
                    "endanger the host; its parameter disable_denylist "
                    "overrides that.") : bind_commands(facts, device);
}

/* What is to be typed has it in it */
static bool is_driver_name(const char *name)
{
    return !name[strspn(name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_-")];
}

static IOMMUFDFinding *no_driver(const Facts *facts, const char *path)
{
    const IOMMUFDHostDevice *device = facts->device;
    const char *override = device->override;
    IOMMUFDSeen in_use;
    g_autofree char *use = NULL;
    g_autofree char *cure = NULL;

    if (override && strstr(override, "vfio") && is_driver_name(override)) {
        /* The link to the driver goes first, and then the driver waits */
        return device->has_enable && device->enable &&
               has_driver(facts, override) ?
               finding_driver_without_vfio_dev_unbinding(facts->err, override,
                                                         path) :
               bind_refused(facts, path);
    }
    use = iommufd_device_use(device, &in_use);
    cure = bind_cure(facts, use, in_use);
    return override ?
           finding_device_not_bound_override(facts->err, override, path,
                                             cure) :
           finding_device_not_bound_none(facts->err, path, cure);
}

static IOMMUFDFinding *no_vfio_dev(const Facts *facts, const char *path)
{
    const IOMMUFDHostDevice *device = facts->device;
    const char *driver = device->driver;

    if (!iommufd_device_has_vfio_driver(device)) {
        IOMMUFDSeen in_use;
        g_autofree char *use = iommufd_device_use(device, &in_use);
        g_autofree char *cure = bind_cure(facts, use, in_use);
        g_autofree char *and = use ? g_strconcat(", and ", use, NULL) : NULL;

        return driver_is_stub(driver) ?
               finding_driver_is_stub_stub(facts->err, driver, path, cure) :
               finding_driver_not_vfio_use(facts->err, driver, and ?: "", path,
                                           cure);
    }
    if (dir_seen(facts->host->dir, "sys/class/vfio-dev") == IOMMUFD_SEEN_NO) {
        return finding_kernel_too_old_vfio_dev(facts->err,
                                               host_release(facts->host) ?:
                                               "here", path);
    }
    return device->has_enable && device->enable ?
           finding_driver_without_vfio_dev_unbinding(facts->err, driver,
                                                     path) :
           finding_driver_without_vfio_dev_maybe(facts->err, driver, path);
}

IOMMUFDFinding *check_device_driver(const Facts *facts)
{
    const IOMMUFDHostDevice *device = facts->device;
    g_autofree char *path = NULL;

    if (device && device->planned &&
        g_strcmp0(device->planned, device->driver)) {
        return plan_refused(facts);
    }
    if (!device || device->vfio) {
        return NULL;
    }
    path = g_build_filename(device->path, "vfio-dev", NULL);
    if (device->vfio_dev == IOMMUFD_SEEN_YES) {
        g_autoptr(GPtrArray) names = dir_list(facts->host->dir, path);

        return names ? finding_vfio_dev_empty_driver(facts->err,
                                                     device->driver ?:
                                                     "(none)", path) :
               finding_sysfs_unreadable_read(facts->err ?: errno, path);
    }
    if (device->vfio_dev == IOMMUFD_SEEN_UNKNOWN ||
        device->driver_seen == IOMMUFD_SEEN_UNKNOWN) {
        return finding_sysfs_unreadable_read(facts->err ?: EACCES, path);
    }
    return device->driver ? no_vfio_dev(facts, path) : no_driver(facts, path);
}

char *shown_device_driver(const Facts *facts)
{
    const IOMMUFDHostDevice *device = facts->device;

    return device->planned && g_strcmp0(device->planned, device->driver) ?
           g_strdup_printf("will be bound to %s", device->planned) :
           g_strdup_printf("bound to %s (%s)", device->driver ?: "no driver",
                           device->vfio);
}

/*
 * Can it be reset?
 */

/*
 * The other devices of its PCI bus, which are next to it in sysfs.  A root bus,
 * pci0000:00 there, has no bridge that could reset it.
 */
static char *others_on_bus(const IOMMUFDHostDevice *device)
{
    g_autofree char *parent = g_path_get_dirname(device->real);
    g_autofree char *bus = g_path_get_basename(parent);
    g_autoptr(GPtrArray) names = dir_list((Dir) { device->host->root, parent },
                                          "");
    g_autoptr(GPtrArray) others = g_ptr_array_new();
    const char *slot = strrchr(device->name, ':');

    if (g_str_has_prefix(bus, "pci") && strchr(bus, ':')) {
        return NULL;
    }
    for (guint i = 0; names && slot && i < names->len; i++) {
        const char *name = names->pdata[i];

        if (!strncmp(name, device->name, slot + 1 - device->name) &&
            !g_str_equal(name, device->name)) {
            g_ptr_array_add(others, (char *)name);
        }
    }
    return others->len ? join_some(others) : NULL;
}

/* Kernels have the attribute since 5.15, for each device that has a way */
IOMMUFDFinding *check_device_reset(const Facts *facts)
{
    const IOMMUFDHostDevice *device = facts->device;
    g_autofree char *path = g_build_filename(device->path, "reset_method",
                                             NULL);
    g_autofree char *methods = dir_attr(facts->host->dir, path);
    g_autofree char *others = NULL;

    if (!iommufd_device_is_pci(device) || !device->real) {
        return NULL;
    }
    if (methods ? *methods && !g_str_equal(methods, "bus") :
        errno != ENOENT || !host_release(facts->host) ||
        host_kernel_before(facts->host, 5, 15)) {
        return NULL;
    }
    /* Then VFIO resets the bus if it has all that is on it */
    others = others_on_bus(device);
    return others ? finding_no_reset_bus(0, others, path) :
           methods && *methods ? NULL : finding_no_reset_none(0, path);
}

char *shown_device_reset(const Facts *facts)
{
    g_autofree char *methods = dir_attr(device_dir(facts->device),
                                        "reset_method");

    return methods && *methods ?
           g_strdup_printf("can be reset (%s)", methods) : NULL;
}

/*
 * Has it a device node?
 */

IOMMUFDFinding *no_device_nodes(const Facts *facts, const char *path)
{
    IOMMUFDHost *host = facts->host;
    const char *release = host_release(host) ?: "here";

    if (host_kernel_before(host, 6, 6)) {
        return finding_kernel_too_old_cdev(facts->err, release, path);
    }
    if (host_option(host, "CONFIG_VFIO_DEVICE_CDEV") == 'n') {
        return finding_kernel_without_cdev_built(facts->err, release,
            host_option(host, "CONFIG_IOMMUFD") == 'n' ?
            "CONFIG_IOMMUFD, which VFIO device nodes need" :
            "CONFIG_VFIO_DEVICE_CDEV", path);
    }
    return finding_kernel_without_cdev_maybe(facts->err, path);
}

IOMMUFDFinding *check_device_number(const Facts *facts)
{
    const IOMMUFDHostDevice *device = facts->device;
    g_autofree char *path = NULL;
    g_autofree char *text = NULL;
    g_autofree char *start = NULL;

    if (!device || !device->vfio || device->has_devt) {
        return NULL;
    }
    path = g_build_filename(device->path, "vfio-dev", device->vfio, "dev",
                            NULL);
    text = dir_text(facts->host->dir, path);
    if (text) {
        start = g_strndup(g_strchomp(text), 32);
        return finding_sysfs_malformed_devt(EINVAL, path, start);
    }
    return errno == ENOENT ? no_device_nodes(facts, path) :
           finding_sysfs_unreadable_read(errno, path);
}

IOMMUFDFinding *check_device_node(const Facts *facts)
{
    const IOMMUFDHostDevice *device = facts->device;
    g_autofree char *node = NULL;
    bool wrong = true;
    int err = facts->err;

    if (!device || !device->vfio || !device->has_devt) {
        return NULL;
    }
    node = g_build_filename(NODE_DIR, device->vfio, NULL);
    if (!facts->failure) {
        err = node_errno(facts, node, device->devt, &wrong);
    }
    return err || wrong ? node_finding(facts, node, device->devt, err) : NULL;
}

char *shown_device_node(const Facts *facts)
{
    g_autofree char *user = user_shown(geteuid());

    return facts->device->has_devt ?
           g_strdup_printf("%s can read and write " NODE_DIR "/%s", user,
                           facts->device->vfio) : NULL;
}
