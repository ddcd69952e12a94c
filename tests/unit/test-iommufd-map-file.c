/*
 * Tests of which guest RAM is mapped through its file
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/memfd.h"
#include "qemu/mmap-alloc.h"
#include "hw/vfio/map-file.h"
#include "qapi/error.h"
#include "system/ramblock.h"

/* RAM blocks of the tests have no more than this */
bool qemu_ram_is_shared(RAMBlock *rb)
{
    return rb->flags & RAM_SHARED;
}

int qemu_ram_get_fd(RAMBlock *rb)
{
    return rb->fd;
}

static int open_file(const char *path)
{
    int fd = open(path, O_RDONLY);

    g_assert_cmpint(fd, >=, 0);
    return fd;
}

static int open_memfd(bool hugetlb)
{
    g_autoptr(Error) err = NULL;
    int fd = qemu_memfd_create("ram", 0, hugetlb, 0, 0, &err);

    if (fd < 0) {
        g_test_skip(error_get_pretty(err));
    }
    return fd;
}

/* Consumes @fd */
static void check(int fd, uint32_t flags, bool by_file)
{
    RAMBlock rb = { .fd = fd, .flags = flags };

    for (int i = 0; i < 2; i++) {
        g_assert_cmpint(vfio_ram_block_file(&rb), ==, by_file ? fd : -1);
    }
    if (fd >= 0) {
        close(fd);
    }
}

static void test_no_file(void)
{
    g_assert_cmpint(vfio_ram_block_file(NULL), ==, -1);
    check(-1, 0, false);
    check(-1, RAM_SHARED, false);
}

static void test_shmem(void)
{
    int fd = open_memfd(false);

    if (fd >= 0) {
        check(fd, RAM_SHARED, true);
    }
}

static void test_hugetlbfs(void)
{
    int fd = open_memfd(true);

    if (fd >= 0) {
        check(fd, RAM_SHARED, true);
    }
}

static void test_private(void)
{
    int fd = open_memfd(false);

    if (fd >= 0) {
        check(fd, 0, false);
    }
}

/* What device-dax looks like: the node's file system is not the memory's */
static void test_device(void)
{
    int fd = open_file("/dev/zero");

    if (qemu_fd_getfs(fd) != QEMU_FS_TYPE_TMPFS) {
        g_test_skip("/dev is not in shmem");
    }
    check(fd, RAM_SHARED, false);
}

static void test_other_file_system(void)
{
    check(open_file("/proc/self/maps"), RAM_SHARED, false);
}

/* Another file under the same descriptor shows that the answer is kept */
static void check_asked_once(int fd, int other, bool by_file)
{
    RAMBlock rb = { .fd = fd, .flags = RAM_SHARED };

    vfio_ram_block_file(&rb);
    g_assert_cmpint(dup2(other, fd), ==, fd);
    g_assert_cmpint(vfio_ram_block_file(&rb), ==, by_file ? fd : -1);
    close(fd);
    close(other);
}

static void test_asked_once(void)
{
    int fd = open_memfd(false);

    if (fd >= 0) {
        check_asked_once(fd, open_file("/proc/self/maps"), true);
        check_asked_once(open_file("/proc/self/maps"), open_memfd(false),
                         false);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/iommufd/map-file/no-file", test_no_file);
    g_test_add_func("/iommufd/map-file/shmem", test_shmem);
    g_test_add_func("/iommufd/map-file/hugetlbfs", test_hugetlbfs);
    g_test_add_func("/iommufd/map-file/private", test_private);
    g_test_add_func("/iommufd/map-file/device", test_device);
    g_test_add_func("/iommufd/map-file/other-file-system",
                    test_other_file_system);
    g_test_add_func("/iommufd/map-file/asked-once", test_asked_once);
    return g_test_run();
}
