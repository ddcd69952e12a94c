/*
 * The VF token of a device that is bound to an iommufd
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <linux/vfio.h>
#include "qapi/error.h"
#include "hw/vfio/iommufd-token.h"
#include "hw/vfio/pci.h"
#include "system/iommufd-diag.h"

#ifdef VFIO_DEVICE_BIND_FLAG_TOKEN
/* Where sysfs does not show the device, anything is possible */
static bool vfio_maybe_sriov(int fd)
{
    g_autofree char *device = iommufd_diag_sysfsdev("/", NULL, fd);
    g_autofree char *physfn = NULL;
    g_autofree char *totalvfs = NULL;

    if (!device) {
        return true;
    }
    physfn = g_build_filename(device, "physfn", NULL);
    totalvfs = g_build_filename(device, "sriov_totalvfs", NULL);
    return !access(physfn, F_OK) || !access(totalvfs, F_OK);
}

/*
 * Bind to what is no iommufd: it fails, and the errno tells how far the
 * kernel has come.  It looks at the flags first, then at the token.
 */
static int vfio_bind_errno(int fd, struct vfio_device_bind_iommufd bind,
                           uint32_t flags)
{
    bind.iommufd = fd;
    bind.flags = flags;
    return ioctl(fd, VFIO_DEVICE_BIND_IOMMUFD, &bind) ? errno : 0;
}

static bool set_token(int fd, const QemuUUID *token,
                      struct vfio_device_bind_iommufd *bind, Error **errp)
{
    struct utsname kernel;

    bind->flags |= VFIO_DEVICE_BIND_FLAG_TOKEN;
    bind->token_uuid_ptr = (uintptr_t)token;
    if (vfio_bind_errno(fd, *bind, bind->flags) != EINVAL ||
        vfio_bind_errno(fd, *bind, 0) != EBADFD) {
        /* Either the token is known, or it is not the token that is wrong */
        return true;
    }
    if (vfio_maybe_sriov(fd)) {
        uname(&kernel);
        error_setg_errno(errp, EINVAL, "vf-token= cannot be used with "
                         "iommufd=, Linux %s takes no token when it binds "
                         "this device to an iommufd", kernel.release);
    } else {
        error_setg_errno(errp, EINVAL, "vf-token= is for functions of SR-IOV, "
                         "and this device is none");
    }
    return false;
}
#else
static bool set_token(int fd, const QemuUUID *token,
                      struct vfio_device_bind_iommufd *bind, Error **errp)
{
    error_setg(errp, "vf-token= cannot be used with iommufd=, this QEMU was "
               "built with headers older than Linux 6.17");
    return false;
}
#endif

bool vfio_iommufd_set_token(VFIODevice *vbasedev,
                            struct vfio_device_bind_iommufd *bind,
                            Error **errp)
{
    VFIOPCIDevice *vdev = container_of(vbasedev, VFIOPCIDevice, vbasedev);

    return vbasedev->type != VFIO_DEVICE_TYPE_PCI ||
           qemu_uuid_is_null(&vdev->vf_token) ||
           set_token(vbasedev->fd, &vdev->vf_token, bind, errp);
}
