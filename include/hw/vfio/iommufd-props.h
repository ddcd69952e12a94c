/*
 * Properties of VFIO devices that iommufd has to do with
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VFIO_IOMMUFD_PROPS_H
#define HW_VFIO_IOMMUFD_PROPS_H

#include "qom/object.h"

/**
 * vfio_iommufd_init_props: complete a device class's iommufd properties
 * @klass: a class that has the properties "iommufd" and "fd"
 *
 * Describes "fd", and has wrong values refused with errors that say what is
 * wrong with them.  In a build without the iommufd object, setting either
 * property fails with an error that says so.
 */
void vfio_iommufd_init_props(ObjectClass *klass);

/**
 * vfio_iommufd_check_options: check that a device's options go together
 * @dev: the device
 * @fd: its "fd", or -1
 * @sysfsdev: its "sysfsdev", or NULL
 * @iommufd: its "iommufd" is set
 * @errp: set if they do not
 *
 * One of @fd and @sysfsdev has to name a device, @fd needs an iommufd, and
 * "fd", "sysfsdev" and "host" have to name the same device if there is more
 * than one of them.
 *
 * Returns: true if the options make sense.
 */
bool vfio_iommufd_check_options(Object *dev, int fd, const char *sysfsdev,
                                bool iommufd, Error **errp);

/**
 * vfio_iommufd_suggest: say that a device could have used iommufd
 * @errp: why the device, which has no "iommufd", cannot be used
 *
 * If there is an iommufd object, it was probably meant for the device.
 */
void vfio_iommufd_suggest(Error **errp);

#endif
