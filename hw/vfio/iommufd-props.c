/*
 * Properties of VFIO devices for iommufd
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/vfio.h>
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "qemu/error-report.h"
#include "hw/pci/pci_device.h"
#include "hw/vfio/iommufd-props.h"
#include "qemu/cutils.h"
#include "qom/object_interfaces.h"
#include "system/iommufd.h"
#include "system/iommufd-diag.h"

static int vfio_iommufd_add_id(Object *obj, void *opaque)
{
    GPtrArray *ids = opaque;

    if (object_dynamic_cast(obj, TYPE_IOMMUFD_BACKEND)) {
        g_ptr_array_add(ids, (char *)object_get_canonical_path_component(obj));
    }
    return 0;
}

/* The ids of all iommufd objects, "" if there are none */
static char *vfio_iommufd_ids(void)
{
    g_autoptr(GPtrArray) ids = g_ptr_array_new();

    object_child_foreach(object_get_objects_root(), vfio_iommufd_add_id, ids);
    g_ptr_array_sort(ids, (GCompareFunc)qemu_pstrcmp0);
    g_ptr_array_add(ids, NULL);
    return g_strjoinv(", ", (char **)ids->pdata);
}

/* Without the backend its type is not registered, which clients look for */
static bool vfio_iommufd_is_built(Object *obj, const char *name, Error **errp)
{
    ERRP_GUARD();

    if (object_class_by_name(TYPE_IOMMUFD_BACKEND)) {
        return true;
    }
    error_setg(errp, "Property '%s.%s' needs the iommufd object, which this "
               "QEMU was built without (CONFIG_IOMMUFD)",
               object_get_typename(obj), name);
    error_append_hint(errp, "Without iommufd= and fd= the device uses the "
                      "legacy VFIO container.\n");
    return false;
}

static IOMMUFDBackend *vfio_find_iommufd(const char *path, Error **errp)
{
    Object *obj = object_resolve_path_type(path, TYPE_IOMMUFD_BACKEND, NULL);
    g_autofree char *ids = NULL;
    bool ambiguous;

    if (obj) {
        return IOMMUFD_BACKEND(obj);
    }
    obj = object_resolve_path(path, &ambiguous);
    if (obj) {
        error_setg(errp, "'%s' is a %s object, not an iommufd object", path,
                   object_get_typename(obj));
        return NULL;
    }
    if (ambiguous) {
        error_setg(errp, "'%s' is the name of several objects, and not of an "
                   "iommufd object", path);
        return NULL;
    }
    ids = vfio_iommufd_ids();
    error_set(errp, ERROR_CLASS_DEVICE_NOT_FOUND,
              "no iommufd object '%s'; create it before the device "
              "(existing: %s)", path, *ids ? ids : "none");
    return NULL;
}

static void vfio_get_iommufd(Object *obj, Visitor *v, const char *name,
                             void *opaque, Error **errp)
{
    IOMMUFDBackend **be = object_field_prop_ptr(obj, opaque);
    g_autofree char *path = *be ? object_get_canonical_path(OBJECT(*be)) :
                                  g_strdup("");

    visit_type_str(v, name, &path, errp);
}

static void vfio_set_iommufd(Object *obj, Visitor *v, const char *name,
                             void *opaque, Error **errp)
{
    IOMMUFDBackend **be = object_field_prop_ptr(obj, opaque);
    IOMMUFDBackend *new = NULL;
    g_autofree char *path = NULL;

    if (!visit_type_str(v, name, &path, errp) ||
        !vfio_iommufd_is_built(obj, name, errp)) {
        return;
    }
    if (*path) {
        new = vfio_find_iommufd(path, errp);
        if (!new) {
            return;
        }
        object_ref(OBJECT(new));
    }
    object_unref(OBJECT(*be));
    *be = new;
}

static void vfio_release_iommufd(Object *obj, const char *name, void *opaque)
{
    IOMMUFDBackend **be = object_field_prop_ptr(obj, opaque);

    /*
     * The device is detached after this, and needs the object.  Until then
     * the object counts it as a user, and so cannot be deleted.
     */
    object_unref(OBJECT(*be));
}

const PropertyInfo vfio_prop_iommufd = {
    .type = "str",
    .description = "ID of an iommufd object",
    .get = vfio_get_iommufd,
    .set = vfio_set_iommufd,
    .release = vfio_release_iommufd,
};

bool vfio_iommufd_check_set_fd(VFIODevice *vbasedev, Error **errp)
{
    if (vbasedev->dev->realized) {
        qdev_prop_set_after_realize(vbasedev->dev, "fd", errp);
        return false;
    }
    return vfio_iommufd_is_built(OBJECT(vbasedev->dev), "fd", errp);
}

void vfio_iommufd_close_fd(VFIODevice *vbasedev)
{
    if (vbasedev->fd_taken && vbasedev->fd >= 0) {
        close(vbasedev->fd);
    }
    vbasedev->fd = -1;
    vbasedev->fd_taken = false;
}

/* What host= says, NULL if it is not set */
static char *vfio_host(Object *dev)
{
    g_autofree char *host = NULL;

    if (!object_dynamic_cast(dev, TYPE_PCI_DEVICE)) {
        return NULL;
    }
    host = object_property_get_str(dev, "host", &error_abort);
    return strcmp(host, "ffff:ff:ff.f") ? g_steal_pointer(&host) : NULL;
}

/* What counts is @what, as it always did */
static void vfio_warn_if_other(const char *what, const char *device,
                               const char *wanted, const char *option)
{
    g_autofree char *is = g_path_get_basename(device);

    if (strcmp(is, wanted)) {
        warn_report("%s= is ignored: it says %s, and %s is %s", option,
                    wanted, what, is);
    }
}

static void vfio_check_sysfsdev(const char *sysfsdev, const char *host)
{
    g_autofree char *made = g_strconcat("/sys/bus/pci/devices/", host, NULL);
    g_autofree char *device = realpath(sysfsdev, NULL);
    g_autofree char *what = g_strdup_printf("sysfsdev=%s", sysfsdev);

    /*
     * Without sysfsdev= the device makes it of host=.  What uses a path that
     * does not exist says better what is wrong with it.
     */
    if (device && !g_str_equal(sysfsdev, made)) {
        vfio_warn_if_other(what, device, host, "host");
    }
}

static void vfio_check_other_options(const VFIODevice *vbasedev,
                                     const char *device, const char *host)
{
    g_autofree char *what = g_strdup_printf("fd %d", vbasedev->fd);
    const char *sysfsdev = vbasedev->sysfsdev;
    g_autofree char *path = sysfsdev ? realpath(sysfsdev, NULL) : NULL;
    g_autofree char *name = sysfsdev ? g_path_get_basename(path ?: sysfsdev) :
                                       NULL;

    /* What uses a descriptor of no device says better what is wrong with it */
    if (device && name) {
        vfio_warn_if_other(what, device, name, "sysfsdev");
    }
    if (device && host) {
        vfio_warn_if_other(what, device, host, "host");
    }
}

/* It would be bound, and then its DMA would go to any memory of the host */
static bool vfio_check_iommu(const VFIODevice *vbasedev, const char *vfio,
                             Error **errp)
{
    g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", vbasedev->fd);
    g_autofree char *target = g_file_read_link(link, NULL);
    g_autofree char *name = vfio ? g_strdup(vfio) :
                            target ? g_path_get_basename(target) : NULL;

    if (name && g_str_has_prefix(name, "noiommu-")) {
        error_setg(errp, "fd %d is %s, a device in VFIO's no-IOMMU mode, in "
                   "which nothing translates the addresses of a guest",
                   vbasedev->fd, name);
        return false;
    }
    return true;
}

static void vfio_check_access(const VFIODevice *vbasedev)
{
    int flags = fcntl(vbasedev->fd, F_GETFL);

    /* AP devices are never read from or written to */
    if (flags < 0 || vbasedev->type == VFIO_DEVICE_TYPE_AP) {
        return;
    }
    if ((flags & O_ACCMODE) == O_RDONLY) {
        warn_report("fd %d is read-only, so the guest cannot write to the "
                    "device", vbasedev->fd);
    } else if ((flags & O_ACCMODE) == O_WRONLY) {
        warn_report("fd %d is write-only, so the guest cannot read from the "
                    "device", vbasedev->fd);
    }
}

bool vfio_iommufd_check_options(const VFIODevice *vbasedev, Error **errp)
{
    Object *dev = OBJECT(vbasedev->dev);
    g_autofree char *host = vfio_host(dev);
    g_autofree char *device = NULL;
    g_autofree char *vfio = NULL;

    if (vbasedev->fd < 0 && !vbasedev->sysfsdev) {
        error_setg(errp, "no host device given: %s needs sysfsdev=PATH, or "
                   "fd=FD with iommufd=ID", object_get_typename(dev));
        return false;
    }
    if (vbasedev->fd < 0) {
        if (host) {
            vfio_check_sysfsdev(vbasedev->sysfsdev, host);
        }
        return true;
    }
    if (!vbasedev->iommufd) {
        error_setg(errp, "fd= needs iommufd=, the id of an iommufd object");
        return false;
    }
    device = iommufd_sysfs_of_fd("/", vbasedev->fd, &vfio);
    vfio_check_other_options(vbasedev, device, host);
    vfio_check_access(vbasedev);
    return vfio_check_iommu(vbasedev, vfio, errp);
}

char *vfio_iommufd_sysfs(const VFIODevice *vbasedev)
{
    return vbasedev->sysfsdev ? g_strdup(vbasedev->sysfsdev) :
           iommufd_sysfs_of_fd("/", vbasedev->fd, NULL);
}

bool vfio_iommufd_is_mdev(const VFIODevice *vbasedev)
{
    g_autofree char *path = vfio_iommufd_sysfs(vbasedev);

    return path && iommufd_sysfs_is_mediated("/", path);
}

bool vfio_iommufd_suggest(const VFIODevice *vbasedev, Error **errp)
{
    g_autofree char *ids = vfio_iommufd_ids();

    if (errp && *errp && !vbasedev->iommufd && *ids) {
        error_prepend(errp, "legacy VFIO container, as iommufd= is not set "
                      "(existing: %s): ", ids);
    }
    return false;
}
