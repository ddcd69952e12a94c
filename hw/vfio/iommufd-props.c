/*
 * Properties of VFIO devices that iommufd has to do with
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qobject-input-visitor.h"
#include "qapi/visitor.h"
#include "hw/pci/pci_device.h"
#include "hw/vfio/iommufd-props.h"
#include "qemu/cutils.h"
#include "qobject/qstring.h"
#include "qom/object_interfaces.h"
#include "system/iommufd.h"
#include "system/iommufd-diag.h"

static void vfio_iommufd_refuse(Object *obj, Visitor *v, const char *name,
                                void *opaque, Error **errp)
{
    ERRP_GUARD();

    error_setg(errp, "Property '%s.%s' needs the iommufd object, which this "
               "QEMU was built without (CONFIG_IOMMUFD)",
               object_get_typename(obj), name);
    error_append_hint(errp, "Without iommufd= and fd= the device uses the "
                      "legacy VFIO container.\n");
}

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

/* The setters of "iommufd" and "fd" that QOM has made, for any class */
static ObjectPropertyAccessor *set_link, *set_str;

static void vfio_iommufd_set(ObjectPropertyAccessor *set, Object *obj,
                             const char *name, const char *value,
                             void *opaque, Error **errp)
{
    g_autoptr(QString) string = qstring_from_str(value);
    Visitor *v = qobject_input_visitor_new(QOBJECT(string));

    set(obj, v, name, opaque, errp);
    visit_free(v);
}

static void vfio_iommufd_set_link(Object *obj, Visitor *v, const char *name,
                                  void *opaque, Error **errp)
{
    g_autofree char *path = NULL;
    g_autofree char *ids = NULL;
    Object *other;

    if (!visit_type_str(v, name, &path, errp)) {
        return;
    }
    if (*path && !object_resolve_path_type(path, TYPE_IOMMUFD_BACKEND, NULL)) {
        other = object_resolve_path(path, NULL);
        if (other) {
            error_setg(errp, "'%s' is a %s object, not an iommufd object",
                       path, object_get_typename(other));
            return;
        }
        ids = vfio_iommufd_ids();
        error_set(errp, ERROR_CLASS_DEVICE_NOT_FOUND,
                  "no iommufd object '%s'; create it before the device "
                  "(existing: %s)", path, *ids ? ids : "none");
        return;
    }
    vfio_iommufd_set(set_link, obj, name, path, opaque, errp);
}

static void vfio_iommufd_set_fd(Object *obj, Visitor *v, const char *name,
                                void *opaque, Error **errp)
{
    g_autofree char *fd = NULL;

    if (!visit_type_str(v, name, &fd, NULL)) {
        error_setg(errp, "fd must be a string: a name given to getfd, or a "
                   "number in quotes");
        return;
    }
    vfio_iommufd_set(set_str, obj, name, fd, opaque, errp);
}

void vfio_iommufd_init_props(ObjectClass *klass)
{
    ObjectProperty *iommufd = object_class_property_find(klass, "iommufd");
    ObjectProperty *fd = object_class_property_find(klass, "fd");

    object_class_property_set_description(klass, "fd",
                                          "Descriptor of the VFIO device node "
                                          "(/dev/vfio/devices/vfioN), opened "
                                          "by the caller; needs iommufd");

    if (object_class_by_name(TYPE_IOMMUFD_BACKEND)) {
        set_link = iommufd->set;
        set_str = fd->set;
        iommufd->set = vfio_iommufd_set_link;
        fd->set = vfio_iommufd_set_fd;
    } else {
        iommufd->set = vfio_iommufd_refuse;
        fd->set = vfio_iommufd_refuse;
    }
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

static bool vfio_check_same(const char *what, const char *device,
                            const char *wanted, const char *option,
                            Error **errp)
{
    g_autofree char *is = g_path_get_basename(device);

    if (strcmp(is, wanted)) {
        error_setg(errp, "%s is %s, not %s as %s= says",
                   what, is, wanted, option);
        return false;
    }
    return true;
}

static bool vfio_check_sysfsdev(const char *sysfsdev, const char *host,
                                Error **errp)
{
    g_autofree char *made = g_strconcat("/sys/bus/pci/devices/", host, NULL);
    g_autofree char *device = NULL;
    g_autofree char *what = NULL;

    /* Without sysfsdev= the device makes it of host= */
    if (g_str_equal(sysfsdev, made)) {
        return true;
    }
    device = realpath(sysfsdev, NULL);
    what = g_strdup_printf("sysfsdev=%s", sysfsdev);
    /* What uses the path says better what is wrong with it */
    return !device || vfio_check_same(what, device, host, "host", errp);
}

static bool vfio_check_fd(int fd, const char *sysfsdev, const char *host,
                          Error **errp)
{
    g_autofree char *what = g_strdup_printf("fd %d", fd);
    g_autofree char *device = NULL;
    g_autofree char *path = NULL;
    g_autofree char *name = NULL;
    int flags = fcntl(fd, F_GETFL);

    if (flags >= 0 && (flags & O_ACCMODE) != O_RDWR) {
        error_setg(errp, "fd %d is %s, but a device needs a descriptor "
                   "that can read and write", fd,
                   (flags & O_ACCMODE) == O_RDONLY ? "read-only" :
                   "write-only");
        return false;
    }
    device = iommufd_diag_sysfsdev("/", NULL, fd);
    if (!device) {
        /* What uses it says better what is wrong with it */
        return true;
    }
    if (sysfsdev) {
        path = realpath(sysfsdev, NULL);
        name = g_path_get_basename(path ?: sysfsdev);
        if (!vfio_check_same(what, device, name, "sysfsdev", errp)) {
            return false;
        }
    }
    return !host || vfio_check_same(what, device, host, "host", errp);
}

bool vfio_iommufd_check_options(Object *dev, int fd, const char *sysfsdev,
                                bool iommufd, Error **errp)
{
    g_autofree char *host = vfio_host(dev);

    if (fd < 0 && !sysfsdev) {
        error_setg(errp, "no host device given: %s needs sysfsdev=PATH, or "
                   "fd=FD with iommufd=ID", object_get_typename(dev));
        return false;
    }
    if (fd >= 0 && !iommufd) {
        error_setg(errp, "fd= needs iommufd=, the id of an iommufd object");
        return false;
    }
    if (fd >= 0) {
        return vfio_check_fd(fd, sysfsdev, host, errp);
    }
    return !host || vfio_check_sysfsdev(sysfsdev, host, errp);
}

void vfio_iommufd_suggest(Error **errp)
{
    g_autofree char *ids = vfio_iommufd_ids();

    if (*ids) {
        error_prepend(errp, "legacy VFIO container, as iommufd= is not set "
                      "(existing: %s): ", ids);
    }
}
