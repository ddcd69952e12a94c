/*
 * The "iommufd" and "fd" properties of VFIO devices
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/vfio/iommufd-props.h"
#include "system/iommufd.h"

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

void vfio_iommufd_init_props(ObjectClass *klass)
{
    object_class_property_set_description(klass, "fd",
                                          "Descriptor of the VFIO device node "
                                          "(/dev/vfio/devices/vfioN), opened "
                                          "by the caller; needs iommufd");

    if (!object_class_by_name(TYPE_IOMMUFD_BACKEND)) {
        object_class_property_find(klass, "iommufd")->set = vfio_iommufd_refuse;
        object_class_property_find(klass, "fd")->set = vfio_iommufd_refuse;
    }
}
