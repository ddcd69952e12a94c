/*
 * A QEMU that ends with an error
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_QTEST_IOMMUFD_FAILURE_H
#define TESTS_QTEST_IOMMUFD_FAILURE_H

/*
 * Start a QEMU that has to end with status 1.  It has the descriptors of the
 * test, and its environment if @env is NULL.  Returns what it says.
 */
static inline char *qemu_failure(const char *const *argv, char **env)
{
    char *err = NULL;
    int status;

    g_assert_true(g_spawn_sync(NULL, (char **)argv, env,
                               G_SPAWN_LEAVE_DESCRIPTORS_OPEN, NULL, NULL,
                               NULL, &err, &status, NULL));
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, 1);
    return err;
}

#endif
