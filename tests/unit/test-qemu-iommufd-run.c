/*
 * Unit tests for qemu-iommufd run: what it says without starting a QEMU
 *
 * The program to test is the argument.
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "iommufd-host.h"

/* Of the mediated device with a number */
#define UUID "53764d0e-85a0-42b4-af5c-2046b460b1d%zu"

#define IOMMUFD "    -object iommufd,id=iommufd0,fd=3"

static const char *program;

/* Run the program with words at a host; its exit status and what it says */
static int run(const char *root, const char *words, char **out, char **err)
{
    g_autofree char *line = g_strdup_printf("%s run %s%s %s", program,
                                            root ? "--root " : "", root ?: "",
                                            words);
    g_autoptr(GError) error = NULL;
    int status;

    g_test_message("%s", line);
    g_spawn_command_line_sync(line, out, err, &status, &error);
    g_assert_no_error(error);
    g_assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* A host with some PCI devices, and mediated devices of all APIs */
static char *host_with_devices(void)
{
    static const char *const apis[] = {
        "vfio-pci", "vfio-ap", "vfio-ccw", "vfio-platform",
    };
    char *root = host_new();

    host_file(root, "/sys/bus/pci/devices/0009:01:00.0/vendor", "0x10de\n");
    host_file(root, "/sys/bus/pci/devices/0000:06:12.5/vendor", "0x8086\n");
    for (size_t i = 0; i < G_N_ELEMENTS(apis); i++) {
        g_autofree char *path = g_strdup_printf("/sys/bus/mdev/devices/" UUID
                                                "/mdev_type/device_api", i);

        host_file(root, path, apis[i]);
    }
    return root;
}

/* The command line that would be run is this one */
static void check_line(const char *words, const char *expected)
{
    g_autofree char *out = NULL;
    g_autofree char *err = NULL;
    char *root = host_with_devices();

    g_assert_cmpint(run(root, words, &out, &err), ==, 0);
    g_assert_cmpstr(err, ==, "");
    g_assert_cmpstr(out, ==, expected);
    host_free(root);
}

/* The words are refused with a status and a message */
static void check_refused(const char *words, int status, const char *expected)
{
    g_autofree char *out = NULL;
    g_autofree char *err = NULL;
    char *root = host_with_devices();

    g_assert_cmpint(run(strstr(words, "--dry-run") ? root : NULL, words, &out,
                        &err), ==, status);
    g_assert_cmpstr(out, ==, "");
    g_assert_cmpstr(err, ==, expected);
    host_free(root);
}

static void test_pci(void)
{
    check_line("--dry-run --device 0009:01:00.0 -- qemu-system-aarch64 -S",
               "qemu-system-aarch64 -S \\\n" IOMMUFD " \\\n"
               "    -device vfio-pci,host=0009:01:00.0,id=hostdev0,"
               "iommufd=iommufd0,fd=4\n");
}

/* They are QEMU's, in the syntax of its -device */
static void test_pci_options(void)
{
    check_line("--dry-run --device 0000:06:12.5,bus=0,addr=0x3 "
               "--device 0009:01:00.0,id=gpu,failover_pair_id=12,addr=010,"
               "x-pci-vendor-id=99999999999999999999,multifunction=on,"
               "romfile=a,,b.rom,rombar "
               "qemu-system-x86_64",
               "qemu-system-x86_64 \\\n" IOMMUFD " \\\n"
               "    -device vfio-pci,host=0000:06:12.5,id=hostdev0,"
               "iommufd=iommufd0,fd=4,bus=0,addr=0x3 \\\n"
               "    -device vfio-pci,host=0009:01:00.0,iommufd=iommufd0,fd=5,"
               "id=gpu,failover_pair_id=12,addr=010,"
               "x-pci-vendor-id=99999999999999999999,multifunction=on,"
               "romfile=a,,b.rom,rombar\n");
    /* an id that is free */
    check_line("--dry-run --device 0000:06:12.5,id=hostdev1 "
               "--device 0009:01:00.0 qemu -device edu,id=hostdev0 "
               "-object iommufd,id=iommufd0",
               "qemu -device edu,id=hostdev0 -object iommufd,id=iommufd0 \\\n"
               "    -object iommufd,id=iommufd1,fd=3 \\\n"
               "    -device vfio-pci,host=0000:06:12.5,iommufd=iommufd1,fd=4,"
               "id=hostdev1 \\\n"
               "    -device vfio-pci,host=0009:01:00.0,id=hostdev3,"
               "iommufd=iommufd1,fd=5\n");
    /* no option, as it is part of the value before it */
    check_line("--dry-run --device 0009:01:00.0,romfile=a,,id=b qemu",
               "qemu \\\n" IOMMUFD " \\\n"
               "    -device vfio-pci,host=0009:01:00.0,id=hostdev0,"
               "iommufd=iommufd0,fd=4,romfile=a,,id=b\n");
}

static void test_mdev(void)
{
    static const char *const drivers[] = { "vfio-pci", "vfio-ap", "vfio-ccw" };

    for (size_t i = 0; i < G_N_ELEMENTS(drivers); i++) {
        g_autofree char *uuid = g_strdup_printf(UUID, i);
        g_autofree char *words = g_strdup_printf("--dry-run --device %s -- "
                                                 "qemu", uuid);
        g_autofree char *line = g_strdup_printf("qemu \\\n" IOMMUFD " \\\n"
            "    -device %s,sysfsdev=/sys/bus/mdev/devices/%s,id=hostdev0,"
            "iommufd=iommufd0,fd=4\n", drivers[i], uuid);

        check_line(words, line);
    }
}

/* What the shell would read otherwise is quoted, and only that */
static void test_quoting(void)
{
    check_line("--dry-run -- qemu -name 'my guest' -append '' -m 1G",
               "qemu -name 'my guest' -append '' -m 1G \\\n" IOMMUFD "\n");
    /* and what a terminal would obey */
    check_line("--dry-run -- qemu -name \"\033]0;it's\\\\\302\233\"",
               "qemu -name $'\\033]0;it\\047s\\134\\302\\233' \\\n" IOMMUFD
               "\n");
}

static void test_usage(void)
{
    check_refused("--dry-run", 125, "qemu-iommufd: no QEMU program to run; "
                  "see qemu-iommufd run --help\n");
    check_refused("--accounting both -- qemu", 125, "qemu-iommufd: "
                  "--accounting is process or user, not 'both'\n");
    check_refused("--memlock 4X -- qemu", 125, "qemu-iommufd: --memlock is a "
                  "number of bytes, with K, M, G or T, or unlimited, not "
                  "'4X'\n");
    check_refused("--memlock 99999999T -- qemu", 125, "qemu-iommufd: --memlock "
                  "is a number of bytes, with K, M, G or T, or unlimited, not "
                  "'99999999T'\n");
    check_refused("--device 0000:00:04.0,fd=7 -- qemu", 125, "qemu-iommufd: "
                  "'fd=7' in --device 0000:00:04.0,fd=7 is set by run "
                  "itself\n");
    check_refused("--device 0000:00:04.0,fd -- qemu", 125, "qemu-iommufd: "
                  "'fd' in --device 0000:00:04.0,fd is set by run itself\n");
    check_refused("--bind= -- qemu", 125, "qemu-iommufd: --bind: '' is not "
                  "the name of a driver\n");
    check_refused("--bind=../x -- qemu", 125, "qemu-iommufd: --bind: '../x' "
                  "is not the name of a driver\n");
    check_refused("--frob -- qemu", 125, "qemu-iommufd: '--frob' is no option, "
                  "or the option before it lacks its argument; see "
                  "qemu-iommufd run --help\n");
    check_refused("--device ,id=a -- qemu", 125, "qemu-iommufd: --device "
                  "needs a device\n");
    check_refused("--root /tmp -- qemu", 125, "qemu-iommufd: --root needs "
                  "--dry-run\n");
    check_refused("--force -- qemu", 125, "qemu-iommufd: --force needs "
                  "--bind\n");
}

static void test_user(void)
{
    check_refused("--user nosuch-user -- qemu", 125, "qemu-iommufd: --user: "
                  "there is no user 'nosuch-user'\n");
    /* these would be root, and no change */
    check_refused("--user 4294967296 -- qemu", 125, "qemu-iommufd: --user: "
                  "'4294967296' is not the number of a user\n");
    check_refused("--user 4294967295 -- qemu", 125, "qemu-iommufd: --user: "
                  "'4294967295' is not the number of a user\n");
    check_refused("--user 0:4294967295 -- qemu", 125, "qemu-iommufd: --user: "
                  "'4294967295' is not the number of a group\n");
    check_refused("--user 4294967294 -- qemu", 125, "qemu-iommufd: --user: "
                  "user 4294967294 is not known here, so its group must be "
                  "given: 4294967294:GID\n");
    check_line("--dry-run --user 4294967294:7 qemu", "qemu \\\n" IOMMUFD "\n");
}

static void test_wrong_device(void)
{
    check_refused("--dry-run --device 0009:01:00.1 -- qemu", 125,
                  "qemu-iommufd: 0009:01:00.1: host has no PCI device "
                  "0009:01:00.1: /sys/bus/pci/devices/0009:01:00.1: No such "
                  "file or directory\n"
                  "The nearest address with a device is 0009:01:00.0; "
                  "lspci -D lists all.\n");
    check_refused("--dry-run --device 0009:01:00.0 --device 0009:01:00.0 -- "
                  "qemu", 125, "qemu-iommufd: 0009:01:00.0 is assigned twice, "
                  "also as 0009:01:00.0\n");
    check_refused("--dry-run --device 53764d0e-85a0-42b4-af5c-2046b460b1d3 "
                  "qemu", 125, "qemu-iommufd: "
                  "53764d0e-85a0-42b4-af5c-2046b460b1d3: QEMU has no device "
                  "for the mediated device's API 'vfio-platform': "
                  "/sys/bus/mdev/devices/53764d0e-85a0-42b4-af5c-2046b460b1d3/"
                  "mdev_type/device_api\n");
}

static void test_no_qemu(void)
{
    check_refused("-- /nonexistent/qemu", 127, "qemu-iommufd: "
                  "/nonexistent/qemu cannot be run: No such file or "
                  "directory\n");
    check_refused("-- /etc/passwd", 126, "qemu-iommufd: /etc/passwd cannot be "
                  "run: Permission denied\n");
}

int main(int argc, char **argv)
{
    g_setenv("LC_ALL", "C", true);
    g_test_init(&argc, &argv, NULL);
    g_assert_cmpint(argc, ==, 2);
    program = argv[1];

    g_test_add_func("/run/dry-run/pci", test_pci);
    g_test_add_func("/run/dry-run/pci-options", test_pci_options);
    g_test_add_func("/run/dry-run/mdev", test_mdev);
    g_test_add_func("/run/dry-run/quoting", test_quoting);
    g_test_add_func("/run/usage", test_usage);
    g_test_add_func("/run/user", test_user);
    g_test_add_func("/run/wrong-device", test_wrong_device);
    g_test_add_func("/run/no-qemu", test_no_qemu);
    return g_test_run();
}
