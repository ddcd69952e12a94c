/*
 * Tests of options that no machine without KVM gets to
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/vfio/iommufd-props.h"
#include "qapi/error.h"
#include "qom/object.h"

#define SYSFSDEV "/sys/bus/mdev/devices/83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"

static const TypeInfo vfio_ap = {
    .name = "vfio-ap",
    .parent = TYPE_OBJECT,
};

static void check(int fd, const char *sysfsdev, bool iommufd,
                  const char *message)
{
    Object *dev = object_new("vfio-ap");
    g_autoptr(Error) err = NULL;

    g_assert_cmpint(vfio_iommufd_check_options(dev, fd, sysfsdev, iommufd,
                                               &err),
                    ==, message == NULL);
    g_assert_cmpstr(err ? error_get_pretty(err) : NULL, ==, message);
    object_unref(dev);
}

static void test_no_device(void)
{
    const char *message = "no host device given: vfio-ap needs sysfsdev=PATH, "
                          "or fd=FD with iommufd=ID";

    check(-1, NULL, false, message);
    check(-1, NULL, true, message);
}

/* Whether the device is there is for others to say */
static void test_sysfsdev(void)
{
    check(-1, SYSFSDEV, false, NULL);
    check(-1, SYSFSDEV, true, NULL);
}

static void test_fd(void)
{
    check(0, NULL, true, NULL);
    check(0, NULL, false, "fd= needs iommufd=, the id of an iommufd object");
    check(0, SYSFSDEV, false,
          "fd= needs iommufd=, the id of an iommufd object");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    module_call_init(MODULE_INIT_QOM);
    type_register_static(&vfio_ap);

    g_test_add_func("/iommufd/options/no-device", test_no_device);
    g_test_add_func("/iommufd/options/sysfsdev", test_sysfsdev);
    g_test_add_func("/iommufd/options/fd", test_fd);

    return g_test_run();
}
