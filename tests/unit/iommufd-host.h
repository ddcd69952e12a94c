/*
 * A made-up host for unit tests: a directory below which it is read
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_UNIT_IOMMUFD_HOST_H
#define TESTS_UNIT_IOMMUFD_HOST_H

/* An empty one, which everybody can read; to be freed with host_free() */
static inline char *host_new(void)
{
    char *root = g_dir_make_tmp("iommufd-host-XXXXXX", NULL);

    g_assert_nonnull(root);
    g_assert_cmpint(chmod(root, 0755), ==, 0);
    return root;
}

static inline void host_free(char *root)
{
    const char *argv[] = { "rm", "-rf", root, NULL };

    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL,
                 NULL, NULL, NULL, NULL);
    g_free(root);
}

/* The path in the test's own file system, with all directories on the way */
static inline char *host_path(const char *root, const char *path)
{
    char *full = g_build_filename(root, path, NULL);
    g_autofree char *dir = g_path_get_dirname(full);

    g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
    return full;
}

static inline void host_dir(const char *root, const char *path)
{
    g_autofree char *full = host_path(root, path);

    g_assert_cmpint(g_mkdir_with_parents(full, 0755), ==, 0);
}

static inline void host_file(const char *root, const char *path,
                             const char *text)
{
    g_autofree char *full = host_path(root, path);

    g_assert_true(g_file_set_contents(full, text, -1, NULL));
}

/* A link takes the place of one that is there */
static inline void host_link(const char *root, const char *path,
                             const char *target)
{
    g_autofree char *full = host_path(root, path);

    unlink(full);
    g_assert_cmpint(symlink(target, full), ==, 0);
}

#endif
