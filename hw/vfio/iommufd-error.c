/*
 * Errors that name the cause when a VFIO device fails on iommufd
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/ioctl.h>
#include <linux/vfio.h>
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "hw/vfio/iommufd-error.h"
#include "hw/vfio/pci.h"
#include "system/iommufd-error.h"
#include "system/kvm.h"

/* As the user calls it, or NULL if @be is */
static const char *iommufd_id(const IOMMUFDBackend *be)
{
    return be ? object_get_canonical_path_component(OBJECT(be)) : NULL;
}

void vfio_iommufd_add_peer(GArray *peers, const VFIODevice *vbasedev)
{
    IOMMUFDPeer peer = {
        .name = vbasedev->name,
        .sysfsdev = vbasedev->sysfsdev,
        .fd = vbasedev->fd,
        .iommufd = iommufd_id(vbasedev->iommufd),
    };

    g_array_append_val(peers, peer);
}

/* The devices of the VM that work already */
static GArray *vm_peers(void)
{
    GArray *peers = g_array_new(false, false, sizeof(IOMMUFDPeer));
    VFIODevice *vbasedev;

    QLIST_FOREACH(vbasedev, &vfio_device_list, global_next) {
        vfio_iommufd_add_peer(peers, vbasedev);
    }
    return peers;
}

static IOMMUFDDevice device_of(const VFIODevice *vbasedev, GArray *peers)
{
    return (IOMMUFDDevice) {
        .sysfsdev = vbasedev->sysfsdev,
        .fd = vbasedev->fd,
        .iommufd = vbasedev->iommufd->fd,
        .id = iommufd_id(vbasedev->iommufd),
        .kvm = kvm_enabled(),
        .peers = (const IOMMUFDPeer *)peers->data,
        .n_peers = peers->len,
    };
}

/* A device answers to this only after it was bound */
static bool is_bound(int fd)
{
    struct vfio_device_info info = { .argsz = sizeof(info) };

    return ioctl(fd, VFIO_DEVICE_GET_INFO, &info) == 0;
}

/* Was the kernel given a token? */
static bool has_token(const VFIODevice *vbasedev)
{
#ifdef VFIO_DEVICE_BIND_FLAG_TOKEN
    return vbasedev->type == VFIO_DEVICE_TYPE_PCI &&
           !qemu_uuid_is_null(&container_of(vbasedev, VFIOPCIDevice,
                                            vbasedev)->vf_token);
#else
    return false;
#endif
}

void vfio_iommufd_error_bind(Error **errp, const VFIODevice *vbasedev, int err)
{
    g_autoptr(GArray) peers = vm_peers();
    IOMMUFDDevice device = device_of(vbasedev, peers);

    device.already_bound = is_bound(vbasedev->fd);
    device.has_token = has_token(vbasedev);
    iommufd_error_bind(errp, &device, err);
}

bool vfio_iommufd_explain_fd(Error **errp, const VFIODevice *vbasedev, int err)
{
    g_autoptr(GArray) peers = vm_peers();
    IOMMUFDDevice device = device_of(vbasedev, peers);

    iommufd_error_device_fd(errp, &device, err);
    return false;
}

int vfio_iommufd_error_attach(Error **errp, const VFIODevice *vbasedev,
                              int err)
{
    g_autoptr(GArray) peers = vm_peers();
    IOMMUFDDevice device = device_of(vbasedev, peers);

    iommufd_error_attach(errp, IOMMUFD_STEP_ATTACH, &device, err);
    return -err;
}

void vfio_iommufd_warn_unshared(const VFIODevice *vbasedev, Error **why)
{
    if (*why) {
        warn_reportf_err(*why, VFIO_MSG_PREFIX "guest memory is pinned once "
                         "more, the page tables of other devices cannot be "
                         "used: ", vbasedev->name);
        *why = NULL;
    }
}
