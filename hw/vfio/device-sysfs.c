/*
 * What sysfs knows about a VFIO device
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/sysmacros.h>
#include "hw/vfio/device-sysfs.h"

char *vfio_sysfs_from_fd(int fd)
{
    g_autofree char *link = NULL;
    g_autofree char *node = NULL;
    g_autofree char *vfio_dev = NULL;
    struct stat st;

    if (fstat(fd, &st) || !S_ISCHR(st.st_mode)) {
        return NULL;
    }
    link = g_strdup_printf("/sys/dev/char/%u:%u",
                           major(st.st_rdev), minor(st.st_rdev));
    node = realpath(link, NULL);
    if (!node) {
        return NULL;
    }
    /* DEVICE/vfio-dev/vfioN */
    vfio_dev = g_path_get_dirname(node);
    return g_str_has_suffix(vfio_dev, "/vfio-dev") ?
           g_path_get_dirname(vfio_dev) : NULL;
}

bool vfio_sysfs_is_mdev(int fd, const char *sysfsdev)
{
    g_autofree char *device = vfio_sysfs_from_fd(fd);
    g_autofree char *link = NULL;
    g_autofree char *subsystem = NULL;

    if (!device && !sysfsdev) {
        return false;
    }
    link = g_build_filename(device ?: sysfsdev, "subsystem", NULL);
    subsystem = realpath(link, NULL);
    return subsystem && g_str_has_suffix(subsystem, "/bus/mdev");
}
