/*
 * QTest for what QEMU says about the options of iommufd objects and devices
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "iommufd-failure.h"
#include "libqtest.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"

static char *failure(QDict *response)
{
    g_autoptr(QDict) reply = response;

    g_assert_true(qdict_haskey(reply, "error"));
    return g_strdup(qdict_get_str(qdict_get_qdict(reply, "error"), "desc"));
}

/* Over QMP only the message arrives, so it has to say it all */
static void check_qmp(QTestState *qts, const char *command, const char *json,
                      const char *message)
{
    g_autofree char *desc =
        failure(qtest_qmp(qts, "{'execute': %s, 'arguments': %p}", command,
                          qobject_from_json(json, NULL)));

    g_assert_cmpstr(desc, ==, message);
}

static void check_command_line(const char *option, const char *json,
                               const char *message)
{
    const char *argv[] = { g_getenv("QTEST_QEMU_BINARY"), "-M", "pc",
                           "-accel", "qtest", "-display", "none",
                           "-nodefaults", option, json, NULL };
    g_autofree char *line = g_strdup_printf(": %s\n", message);
    g_autofree char *err = qemu_failure(argv, NULL);

    g_assert_nonnull(strstr(err, line));
}

/* Both ways to add a device say the same */
static void check_device(const char *json, const char *message)
{
    QTestState *qts = qtest_init("-M pc -nodefaults");

    check_qmp(qts, "device_add", json, message);
    qtest_quit(qts);
    check_command_line("-device", json, message);
}

static void test_no_device(void)
{
    check_device("{\"driver\": \"vfio-pci\"}",
                 "no host device given: use host=DDDD:BB:DD.F, sysfsdev=PATH, "
                 "or fd=FD with iommufd=ID");
}

/* It is told which one counts, and what is wrong with that comes after it */
static void test_two_devices(void)
{
    const char *argv[] = { g_getenv("QTEST_QEMU_BINARY"), "-M", "pc",
                           "-accel", "qtest", "-display", "none",
                           "-nodefaults", "-device", "vfio-pci,host=0:5.0,"
                           "sysfsdev=/sys/class/mem/null", NULL };
    g_autofree char *err = qemu_failure(argv, NULL);

    g_assert_nonnull(strstr(err, "warning: host= is ignored: it says "
                            "0000:00:05.0, and sysfsdev=/sys/class/mem/null "
                            "is null\n"));
    g_assert_nonnull(strstr(err, ": vfio null: "));
}

static void test_fd_without_iommufd(void)
{
    check_device("{\"driver\": \"vfio-pci\", \"id\": \"x\", \"fd\": \"0\"}",
                 "fd= needs iommufd=, the id of an iommufd object");
}

static void test_no_object(void)
{
    check_device("{\"driver\": \"vfio-pci\", \"host\": \"0:5.0\","
                 " \"iommufd\": \"nosuch\"}",
                 "no iommufd object 'nosuch'; create it before the device "
                 "(existing: none)");
}

/* Management tools know a missing object by the class of the error */
static void test_no_object_class(void)
{
    QTestState *qts = qtest_init("-M pc -nodefaults");
    g_autoptr(QDict) reply =
        qtest_qmp(qts, "{'execute': 'device_add', 'arguments':"
                       " {'driver': 'vfio-pci', 'iommufd': 'nosuch'}}");

    g_assert_cmpstr(qdict_get_str(qdict_get_qdict(reply, "error"), "class"),
                    ==, "DeviceNotFound");
    qtest_quit(qts);
}

static void test_not_an_iommufd(void)
{
    QTestState *qts = qtest_init("-M pc -nodefaults -object"
                                 " memory-backend-ram,id=ram0,size=4k");

    check_qmp(qts, "device_add", "{\"driver\": \"vfio-pci\","
              " \"iommufd\": \"ram0\"}",
              "'ram0' is a memory-backend-ram object, not an iommufd object");
    qtest_quit(qts);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    qtest_add_func("/iommufd/options/no-device", test_no_device);
    qtest_add_func("/iommufd/options/two-devices", test_two_devices);
    qtest_add_func("/iommufd/options/fd-without-iommufd",
                   test_fd_without_iommufd);
    qtest_add_func("/iommufd/options/no-object", test_no_object);
    qtest_add_func("/iommufd/options/no-object-class", test_no_object_class);
    qtest_add_func("/iommufd/options/not-an-iommufd", test_not_an_iommufd);

    return g_test_run();
}
