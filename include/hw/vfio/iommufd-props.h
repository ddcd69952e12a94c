/*
 * Properties of VFIO devices for iommufd
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VFIO_IOMMUFD_PROPS_H
#define HW_VFIO_IOMMUFD_PROPS_H

#include "hw/qdev-properties.h"
#include "hw/vfio/iommufd-compat.h"

/*
 * A link property would do, but for its errors: "iommufd" takes an id, or a
 * path, and says which objects there are if that is wrong.
 */
extern const PropertyInfo vfio_prop_iommufd;

#define DEFINE_PROP_IOMMUFD(_name, _state, _field) \
    DEFINE_PROP(_name, _state, _field, vfio_prop_iommufd, IOMMUFDBackend *)

/**
 * vfio_iommufd_check_set_fd: check that "fd" of a device can be set
 * @vbasedev: the device
 * @errp: set if the device is realized, or if this QEMU has no iommufd object
 *
 * Returns: true if it can.
 */
bool vfio_iommufd_check_set_fd(VFIODevice *vbasedev, Error **errp);

/**
 * vfio_iommufd_close_fd: close a device's descriptor, if it is QEMU's
 * @vbasedev: the device, which has no descriptor afterwards
 *
 * A descriptor that came through getfd is QEMU's from the moment its name is
 * used, and one that was opened by QEMU too.  A number stays the user's until
 * the device is bound: before that it may be any descriptor.
 */
void vfio_iommufd_close_fd(VFIODevice *vbasedev);

/**
 * vfio_iommufd_check_options: check that a device's options go together
 * @vbasedev: the device
 * @errp: set if the device cannot work with them
 *
 * One of "fd" and "sysfsdev" has to name a device, and "fd" needs "iommufd".
 * "fd" takes precedence over "sysfsdev", and that over "host": if one of them
 * names another device, or "fd" cannot be read and written, this prints a
 * warning.
 *
 * Returns: true if the device can be used.
 */
bool vfio_iommufd_check_options(const VFIODevice *vbasedev, Error **errp);

/**
 * vfio_iommufd_sysfs: where a device is in sysfs
 * @vbasedev: the device, known by its descriptor or its path in sysfs
 *
 * Returns: its directory, to be freed by the caller; NULL if it is not known.
 */
char *vfio_iommufd_sysfs(const VFIODevice *vbasedev);

/**
 * vfio_iommufd_is_mdev: check for a mediated device
 * @vbasedev: the device, known by its descriptor or its path in sysfs
 *
 * Returns: true if it is one.
 */
bool vfio_iommufd_is_mdev(const VFIODevice *vbasedev);

/**
 * vfio_iommufd_suggest: say that a device could have used iommufd
 * @vbasedev: a device that cannot be used
 * @errp: points to why not; gets a prefix if the device has no "iommufd" and
 *     there is an iommufd object, which was probably meant for it
 *
 * Returns: false.
 */
bool vfio_iommufd_suggest(const VFIODevice *vbasedev, Error **errp);

#endif
