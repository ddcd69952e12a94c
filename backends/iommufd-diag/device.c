/*
 * Facts about a device of a host
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "facts.h"

#define PCI_DEVICES "/sys/bus/pci/devices"

Dir device_dir(const IOMMUFDHostDevice *device)
{
    return (Dir) { device->host->root, device->path };
}

/*
 * Its driver's, or without an IOMMU "noiommu-vfioN".  Returns whether there is
 * one: without a readable directory that is not known.
 */
static IOMMUFDSeen read_vfio_name(Dir dir, char **name)
{
    g_autoptr(GPtrArray) names = dir_list(dir, "vfio-dev");

    for (guint i = 0; names && i < names->len; i++) {
        if (strstr(names->pdata[i], "vfio")) {
            *name = g_strescape(names->pdata[i], NULL);
            return IOMMUFD_SEEN_YES;
        }
    }
    return names ? IOMMUFD_SEEN_YES : dir_seen(dir, "vfio-dev");
}

/* "/sys/bus/BUS/devices/NAME" names it even where the device is not there */
static char *bus_in_path(const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);

    return g_strv_length(parts) == 6 && g_str_equal(parts[1], "sys") &&
           g_str_equal(parts[2], "bus") && g_str_equal(parts[4], "devices") ?
           g_strdup(parts[3]) : NULL;
}

static char *shown_name(const char *path)
{
    g_autofree char *name = g_path_get_basename(path);

    return g_strescape(name, "\"\\");
}

static uint64_t read_number(Dir dir, const char *name, uint64_t max)
{
    uint64_t number;

    return dir_number(dir, name, &number) && number <= max ? number : 0;
}

static void read_device(IOMMUFDHostDevice *device)
{
    Dir dir = device_dir(device);
    g_autofree char *devt = NULL;

    device->name = shown_name(device->real ?: device->path);
    device->bus = dir_link(dir, "subsystem") ?: bus_in_path(device->path);
    device->driver = dir_link(dir, "driver");
    device->driver_seen = device->driver ? IOMMUFD_SEEN_YES :
                          dir_seen(dir, "driver");
    device->override = dir_attr(dir, "driver_override");
    if (device->override && (!*device->override ||
                             g_str_equal(device->override, "(null)"))) {
        g_clear_pointer(&device->override, g_free);
    }
    device->vfio_dev = read_vfio_name(dir, &device->vfio);
    if (device->vfio) {
        devt = g_build_filename("vfio-dev", device->vfio, "dev", NULL);
        device->has_devt = dir_devt(dir, devt, &device->devt);
    }
    device->group = dir_link(dir, "iommu_group");
    device->group_seen = device->group ? IOMMUFD_SEEN_YES :
                         dir_seen(dir, "iommu_group");
    if (iommufd_device_is_mediated(device)) {
        device->api = dir_attr(dir, "mdev_type/device_api");
    }
    if (iommufd_device_is_pci(device)) {
        device->pci_vendor = read_number(dir, "vendor", UINT16_MAX);
        device->pci_device = read_number(dir, "device", UINT16_MAX);
        device->pci_class = read_number(dir, "class", 0xffffff);
    }
    device->has_enable = dir_number(dir, "enable", &device->enable);
}

/* @named is a path that users know, unlike one through an IOMMU group */
static IOMMUFDHostDevice *get_device(IOMMUFDHost *host, const char *path,
                                     bool named)
{
    g_autofree char *real = dir_resolve(host->dir, path);
    const char *key = real ?: path;
    IOMMUFDHostDevice *device = g_hash_table_lookup(host->devices, key);

    if (!device) {
        device = g_new0(IOMMUFDHostDevice, 1);
        device->host = host;
        device->path = g_strdup(path);
        device->real = g_strdup(real);
        read_device(device);
        g_hash_table_insert(host->devices, g_strdup(key), device);
    } else if (named) {
        g_free(device->path);
        device->path = g_strdup(path);
    }
    return device;
}

IOMMUFDHostDevice *iommufd_host_device(IOMMUFDHost *host, const char *path)
{
    return get_device(host, path, true);
}

IOMMUFDHostDevice *host_device_of_fd(IOMMUFDHost *host, int fd)
{
    g_autofree char *vfio = NULL;
    g_autofree char *path = iommufd_sysfs_of_fd(host->root, fd, &vfio);
    IOMMUFDHostDevice *device = path ? iommufd_host_device(host, path) : NULL;

    /* Links can be read where directories cannot be listed */
    if (device && !device->vfio) {
        device->vfio = g_steal_pointer(&vfio);
        device->vfio_dev = IOMMUFD_SEEN_YES;
    }
    return device;
}

/*
 * Buses and drivers
 */

bool iommufd_device_is_pci(const IOMMUFDHostDevice *device)
{
    return !g_strcmp0(device->bus, "pci");
}

bool iommufd_device_is_mediated(const IOMMUFDHostDevice *device)
{
    return !g_strcmp0(device->bus, "mdev");
}

bool iommufd_device_has_vfio_driver(const IOMMUFDHostDevice *device)
{
    return device->driver &&
           (device->vfio_dev == IOMMUFD_SEEN_YES ||
            strstr(device->driver, "vfio") ||
            iommufd_device_is_mediated(device));
}

bool driver_is_stub(const char *driver)
{
    return g_str_equal(driver, "pci-stub") ||
           g_str_equal(driver, "xen-pciback") ||
           g_str_equal(driver, "pciback");
}

const char *iommufd_device_qemu_driver(const IOMMUFDHostDevice *device)
{
    static const char *const drivers[] = { "vfio-pci", "vfio-ap", "vfio-ccw" };

    if (iommufd_device_is_pci(device)) {
        return drivers[0];
    }
    for (size_t i = 0; i < G_N_ELEMENTS(drivers); i++) {
        if (!g_strcmp0(device->api, drivers[i])) {
            return drivers[i];
        }
    }
    return NULL;
}

char *iommufd_host_bus_path(IOMMUFDHost *host, const char *path)
{
    g_autofree char *real = dir_resolve(host->dir, path);
    g_autofree char *bus = NULL;
    g_autofree char *name = NULL;
    g_autofree char *listed = NULL;

    if (!real) {
        return NULL;
    }
    bus = dir_link((Dir) { host->root, real }, "subsystem");
    name = g_path_get_basename(real);
    listed = bus ? g_build_filename("/sys/bus", bus, "devices", name, NULL) :
             NULL;
    return listed && dir_seen(host->dir, listed) == IOMMUFD_SEEN_YES ?
           g_steal_pointer(&listed) : g_steal_pointer(&real);
}

GPtrArray *host_vfio_drivers(IOMMUFDHost *host)
{
    GPtrArray *found = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) buses = dir_list(host->dir, "sys/bus");

    for (guint i = 0; buses && i < buses->len; i++) {
        g_autofree char *dir = g_build_filename("/sys/bus", buses->pdata[i],
                                                "drivers", NULL);
        g_autoptr(GPtrArray) drivers = dir_list(host->dir, dir);

        for (guint j = 0; drivers && j < drivers->len; j++) {
            if (strstr(drivers->pdata[j], "vfio")) {
                g_ptr_array_add(found, g_build_filename(dir,
                                                        drivers->pdata[j],
                                                        NULL));
            }
        }
    }
    return found;
}

/* Takes the path over, which may be NULL */
static void add_path(GPtrArray *paths, GHashTable *seen, char *path)
{
    if (path && g_hash_table_add(seen, g_strdup(path))) {
        g_ptr_array_add(paths, path);
    } else {
        g_free(path);
    }
}

/* The links to devices in a driver's directory lead to sys/devices */
static void add_devices_of_driver(IOMMUFDHost *host, const char *driver,
                                  GPtrArray *paths, GHashTable *seen)
{
    Dir dir = { host->root, driver };
    g_autoptr(GPtrArray) names = dir_list(dir, "");

    for (guint i = 0; names && i < names->len; i++) {
        g_autofree char *path = g_build_filename(driver, names->pdata[i],
                                                 NULL);
        g_autofree char *link = g_build_filename(names->pdata[i], "driver",
                                                 NULL);

        if (!g_str_equal(names->pdata[i], "module") &&
            dir_seen(dir, link) == IOMMUFD_SEEN_YES) {
            add_path(paths, seen, iommufd_host_bus_path(host, path));
        }
    }
}

GPtrArray *iommufd_host_pci_devices(IOMMUFDHost *host)
{
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) names = dir_list(host->dir, PCI_DEVICES);

    for (guint i = 0; names && i < names->len; i++) {
        g_ptr_array_add(paths, g_build_filename(PCI_DEVICES, names->pdata[i],
                                                NULL));
    }
    return paths;
}

GPtrArray *iommufd_host_vfio_devices(IOMMUFDHost *host)
{
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash,
                                                       g_str_equal, g_free,
                                                       NULL);
    g_autoptr(GPtrArray) drivers = host_vfio_drivers(host);
    g_autoptr(GPtrArray) names = dir_list(host->dir, "sys/class/vfio-dev");
    g_autoptr(GPtrArray) mdevs = dir_list(host->dir, "sys/bus/mdev/devices");

    for (guint i = 0; i < drivers->len; i++) {
        add_devices_of_driver(host, drivers->pdata[i], paths, seen);
    }
    for (guint i = 0; mdevs && i < mdevs->len; i++) {
        add_path(paths, seen, g_build_filename("/sys/bus/mdev/devices",
                                               mdevs->pdata[i], NULL));
    }
    /* drivers without vfio in the name */
    for (guint i = 0; names && i < names->len; i++) {
        g_autofree char *link = g_build_filename("/sys/class/vfio-dev",
                                                 names->pdata[i], "device",
                                                 NULL);

        add_path(paths, seen, iommufd_host_bus_path(host, link));
    }
    return paths;
}

/*
 * The IOMMU group
 */

static GPtrArray *read_group(const IOMMUFDHostDevice *device)
{
    Dir dir = device_dir(device);
    g_autoptr(GPtrArray) names = dir_list(dir, "iommu_group/devices");
    GPtrArray *members;

    if (!names) {
        return NULL;
    }
    members = g_ptr_array_new();
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_build_filename(dir.path,
                                                 "iommu_group/devices",
                                                 names->pdata[i], NULL);

        g_ptr_array_add(members, get_device(device->host, path, false));
    }
    return members;
}

/* Many devices can be in one, and each asks for all */
GPtrArray *iommufd_device_group(const IOMMUFDHostDevice *device)
{
    GHashTable *groups = device->host->groups;
    GPtrArray *members = device->group ?
                         g_hash_table_lookup(groups, device->group) : NULL;

    if (members) {
        return g_ptr_array_ref(members);
    }
    members = read_group(device);
    if (members && device->group) {
        g_hash_table_insert(groups, g_strdup(device->group),
                            g_ptr_array_ref(members));
    }
    return members;
}

bool device_group_devt(const IOMMUFDHostDevice *device, dev_t *devt)
{
    g_autofree char *attr = device->group ?
                            g_build_filename("sys/class/vfio", device->group,
                                             "dev", NULL) : NULL;

    return attr && dir_devt(device->host->dir, attr, devt);
}

GArray *device_reserved_regions(const IOMMUFDHostDevice *device)
{
    g_autofree char *text = dir_text(device_dir(device),
                                     "iommu_group/reserved_regions");
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
