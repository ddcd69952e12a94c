/*
 * Unit test: what the host uses a device for, and whether it does so now
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "system/iommufd-diag.h"
#include "iommufd-host.h"

#define DEVICE "/sys/bus/pci/devices/0000:00:05.0"

static char *root;

static void begin(void)
{
    root = host_new();
    host_file(root, DEVICE "/vendor", "0x8086\n");
}

static void check(const char *expected, bool expected_in_use)
{
    bool in_use;
    g_autoptr(IOMMUFDHost) host = iommufd_host_new(root);
    g_autofree char *use =
        iommufd_device_use(iommufd_host_device(host, DEVICE), &in_use);

    g_assert_cmpstr(use, ==, expected);
    g_assert_cmpint(in_use, ==, expected_in_use);
}

static void test_disk(void)
{
    begin();
    check(NULL, false);
    host_file(root, DEVICE "/ata1/sda/dev", "8:0\n");
    host_link(root, "/sys/class/block/sda",
              "../../bus/pci/devices/0000:00:05.0/ata1/sda");
    host_file(root, DEVICE "/ata1/sda/sda1/dev", "8:1\n");
    host_link(root, "/sys/class/block/sda1",
              "../../bus/pci/devices/0000:00:05.0/ata1/sda/sda1");
    check("is the host's disk sda", false);
    /* a volume group, then swap, then a file system, on a partition */
    host_file(root, DEVICE "/ata1/sda/sda1/holders/dm-0", "");
    check("is the host's disk sda", true);
    host_file(root, "proc/swaps", "Filename Type\n/dev/sda1 partition\n");
    check("is the host's disk sda", true);
    host_file(root, "proc/self/mounts", "/dev/sda1 /srv ext4 rw 0 0\n");
    check("holds the host's file system /srv (sda1)", true);
    host_free(root);
}

static void test_network(void)
{
    begin();
    host_file(root, DEVICE "/net/eth0/operstate", "down\n");
    host_link(root, "/sys/class/net/eth0",
              "../../bus/pci/devices/0000:00:05.0/net/eth0");
    check("is the host's network interface eth0, which is down", false);
    host_file(root, DEVICE "/net/eth0/operstate", "up\n");
    check("is the host's network interface eth0, which is up", true);
    host_free(root);
}

static void test_display(void)
{
    begin();
    host_file(root, DEVICE "/boot_vga", "0\n");
    check(NULL, false);
    host_file(root, DEVICE "/boot_vga", "1\n");
    check("is the display that the host booted with", true);
    host_free(root);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    g_test_add_func("/iommufd-host-use/disk", test_disk);
    g_test_add_func("/iommufd-host-use/network", test_network);
    g_test_add_func("/iommufd-host-use/display", test_display);

    return g_test_run();
}
