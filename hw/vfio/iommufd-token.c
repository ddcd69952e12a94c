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
#include "qemu/error-report.h"
#include "hw/vfio/iommufd-token.h"
#include "hw/vfio/pci.h"
#include "system/iommufd-diag.h"

#ifdef VFIO_DEVICE_BIND_FLAG_TOKEN
/* Is a file of the device there?  False only if it is seen not to be. */
static bool vfio_maybe_has(const char *device, const char *name)
{
    g_autofree char *path = device ? g_build_filename(device, name, NULL) :
                                     NULL;

    return !path || !access(path, F_OK) || errno != ENOENT;
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

/* A kernel with tokens looks for members that it does not know, too */
static bool vfio_kernel_has_tokens(int fd)
{
    struct {
        struct vfio_device_bind_iommufd bind;
        uint64_t unknown;
    } longer = {
        .bind = { .argsz = sizeof(longer), .iommufd = fd },
        .unknown = 1,
    };

    return ioctl(fd, VFIO_DEVICE_BIND_IOMMUFD, &longer) && errno == E2BIG;
}

/* Returns: why the token is ignored, to be freed; NULL if it is not */
static char *set_token(int fd, const QemuUUID *token,
                       struct vfio_device_bind_iommufd *bind)
{
    g_autofree char *device = NULL;
    struct utsname kernel;

    bind->flags |= VFIO_DEVICE_BIND_FLAG_TOKEN;
    bind->token_uuid_ptr = (uintptr_t)token;
    if (vfio_bind_errno(fd, *bind, bind->flags) != EINVAL ||
        vfio_bind_errno(fd, *bind, 0) != EBADFD) {
        /* Either the token is known, or it is not the token that is wrong */
        return NULL;
    }
    bind->flags &= ~VFIO_DEVICE_BIND_FLAG_TOKEN;
    bind->token_uuid_ptr = 0;
    if (!vfio_kernel_has_tokens(fd)) {
        uname(&kernel);
        return g_strdup_printf("Linux %s takes none through the device node",
                               kernel.release);
    }
    device = iommufd_sysfs_of_fd("/", fd, NULL);
    if (!vfio_maybe_has(device, "physfn") &&
        !vfio_maybe_has(device, "sriov_totalvfs")) {
        return g_strdup("the device is not a function of SR-IOV");
    }
    return g_strdup("its physical function has another driver than VFIO's, "
                    "or had it when the virtual function was made");
}
#else
static char *set_token(int fd, const QemuUUID *token,
                       struct vfio_device_bind_iommufd *bind)
{
    return g_strdup("this QEMU was built with headers older than Linux 6.17");
}
#endif

void vfio_iommufd_set_token(const VFIODevice *vbasedev,
                            struct vfio_device_bind_iommufd *bind)
{
    const QemuUUID *token = &container_of(vbasedev, VFIOPCIDevice,
                                          vbasedev)->vf_token;
    g_autofree char *why = NULL;

    if (vbasedev->type != VFIO_DEVICE_TYPE_PCI || qemu_uuid_is_null(token)) {
        return;
    }
    why = set_token(vbasedev->fd, token, bind);
    if (why) {
        warn_report(VFIO_MSG_PREFIX "vf-token= is ignored, %s",
                    vbasedev->name, why);
    }
}
