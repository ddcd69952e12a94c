/*
 * QTest for what QEMU says when a host or a descriptor cannot do IOMMUFD
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/utsname.h>
#include "iommufd-failure.h"
#include "iommufd-namespace.h"
#include "libqtest.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "qobject/qstring.h"

/*
 * The tests run in a mount namespace of their own.  In it /dev, and what the
 * diagnosis reads of the kernel, are what a test puts there.
 */
static struct utsname kernel;

/* A /dev that has what QEMU needs, and no /dev/iommu */
static void host_dev(void)
{
    const char *nodes[] = { "null", "zero", "urandom" };
    g_autofree char *dir = g_dir_make_tmp("iommufd-test-XXXXXX", NULL);

    mount_tmpfs(dir);
    for (size_t i = 0; i < G_N_ELEMENTS(nodes); i++) {
        g_autofree char *from = g_build_filename("/dev", nodes[i], NULL);
        g_autofree char *to = g_build_filename(dir, nodes[i], NULL);

        write_text(to, "");
        g_assert_cmpint(mount(from, to, NULL, MS_BIND, NULL), ==, 0);
    }
    g_assert_cmpint(mount(dir, "/dev", NULL, MS_BIND | MS_REC, NULL), ==, 0);
    g_assert_cmpint(umount2(dir, MNT_DETACH), ==, 0);
    rmdir(dir);
}

/* A kernel without iommufd, built with the given option line */
static void host_kernel(const char *option)
{
    g_autofree char *config = g_strdup_printf("/boot/config-%s",
                                              kernel.release);

    mount_tmpfs("/boot");
    write_text(config, option);
    mount_tmpfs("/sys/class/misc");
    g_assert_cmpint(mount("/dev/null", "/proc/misc", NULL, MS_BIND, NULL),
                    ==, 0);
    if (access("/proc/config.gz", F_OK) == 0) {
        g_assert_cmpint(mount(config, "/proc/config.gz", NULL, MS_BIND, NULL),
                        ==, 0);
    }
}

static void host_end(void)
{
    umount2("/proc/config.gz", MNT_DETACH);
    umount2("/proc/misc", MNT_DETACH);
    umount2("/sys/class/misc", MNT_DETACH);
    umount2("/boot", MNT_DETACH);
    umount2("/dev", MNT_DETACH);
}

static char *failure(QDict *response)
{
    g_autoptr(QDict) reply = response;

    g_assert_true(qdict_haskey(reply, "error"));
    return g_strdup(qdict_get_str(qdict_get_qdict(reply, "error"), "desc"));
}

/* Over QMP only the message arrives, so it has to say it all */
static void check_qmp(const char *message)
{
    QTestState *qts = qtest_init("-M none");
    g_autofree char *desc =
        failure(qtest_qmp(qts, "{'execute': 'object-add', 'arguments':"
                               " {'qom-type': 'iommufd', 'id': 'iommufd0'}}"));

    g_assert_cmpstr(desc, ==, message);
    qtest_quit(qts);
}

static void check_command_line(const char *message, const char *hint)
{
    const char *argv[] = { g_getenv("QTEST_QEMU_BINARY"), "-M", "none",
                           "-accel", "qtest", "-display", "none",
                           "-object", "iommufd,id=iommufd0", NULL };
    g_autofree char *line = g_strdup_printf(": %s\n", message);
    g_autofree char *err = qemu_failure(argv, NULL);

    g_assert_nonnull(strstr(err, line));
    g_assert_nonnull(strstr(err, hint));
}

static void test_not_built(void)
{
    g_autofree char *message =
        g_strdup_printf("/dev/iommu does not exist, Linux %s is built without "
                        "CONFIG_IOMMUFD: No such file or directory",
                        kernel.release);

    host_dev();
    host_kernel("# CONFIG_IOMMUFD is not set\n");
    check_qmp(message);
    check_command_line(message, "\nUse a kernel with CONFIG_IOMMUFD");
    host_end();
}

static void test_not_loaded(void)
{
    const char *message =
        "/dev/iommu does not exist, the iommufd module (CONFIG_IOMMUFD=m) is "
        "not loaded: No such file or directory";

    host_dev();
    host_kernel("CONFIG_IOMMUFD=m\n");
    check_qmp(message);
    check_command_line(message, "\nLoad the module: modprobe iommufd\n");
    host_end();
}

static void test_not_in_container(void)
{
    const char *message =
        "/dev/iommu does not exist here, but the kernel provides it as "
        "character device 10:126: No such file or directory";

    host_dev();
    host_kernel("CONFIG_IOMMUFD=y\n");
    g_assert_cmpint(mkdir("/sys/class/misc/iommu", 0755), ==, 0);
    write_text("/sys/class/misc/iommu/dev", "10:126\n");
    check_qmp(message);
    check_command_line(message, "--device /dev/iommu");
    host_end();
}

static void test_directory(void)
{
    const char *message =
        "/dev/iommu is a directory, not a character device: Is a directory";

    host_dev();
    host_kernel("CONFIG_IOMMUFD=y\n");
    g_assert_cmpint(mkdir("/dev/iommu", 0755), ==, 0);
    check_qmp(message);
    check_command_line(message, "container");
    host_end();
}

static void test_another_device(void)
{
    const char *message =
        "/dev/iommu does not answer like an iommufd: Inappropriate ioctl for "
        "device";

    host_dev();
    host_kernel("CONFIG_IOMMUFD=y\n");
    write_text("/dev/iommu", "");
    g_assert_cmpint(mount("/dev/null", "/dev/iommu", NULL, MS_BIND, NULL),
                    ==, 0);
    check_qmp(message);
    check_command_line(message, "");
    host_end();
}

/* With fd= the descriptor counts, and not what is at /dev/iommu */
static void test_passed_fd(void)
{
    QTestState *qts;
    g_autofree char *desc = NULL;
    int fd = open("/dev/null", O_RDWR);

    host_dev();
    host_kernel("# CONFIG_IOMMUFD is not set\n");
    qts = qtest_init("-M none");
    qtest_qmp_fds_assert_success(qts, &fd, 1, "{'execute': 'getfd',"
                                 " 'arguments': {'fdname': 'null'}}");
    desc = failure(qtest_qmp(qts, "{'execute': 'object-add', 'arguments':"
                                  " {'qom-type': 'iommufd', 'id': 'x',"
                                  "  'fd': 'null'}}"));
    g_assert_true(g_regex_match_simple("^fd [0-9]+ is /dev/null, not an "
                                       "iommufd: Inappropriate ioctl for "
                                       "device$", desc, 0, 0));
    g_free(desc);
    desc = failure(qtest_qmp(qts, "{'execute': 'object-add', 'arguments':"
                                  " {'qom-type': 'iommufd', 'id': 'x',"
                                  "  'fd': '999'}}"));
    g_assert_cmpstr(desc, ==, "fd 999 is not open in this process: Bad file "
                              "descriptor");
    qtest_quit(qts);
    close(fd);
    host_end();
}

/* The object that a user asked for is the one that is refused, not a device */
static void test_libvirt_command_line(void)
{
    int fd = open("/dev/null", O_RDWR);
    g_autofree char *object =
        g_strdup_printf("{\"qom-type\":\"iommufd\",\"id\":\"iommufd0\","
                        "\"fd\":\"%d\"}", fd);
    g_autofree char *message =
        g_strdup_printf("fd %d is /dev/null, not an iommufd: Inappropriate "
                        "ioctl for device\n", fd);
    const char *argv[] = { g_getenv("QTEST_QEMU_BINARY"), "-M", "q35",
                           "-accel", "qtest", "-display", "none",
                           "-nodefaults", "-object", object, "-device",
                           "{\"driver\":\"vfio-pci\",\"id\":\"hostdev0\","
                           "\"iommufd\":\"iommufd0\",\"fd\":\"0\"}", NULL };
    g_autofree char *err = qemu_failure(argv, NULL);

    g_assert_nonnull(strstr(err, message));
    g_assert_null(strstr(err, "hostdev0"));
    close(fd);
}

/* A device without an id is refused like others, and the guest runs on */
static void test_device_fd_without_id(void)
{
    QTestState *qts = qtest_init("-M pc -nodefaults");
    int fd = open("/dev/null", O_RDWR);

    for (int i = 0; i < 2; i++) {
        g_autofree char *desc = NULL;

        qtest_qmp_fds_assert_success(qts, &fd, 1, "{'execute': 'getfd',"
                                     " 'arguments': {'fdname': 'null'}}");
        desc = failure(qtest_qmp(qts, "{'execute': 'device_add', 'arguments':"
                                      " {'driver': 'vfio-pci',"
                                      "  'fd': 'null'}}"));
        g_assert_cmpstr(desc, ==,
                        "fd= needs iommufd=, the id of an iommufd object");
    }
    qtest_qmp_assert_success(qts, "{'execute': 'query-status'}");
    qtest_quit(qts);
    close(fd);
}

static void test_no_namespace(void)
{
    g_test_skip("a mount namespace needs root or user namespaces");
}

int main(int argc, char **argv)
{
    bool in_namespace = enter_namespace();

    g_test_init(&argc, &argv, NULL);
    uname(&kernel);

    qtest_add_func("/iommufd/object/not-built",
                   in_namespace ? test_not_built : test_no_namespace);
    qtest_add_func("/iommufd/object/not-loaded",
                   in_namespace ? test_not_loaded : test_no_namespace);
    qtest_add_func("/iommufd/object/not-in-container",
                   in_namespace ? test_not_in_container : test_no_namespace);
    qtest_add_func("/iommufd/object/directory",
                   in_namespace ? test_directory : test_no_namespace);
    qtest_add_func("/iommufd/object/another-device",
                   in_namespace ? test_another_device : test_no_namespace);
    qtest_add_func("/iommufd/object/passed-fd",
                   in_namespace ? test_passed_fd : test_no_namespace);
    qtest_add_func("/iommufd/object/libvirt-command-line",
                   test_libvirt_command_line);
    qtest_add_func("/iommufd/device/fd-without-id", test_device_fd_without_id);

    return g_test_run();
}
