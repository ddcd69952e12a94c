/*
 * Facts about the descriptors of this process
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/sysmacros.h>
#include "facts.h"

#define MISC_MAJOR 10

const char *file_type(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return "a directory";
    case S_IFREG:
        return "a regular file";
    case S_IFIFO:
        return "a FIFO";
    case S_IFSOCK:
        return "a socket";
    case S_IFBLK:
        return "a block device";
    case S_IFCHR:
        return "a character device";
    default:
        return "a kernel object";
    }
}

/* By sysfs, which does not depend on where a node is; else by the path */
static FdKind char_kind(IOMMUFDHost *host, dev_t rdev, const char *path)
{
    g_autofree char *link = g_strdup_printf("sys/dev/char/%u:%u",
                                            major(rdev), minor(rdev));
    g_autofree char *full = dir_full(host->dir, link);
    g_autofree char *sysfs = g_file_read_link(full, NULL);
    IOMMUFDSeen iommufd;
    dev_t devt;

    iommufd = host_iommufd(host, &devt);
    if (iommufd == IOMMUFD_SEEN_YES && rdev == devt) {
        return FD_IOMMU;
    }
    if (sysfs) {
        return strstr(sysfs, "/vfio-dev/") ? FD_VFIO_DEVICE :
               g_str_has_suffix(sysfs, "/misc/vfio") ? FD_VFIO_CONTAINER :
               g_str_has_suffix(sysfs, "/misc/iommu") ? FD_IOMMU :
               strstr(sysfs, "/virtual/vfio/") ? FD_VFIO_GROUP : FD_OTHER;
    }
    /* Memory devices and terminals have numbers of their own */
    return g_str_has_prefix(path, "/dev/vfio/devices/") ? FD_VFIO_DEVICE :
           g_str_equal(path, "/dev/vfio/vfio") ? FD_VFIO_CONTAINER :
           g_str_has_prefix(path, "/dev/vfio/") ? FD_VFIO_GROUP :
           g_str_equal(path, "/dev/iommu") && major(rdev) == MISC_MAJOR ?
           FD_IOMMU : major(rdev) < MISC_MAJOR ? FD_OTHER : FD_UNKNOWN;
}

FdKind fd_kind(IOMMUFDHost *host, int fd, char **what)
{
    static const char *const kinds[] = {
        [FD_IOMMU] = "an iommufd",
        [FD_VFIO_DEVICE] = "a VFIO device node",
        [FD_VFIO_GROUP] = "a VFIO group",
        [FD_VFIO_CONTAINER] = "the legacy VFIO container",
        [FD_VFIO_LEGACY_DEVICE] = "a device of the legacy VFIO group "
                                  "interface",
    };
    g_autofree char *link = g_strdup_printf("proc/self/fd/%d", fd);
    g_autofree char *full = dir_full(host->dir, link);
    g_autofree char *target = g_file_read_link(full, NULL);
    FdKind kind = FD_OTHER;
    struct stat st;

    *what = NULL;
    if (fstat(fd, &st)) {
        return FD_CLOSED;
    }
    if (S_ISCHR(st.st_mode)) {
        kind = char_kind(host, st.st_rdev, target ?: "");
    } else if (!g_strcmp0(target, "anon_inode:[vfio-device]")) {
        kind = FD_VFIO_LEGACY_DEVICE;
    }
    if (kind >= FD_OTHER) {
        *what = g_strdup(target ?: file_type(st.st_mode));
    } else if (target) {
        *what = g_strdup_printf("%s, %s", target, kinds[kind]);
    } else {
        *what = g_strdup(kinds[kind]);
    }
    return kind;
}
