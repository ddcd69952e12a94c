/*
 * The "iommufd" and "fd" properties of VFIO devices
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
 * Describes "fd".  In a build without the iommufd object, setting either
 * property fails with an error that says so.
 */
void vfio_iommufd_init_props(ObjectClass *klass);

#endif
