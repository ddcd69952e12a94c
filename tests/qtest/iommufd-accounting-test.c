/*
 * QTest for the property accounting of iommufd objects, without an iommufd
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/filter.h>
#include <linux/iommufd.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "libqtest.h"
#include "qobject/qdict.h"

#define LOW_HALF_OF_REQUEST \
    (offsetof(struct seccomp_data, args[1]) + 4 * HOST_BIG_ENDIAN)

/*
 * QEMU inherits a filter that lets IOMMU_OPTION succeed on any descriptor,
 * and leaves the argument alone: each has the mode 0, which is user, and
 * keeps it when another is set.
 */
static bool install_filter(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW_HALF_OF_REQUEST),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IOMMU_OPTION, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = {
        .len = G_N_ELEMENTS(filter), .filter = filter,
    };

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0;
}

/* An object with a descriptor that getfd was given, and a property */
static QTestState *start(const char *accounting)
{
    QTestState *qts = qtest_init("-M none");
    int fd = open("/dev/null", O_RDWR);

    g_assert_cmpint(fd, >=, 0);
    qtest_qmp_fds_assert_success(qts, &fd, 1,
                                 "{'execute': 'getfd',"
                                 " 'arguments': {'fdname': 'passed'}}");
    close(fd);
    qtest_qmp_assert_success(qts, "{'execute': 'object-add', 'arguments': {"
                                  " 'qom-type': 'iommufd', 'fd': 'passed',"
                                  " 'id': 'iommufd0', 'accounting': %s}}",
                             accounting);
    return qts;
}

static void check_error(QDict *response, const char *message)
{
    g_autoptr(QDict) reply = response;

    g_assert_true(qdict_haskey(reply, "error"));
    g_assert_cmpstr(qdict_get_str(qdict_get_qdict(reply, "error"), "desc"),
                    ==, message);
}

static void check_reads(QTestState *qts, const char *accounting)
{
    g_autoptr(QDict) reply =
        qtest_qmp(qts, "{'execute': 'qom-get', 'arguments': {"
                       " 'path': '/objects/iommufd0',"
                       " 'property': 'accounting'}}");

    g_assert_cmpstr(qdict_get_try_str(reply, "return"), ==, accounting);
}

static void test_value(void)
{
    QTestState *qts = qtest_init("-M none");

    check_error(qtest_qmp(qts, "{'execute': 'object-add', 'arguments': {"
                               " 'qom-type': 'iommufd', 'id': 'iommufd0',"
                               " 'accounting': 'both'}}"),
                "Parameter 'accounting' does not accept value 'both'");
    qtest_quit(qts);
}

/* What is read is what the descriptor says, not what was asked for */
static void test_reads_descriptor(void)
{
    QTestState *qts = start("process");

    check_reads(qts, "user");
    qtest_quit(qts);
}

static void test_cannot_change(void)
{
    QTestState *qts = start("user");

    check_error(qtest_qmp(qts, "{'execute': 'qom-set', 'arguments': {"
                               " 'path': '/objects/iommufd0',"
                               " 'property': 'accounting',"
                               " 'value': 'process'}}"),
                "accounting of iommufd object 'iommufd0' cannot be changed "
                "after it was created");
    check_reads(qts, "user");
    qtest_quit(qts);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/iommufd/accounting/value", test_value);
    if (install_filter()) {
        qtest_add_func("/iommufd/accounting/reads-descriptor",
                       test_reads_descriptor);
        qtest_add_func("/iommufd/accounting/cannot-change",
                       test_cannot_change);
    }
    return g_test_run();
}
