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

/* [DOMAIN:]BUS:SLOT.FUNCTION */
static char *pci_path(const char *name)
{
    unsigned int domain = 0, bus, slot, function;

    if (!g_regex_match_simple("^([0-9a-f]{1,8}:)?[0-9a-f]{1,2}:"
                              "[01]?[0-9a-f]\\.[0-7]$", name,
                              G_REGEX_CASELESS | G_REGEX_DOLLAR_ENDONLY, 0)) {
        return NULL;
    }
    if (sscanf(name, "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4) {
        domain = 0;
        sscanf(name, "%x:%x.%x", &bus, &slot, &function);
    }
    return g_strdup_printf("/sys/bus/pci/devices/%04x:%02x:%02x.%x", domain,
                           bus, slot, function);
}

static char *node_path(IOMMUFDHost *host, const char *node)
{
    g_autofree char *path = g_build_filename("/sys/class/vfio-dev",
                                             node + strlen(NODE_PREFIX),
                                             "device", NULL);
    char *listed = iommufd_host_bus_path(host, path);

    return listed ?: g_steal_pointer(&path);
}

char *device_sysfsdev(IOMMUFDHost *host, const char *name, char **reason)
{
    char *path = pci_path(name);

    if (path) {
        return path;
    }
    if (g_str_has_prefix(name, "/sys/")) {
        return g_strdup(name);
    }
    if (g_str_has_prefix(name, NODE_PREFIX) &&
        !strchr(name + strlen(NODE_PREFIX), '/')) {
        return node_path(host, name);
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
