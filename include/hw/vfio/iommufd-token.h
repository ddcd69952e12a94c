/*
 * The VF token of a device that is bound to an iommufd
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VFIO_IOMMUFD_TOKEN_H
#define HW_VFIO_IOMMUFD_TOKEN_H

typedef struct VFIODevice VFIODevice;
struct vfio_device_bind_iommufd;

/**
 * vfio_iommufd_set_token: give "vf-token" to the kernel
 * @vbasedev: a device whose descriptor is open and not bound yet
 * @bind: what VFIO_DEVICE_BIND_IOMMUFD will be called with
 * @errp: set if the kernel takes no token for the device, or if the headers
 *     that QEMU was built with have none
 *
 * A wrong token is left to VFIO_DEVICE_BIND_IOMMUFD to refuse.
 *
 * Returns: true if @bind has the device's token, or the device has none.
 */
bool vfio_iommufd_set_token(VFIODevice *vbasedev,
                            struct vfio_device_bind_iommufd *bind,
                            Error **errp);

#endif
