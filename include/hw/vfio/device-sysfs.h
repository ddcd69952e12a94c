/*
 * What sysfs knows about a VFIO device
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VFIO_DEVICE_SYSFS_H
#define HW_VFIO_DEVICE_SYSFS_H

/**
 * vfio_sysfs_from_fd: find the device behind a descriptor
 * @fd: any descriptor, or -1
 *
 * Returns: the device's directory in sysfs, without symbolic links, to be
 * freed with g_free(); NULL if @fd is not the node of a VFIO device, or if
 * sysfs does not show it.
 */
char *vfio_sysfs_from_fd(int fd);

/**
 * vfio_sysfs_is_mdev: is this a mediated device?
 * @fd: its descriptor, or -1
 * @sysfsdev: its directory in sysfs, or NULL
 *
 * The descriptor counts more than the path, as it is what will be used.
 * sysfs need not be mounted on /sys.
 *
 * Returns: true if sysfs has the device on its bus of mediated devices.
 */
bool vfio_sysfs_is_mdev(int fd, const char *sysfsdev);

#endif
