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

static void test_two_devices(void)
{
    check_device("{\"driver\": \"vfio-pci\", \"host\": \"0:5.0\","
                 " \"sysfsdev\": \"/sys/class/mem/null\"}",
                 "sysfsdev=/sys/class/mem/null is null, not 0000:00:05.0 as "
                 "host= says");
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

static void test_fd_not_a_string(void)
{
    check_device("{\"driver\": \"vfio-pci\", \"fd\": 7}",
                 "fd must be a string: a name given to getfd, or a number in "
                 "quotes");
}

static void test_object_id_taken(void)
{
    QTestState *qts = qtest_init("-M pc -nodefaults -object"
                                 " memory-backend-ram,id=iommufd0,size=4k");

    check_qmp(qts, "object-add",
              "{\"qom-type\": \"iommufd\", \"id\": \"iommufd0\"}",
              "an object with id 'iommufd0' exists already");
    qtest_quit(qts);
}

/* The name of a descriptor can be used with the next id */
static void test_object_id_taken_keeps_fd(void)
{
    QTestState *qts = qtest_init("-M pc -nodefaults -object"
                                 " memory-backend-ram,id=iommufd0,size=4k");
    int fd = open("/dev/null", O_RDWR);

    qtest_qmp_fds_assert_success(qts, &fd, 1, "{'execute': 'getfd',"
                                 " 'arguments': {'fdname': 'null'}}");
    check_qmp(qts, "object-add",
              "{\"qom-type\": \"iommufd\", \"id\": \"iommufd0\","
              " \"fd\": \"null\"}",
              "an object with id 'iommufd0' exists already");
    qtest_qmp_assert_success(qts, "{'execute': 'closefd',"
                             " 'arguments': {'fdname': 'null'}}");
    qtest_quit(qts);
    close(fd);
}

static void test_object_id_malformed(void)
{
    const char *json = "{\"qom-type\": \"iommufd\", \"id\": \"1x\"}";
    const char *message =
        "Parameter 'id' expects an identifier (letters, digits, '-', '.', "
        "'_', starting with a letter), not '1x'";
    QTestState *qts = qtest_init("-M none");

    check_qmp(qts, "object-add", json, message);
    qtest_quit(qts);
    check_command_line("-object", json, message);
}

static void test_object_in_use(void)
{
    QTestState *qts =
        qtest_init("-M pc -m 16M,slots=2,maxmem=1G -nodefaults"
                   " -object memory-backend-ram,id=ram0,size=16M"
                   " -object iothread,id=thread0"
                   " -device pc-dimm,id=dimm0,memdev=ram0");

    check_qmp(qts, "object-del", "{\"id\": \"ram0\"}",
              "object 'ram0' is in use by dimm0, can not be deleted");
    qtest_qmp_assert_success(qts, "{'execute': 'object-del',"
                             " 'arguments': {'id': 'thread0'}}");
    qtest_quit(qts);
}

static const char *object_json = "{\"qom-type\": \"iommufd\", \"id\": \"x\","
                                 " \"fd\": \"%s\"}";
static const char *device_json = "{\"driver\": \"vfio-pci\","
                                 " \"fd\": \"%s\"}";

static void check_fd(const char *fd, const char *over_qmp,
                     const char *on_command_line)
{
    g_autofree char *object = g_strdup_printf(object_json, fd);
    g_autofree char *device = g_strdup_printf(device_json, fd);
    QTestState *qts = qtest_init("-M pc -nodefaults");

    check_qmp(qts, "object-add", object, over_qmp);
    check_qmp(qts, "device_add", device, over_qmp);
    qtest_quit(qts);
    check_command_line("-object", object, on_command_line);
    check_command_line("-device", device, on_command_line);
}

static void test_fd_name(void)
{
    check_fd("nosuch",
             "no file descriptor named 'nosuch' on this monitor (a name "
             "belongs to one monitor and to the first command that takes it)",
             "'nosuch' is not the number of a file descriptor, and names are "
             "known to a monitor only");
}

static void test_fd_number(void)
{
    check_fd("12x",
             "'12x' is not the number of a file descriptor, nor a name given "
             "to getfd, which has no leading digit",
             "'12x' is not the number of a file descriptor, and names are "
             "known to a monitor only");
}

static void test_fd_set(void)
{
    const char *message =
        "'/dev/fdset/1' is a set made by add-fd, not the number of a file "
        "descriptor, nor a name given to getfd";

    check_fd("/dev/fdset/1", message, message);
}

/* Only the first command that takes it can use a name */
static void test_fd_name_used_up(void)
{
    g_autofree char *object = g_strdup_printf(object_json, "null");
    QTestState *qts = qtest_init("-M none");
    int fd = open("/dev/null", O_RDWR);

    qtest_qmp_fds_assert_success(qts, &fd, 1, "{'execute': 'getfd',"
                                 " 'arguments': {'fdname': 'null'}}");
    g_free(failure(qtest_qmp(qts, "{'execute': 'object-add', 'arguments': %p}",
                             qobject_from_json(object, NULL))));
    check_qmp(qts, "object-add", object,
              "no file descriptor named 'null' on this monitor (a name "
              "belongs to one monitor and to the first command that takes it)");
    qtest_quit(qts);
    close(fd);
}

static void test_getfd_without_fd(void)
{
    const char *message = "No file descriptor supplied via SCM_RIGHTS";
    QTestState *qts = qtest_init("-M none");
    g_autofree char *hmp = NULL;

    check_qmp(qts, "getfd", "{\"fdname\": \"x\"}", message);
    hmp = qtest_hmp(qts, "getfd x");
    g_assert_cmpstr(hmp, ==, "Error: No file descriptor supplied via "
                    "SCM_RIGHTS, which takes a monitor on a UNIX socket\r\n");
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
    qtest_add_func("/iommufd/options/fd-not-a-string", test_fd_not_a_string);
    qtest_add_func("/iommufd/options/object-id-taken", test_object_id_taken);
    qtest_add_func("/iommufd/options/object-id-taken-keeps-fd",
                   test_object_id_taken_keeps_fd);
    qtest_add_func("/iommufd/options/object-id-malformed",
                   test_object_id_malformed);
    qtest_add_func("/iommufd/options/object-in-use", test_object_in_use);
    qtest_add_func("/iommufd/options/fd-name", test_fd_name);
    qtest_add_func("/iommufd/options/fd-number", test_fd_number);
    qtest_add_func("/iommufd/options/fd-set", test_fd_set);
    qtest_add_func("/iommufd/options/fd-name-used-up", test_fd_name_used_up);
    qtest_add_func("/iommufd/options/getfd-without-fd", test_getfd_without_fd);

    return g_test_run();
}
