/*
 * From a host device to its VFIO device node: what can be wrong on the way
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/sysmacros.h>
#include "internal.h"

#define NODE_DIR "/dev/vfio/devices"

#define CDEV_REMEDY "Use Linux 6.6 or newer with CONFIG_IOMMUFD and " \
                    "CONFIG_VFIO_DEVICE_CDEV, or leave out iommufd= to use " \
                    "the legacy VFIO container.\n"

bool device_is_on_bus(const char *root, const char *sysfsdev, const char *bus)
{
    g_autofree char *subsystem = host_link_of(root, sysfsdev, "subsystem");
    g_autofree char *dir = g_strdup_printf("/sys/bus/%s/devices/", bus);

    return !g_strcmp0(subsystem, bus) || g_str_has_prefix(sysfsdev, dir);
}

bool iommufd_diag_is_mediated(const char *root, const char *sysfsdev)
{
    return device_is_on_bus(root, sysfsdev, "mdev");
}

bool device_driver_is_vfio(const char *root, const char *sysfsdev,
                           const char *driver)
{
    return strstr(driver, "vfio") || iommufd_diag_is_mediated(root, sysfsdev);
}

bool device_driver_is_stub(const char *driver)
{
    return g_str_equal(driver, "pci-stub") ||
           g_str_equal(driver, "xen-pciback") ||
           g_str_equal(driver, "pciback");
}

static char *vfio_dev_name(const char *root, const char *vfio_dev)
{
    g_autoptr(GPtrArray) names = host_list(root, vfio_dev);

    for (guint i = 0; names && i < names->len; i++) {
        if (g_str_has_prefix(names->pdata[i], "vfio")) {
            return g_strescape(names->pdata[i], NULL);
        }
    }
    return NULL;
}

char *device_vfio_name(const char *root, const char *sysfsdev)
{
    g_autofree char *vfio_dev = g_build_filename(sysfsdev, "vfio-dev", NULL);

    return vfio_dev_name(root, vfio_dev);
}

bool device_node_devt(const char *root, const char *sysfsdev, dev_t *devt)
{
    g_autofree char *vfio_dev = g_build_filename(sysfsdev, "vfio-dev", NULL);
    g_autofree char *name = vfio_dev_name(root, vfio_dev);
    g_autofree char *attr = NULL;

    if (!name) {
        return false;
    }
    attr = g_build_filename(vfio_dev, name, "dev", NULL);
    return host_devt(root, attr, devt);
}

GArray *device_reserved_regions(const char *root, const char *sysfsdev)
{
    g_autofree char *path = g_build_filename(sysfsdev,
                                             "iommu_group/reserved_regions",
                                             NULL);
    g_autofree char *text = host_text(root, path);
    g_auto(GStrv) lines = g_strsplit(text ?: "", "\n", 0);
    GArray *regions = g_array_new(false, false, sizeof(ReservedRegion));
    ReservedRegion region;

    for (char **line = lines; *line; line++) {
        if (sscanf(*line, "%" SCNx64 " %" SCNx64 " %19[a-z-]", &region.start,
                   &region.last, region.type) == 3) {
            g_array_append_val(regions, region);
        }
    }
    return regions;
}

char *reserved_region_shown(const ReservedRegion *region)
{
    return g_strdup_printf("0x%" PRIx64 "-0x%" PRIx64 " (%s)", region->start,
                           region->last, region->type);
}

/*
 * What the host uses the device for
 */

/* Is a member of a class (a disk, a network interface) part of the device? */
static bool class_member_is_below(const char *root, const char *class,
                                  const char *name, const char *device)
{
    g_autofree char *link = g_build_filename("/sys/class", class, name, NULL);
    g_autofree char *real = host_resolve(root, link);
    size_t len = strlen(device);

    return real && g_str_has_prefix(real, device) && real[len] == '/';
}

static char *mount_point(const char *root, const char *disk)
{
    g_autofree char *node = g_strdup_printf("/dev/%s ", disk);
    g_autofree char *line = NULL;
    g_auto(GStrv) fields = NULL;

    host_find_line(root, "proc/self/mounts", node, &line);
    if (!line || !g_str_has_prefix(line, node)) {
        return NULL;
    }
    fields = g_strsplit(line, " ", 3);
    return g_strescape(fields[1], NULL);
}

/* Swap, a volume group or an array may be on it, or on one of its partitions */
static bool disk_is_held(const char *root, const char *disk)
{
    g_autofree char *dir = g_build_filename("/sys/class/block", disk,
                                            "holders", NULL);
    g_autoptr(GPtrArray) holders = host_list(root, dir);
    g_autofree char *node = g_strdup_printf("/dev/%s ", disk);
    g_autofree char *swap = NULL;

    host_find_line(root, "proc/swaps", node, &swap);
    return swap || (holders && holders->len);
}

char *device_host_use(const char *root, const char *sysfsdev, bool *in_use)
{
    g_autofree char *device = host_resolve(root, sysfsdev);
    g_autoptr(GPtrArray) disks = host_list(root, "/sys/class/block");
    g_autoptr(GPtrArray) nets = host_list(root, "/sys/class/net");
    g_autofree char *disk = NULL;
    uint64_t boot_vga;
    bool held = false;

    *in_use = true;
    for (guint i = 0; device && disks && i < disks->len; i++) {
        const char *name = disks->pdata[i];
        g_autofree char *where = NULL;

        if (!class_member_is_below(root, "block", name, device)) {
            continue;
        }
        where = mount_point(root, name);
        if (where) {
            return g_strdup_printf("holds the host's file system %s (%s)",
                                   where, name);
        }
        held = held || disk_is_held(root, name);
        if (!disk) {
            disk = g_strdup(name);
        }
    }
    if (disk) {
        *in_use = held;
        return g_strdup_printf("is the host's disk %s", disk);
    }
    for (guint i = 0; device && nets && i < nets->len; i++) {
        const char *name = nets->pdata[i];
        g_autofree char *dir = g_build_filename("/sys/class/net", name, NULL);
        g_autofree char *state = NULL;

        if (class_member_is_below(root, "net", name, device)) {
            state = host_attr_of(root, dir, "operstate");
            *in_use = g_strcmp0(state, "down") &&
                      g_strcmp0(state, "notpresent");
            return g_strdup_printf("is the host's network interface %s, "
                                   "which is %s", name, state ?: "there");
        }
    }
    if (host_number_of(root, sysfsdev, "boot_vga", &boot_vga) && boot_vga) {
        return g_strdup("is the display that the host booted with");
    }
    *in_use = false;
    return NULL;
}

/*
 * No such device
 */

/* Another function of the slot, or the same address in another domain */
static char *nearest_pci_device(const char *root, const char *bdf)
{
    const char *address = strchr(bdf, ':');
    const char *function = strrchr(bdf, '.');
    g_autoptr(GPtrArray) names = host_list(root, "/sys/bus/pci/devices");
    size_t slot = function ? function + 1 - bdf : 0;

    for (guint i = 0; slot && address && names && i < names->len; i++) {
        const char *name = names->pdata[i];

        if (g_str_has_suffix(name, address) || !strncmp(name, bdf, slot)) {
            return g_strescape(name, NULL);
        }
    }
    return NULL;
}

static IOMMUFDFinding *device_missing(const char *root, const char *sysfsdev,
                                      int err)
{
    g_autofree char *dir = g_path_get_dirname(sysfsdev);
    g_autofree char *name = g_path_get_basename(sysfsdev);
    g_autoptr(GPtrArray) others = NULL;
    g_autofree char *near = NULL;

    if (err != ENOENT) {
        return finding_new(err == EACCES ? IOMMUFD_CAUSE_SYSFS_UNREADABLE :
                           IOMMUFD_CAUSE_DEVICE_MISSING, err, NULL,
                           "host device cannot be looked up: %s", sysfsdev);
    }
    if (g_str_has_prefix(sysfsdev, "/sys/") && !host_exists(root, "/sys/bus")) {
        return finding_new(IOMMUFD_CAUSE_SYSFS_MISSING, err,
            g_strdup("Mount sysfs on /sys where QEMU runs.\n"),
            "sysfs is not visible here: %s", sysfsdev);
    }
    if (iommufd_diag_is_mediated(root, sysfsdev)) {
        return finding_new(IOMMUFD_CAUSE_MDEV_MISSING, err,
            g_strdup_printf("Mediated devices are lost at reboot; create it: "
                            "mdevctl start -u %s\n", name),
            "host has no mediated device %s%s: %s", name,
            host_exists(root, "/sys/bus/mdev") ? "" :
            ", the mdev module is not loaded", sysfsdev);
    }
    if (!device_is_on_bus(root, sysfsdev, "pci")) {
        return finding_new(IOMMUFD_CAUSE_DEVICE_MISSING, err, NULL,
                           "no such host device: %s", sysfsdev);
    }
    others = host_list(root, dir);
    if (!others || !others->len) {
        return finding_new(IOMMUFD_CAUSE_SYSFS_MISSING, err,
            g_strdup("Mount sysfs on /sys where QEMU runs.\n"),
            "no PCI device at all is visible here, neither is %s: %s", name,
            sysfsdev);
    }
    near = nearest_pci_device(root, name);
    return finding_new(IOMMUFD_CAUSE_DEVICE_MISSING, err,
        near ? g_strdup_printf("The nearest address with a device is %s; "
                               "lspci -D lists all.\n", near) :
        g_strdup("lspci -D lists the devices of the host.\n"),
        "host has no PCI device %s: %s", name, sysfsdev);
}

/*
 * A device without a VFIO device
 */

IOMMUFDFinding *device_no_iommu(const char *root, const char *sysfsdev)
{
    static const char *const tables[] = { "DMAR", "IVRS", "IORT", "VIOT" };
    g_autoptr(GPtrArray) iommus = host_list(root, "/sys/class/iommu");
    g_autofree char *cmdline = host_attr(root, "proc/cmdline");
    g_auto(GStrv) args = g_strsplit(cmdline ?: "", " ", -1);
    g_autofree char *reason = NULL;
    const char *table = NULL;
    const char *remedy;
    IOMMUFDFinding *finding;

    for (size_t i = 0; !table && i < G_N_ELEMENTS(tables); i++) {
        if (host_has(root, "/sys/firmware/acpi/tables", tables[i])) {
            table = tables[i];
        }
    }
    for (char **arg = args; !reason && *arg; arg++) {
        if (g_str_equal(*arg, "iommu=off") ||
            g_str_equal(*arg, "intel_iommu=off") ||
            g_str_equal(*arg, "amd_iommu=off")) {
            reason = g_strdup_printf("the kernel command line says %s", *arg);
            remedy = "Boot the host without it.\n";
        }
    }
    if (iommus && iommus->len) {
        g_free(reason);
        reason = g_strdup("the host's IOMMU does not cover it");
        remedy = "Devices behind a software bridge, and some that are part "
                 "of the chipset, have none.\n";
    } else if (!reason && table) {
        bool arm = g_str_equal(table, "IORT");

        reason = g_strdup_printf("the firmware describes an IOMMU (%s), but "
                                 "the kernel has not switched it on", table);
        remedy = arm ?
                 "Look for arm-smmu in the kernel log.\n" :
                 "Boot the host with intel_iommu=on (Intel) or without "
                 "amd_iommu=off (AMD).\n";
    } else if (!reason) {
        reason = g_strdup(host_exists(root, "/sys/firmware/acpi/tables") ?
                          "the firmware describes no IOMMU" :
                          "probably it is off in the firmware");
        remedy = "Enable VT-d or AMD-Vi in the firmware; for a host that is "
                 "itself a VM, add an IOMMU to that VM.\n";
    }
    if (sysfsdev) {
        finding = finding_new(IOMMUFD_CAUSE_NO_IOMMU, ENOENT,
                              g_strdup(remedy), "device has no IOMMU, %s: "
                              "%s/iommu_group", reason, sysfsdev);
    } else {
        finding = finding_new(IOMMUFD_CAUSE_NO_IOMMU, 0, g_strdup(remedy),
                              "host has no IOMMU, %s", reason);
    }
    finding_saw(finding, "%u entries in /sys/class/iommu",
                iommus ? iommus->len : 0);
    return finding;
}

static bool on_denylist(const char *root, const char *sysfsdev)
{
    /* Intel QuickAssist (PF, VF), DSA and IAA with known errata */
    static const uint16_t devices[] = {
        0x0435, 0x0443, 0x0b25, 0x0cfe, 0x19e2, 0x19e3, 0x37c8, 0x37c9,
    };
    g_autofree char *off = host_attr(root,
        "sys/module/vfio_pci/parameters/disable_denylist");
    uint64_t vendor, device;

    if (!g_strcmp0(off, "Y") ||
        !host_number_of(root, sysfsdev, "vendor", &vendor) ||
        !host_number_of(root, sysfsdev, "device", &device) ||
        vendor != 0x8086) {
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(devices); i++) {
        if (device == devices[i]) {
            return true;
        }
    }
    return false;
}

/* The device is meant for a VFIO driver, but has none */
static IOMMUFDFinding *bind_refused(const char *root, const char *sysfsdev,
                                    const char *vfio_dev, const char *driver)
{
    g_autofree char *driver_dir = g_build_filename("/sys/bus/pci/drivers",
                                                   driver, NULL);
    g_autofree char *name = g_path_get_basename(sysfsdev);
    g_autofree char *reason = NULL;
    uint64_t number;
    const char *remedy = NULL;

    if (!host_exists(root, driver_dir)) {
        return finding_new(IOMMUFD_CAUSE_MODULE_NOT_LOADED, ENOENT,
            g_strdup_printf("Load the module: modprobe %s\n", driver),
            "device is meant for %s (driver_override), but that driver is "
            "not loaded: %s", driver, vfio_dev);
    }
    if (host_number_of(root, sysfsdev, "class", &number) &&
        (number >> 8 == 0x0604 || number >> 8 == 0x0607)) {
        reason = g_strdup("it is a PCI bridge");
        remedy = "Assign the devices behind the bridge.\n";
    } else if (host_number_of(root, sysfsdev, "sriov_numvfs", &number) &&
               number) {
        reason = g_strdup_printf("%" PRIu64 " virtual functions are enabled "
                                 "on it", number);
        remedy = "Remove them first: echo 0 > sriov_numvfs\n";
    } else if (on_denylist(root, sysfsdev)) {
        reason = g_strdup("it is on the denylist of vfio-pci");
        remedy = "It has errata that endanger the host; vfio-pci's parameter "
                 "disable_denylist overrides that.\n";
    } else if (host_number_of(root, sysfsdev, "boot_vga", &number) &&
               number) {
        reason = g_strdup("it probably still carries the host's boot console");
        remedy = "Release the boot framebuffer (efifb, simplefb) first.\n";
    } else {
        return finding_new(IOMMUFD_CAUSE_BIND_REFUSED, ENOENT,
            g_strdup_printf("Try it again, echo %s > %s/bind, and read the "
                            "kernel log.\n", name, driver_dir),
            "device is meant for %s (driver_override), but is not bound to "
            "it: %s", driver, vfio_dev);
    }
    return finding_new(IOMMUFD_CAUSE_BIND_REFUSED, ENOENT, g_strdup(remedy),
                       "%s does not take the device, %s: %s", driver, reason,
                       vfio_dev);
}

static char *bind_remedy(const char *root, const char *sysfsdev)
{
    g_autofree char *name = g_path_get_basename(sysfsdev);

    if (!device_is_on_bus(root, sysfsdev, "pci")) {
        return NULL;
    }
    return g_strdup_printf("Bind it to vfio-pci, for example: driverctl "
                           "set-override %s vfio-pci\n%s", name,
                           host_has(root, sysfsdev, "iommu_group") ? "" :
                           "It has no IOMMU group either: switch the host's "
                           "IOMMU on first.\n");
}

/* Its driver, which @driver is or was, waits until nobody uses the device */
static IOMMUFDFinding *being_unbound(const char *driver, const char *vfio_dev)
{
    return finding_new(IOMMUFD_CAUSE_DRIVER_WITHOUT_VFIO_DEV, ENOENT,
        g_strdup("It becomes free when the program that uses it ends.\n"),
        "device is being unbound from '%s', which waits for its current "
        "user: %s", driver, vfio_dev);
}

static IOMMUFDFinding *no_driver(const char *root, const char *sysfsdev,
                                 const char *vfio_dev)
{
    g_autofree char *override = NULL;
    uint64_t enabled;

    if (device_is_on_bus(root, sysfsdev, "pci")) {
        if (!host_has(root, sysfsdev, "iommu_group")) {
            return device_no_iommu(root, sysfsdev);
        }
        override = host_attr_of(root, sysfsdev, "driver_override");
        /* The link to the driver goes first, and then the driver waits */
        if (host_number_of(root, sysfsdev, "enable", &enabled) && enabled &&
            override && strstr(override, "vfio")) {
            return being_unbound(override, vfio_dev);
        }
        if (override && strstr(override, "vfio") && !strchr(override, '/')) {
            return bind_refused(root, sysfsdev, vfio_dev, override);
        }
        if (override && *override && !g_str_equal(override, "(null)")) {
            return finding_new(IOMMUFD_CAUSE_DEVICE_NOT_BOUND, ENOENT,
                bind_remedy(root, sysfsdev),
                "device is not bound to a VFIO driver, it is meant for '%s' "
                "(driver_override): %s", override, vfio_dev);
        }
    }
    return finding_new(IOMMUFD_CAUSE_DEVICE_NOT_BOUND, ENOENT,
                       bind_remedy(root, sysfsdev),
                       "device is not bound to a VFIO driver, nor to any "
                       "other: %s", vfio_dev);
}

static IOMMUFDFinding *no_vfio_dev(const char *root, const char *sysfsdev,
                                   const char *vfio_dev)
{
    g_autofree char *driver = host_link_of(root, sysfsdev, "driver");
    g_autofree char *use = NULL;
    uint64_t enabled;
    bool in_use;

    if (!host_has(root, sysfsdev, "subsystem") &&
        !(g_str_has_prefix(sysfsdev, "/sys/bus/") &&
          strstr(sysfsdev, "/devices/"))) {
        return finding_new(IOMMUFD_CAUSE_NOT_A_DEVICE, ENOENT,
            g_strdup("Name a device, for example "
                     "/sys/bus/pci/devices/0000:01:00.0\n"),
            "%s is not the directory of a device in sysfs, it has no "
            "subsystem", sysfsdev);
    }
    if (!driver) {
        return no_driver(root, sysfsdev, vfio_dev);
    }
    if (device_driver_is_stub(driver)) {
        return finding_new(IOMMUFD_CAUSE_DRIVER_IS_STUB, ENOENT,
                           bind_remedy(root, sysfsdev),
                           "device is bound to '%s', which only parks it and "
                           "is not a VFIO driver: %s", driver, vfio_dev);
    }
    if (!device_driver_is_vfio(root, sysfsdev, driver)) {
        use = device_host_use(root, sysfsdev, &in_use);
        return finding_new(IOMMUFD_CAUSE_DRIVER_NOT_VFIO, ENOENT,
                           bind_remedy(root, sysfsdev),
                           "device is bound to host driver '%s', not to a "
                           "VFIO driver%s%s: %s", driver, use ? ", and " : "",
                           use ?: "", vfio_dev);
    }
    if (!host_exists(root, "/sys/class/vfio-dev")) {
        g_autofree char *release = host_kernel_release(root);

        return finding_new(IOMMUFD_CAUSE_KERNEL_TOO_OLD, ENOENT,
                           g_strdup(CDEV_REMEDY),
                           "Linux %s has no VFIO device nodes, nor VFIO "
                           "devices in sysfs: %s", release ?: "here",
                           vfio_dev);
    }
    if (host_number_of(root, sysfsdev, "enable", &enabled) && enabled) {
        return being_unbound(driver, vfio_dev);
    }
    return finding_new(IOMMUFD_CAUSE_DRIVER_WITHOUT_VFIO_DEV, ENOENT, NULL,
                       "driver '%s' has no VFIO device for it, it is probably "
                       "being unbound: %s", driver, vfio_dev);
}

/*
 * A VFIO device without a device node
 */

static IOMMUFDFinding *no_dev_attr(const char *root, const char *sysfsdev,
                                   const char *attr)
{
    g_autofree char *group = host_attr_of(root, sysfsdev, "iommu_group/name");

    if (!g_strcmp0(group, "vfio-noiommu")) {
        return finding_new(IOMMUFD_CAUSE_NOIOMMU, ENOENT,
            g_strdup("Enable the IOMMU in the firmware and on the kernel "
                     "command line.\n"),
            "device is in VFIO no-IOMMU mode, which iommufd cannot use: %s",
            attr);
    }
    return device_no_cdev(root, attr);
}

IOMMUFDFinding *device_no_cdev(const char *root, const char *path)
{
    g_autofree char *release = host_kernel_release(root);
    const char *option = "CONFIG_VFIO_DEVICE_CDEV";

    if (host_kernel_before(root, 6, 6)) {
        return finding_new(IOMMUFD_CAUSE_KERNEL_TOO_OLD, ENOENT,
                           g_strdup(CDEV_REMEDY),
                           "Linux %s has no VFIO device nodes: %s", release,
                           path);
    }
    if (host_kernel_option(root, option) == 'n') {
        if (host_kernel_option(root, "CONFIG_IOMMUFD") == 'n') {
            option = "CONFIG_IOMMUFD, which VFIO device nodes need";
        }
        return finding_new(IOMMUFD_CAUSE_KERNEL_WITHOUT_CDEV, ENOENT,
                           g_strdup(CDEV_REMEDY),
                           "Linux %s is built without %s: %s",
                           release ?: "here", option, path);
    }
    return finding_new(IOMMUFD_CAUSE_KERNEL_WITHOUT_CDEV, ENOENT,
                       g_strdup(CDEV_REMEDY),
                       "the kernel probably lacks %s: %s", option, path);
}

static IOMMUFDFinding *bad_dev_attr(const char *root, const char *sysfsdev,
                                    const char *attr)
{
    g_autofree char *text = host_text(root, attr);
    g_autofree char *start = text ? g_strndup(g_strchomp(text), 32) : NULL;
    g_autofree char *shown = start ? g_strescape(start, NULL) : NULL;

    if (shown) {
        return finding_new(IOMMUFD_CAUSE_SYSFS_MALFORMED, EINVAL, NULL,
                           "%s contains '%s', not MAJOR:MINOR", attr, shown);
    }
    if (errno == ENOENT) {
        return no_dev_attr(root, sysfsdev, attr);
    }
    return finding_new(IOMMUFD_CAUSE_SYSFS_UNREADABLE, errno, NULL,
                       "cannot read %s", attr);
}

IOMMUFDFinding *iommufd_diag_device_node(const char *root,
                                         const char *sysfsdev, int err)
{
    g_autofree char *vfio_dev = g_build_filename(sysfsdev, "vfio-dev", NULL);
    g_autofree char *full = g_build_filename(root, vfio_dev, NULL);
    g_autofree char *name = NULL;
    g_autofree char *attr = NULL;
    g_autofree char *node = NULL;
    IOMMUFDFinding *finding;
    dev_t devt = 0;

    /* Then nothing can be opened here either */
    if (err == EMFILE || err == ENFILE) {
        return node_no_more_files("the VFIO device node", err);
    }
    if (!host_exists(root, sysfsdev)) {
        return device_missing(root, sysfsdev, errno);
    }
    if (access(full, R_OK | X_OK)) {
        return errno == ENOENT ? no_vfio_dev(root, sysfsdev, vfio_dev) :
               finding_new(IOMMUFD_CAUSE_SYSFS_UNREADABLE, errno, NULL,
                           "cannot read %s", vfio_dev);
    }
    name = vfio_dev_name(root, vfio_dev);
    if (!name) {
        g_autofree char *driver = host_link_of(root, sysfsdev, "driver");

        return finding_new(IOMMUFD_CAUSE_VFIO_DEV_EMPTY, ENOENT, NULL,
                           "driver '%s' has registered no VFIO device: %s",
                           driver ?: "(none)", vfio_dev);
    }
    attr = g_build_filename(vfio_dev, name, "dev", NULL);
    if (!host_devt(root, attr, &devt)) {
        return bad_dev_attr(root, sysfsdev, attr);
    }

    node = g_build_filename(NODE_DIR, name, NULL);
    finding = node_finding(root, node, devt, err) ?:
              finding_new(IOMMUFD_CAUSE_UNKNOWN, err, NULL,
                          "%s cannot be opened", node);
    finding_saw(finding, "%s says %u:%u", attr, major(devt), minor(devt));
    return finding;
}
