/*
 * A mount namespace for tests that put another host before QEMU
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_QTEST_IOMMUFD_NAMESPACE_H
#define TESTS_QTEST_IOMMUFD_NAMESPACE_H

#include <sched.h>
#include <sys/mount.h>

static inline void write_text(const char *path, const char *text)
{
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

/* What is mounted from here on only this test sees; false without the right */
static inline bool enter_namespace(void)
{
    g_autofree char *map = g_strdup_printf("0 %u 1\n", getuid());
    int flags = CLONE_NEWNS | (geteuid() == 0 ? 0 : CLONE_NEWUSER);

    if (unshare(flags)) {
        return false;
    }
    if (flags & CLONE_NEWUSER) {
        write_text("/proc/self/uid_map", map);
    }
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static inline void mount_tmpfs(const char *path)
{
    g_assert_cmpint(mount("tmpfs", path, "tmpfs", 0, "mode=755"), ==, 0);
}

#endif
