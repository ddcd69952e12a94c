/*
 * The names under which users know a device
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "commands.h"

#define NODE_PREFIX "/dev/vfio/devices/"

static bool matches(const char *name, const char *regex)
{
    return g_regex_match_simple(regex, name, G_REGEX_CASELESS | G_REGEX_RAW |
                                G_REGEX_DOLLAR_ENDONLY, 0);
}

/* [DOMAIN:]BUS:SLOT.FUNCTION, or as libvirt lists it */
static char *pci_path(const char *name)
{
    unsigned int domain = 0, bus, slot, function;

    if (matches(name, "^pci_[0-9a-f]{4,8}_[0-9a-f]{2}_[01][0-9a-f]_[0-7]$")) {
        sscanf(name + strlen("pci_"), "%x_%x_%x_%x", &domain, &bus, &slot,
               &function);
    } else if (!matches(name, "^([0-9a-f]{1,8}:)?[0-9a-f]{1,2}:"
                        "[01]?[0-9a-f]\\.[0-7]$")) {
        return NULL;
    } else if (sscanf(name, "%x:%x:%x.%x", &domain, &bus, &slot,
                      &function) != 4) {
        domain = 0;
        sscanf(name, "%x:%x.%x", &bus, &slot, &function);
    }
    return g_strdup_printf("/sys/bus/pci/devices/%04x:%02x:%02x.%x", domain,
                           bus, slot, function);
}

/* vfioN, with or without the directory of its node */
static char *node_path(IOMMUFDHost *host, const char *name)
{
    const char *vfio = g_str_has_prefix(name, NODE_PREFIX) ?
                       name + strlen(NODE_PREFIX) : name;
    g_autofree char *path = NULL;
    char *listed;

    if (!matches(vfio, "^(noiommu-)?vfio[0-9]+$")) {
        return NULL;
    }
    path = g_build_filename("/sys/class/vfio-dev", vfio, "device", NULL);
    listed = iommufd_host_bus_path(host, path);
    return listed ?: g_steal_pointer(&path);
}

/* A path that leads to a device, or to nothing in sysfs */
static char *sysfs_path(IOMMUFDHost *host, const char *name, char **reason)
{
    g_autofree char *listed = iommufd_host_bus_path(host, name);
    g_autofree char *real = listed ?
        g_strdup(iommufd_host_device(host, listed)->real) :
        g_canonicalize_filename(name, "/");

    if (real && g_str_has_prefix(real, listed ? "/sys/devices/" : "/sys/")) {
        return listed ? g_steal_pointer(&listed) : g_steal_pointer(&real);
    }
    *reason = g_strdup_printf("'%s' is not a device: it leads to %s, and "
                              "devices are below /sys/devices", name,
                              real ?: "nothing");
    return NULL;
}

char *device_sysfsdev(IOMMUFDHost *host, const char *name, char **reason)
{
    char *path = pci_path(name) ?: node_path(host, name);

    if (path) {
        return path;
    }
    if (g_str_has_prefix(name, "/sys/")) {
        return sysfs_path(host, name, reason);
    }
    if (g_uuid_string_is_valid(name)) {
        g_autofree char *uuid = g_ascii_strdown(name, -1);

        return g_build_filename("/sys/bus/mdev/devices", uuid, NULL);
    }
    if (g_str_has_prefix(name, "/dev/vfio/")) {
        *reason = g_strdup_printf("'%s' is not a VFIO device node; those are "
                                  "/dev/vfio/devices/vfioN", name);
    } else {
        *reason = g_strdup_printf("'%s' is neither a PCI address, a path in "
                                  "/sys, the UUID of a mediated device nor a "
                                  "/dev/vfio/devices/vfioN", name);
    }
    return NULL;
}
