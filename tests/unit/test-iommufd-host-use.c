/*
 * Unit test: what the host uses a device for, and whether it does so now
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "../../backends/iommufd-diag/internal.h"

#define DEVICE "/sys/bus/pci/devices/0000:00:05.0"

static char *root;

static void make(const char *path, const char *text)
{
    g_autofree char *full = g_build_filename(root, path, NULL);
    g_autofree char *dir = g_path_get_dirname(full);

    g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
    g_assert_true(g_file_set_contents(full, text, -1, NULL));
}

static void make_link(const char *path, const char *target)
{
    g_autofree char *full = g_build_filename(root, path, NULL);
    g_autofree char *dir = g_path_get_dirname(full);

    g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
    g_assert_cmpint(symlink(target, full), ==, 0);
}

static void begin(void)
{
    root = g_dir_make_tmp("iommufd-host-use-XXXXXX", NULL);
    g_assert_nonnull(root);
    make(DEVICE "/vendor", "0x8086\n");
}

static void check(const char *expected, bool expected_in_use)
{
    bool in_use;
    g_autofree char *use = device_host_use(root, DEVICE, &in_use);

    g_assert_cmpstr(use, ==, expected);
    g_assert_cmpint(in_use, ==, expected_in_use);
}

static void end(void)
{
    const char *argv[] = { "rm", "-rf", root, NULL };

    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL,
                 NULL, NULL, NULL, NULL);
    g_free(root);
}

static void test_disk(void)
{
    begin();
    check(NULL, false);
    make(DEVICE "/ata1/sda/dev", "8:0\n");
    make_link("/sys/class/block/sda", "../../bus/pci/devices/0000:00:05.0/"
              "ata1/sda");
    make(DEVICE "/ata1/sda/sda1/dev", "8:1\n");
    make_link("/sys/class/block/sda1", "../../bus/pci/devices/0000:00:05.0/"
              "ata1/sda/sda1");
    check("is the host's disk sda", false);
    /* a volume group, then swap, then a file system, on a partition */
    make(DEVICE "/ata1/sda/sda1/holders/dm-0", "");
    check("is the host's disk sda", true);
    make("proc/swaps", "Filename Type\n/dev/sda1 partition\n");
    check("is the host's disk sda", true);
    make("proc/self/mounts", "/dev/sda1 /srv ext4 rw 0 0\n");
    check("holds the host's file system /srv (sda1)", true);
    end();
}

static void test_network(void)
{
    begin();
    make(DEVICE "/net/eth0/operstate", "down\n");
    make_link("/sys/class/net/eth0", "../../bus/pci/devices/0000:00:05.0/"
              "net/eth0");
    check("is the host's network interface eth0, which is down", false);
    make(DEVICE "/net/eth0/operstate", "up\n");
    check("is the host's network interface eth0, which is up", true);
    end();
}

static void test_display(void)
{
    begin();
    make(DEVICE "/boot_vga", "0\n");
    check(NULL, false);
    make(DEVICE "/boot_vga", "1\n");
    check("is the display that the host booted with", true);
    end();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    g_test_add_func("/iommufd-host-use/disk", test_disk);
    g_test_add_func("/iommufd-host-use/network", test_network);
    g_test_add_func("/iommufd-host-use/display", test_display);

    return g_test_run();
}
