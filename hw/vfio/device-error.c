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
#include "hw/vfio/device-error.h"
#include "hw/vfio/pci.h"
#include "migration/misc.h"
#include "system/kvm.h"
#if QEMU_VERSION_MAJOR > 10 || QEMU_VERSION_MINOR > 0
#include "vfio-iommufd.h"
#endif

/* As the user calls it, or NULL if @be is */
static const char *iommufd_id(const IOMMUFDBackend *be)
{
    return be ? object_get_canonical_path_component(OBJECT(be)) : NULL;
}

/* Also of a device that has no container yet */
static const void *address_space_of(const VFIODevice *vbasedev)
{
    return vbasedev->type == VFIO_DEVICE_TYPE_PCI ?
           pci_device_iommu_address_space(PCI_DEVICE(vbasedev->dev)) :
           &address_space_memory;
}

IOMMUFDDevice vfio_iommufd_device(const VFIODevice *vbasedev)
{
    return (IOMMUFDDevice) {
        .name = vbasedev->name,
        .sysfsdev = vbasedev->sysfsdev,
        .fd = vbasedev->fd,
        .iommufd = iommufd_id(vbasedev->iommufd),
        .space = address_space_of(vbasedev),
        .id = vbasedev->dev->id,
    };
}

/* Takes what is given and adds what QEMU knows */
static void error_of_device(Error **errp, const VFIODevice *vbasedev,
                            IOMMUFDFailure failure)
{
    g_autoptr(GArray) others = g_array_new(false, false,
                                           sizeof(IOMMUFDDevice));
    IOMMUFDDevice device = vfio_iommufd_device(vbasedev);
    VFIODevice *other;

    /* The devices of the VM that work already */
    QLIST_FOREACH(other, &vfio_device_list, global_next) {
        IOMMUFDDevice item = vfio_iommufd_device(other);
        g_array_append_val(others, item);
    }
    failure.iommufd = vbasedev->iommufd->fd;
    failure.id = iommufd_id(vbasedev->iommufd);
    failure.device = &device;
    failure.others = (const IOMMUFDDevice *)others->data;
    failure.n_others = others->len;
    failure.kvm = kvm_enabled();
    iommufd_error(errp, &failure);
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
    error_of_device(errp, vbasedev, (IOMMUFDFailure) {
        .stage = IOMMUFD_STAGE_BIND,
        .err = err,
        .already_bound = is_bound(vbasedev->fd),
        .has_token = has_token(vbasedev),
    });
}

bool vfio_iommufd_explain_fd(Error **errp, const VFIODevice *vbasedev, int err)
{
    IOMMUFDDevice device = vfio_iommufd_device(vbasedev);
    IOMMUFDFailure failure = {
        .stage = IOMMUFD_STAGE_DEVICE_FD,
        .err = err,
        .iommufd = vbasedev->iommufd->fd,
        .device = &device,
        .already_bound = is_bound(vbasedev->fd),
    };
    g_autoptr(IOMMUFDFinding) finding = iommufd_diagnose("/", &failure);

    /* What failed has said more than that the descriptor is right */
    if (finding) {
        iommufd_error_set(errp, finding);
    }
    return false;
}

/* Do other devices use these page tables? */
static bool is_shared(const VFIODevice *vbasedev, uint32_t id)
{
    VFIODevice *other;

    QLIST_FOREACH(other, &vfio_device_list, global_next) {
        if (other->iommufd == vbasedev->iommufd && other->hwpt &&
            other->hwpt->hwpt_id == id) {
            return true;
        }
    }
    return false;
}

int vfio_iommufd_error_attach(Error **errp, const VFIODevice *vbasedev,
                              uint32_t id, int err)
{
    if (err == EINVAL && is_shared(vbasedev, id)) {
        error_setg_errno(errp, err, "the page tables of other devices do not "
                         "suit this one");
    } else {
        error_of_device(errp, vbasedev, (IOMMUFDFailure) {
            .stage = IOMMUFD_STAGE_ATTACH,
            .err = err,
        });
    }
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

void vfio_migration_state_error(bool migrates, RunState state, int ret,
                                Error *err)
{
    /*
     * QEMU may be ending, and has then freed what belongs to migration, unless
     * one still runs
     */
    if (state == RUN_STATE_SHUTDOWN && !migrates) {
        error_report_err(err);
    } else {
        migration_file_set_error(ret, err);
    }
}
