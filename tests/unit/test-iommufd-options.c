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

#define SYSFSDEV "/sys/bus/mdev/devices/83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"

static const TypeInfo vfio_ap = {
    .name = "vfio-ap",
    .parent = TYPE_DEVICE,
};

static void check(int fd, const char *sysfsdev, bool iommufd,
                  const char *message)
{
    Object *dev = object_new("vfio-ap");
    VFIODevice vbasedev = {
        .dev = DEVICE(dev),
        .fd = fd,
        .sysfsdev = (char *)sysfsdev,
        /* Only whether there is one counts */
        .iommufd = iommufd ? (IOMMUFDBackend *)dev : NULL,
    };
    g_autoptr(Error) err = NULL;

    g_assert_cmpint(vfio_iommufd_check_options(&vbasedev, &err),
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
    int fd = open("/dev/null", O_RDWR);

    check(fd, NULL, true, NULL);
    check(fd, NULL, false, "fd= needs iommufd=, the id of an iommufd object");
    check(fd, SYSFSDEV, false,
          "fd= needs iommufd=, the id of an iommufd object");
    close(fd);
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
