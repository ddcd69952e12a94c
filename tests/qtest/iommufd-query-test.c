/*
 * QTest for query-iommufd and info iommufd on hosts without iommufd
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "iommufd-namespace.h"
#include "libqtest.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"

#define NOT_HERE \
    "/dev/iommu does not exist here, but the kernel provides it as character " \
    "device 10:126: No such file or directory"
#define NOT_A_NODE \
    "/dev/iommu is a directory, not a character device: Is a directory"

/* A kernel that has iommufd, and a /dev that lacks the node */
static void host_begin(void)
{
    const char *paths[] = { "/dev", "/sys/class/misc" };

    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        mount_tmpfs(paths[i]);
    }
    g_assert_cmpint(mkdir("/sys/class/misc/iommu", 0755), ==, 0);
    write_text("/sys/class/misc/iommu/dev", "10:126\n");
}

static void host_end(void)
{
    umount2("/sys/class/misc", MNT_DETACH);
    umount2("/dev", MNT_DETACH);
}

static void check_unavailable(QTestState *qts, const char *cause,
                              const char *message, const char *remedy)
{
    g_autoptr(QDict) info =
        qtest_qmp_assert_success_ref(qts, "{'execute': 'query-iommufd'}");
    g_autofree char *text = qtest_hmp(qts, "info iommufd");
    g_autofree char *line =
        g_strdup_printf("iommufd is not available: %s (%s)\r\n", message,
                        cause);

    g_assert_false(qdict_get_bool(info, "available"));
    g_assert_cmpstr(qdict_get_str(info, "node"), ==, "/dev/iommu");
    g_assert_cmpstr(qdict_get_str(info, "cause"), ==, cause);
    g_assert_cmpstr(qdict_get_str(info, "message"), ==, message);
    g_assert_nonnull(strstr(qdict_get_str(info, "remedy"), remedy));
    g_assert_false(qdict_haskey(info, "kernel"));
    g_assert_true(qlist_empty(qdict_get_qlist(info, "objects")));
    g_assert_true(g_str_has_prefix(text, line));
    g_assert_nonnull(strstr(text, remedy));
}

/* QEMU shares the mount namespace, so it sees the host change */
static void test_unavailable(void)
{
    QTestState *qts = qtest_init("-M none");

    host_begin();
    check_unavailable(qts, "node-missing", NOT_HERE, "--device /dev/iommu");
    g_assert_cmpint(mkdir("/dev/iommu", 0755), ==, 0);
    check_unavailable(qts, "node-wrong-type", NOT_A_NODE, "Remove it");
    host_end();
    qtest_quit(qts);
}

static void test_no_namespace(void)
{
    g_test_skip("a mount namespace needs root or user namespaces");
}

int main(int argc, char **argv)
{
    bool in_namespace = enter_namespace();

    g_test_init(&argc, &argv, NULL);

    qtest_add_func("/iommufd/query/unavailable",
                   in_namespace ? test_unavailable : test_no_namespace);

    return g_test_run();
}
