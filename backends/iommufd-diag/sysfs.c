/*
 * What QEMU itself needs to know of a device in sysfs
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/sysmacros.h>
#include "system/iommufd-diag.h"

char *iommufd_sysfs_of_fd(const char *root, int fd, char **vfio)
{
    g_autofree char *link = NULL;
    g_autofree char *target = NULL;
    g_autofree char *node = NULL;
    g_autofree char *vfio_dev = NULL;
    struct stat st;

    if (fstat(fd, &st) || !S_ISCHR(st.st_mode)) {
        return NULL;
    }
    link = g_strdup_printf("%s/sys/dev/char/%u:%u", root, major(st.st_rdev),
                           minor(st.st_rdev));
    target = g_file_read_link(link, NULL);
    /* "../../devices/...", which is not followed: /sys/devices may be hidden */
    node = target ? g_canonicalize_filename(target, "/sys/dev/char") : NULL;
    vfio_dev = node ? g_path_get_dirname(node) : NULL;
    if (!vfio_dev || !g_str_has_suffix(vfio_dev, "/vfio-dev")) {
        return NULL;
    }
    if (vfio) {
        *vfio = g_path_get_basename(node);
    }
    return g_path_get_dirname(vfio_dev);
}

bool iommufd_sysfs_is_mediated(const char *root, const char *path)
{
    g_autofree char *link = g_build_filename(root, path, "subsystem", NULL);
    g_autofree char *target = g_file_read_link(link, NULL);

    return g_str_has_prefix(path, "/sys/bus/mdev/devices/") ||
           (target && g_str_has_suffix(target, "/mdev"));
}
