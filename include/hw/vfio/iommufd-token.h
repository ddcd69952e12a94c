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
 *
 * Prints a warning if the kernel takes no token for the device, or if the
 * headers that QEMU was built with have none: whether the device needs one is
 * for the kernel to say.  So is whether a token is the right one.
 */
void vfio_iommufd_set_token(const VFIODevice *vbasedev,
                            struct vfio_device_bind_iommufd *bind);

#endif
