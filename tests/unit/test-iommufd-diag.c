/*
 * Unit tests for the IOMMUFD diagnosis, on made-up hosts
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <zlib.h>
#include "iommufd-host.h"
#include "system/iommufd-diag.h"

#define RELEASE  "6.12.95"
#define BDF      "0000:00:05.0"
#define BUS      "/sys/bus/pci/devices"
#define PCI_DEV  BUS "/" BDF
/* Where the link PCI_DEV leads on a host whose sysfs is complete */
#define REAL_DEV "/sys/devices/pci0000:00/" BDF
#define DRIVERS  "../../../bus/pci/drivers/"
#define MDEV     "/sys/bus/mdev/devices/11111111-2222-3333-4444-555555555555"
#define NOBODY   65534

/* Tests have met the cause */
static bool met[IOMMUFD_CAUSE__MAX];

/*
 * Device nodes of hosts are links to nodes that every machine has, so that the
 * tests need no rights: /dev/null is 1:3 and /dev/zero is 1:5.
 */

/* It has no iommufd */
static void host_kernel(const char *root, const char *config)
{
    host_file(root, "proc/misc", "257 kvm\n");
    host_file(root, "proc/sys/kernel/osrelease", RELEASE "\n");
    if (config) {
        host_file(root, "boot/config-" RELEASE, config);
    }
}

static void host_driver(const char *root, const char *device,
                        const char *driver)
{
    g_autofree char *link = g_build_filename(device, "driver", NULL);
    g_autofree char *target = g_strconcat(DRIVERS, driver, NULL);

    host_link(root, link, target);
}

/* A device bound to vfio-pci, with the kernel's number of its node */
static void host_vfio_device(const char *root, const char *devt)
{
    host_driver(root, PCI_DEV, "vfio-pci");
    host_file(root, PCI_DEV "/vfio-dev/vfio7/dev", devt);
}

/* A device of the PCI bus whose directory is elsewhere, as in a real sysfs */
static void host_pci(const char *root, const char *bdf, const char *group)
{
    g_autofree char *link = g_build_filename(BUS, bdf, NULL);
    g_autofree char *target =
        g_strdup_printf("../../../devices/pci0000:00/%s", bdf);
    g_autofree char *real = g_build_filename("/sys/devices/pci0000:00", bdf,
                                             NULL);
    g_autofree char *real_group = g_build_filename(real, "iommu_group", NULL);
    g_autofree char *group_target =
        g_strdup_printf("../../../kernel/iommu_groups/%s", group);
    g_autofree char *group_dir =
        g_strdup_printf("/sys/kernel/iommu_groups/%s", group);
    g_autofree char *member =
        g_strdup_printf("%s/devices/%s", group_dir, bdf);
    g_autofree char *member_target =
        g_strdup_printf("../../../../devices/pci0000:00/%s", bdf);

    host_dir(root, real);
    host_link(root, link, target);
    host_dir(root, group_dir);
    host_link(root, real_group, group_target);
    host_link(root, member, member_target);
}

static void check(IOMMUFDFinding *finding, IOMMUFDCause cause,
                  const char *message, const char *remedy)
{
    g_autoptr(IOMMUFDFinding) f = finding;

    g_assert_cmpstr(f->message, ==, message);
    g_assert_cmpstr(iommufd_cause_name(f->cause), ==,
                    iommufd_cause_name(cause));
    g_assert_null(strchr(f->message, '\n'));
    if (remedy) {
        g_assert_nonnull(f->remedy);
        g_assert_nonnull(strstr(f->remedy, remedy));
        g_assert_true(g_str_has_suffix(f->remedy, "\n"));
    }
    met[cause] = true;
}

/* The first finding of a stage, which has neither device nor object */
static IOMMUFDFinding *diagnose_open(const char *root, int err)
{
    const IOMMUFDFailure failure = {
        .stage = IOMMUFD_STAGE_OPEN, .err = err, .iommufd = -1,
    };

    return iommufd_diagnose(root, &failure);
}

static IOMMUFDFinding *diagnose_object_fd(const char *root, int fd, int err)
{
    const IOMMUFDFailure failure = {
        .stage = IOMMUFD_STAGE_OBJECT_FD, .err = err, .iommufd = fd,
    };

    return iommufd_diagnose(root, &failure);
}

static IOMMUFDFinding *diagnose_node(const char *root, const char *sysfsdev,
                                     int err)
{
    const IOMMUFDDevice device = { .sysfsdev = sysfsdev, .fd = -1 };
    const IOMMUFDFailure failure = {
        .stage = IOMMUFD_STAGE_NODE, .err = err, .iommufd = -1,
        .device = &device,
    };

    return iommufd_diagnose(root, &failure);
}

static void test_names(void)
{
    for (int i = 0; i < IOMMUFD_CAUSE__MAX; i++) {
        g_assert_nonnull(iommufd_cause_name(i));
        for (int j = 0; j < i; j++) {
            g_assert_cmpstr(iommufd_cause_name(i), !=, iommufd_cause_name(j));
        }
    }
}

/*
 * /dev/iommu
 */

static void test_iommu_not_built(void)
{
    char *root = host_new();

    host_kernel(root, "CONFIG_X=y\n# CONFIG_IOMMUFD is not set\n");
    check(diagnose_open(root, ENOENT),
          IOMMUFD_CAUSE_KERNEL_WITHOUT_IOMMUFD,
          "/dev/iommu does not exist, Linux " RELEASE " is built without "
          "CONFIG_IOMMUFD: No such file or directory", "CONFIG_IOMMUFD");
    check(diagnose_open(root, ENODEV),
          IOMMUFD_CAUSE_KERNEL_WITHOUT_IOMMUFD,
          "/dev/iommu has no device behind it, Linux " RELEASE " is built "
          "without CONFIG_IOMMUFD: No such device", "CONFIG_IOMMUFD");
    host_free(root);
}

static void test_iommu_config_gz(void)
{
    char *root = host_new();
    g_autofree char *path = host_path(root, "proc/config.gz");
    gzFile gz = gzopen(path, "w");

    gzputs(gz, "CONFIG_IOMMUFD_DRIVER=y\nCONFIG_IOMMUFD=m\n");
    gzclose(gz);
    /* The configuration of the running kernel wins over a file in /boot */
    host_kernel(root, "# CONFIG_IOMMUFD is not set\n");
    check(diagnose_open(root, ENOENT),
          IOMMUFD_CAUSE_MODULE_NOT_LOADED,
          "/dev/iommu does not exist, the iommufd module (CONFIG_IOMMUFD=m) "
          "is not loaded: No such file or directory", "modprobe iommufd");
    host_free(root);
}

/* What is endless is not read to its end, however small it is on a disk */
static void test_endless(void)
{
    char *root = host_new();
    g_autofree char *path = host_path(root, "proc/config.gz");
    g_autofree char *zeros = g_malloc0(1024 * 1024);
    gzFile gz = gzopen(path, "w1");

    for (int i = 0; i < 64; i++) {
        gzwrite(gz, zeros, 1024 * 1024);
    }
    gzputs(gz, "\nCONFIG_IOMMUFD=m\n");
    gzclose(gz);
    host_kernel(root, NULL);
    check(diagnose_open(root, ENOENT),
          IOMMUFD_CAUSE_KERNEL_WITHOUT_IOMMUFD,
          "/dev/iommu does not exist, the kernel probably lacks "
          "CONFIG_IOMMUFD or has not loaded it as a module: No such file or "
          "directory", NULL);
    host_free(root);

    root = host_new();
    g_free(path);
    path = host_path(root, "proc/misc");
    host_file(root, "proc/misc", "257 kvm\n");
    g_assert_cmpint(truncate(path, 64 * 1024 * 1024), ==, 0);
    check(diagnose_open(root, ENOENT), IOMMUFD_CAUSE_NODE_MISSING,
          "/dev/iommu does not exist here, and whether the kernel has it "
          "(CONFIG_IOMMUFD) cannot be seen from here: No such file or "
          "directory", NULL);
    host_free(root);
}

static void test_iommu_modules_dep(void)
{
    char *root = host_new();

    host_kernel(root, NULL);
    host_file(root, "usr/lib/modules/" RELEASE "/modules.dep",
              "kernel/drivers/vfio/vfio.ko: kernel/x/iommufd.ko\n"
              "kernel/drivers/iommu/iommufd/iommufd.ko.xz:\n");
    check(diagnose_open(root, ENOENT),
          IOMMUFD_CAUSE_MODULE_NOT_LOADED,
          "/dev/iommu does not exist, the iommufd module (CONFIG_IOMMUFD=m) "
          "is not loaded: No such file or directory", "modprobe iommufd");
    host_free(root);
}

static void test_iommu_no_evidence(void)
{
    char *root = host_new();

    /* Nothing can be read at all */
    check(diagnose_open(root, ENOENT), IOMMUFD_CAUSE_NODE_MISSING,
          "/dev/iommu does not exist here, and whether the kernel has it "
          "(CONFIG_IOMMUFD) cannot be seen from here: No such file or "
          "directory", "--device /dev/iommu");
    /* Without a configuration to read, nothing is stated as a fact */
    host_file(root, "proc/misc", "257 kvm\n");
    check(diagnose_open(root, ENOENT),
          IOMMUFD_CAUSE_KERNEL_WITHOUT_IOMMUFD,
          "/dev/iommu does not exist, the kernel probably lacks "
          "CONFIG_IOMMUFD or has not loaded it as a module: No such file or "
          "directory", "modprobe iommufd");
    host_kernel(root, "CONFIG_IOMMUFD=y\n");
    check(diagnose_open(root, ENOENT), IOMMUFD_CAUSE_UNKNOWN,
          "/dev/iommu does not exist, Linux " RELEASE " has CONFIG_IOMMUFD=y "
          "but did not start iommufd: No such file or directory", NULL);
    host_free(root);
}

static void test_iommu_node_missing(void)
{
    const char *message =
        "/dev/iommu does not exist here, but the kernel provides it as "
        "character device 10:126: No such file or directory";
    char *root = host_new();

    /* AppArmor lets QEMU see that it is there, and not read it */
    host_dir(root, "sys/class/misc/iommu/dev");
    check(diagnose_open(root, ENOENT), IOMMUFD_CAUSE_NODE_MISSING,
          "/dev/iommu does not exist here, but the kernel provides it: No such "
          "file or directory", "--device /dev/iommu");
    host_free(root);

    root = host_new();
    host_file(root, "proc/misc", "257 kvm\n126 iommu\n");
    check(diagnose_open(root, ENOENT), IOMMUFD_CAUSE_NODE_MISSING,
          message, "--device /dev/iommu");
    host_file(root, "sys/class/misc/iommu/dev", "10:126\n");
    check(diagnose_open(root, ENOENT), IOMMUFD_CAUSE_NODE_MISSING,
          message, "--device /dev/iommu");
    host_free(root);
}

static void test_iommu_wrong_node(void)
{
    char *root = host_new();

    host_file(root, "sys/class/misc/iommu/dev", "10:126\n");
    host_link(root, "dev/iommu", "/dev/null");
    check(diagnose_open(root, ENODEV), IOMMUFD_CAUSE_NODE_STALE,
          "/dev/iommu is a stale node: it is character device 1:3, and the "
          "kernel has the device as 10:126: No such device", "c 10 126");
    host_free(root);

    root = host_new();
    host_dir(root, "dev/iommu");
    check(diagnose_open(root, EISDIR), IOMMUFD_CAUSE_NODE_WRONG_TYPE,
          "/dev/iommu is a directory, not a character device: Is a directory",
          "container");
    host_free(root);
}

static void test_iommu_refused(void)
{
    char *root = host_new();

    host_link(root, "dev/iommu", "/dev/null");
    check(diagnose_open(root, EPERM), IOMMUFD_CAUSE_NODE_CGROUP,
          "/dev/iommu is probably refused by the device cgroup (character "
          "device 1:3): Operation not permitted", "DeviceAllow");
    check(diagnose_open(root, EMFILE), IOMMUFD_CAUSE_FD_LIMIT,
          "/dev/iommu cannot be opened, this process has reached its limit of "
          "open files: Too many open files", "ulimit -n");
    check(diagnose_open(root, ENFILE), IOMMUFD_CAUSE_FD_LIMIT,
          "/dev/iommu cannot be opened, the host has reached its limit of open "
          "files: Too many open files in system", "fs.file-max");
    check(diagnose_open(root, ENOMEM), IOMMUFD_CAUSE_OUT_OF_MEMORY,
          "/dev/iommu cannot be opened, the kernel is out of memory for it: "
          "Cannot allocate memory", "memory.max");
    g_assert_null(diagnose_open(root, EIO));
    /* Everybody may read and write /dev/null: not the mode, then */
    check(diagnose_open(root, EACCES), IOMMUFD_CAUSE_NODE_DENIED,
          "/dev/iommu is refused although its mode allows access, probably by "
          "a security module: Permission denied", "audit");
    host_free(root);
}

static void test_iommu_mode(void)
{
    char *root = host_new();
    g_autofree char *node = host_path(root, "dev/iommu");

    if (mknod(node, S_IFCHR | 0600, makedev(1, 3))) {
        g_test_skip("making a device node needs root (CAP_MKNOD)");
        host_free(root);
        return;
    }
    /* Look at the node of root as somebody else */
    g_assert_cmpint(setegid(NOBODY), ==, 0);
    g_assert_cmpint(seteuid(NOBODY), ==, 0);
    check(diagnose_open(root, EACCES), IOMMUFD_CAUSE_NODE_PERMISSION,
          "/dev/iommu has owner 0:0 and mode 0600, which does not let user "
          "65534 (group 65534) read and write it: Permission denied", "udev");
    g_assert_cmpint(seteuid(0), ==, 0);
    g_assert_cmpint(setegid(0), ==, 0);
    host_free(root);
}

static void test_iommu_nodev(void)
{
    char *root = host_new();
    g_autofree char *node = host_path(root, "dev/iommu");
    g_autofree char *dev = g_path_get_dirname(node);

    if (mount("tmpfs", dev, "tmpfs", MS_NODEV, NULL)) {
        g_test_skip("mounting a file system needs root (CAP_SYS_ADMIN)");
        host_free(root);
        return;
    }
    if (!mknod(node, S_IFCHR | 0666, makedev(1, 3))) {
        check(diagnose_open(root, EACCES), IOMMUFD_CAUSE_NODE_NODEV,
              "/dev/iommu is on a file system that is mounted nodev: "
              "Permission denied", "nodev");
    }
    g_assert_cmpint(umount(dev), ==, 0);
    host_free(root);
}

/*
 * A descriptor
 */

static void test_fd(void)
{
    g_autofree char *message = NULL;
    int fd = open("/dev/null", O_RDWR);
    int closed = dup(fd);

    close(closed);
    message = g_strdup_printf("fd %d is not open in this process: Bad file "
                              "descriptor", closed);
    check(diagnose_object_fd("/", closed, EBADF),
          IOMMUFD_CAUSE_FD_CLOSED, message, "O_CLOEXEC");

    g_free(message);
    message = g_strdup_printf("fd %d is /dev/null, not an iommufd: "
                              "Inappropriate ioctl for device", fd);
    check(diagnose_object_fd("/", fd, ENOTTY),
          IOMMUFD_CAUSE_FD_WRONG_KIND, message, "/dev/vfio/devices/vfioN");

    close(fd);
}

static void test_fd_without_proc(void)
{
    char *root = host_new();
    int fd = open("/dev/null", O_RDWR);
    g_autofree char *message =
        g_strdup_printf("fd %d is a character device, not an iommufd: "
                        "Inappropriate ioctl for device", fd);

    check(diagnose_object_fd(root, fd, ENOTTY),
          IOMMUFD_CAUSE_FD_WRONG_KIND, message, NULL);
    close(fd);
    host_free(root);
}

/*
 * From a device to its node
 */

#define NO_VFIO_DEV PCI_DEV "/vfio-dev: No such file or directory"

static void test_device_missing(void)
{
    char *root = host_new();

    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_SYSFS_MISSING,
          "sysfs is not visible here: " PCI_DEV ": No such file or directory",
          "/sys");
    host_dir(root, BUS);
    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_SYSFS_MISSING,
          "no PCI devices are visible here, so " BDF " is not either: " PCI_DEV
          ": No such file or directory", "/sys");
    host_dir(root, BUS "/0000:00:01.0");
    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_DEVICE_MISSING,
          "host has no PCI device " BDF ": " PCI_DEV ": No such file or "
          "directory", "lspci -D lists the devices");
    host_dir(root, BUS "/0001:00:05.0");
    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_DEVICE_MISSING,
          "host has no PCI device " BDF ": " PCI_DEV ": No such file or "
          "directory", "nearest address with a device is 0001:00:05.0");
    check(diagnose_node(root, "/sys/x", ENOENT),
          IOMMUFD_CAUSE_DEVICE_MISSING,
          "no such host device: /sys/x: No such file or directory", NULL);
    check(diagnose_node(root, MDEV, ENOENT),
          IOMMUFD_CAUSE_MDEV_MISSING,
          "host has no mediated device 11111111-2222-3333-4444-555555555555, "
          "the mdev module is not loaded: " MDEV ": No such file or directory",
          "mdevctl start -u 11111111-2222-3333-4444-555555555555");
    host_dir(root, "sys/bus/mdev");
    check(diagnose_node(root, MDEV, ENOENT),
          IOMMUFD_CAUSE_MDEV_MISSING,
          "host has no mediated device 11111111-2222-3333-4444-555555555555: "
          MDEV ": No such file or directory", "mdevctl");
    host_free(root);
}

static void test_device_not_a_device(void)
{
    char *root = host_new();

    host_dir(root, "tmp/x");
    check(diagnose_node(root, "/tmp/x", ENOENT),
          IOMMUFD_CAUSE_NOT_A_DEVICE,
          "/tmp/x is not the directory of a device in sysfs, it has no "
          "subsystem: No such file or directory", BUS);
    host_free(root);
}

static void check_no_iommu(const char *root, const char *reason,
                           const char *remedy)
{
    g_autofree char *message =
        g_strdup_printf("device has no IOMMU, %s: " PCI_DEV "/iommu_group: "
                        "No such file or directory", reason);

    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_NO_IOMMU, message, remedy);
}

static void test_device_no_iommu(void)
{
    g_autofree char *spaces = g_strnfill(9000, ' ');
    g_autofree char *long_line = g_strconcat(spaces, "intel_iommu=off\n",
                                             NULL);
    char *root = host_new();

    host_dir(root, PCI_DEV);
    check_no_iommu(root, "probably it is off in the firmware", "VT-d");
    host_dir(root, "sys/firmware/acpi/tables");
    check_no_iommu(root, "the firmware describes no IOMMU", "VT-d");
    host_file(root, "sys/firmware/acpi/tables/DMAR", "");
    check_no_iommu(root, "the firmware describes an IOMMU (DMAR), but the "
                   "kernel has not switched it on", "intel_iommu=on");
    host_file(root, "proc/cmdline", "quiet intel_iommu=off ro\n");
    check_no_iommu(root, "the kernel command line says intel_iommu=off",
                   "Remove intel_iommu=off from the kernel command line");
    /* longer than a page */
    host_file(root, "proc/cmdline", long_line);
    check_no_iommu(root, "the kernel command line says intel_iommu=off",
                   "Remove intel_iommu=off from the kernel command line");
    host_dir(root, "sys/class/iommu/dmar0");
    check_no_iommu(root, "the host's IOMMU does not cover it", NULL);
    host_free(root);
}

/*
 * The IOMMU is not on, or @off switches it off: the remedy has @typed in it,
 * NULL for no command, and the program for a file that is changed makes @after
 * of @before
 */
static void check_boot(const char *root, const char *off, const char *typed,
                       const char *file, const char *before, const char *after)
{
    g_autoptr(IOMMUFDFinding) finding = NULL;
    g_autofree char *full = file ? g_build_filename(root, file, NULL) : NULL;
    g_autofree char *sed = NULL;
    g_autofree char *text = NULL;
    g_autofree char *end = g_strconcat(": ", typed, "\nThen reboot.\n", NULL);
    const char *script;

    host_file(root, "proc/cmdline", off ?: "quiet");
    if (before) {
        host_file(root, file, before);
    }
    finding = diagnose_node(root, PCI_DEV, ENOENT);
    g_assert_cmpint(finding->cause, ==, IOMMUFD_CAUSE_NO_IOMMU);
    if (!typed) {
        g_assert_true(g_str_has_suffix(finding->remedy, ", and reboot.\n"));
        return;
    }
    g_assert_true(g_str_has_suffix(finding->remedy, file ? end + 2 : end));
    if (!file) {
        return;
    }
    script = strstr(finding->remedy, ": sed -i ");
    g_assert_nonnull(script);
    script += strlen(": ");
    sed = g_strdup_printf("%.*s%s", (int)(strstr(script, "' /") + 2 - script),
                          script, full);
    g_assert_cmpint(system(sed), ==, 0);
    g_assert_true(g_file_get_contents(full, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, after);
}

static void host_remove(const char *root, const char *path)
{
    g_autofree char *full = host_path(root, path);

    g_assert_cmpint(unlink(full), ==, 0);
}

static char *host_without_iommu(void)
{
    char *root = host_new();

    host_dir(root, PCI_DEV);
    host_file(root, "sys/firmware/acpi/tables/DMAR", "");
    return root;
}

#define GRUB "GRUB_CMDLINE_LINUX"

static void test_boot_grub(void)
{
    const char *file = "etc/default/grub";
    const char *typed = "/etc/default/grub && update-grub";
    char *root = host_without_iommu();

    check_boot(root, NULL, NULL, NULL, NULL, NULL);
    host_file(root, "usr/sbin/update-grub", "");
    check_boot(root, NULL, NULL, NULL, NULL, NULL);
    check_boot(root, NULL, typed, file,
               "# " GRUB "=\"x\"\n" GRUB "_DEFAULT=\"quiet\"\n"
               GRUB "=\"\"\n",
               "# " GRUB "=\"x\"\n" GRUB "_DEFAULT=\"quiet\"\n"
               GRUB "=\"intel_iommu=on \"\n");
    check_boot(root, "iommu=off", typed, file,
               "# not iommu=off\n" GRUB "_DEFAULT=\"iommu=off\"\n"
               GRUB "=\"intel_iommu=off iommu=off quiet iommu=off\"\n",
               "# not iommu=off\n" GRUB "_DEFAULT=\"\"\n"
               GRUB "=\"intel_iommu=off quiet\"\n");
    check_boot(root, "intel_iommu=sm_on,off ro", typed, file,
               GRUB "=\"quiet intel_iommu=sm_on,off\"\n", GRUB "=\"quiet\"\n");
    /* It comes from somewhere else, or is part of something else */
    check_boot(root, "iommu=off", NULL, file, GRUB "=\"quiet\"\n", NULL);
    check_boot(root, "iommu=off", NULL, file,
               "# iommu=off\n" GRUB "=\"amd_iommu=off\"\n", NULL);
    check_boot(root, NULL, NULL, file, GRUB "='quiet'\n", NULL);
    host_file(root, "etc/default/grub.d/cloud.cfg", "  " GRUB "=\"x\"\n");
    check_boot(root, NULL, NULL, file, GRUB "=\"quiet\"\n", NULL);
    host_file(root, "etc/default/grub.d/cloud.cfg", GRUB "_DEFAULT=\"x\"\n");
    check_boot(root, NULL, typed, file, GRUB "=\"quiet\"\n",
               GRUB "=\"intel_iommu=on quiet\"\n");

    host_remove(root, "usr/sbin/update-grub");
    host_file(root, "usr/bin/grub-mkconfig", "");
    check_boot(root, NULL, "/etc/default/grub && grub-mkconfig -o "
               "/boot/grub/grub.cfg", file, GRUB "=\"\"\n",
               GRUB "=\"intel_iommu=on \"\n");
    host_file(root, "usr/sbin/grub2-mkconfig", "");
    check_boot(root, NULL, "/etc/default/grub && grub2-mkconfig -o "
               "/boot/grub2/grub.cfg", file, GRUB "=\"\"\n",
               GRUB "=\"intel_iommu=on \"\n");
    host_file(root, "usr/sbin/transactional-update", "");
    check_boot(root, NULL, "/etc/default/grub && transactional-update "
               "grub.cfg", file, GRUB "=\"\"\n",
               GRUB "=\"intel_iommu=on \"\n");
    /* Not the host's */
    host_file(root, "run/.containerenv", "");
    check_boot(root, NULL, NULL, NULL, NULL, NULL);
    host_free(root);
}

static void test_boot_cmdline(void)
{
    const char *file = "etc/kernel/cmdline";
    char *root = host_without_iommu();

    host_file(root, "usr/bin/kernel-install", "");
    check_boot(root, NULL, "/etc/kernel/cmdline && kernel-install add "
               "$(uname -r) /boot/vmlinuz-$(uname -r)", file, "quiet",
               "quiet intel_iommu=on");
    host_file(root, "usr/bin/mkinitcpio", "");
    check_boot(root, NULL, "/etc/kernel/cmdline && mkinitcpio -P", file,
               "root=x quiet\n", "root=x quiet intel_iommu=on\n");
    check_boot(root, "iommu=off", "/etc/kernel/cmdline && mkinitcpio -P", file,
               "root=x iommu=off\n", "root=x\n");
    check_boot(root, "iommu=off", NULL, file, "root=x amd_iommu=off\n", NULL);
    check_boot(root, NULL, NULL, file, "# a comment\nroot=x\n", NULL);
    /* With two of them it is not known which one is used */
    host_file(root, "usr/sbin/update-grub", "");
    host_file(root, "etc/default/grub", GRUB "=\"\"\n");
    check_boot(root, NULL, NULL, file, "root=x\n", NULL);
    host_free(root);
}

static void test_boot_keepers(void)
{
    char *root = host_without_iommu();

    host_file(root, "etc/default/grub", GRUB "=\"\"\n");
    host_file(root, "usr/sbin/grub2-mkconfig", "");
    host_file(root, "usr/sbin/grubby", "");
    check_boot(root, NULL, "grubby --update-kernel=ALL --args=intel_iommu=on",
               NULL, NULL, NULL);
    check_boot(root, "iommu=off", "grubby --update-kernel=ALL "
               "--remove-args=iommu=off", NULL, NULL, NULL);
    host_file(root, "run/ostree-booted", "");
    host_remove(root, "usr/sbin/grubby");
    check_boot(root, NULL, NULL, NULL, NULL, NULL);
    host_file(root, "usr/bin/rpm-ostree", "");
    check_boot(root, NULL, "rpm-ostree kargs --append=intel_iommu=on",
               NULL, NULL, NULL);
    check_boot(root, "iommu=off", "rpm-ostree kargs --delete=iommu=off",
               NULL, NULL, NULL);
    /* What is not to be typed */
    check_boot(root, "iommu=off,$(reboot)", NULL, NULL, NULL, NULL);
    host_free(root);
}

/* The last word counts, and each can have several values */
static void test_boot_words(void)
{
    char *root = host_without_iommu();

    host_file(root, "proc/cmdline", "intel_iommu=off intel_iommu=sm_on,on\n");
    check_no_iommu(root, "the firmware describes an IOMMU (DMAR), but the "
                   "kernel has not switched it on", "Look for DMAR");
    host_file(root, "proc/cmdline", "intel_iommu=on intel_iommu=off,sm_on\n");
    check_no_iommu(root, "the kernel command line says intel_iommu=off,sm_on",
                   "Remove intel_iommu=off,sm_on from");
    host_free(root);
}

static void test_device_not_bound(void)
{
    char *root = host_new();

    host_pci(root, BDF, "12");
    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_DEVICE_NOT_BOUND,
          "device is not bound to a VFIO driver, nor to any other: "
          NO_VFIO_DEV, "driverctl set-override " BDF " vfio-pci");
    host_file(root, REAL_DEV "/driver_override", "(null)\n");
    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_DEVICE_NOT_BOUND,
          "device is not bound to a VFIO driver, nor to any other: "
          NO_VFIO_DEV, NULL);
    host_file(root, REAL_DEV "/driver_override", "nvme\n");
    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_DEVICE_NOT_BOUND,
          "device is not bound to a VFIO driver, it is meant for 'nvme' "
          "(driver_override): " NO_VFIO_DEV, NULL);
    host_dir(root, MDEV);
    check(diagnose_node(root, MDEV, ENOENT),
          IOMMUFD_CAUSE_DEVICE_NOT_BOUND,
          "device is not bound to a VFIO driver, nor to any other: "
          MDEV "/vfio-dev: No such file or directory", NULL);
    host_free(root);
}

static void test_device_bind_refused(void)
{
    char *root = host_new();

    host_pci(root, BDF, "12");
    host_file(root, REAL_DEV "/driver_override", "vfio-pci\n");
    /* as a driver can leave it */
    host_file(root, REAL_DEV "/enable", "1\n");
    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_MODULE_NOT_LOADED,
          "the device is meant for vfio-pci (driver_override), but that driver "
          "is not loaded: " NO_VFIO_DEV, "modprobe vfio-pci");
    host_kernel(root, "CONFIG_VFIO=y\n");
    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_KERNEL_WITHOUT_DRIVER,
          "the device is meant for vfio-pci (driver_override), but Linux "
          RELEASE " is built without CONFIG_VFIO_PCI: " NO_VFIO_DEV,
          "CONFIG_VFIO_PCI");
    host_dir(root, "sys/bus/pci/drivers/vfio-pci");
    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_DRIVER_WITHOUT_VFIO_DEV,
          "device is probably being unbound from 'vfio-pci', which waits for "
          "its current user: " NO_VFIO_DEV, NULL);
    host_file(root, REAL_DEV "/enable", "0\n");
    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_BIND_REFUSED,
          "device is meant for vfio-pci (driver_override), but is not bound to "
          "it: " NO_VFIO_DEV, "drivers/vfio-pci/bind");
    host_file(root, REAL_DEV "/boot_vga", "1\n");
    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_BIND_REFUSED,
          "vfio-pci does not take the device, it probably still carries the "
          "host's boot console: " NO_VFIO_DEV, "framebuffer");
    host_file(root, REAL_DEV "/vendor", "0x8086\n");
    host_file(root, REAL_DEV "/device", "0x37c8\n");
    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_BIND_REFUSED,
          "vfio-pci does not take the device, it is on the denylist of "
          "vfio-pci: " NO_VFIO_DEV, "disable_denylist");
    host_file(root, REAL_DEV "/sriov_numvfs", "4\n");
    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_BIND_REFUSED,
          "vfio-pci does not take the device, 4 virtual functions are enabled "
          "on it: " NO_VFIO_DEV, "sriov_numvfs");
    host_file(root, REAL_DEV "/class", "0x060400\n");
    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_BIND_REFUSED,
          "vfio-pci does not take the device, it is a PCI bridge: "
          NO_VFIO_DEV, "behind the bridge");
    host_free(root);
}

static void check_host_driver(const char *root, const char *use,
                              const char *remedy)
{
    g_autofree char *message =
        g_strdup_printf("device is bound to host driver 'nvme', not to a VFIO "
                        "driver%s: " NO_VFIO_DEV, use);

    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_DRIVER_NOT_VFIO, message, remedy);
}

static void check_stub(const char *root, const char *remedy)
{
    g_autoptr(IOMMUFDFinding) finding = diagnose_node(root, PCI_DEV, ENOENT);

    g_assert_null(strstr(finding->remedy, "driverctl"));
    check(g_steal_pointer(&finding), IOMMUFD_CAUSE_DRIVER_IS_STUB,
          "device is bound to 'pci-stub', which only parks it and is not a "
          "VFIO driver: " NO_VFIO_DEV, remedy);
}

static void test_device_host_driver(void)
{
    char *root = host_new();

    host_pci(root, BDF, "12");
    host_driver(root, REAL_DEV, "nvme");
    /* QEMU does not look for all that it might be used for */
    check_host_driver(root, "", "See as root whether the host can do without "
                      "it: qemu-iommufd check " BDF);
    host_file(root, REAL_DEV "/class", "0x020000\n");
    host_file(root, REAL_DEV "/net/eth0/operstate", "down\n");
    host_link(root, "sys/class/net/eth0",
              "../../devices/pci0000:00/" BDF "/net/eth0");
    check_host_driver(root, ", and is the host's network interface eth0, "
                      "which is down",
                      "driverctl set-override " BDF " vfio-pci");
    host_file(root, REAL_DEV "/net/eth0/operstate", "up\n");
    check_host_driver(root, ", and is the host's network interface eth0, "
                      "which is up", "interface eth0, which is up: do not "
                      "assign it");
    host_dir(root, REAL_DEV "/nvme/nvme0/nvme0n1");
    host_link(root, "sys/class/block/nvme0n1",
              "../../devices/pci0000:00/" BDF "/nvme/nvme0/nvme0n1");
    host_file(root, "proc/self/mountinfo",
              "21 1 0:21 / /proc rw - proc proc rw\n"
              "30 1 259:0 / / rw - ext4 /dev/nvme0n1 rw\n");
    check_host_driver(root, ", and holds the host's root file system "
                      "(nvme0n1)", "It holds the host's root file system "
                      "(nvme0n1): do not assign it.");
    host_driver(root, REAL_DEV, "pci-stub");
    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_DRIVER_IS_STUB,
          "device is bound to 'pci-stub', which only parks it and is not a "
          "VFIO driver: " NO_VFIO_DEV, "do not assign it");
    host_free(root);

    /* No advice that endangers the host, or that the driver does not take */
    root = host_new();
    host_pci(root, BDF, "12");
    host_driver(root, REAL_DEV, "pci-stub");
    host_file(root, REAL_DEV "/vendor", "0x8086\n");
    host_file(root, REAL_DEV "/device", "0x37c8\n");
    check_stub(root, "disable_denylist");
    host_file(root, REAL_DEV "/sriov_numvfs", "4\n");
    check_stub(root, "It is in use by its 4 virtual functions: assign its "
               "virtual functions instead.");
    host_file(root, REAL_DEV "/class", "0x060400\n");
    check_stub(root, "behind the bridge");
    host_free(root);

    /* Without an IOMMU no driver would help */
    root = host_new();
    host_driver(root, PCI_DEV, "nvme");
    check_no_iommu(root, "probably it is off in the firmware", "VT-d");
    host_free(root);
}

static void test_device_no_vfio_dev(void)
{
    char *root = host_new();

    host_pci(root, BDF, "12");
    host_driver(root, REAL_DEV, "vfio-pci");
    host_kernel(root, NULL);
    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_KERNEL_TOO_OLD,
          "Linux " RELEASE " has no VFIO devices in sysfs: " NO_VFIO_DEV,
          "6.6");
    host_dir(root, "sys/class/vfio-dev");
    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_DRIVER_WITHOUT_VFIO_DEV,
          "driver 'vfio-pci' has no VFIO device for it, it is probably being "
          "unbound: " NO_VFIO_DEV, NULL);
    host_file(root, REAL_DEV "/enable", "1\n");
    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_DRIVER_WITHOUT_VFIO_DEV,
          "device is probably being unbound from 'vfio-pci', which waits for "
          "its current user: " NO_VFIO_DEV, NULL);
    host_dir(root, REAL_DEV "/vfio-dev");
    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_VFIO_DEV_EMPTY,
          "driver 'vfio-pci' has registered no VFIO device: " NO_VFIO_DEV,
          NULL);
    host_free(root);
}

static void test_device_no_cdev(void)
{
    char *root = host_new();

    host_dir(root, PCI_DEV "/vfio-dev/vfio7");
    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_KERNEL_WITHOUT_CDEV,
          "the kernel probably lacks CONFIG_VFIO_DEVICE_CDEV: "
          PCI_DEV "/vfio-dev/vfio7/dev: No such file or directory",
          "CONFIG_VFIO_DEVICE_CDEV");
    host_kernel(root, "CONFIG_IOMMUFD=y\n");
    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_KERNEL_WITHOUT_CDEV,
          "Linux " RELEASE " is built without CONFIG_VFIO_DEVICE_CDEV: "
          PCI_DEV "/vfio-dev/vfio7/dev: No such file or directory",
          "CONFIG_VFIO_DEVICE_CDEV");
    host_kernel(root, "CONFIG_VFIO=y\n");
    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_KERNEL_WITHOUT_CDEV,
          "Linux " RELEASE " is built without CONFIG_IOMMUFD, which VFIO "
          "device nodes need: " PCI_DEV "/vfio-dev/vfio7/dev: No such file "
          "or directory", "CONFIG_IOMMUFD");
    host_file(root, "proc/sys/kernel/osrelease", "6.1.0-9\n");
    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_KERNEL_TOO_OLD,
          "Linux 6.1.0-9 has no VFIO device nodes: " PCI_DEV
          "/vfio-dev/vfio7/dev: No such file or directory", "6.6");
    host_file(root, PCI_DEV "/iommu_group/name", "vfio-noiommu\n");
    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_NOIOMMU,
          "the device is in VFIO's no-IOMMU mode, in which nothing translates "
          "the addresses of a guest: " PCI_DEV ": No such file or directory",
          "IOMMU");
    host_free(root);

    /* Newer kernels have a node for it, under another name */
    root = host_new();
    host_file(root, PCI_DEV "/vfio-dev/noiommu-vfio7/dev", "511:7\n");
    check(diagnose_node(root, PCI_DEV, ENOENT), IOMMUFD_CAUSE_NOIOMMU,
          "the device is in VFIO's no-IOMMU mode, in which nothing translates "
          "the addresses of a guest: " PCI_DEV ": No such file or directory",
          NULL);
    host_free(root);
}

static void test_device_odd_attr(void)
{
    char *root = host_new();
    g_autofree char *fifo = host_path(root, PCI_DEV "/vfio-dev/vfio7/dev");
    g_autofree char *text = g_strnfill(1024 * 1024, 'x');

    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_SYSFS_UNREADABLE,
          "cannot read " PCI_DEV "/vfio-dev/vfio7/dev: Invalid argument", NULL);
    g_assert_cmpint(unlink(fifo), ==, 0);

    host_link(root, PCI_DEV "/vfio-dev/vfio7/dev", "dev");
    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_SYSFS_UNREADABLE,
          "cannot read " PCI_DEV "/vfio-dev/vfio7/dev: Too many levels of "
          "symbolic links", NULL);
    g_assert_cmpint(unlink(fifo), ==, 0);

    host_file(root, PCI_DEV "/vfio-dev/vfio7/dev", "a\nb\377");
    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_SYSFS_MALFORMED,
          PCI_DEV "/vfio-dev/vfio7/dev contains 'a\\012b\\377', not "
          "MAJOR:MINOR: Invalid argument", NULL);

    host_file(root, PCI_DEV "/vfio-dev/vfio7/dev", text);
    text[32] = '\0';
    {
        g_autofree char *message =
            g_strdup_printf(PCI_DEV "/vfio-dev/vfio7/dev contains '%s', not "
                            "MAJOR:MINOR: Invalid argument", text);

        check(diagnose_node(root, PCI_DEV, ENOENT),
              IOMMUFD_CAUSE_SYSFS_MALFORMED, message, NULL);
    }
    host_free(root);
}

static void test_device_node(void)
{
    char *root = host_new();

    host_vfio_device(root, "511:7\n");
    check(diagnose_node(root, PCI_DEV, EMFILE),
          IOMMUFD_CAUSE_FD_LIMIT, "the VFIO device node cannot be opened, "
          "this process has reached its limit of open files: Too many open "
          "files", "ulimit -n");
    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_NODE_MISSING,
          "/dev/vfio/devices/vfio7 does not exist here, but the kernel "
          "provides it as character device 511:7: No such file or directory",
          "--device /dev/vfio/devices/vfio7");
    host_link(root, "dev/vfio/devices/vfio7", "/dev/null");
    check(diagnose_node(root, PCI_DEV, ENODEV),
          IOMMUFD_CAUSE_NODE_STALE,
          "/dev/vfio/devices/vfio7 is a stale node: it is character device "
          "1:3, and the kernel has the device as 511:7: No such device",
          "c 511 7");
    host_file(root, PCI_DEV "/vfio-dev/vfio7/dev", "1:3\n");
    check(diagnose_node(root, PCI_DEV, ENXIO),
          IOMMUFD_CAUSE_NODE_UNREADY,
          "/dev/vfio/devices/vfio7 has no device behind it (character device "
          "1:3): No such device or address", NULL);
    g_assert_null(diagnose_node(root, PCI_DEV, EIO));
    host_free(root);
}

/*
 * Binding
 */

/* A host with a device that is /dev/null, and an iommufd that is /dev/zero */
typedef struct BindHost {
    char *root;
    IOMMUFDDevice device;
    IOMMUFDFailure failure;
} BindHost;

static void bind_host_new(BindHost *host)
{
    host->root = host_new();
    host->device = (IOMMUFDDevice) {
        .sysfsdev = PCI_DEV,
        .fd = open("/dev/null", O_RDWR),
        .iommufd = "iommufd0",
        .space = &host->device,
    };
    host->failure = (IOMMUFDFailure) {
        .stage = IOMMUFD_STAGE_BIND,
        .iommufd = open("/dev/zero", O_RDWR),
        .id = "iommufd0",
        .device = &host->device,
        .kvm = true,
    };
    host_pci(host->root, BDF, "12");
    host_driver(host->root, REAL_DEV, "vfio-pci");
    host_link(host->root, REAL_DEV "/subsystem", "../../../bus/pci");
    host_file(host->root, REAL_DEV "/vfio-dev/vfio7/dev", "1:3\n");
    host_link(host->root, "sys/dev/char/1:3",
              "../../devices/pci0000:00/" BDF "/vfio-dev/vfio7");
    host_file(host->root, "sys/class/misc/iommu/dev", "1:5\n");
}

static void bind_host_free(BindHost *host)
{
    close(host->device.fd);
    close(host->failure.iommufd);
    host_free(host->root);
}

static void check_bind(BindHost *host, int err, IOMMUFDCause cause,
                       const char *message, const char *remedy)
{
    g_autofree char *full = g_strdup_printf("%s: %s", message,
                                            g_strerror(err));

    host->failure.err = err;
    check(iommufd_diagnose(host->root, &host->failure), cause, full, remedy);
}

static void host_holds(const char *root, const char *pid, const char *node)
{
    g_autofree char *comm = g_strdup_printf("proc/%s/comm", pid);
    g_autofree char *fd = g_strdup_printf("proc/%s/fd/9", pid);

    host_file(root, comm, "qemu-system-x86\n");
    host_link(root, fd, node);
}

static void test_bind_fd(void)
{
    BindHost host;
    g_autofree char *link = NULL;
    g_autofree char *message = NULL;
    int fd, iommufd;

    bind_host_new(&host);
    fd = host.device.fd;
    iommufd = host.failure.iommufd;

    host.device.fd = dup(fd);
    close(host.device.fd);
    message = g_strdup_printf("fd %d of the device is not open in this "
                              "process", host.device.fd);
    check_bind(&host, EBADF, IOMMUFD_CAUSE_FD_CLOSED, message, "getfd");

    host.device.fd = iommufd;
    host.failure.iommufd = fd;
    g_free(message);
    message = g_strdup_printf("fd %d of the device is an iommufd, and fd %d "
                              "of the iommufd object is a VFIO device node: "
                              "they are swapped", iommufd, fd);
    check_bind(&host, ENOTTY, IOMMUFD_CAUSE_FD_SWAPPED, message, "Swap");

    host.failure.iommufd = iommufd;
    host.device.fd = fd;
    host_link(host.root, "sys/dev/char/1:3", "../../devices/virtual/vfio/12");
    g_free(message);
    message = g_strdup_printf("fd %d is a VFIO group, not a VFIO device node",
                              fd);
    check_bind(&host, ENOTTY, IOMMUFD_CAUSE_FD_GROUP, message, "vfioN");

    host_link(host.root, "sys/dev/char/1:3", "../../devices/virtual/mem/null");
    g_free(message);
    message = g_strdup_printf("fd %d is a character device, not a VFIO device "
                              "node", fd);
    check_bind(&host, ENOTTY, IOMMUFD_CAUSE_FD_WRONG_KIND, message, "vfioN");

    host.device.fd = eventfd(0, 0);
    link = g_strdup_printf("proc/self/fd/%d", host.device.fd);
    host_link(host.root, link, "anon_inode:[vfio-device]");
    g_free(message);
    message = g_strdup_printf("fd %d is anon_inode:[vfio-device], a device of "
                              "the legacy VFIO group interface, which iommufd "
                              "cannot use", host.device.fd);
    check_bind(&host, EINVAL, IOMMUFD_CAUSE_FD_LEGACY_DEVICE, message,
               "vfioN");
    close(host.device.fd);

    host.device.fd = fd;
    bind_host_free(&host);
}

static void test_bind_iommufd(void)
{
    BindHost host;
    g_autofree char *message = NULL;
    int iommufd;

    bind_host_new(&host);
    iommufd = host.failure.iommufd;
    host.failure.iommufd = -1;
    check_bind(&host, EINVAL, IOMMUFD_CAUSE_FD_CLOSED,
               "iommufd object 'iommufd0' has no descriptor", NULL);

    host.failure.iommufd = iommufd;
    host_file(host.root, "sys/class/misc/iommu/dev", "10:1\n");
    message = g_strdup_printf("fd %d of iommufd object 'iommufd0' is a "
                              "character device, not an iommufd", iommufd);
    check_bind(&host, EBADFD, IOMMUFD_CAUSE_FD_WRONG_KIND, message, NULL);
    bind_host_free(&host);
}

static void test_bind_busy(void)
{
    IOMMUFDDevice peer = { "hd0", PCI_DEV, -1, "iommufd0" };
    g_autofree char *message = NULL;
    BindHost host;

    bind_host_new(&host);
    host.failure.already_bound = true;
    message = g_strdup_printf("fd %d of the device is already bound to an "
                              "iommufd", host.device.fd);
    check_bind(&host, EINVAL, IOMMUFD_CAUSE_FD_ALREADY_BOUND, message,
               "again");

    host.failure.stage = IOMMUFD_STAGE_DEVICE_FD;
    check_bind(&host, EEXIST, IOMMUFD_CAUSE_FD_ALREADY_BOUND, message,
               "again");
    host.failure.stage = IOMMUFD_STAGE_BIND;

    host.failure.already_bound = false;
    host_file(host.root, REAL_DEV "/enable", "1\n");
    check_bind(&host, EINVAL, IOMMUFD_CAUSE_DEVICE_BUSY,
               "device is already in use, probably by a process that could "
               "not be examined", "fuser");
    host_holds(host.root, "4711", "/dev/null");
    check_bind(&host, EINVAL, IOMMUFD_CAUSE_DEVICE_BUSY,
               "device is already in use, process 4711 (qemu-system-x86) has "
               "its device node open", NULL);
    /* What is open is not in use if the device is not even enabled */
    host_file(host.root, REAL_DEV "/enable", "0\n");
    check_bind(&host, EINVAL, IOMMUFD_CAUSE_DEVICE_OPEN_FAILED,
               "driver 'vfio-pci' probably cannot open the device", "log");

    host.failure.others = &peer;
    host.failure.n_others = 1;
    check_bind(&host, EINVAL, IOMMUFD_CAUSE_DEVICE_BUSY,
               "device is already assigned to this VM as 'hd0'", "once");
    /* As libvirt does it: each device came as a descriptor */
    peer.sysfsdev = NULL;
    peer.fd = host.device.fd;
    check_bind(&host, EINVAL, IOMMUFD_CAUSE_DEVICE_BUSY,
               "device is already assigned to this VM as 'hd0'", "once");
    /* A device that came as a descriptor is named */
    host.device.sysfsdev = NULL;
    check_bind(&host, EINVAL, IOMMUFD_CAUSE_DEVICE_BUSY,
               "device " BDF " is already assigned to this VM as 'hd0'", NULL);
    bind_host_free(&host);
}

static void test_bind_group_open(void)
{
    IOMMUFDDevice peer = { "hd0", BUS "/0000:00:05.1", -1, NULL };
    BindHost host;

    bind_host_new(&host);
    check_bind(&host, EBUSY, IOMMUFD_CAUSE_DMA_OWNER_BUSY,
               "the DMA of IOMMU group 12 of the device is probably in use by "
               "the host", "host drivers");
    /* What is there, and cannot be read */
    host_file(host.root, "sys/class/vfio/12/uevent", "");
    check_bind(&host, EBUSY, IOMMUFD_CAUSE_GROUP_OPEN_LEGACY,
               "IOMMU group 12 of the device is probably open through the "
               "legacy interface (/dev/vfio/12), in a process that could not be "
               "examined", "fuser");
    host_file(host.root, "sys/class/vfio/12/dev", "1:7\n");
    host_holds(host.root, "4711", "/dev/full");
    check_bind(&host, EBUSY, IOMMUFD_CAUSE_GROUP_OPEN_LEGACY,
               "IOMMU group 12 of the device is open through the legacy "
               "interface, process 4711 (qemu-system-x86) has /dev/vfio/12 "
               "open", "End that process");
    host_pci(host.root, "0000:00:05.1", "12");
    host.failure.others = &peer;
    host.failure.n_others = 1;
    check_bind(&host, EBUSY, IOMMUFD_CAUSE_GROUP_OPEN_LEGACY,
               "device is in IOMMU group 12, which device 'hd0' of this VM has "
               "open through the legacy interface (it has no iommufd=)",
               "iommufd=");
    bind_host_free(&host);
}

static void test_bind_permission(void)
{
    IOMMUFDDevice peer = { "hd0", BUS "/0000:00:05.1", -1, "iommufd1" };
    BindHost host;

    bind_host_new(&host);
    check_bind(&host, EPERM, IOMMUFD_CAUSE_UNKNOWN,
               "the kernel does not let the device be bound to an iommufd: "
               "probably interrupt remapping is off, or another device of "
               "IOMMU group 12 has a host driver or another owner", "log");

    /* Members that count as nothing: bridges, stubs, without a driver */
    host_pci(host.root, "0000:00:05.1", "12");
    host_pci(host.root, "0000:00:05.2", "12");
    host_pci(host.root, "0000:00:05.3", "12");
    host_driver(host.root, "/sys/devices/pci0000:00/0000:00:05.2", "pcieport");
    host_driver(host.root, "/sys/devices/pci0000:00/0000:00:05.3", "pci-stub");
    check_bind(&host, EPERM, IOMMUFD_CAUSE_UNKNOWN,
               "the kernel does not let the device be bound to an iommufd: "
               "probably interrupt remapping is off, or another device of "
               "IOMMU group 12 has a host driver or another owner", NULL);

    host_driver(host.root, "/sys/devices/pci0000:00/0000:00:05.1", "vfio-pci");
    host_file(host.root, "/sys/devices/pci0000:00/0000:00:05.1/enable", "1\n");
    host_file(host.root, "/sys/devices/pci0000:00/0000:00:05.1/vfio-dev/vfio8/"
              "dev", "1:7\n");
    check_bind(&host, EPERM, IOMMUFD_CAUSE_GROUP_OTHER_OWNER,
               "device shares IOMMU group 12 with 0000:00:05.1, probably in "
               "use by a process that could not be examined", NULL);
    host_holds(host.root, "4711", "/dev/full");
    check_bind(&host, EPERM, IOMMUFD_CAUSE_GROUP_OTHER_OWNER,
               "device shares IOMMU group 12 with 0000:00:05.1, in use by "
               "process 4711 (qemu-system-x86)", "as a whole");
    host.failure.others = &peer;
    host.failure.n_others = 1;
    check_bind(&host, EPERM, IOMMUFD_CAUSE_GROUP_OTHER_OWNER,
               "device shares IOMMU group 12 with device 'hd0' of this VM, "
               "which uses iommufd1 instead of iommufd object 'iommufd0'",
               "same iommufd=");

    host_driver(host.root, "/sys/devices/pci0000:00/0000:00:05.3", "xhci_hcd");
    check_bind(&host, EPERM, IOMMUFD_CAUSE_GROUP_HOST_DRIVER,
               "device shares IOMMU group 12 with devices that host drivers "
               "use: 0000:00:05.3 (xhci_hcd)", "as a whole");

    host_file(host.root, "proc/interrupts", "  0:  1  IO-APIC   2-edge\n");
    check_bind(&host, EPERM, IOMMUFD_CAUSE_NO_INTERRUPT_ISOLATION,
               "the host does not isolate the interrupts of the device, "
               "interrupt remapping is off; besides, its IOMMU group is used "
               "by host drivers: 0000:00:05.3 (xhci_hcd)",
               "iommufd.allow_unsafe_interrupts=1");
    host_file(host.root, "sys/module/iommufd/parameters/"
              "allow_unsafe_interrupts", "Y\n");
    check_bind(&host, EPERM, IOMMUFD_CAUSE_GROUP_HOST_DRIVER,
               "device shares IOMMU group 12 with devices that host drivers "
               "use: 0000:00:05.3 (xhci_hcd)", NULL);
    host_file(host.root, "sys/module/iommufd/parameters/"
              "allow_unsafe_interrupts", "N\n");
    host_file(host.root, "proc/interrupts",
              "  0:  1  IR-IO-APIC   2-edge\n 24: 1  IR-PCI-MSI  0\n");
    check_bind(&host, EPERM, IOMMUFD_CAUSE_GROUP_HOST_DRIVER,
               "device shares IOMMU group 12 with devices that host drivers "
               "use: 0000:00:05.3 (xhci_hcd)", NULL);
    bind_host_free(&host);
}

static void test_bind_denied(void)
{
    BindHost host;

    bind_host_new(&host);
    check_bind(&host, EACCES, IOMMUFD_CAUSE_IOCTL_DENIED,
               "binding the device to an iommufd is refused, probably by a "
               "security module", "audit");
    host_pci(host.root, "0000:00:06.0", "13");
    host_dir(host.root, "/sys/devices/pci0000:00/0000:00:06.0/vfio-dev");
    host_link(host.root, REAL_DEV "/physfn", "../0000:00:06.0");
    check_bind(&host, EACCES, IOMMUFD_CAUSE_VF_TOKEN_REQUIRED,
               "device is a virtual function whose physical function "
               "0000:00:06.0 is used through VFIO, and no VF token was given",
               "vf-token=");
    host.failure.has_token = true;
    check_bind(&host, EACCES, IOMMUFD_CAUSE_VF_TOKEN_REQUIRED,
               "device is a virtual function whose physical function "
               "0000:00:06.0 is used through VFIO, probably with another token "
               "than vf-token= gives", "vf-token=");
    bind_host_free(&host);
}

static void test_bind_open(void)
{
    BindHost host;

    bind_host_new(&host);
    host_file(host.root, "/sys/kernel/iommu_groups/12/reserved_regions",
              "0x0000000000df7000 0x0000000000df7fff direct\n"
              "0x00000000fee00000 0x00000000feefffff msi\n");
    check_bind(&host, EINVAL, IOMMUFD_CAUSE_FIRMWARE_RESERVED_MEMORY,
               "firmware uses memory 0xdf7000-0xdf7fff through the device "
               "(RMRR), and the kernel does not let such a device be assigned",
               "slot");
    host_pci(host.root, "0000:00:05.1", "12");
    check_bind(&host, EINVAL, IOMMUFD_CAUSE_FIRMWARE_RESERVED_MEMORY,
               "firmware uses memory 0xdf7000-0xdf7fff through the device "
               "or another one of its IOMMU group (RMRR), and the kernel does "
               "not let such a device be assigned", "slot");
    host_file(host.root, "/sys/kernel/iommu_groups/12/reserved_regions",
              "0x0000000000df7000 0x0000000000df7fff direct-relaxable\n");
    check_bind(&host, EINVAL, IOMMUFD_CAUSE_UNKNOWN,
               "the device cannot be opened: it is probably in use, or its "
               "driver has failed", "fuser");
    host_remove(host.root, "/sys/kernel/iommu_groups/12/reserved_regions");
    check_bind(&host, EINVAL, IOMMUFD_CAUSE_UNKNOWN,
               "the device cannot be opened: it is probably in use, firmware "
               "uses memory through it (RMRR), or its driver has failed",
               "qemu-iommufd check");
    host_file(host.root, REAL_DEV "/enable", "0\n");
    check_bind(&host, EINVAL, IOMMUFD_CAUSE_DEVICE_OPEN_FAILED,
               "driver 'vfio-pci' probably cannot open the device", "log");
    check_bind(&host, EAGAIN, IOMMUFD_CAUSE_DEVICE_OPEN_FAILED,
               "the device is being reset or unbound", "again");
    check_bind(&host, ENODEV, IOMMUFD_CAUSE_DEVICE_GONE,
               "the device was probably unbound or removed meanwhile", "Bind");
    check_bind(&host, ENOMEM, IOMMUFD_CAUSE_OUT_OF_MEMORY,
               "the kernel is out of memory for binding the device to an "
               "iommufd", "memory.max");

    host_driver(host.root, REAL_DEV, "vfio_ap_mdev");
    host_link(host.root, REAL_DEV "/subsystem", "../../../bus/mdev");
    host.failure.kvm = false;
    check_bind(&host, EINVAL, IOMMUFD_CAUSE_NEEDS_KVM,
               "driver 'vfio_ap_mdev' opens the device only for a VM with KVM",
               "-accel kvm");
    check_bind(&host, EPERM, IOMMUFD_CAUSE_DEVICE_OPEN_FAILED,
               "driver 'vfio_ap_mdev' does not open the device, this VM "
               "probably has a crypto matrix already", NULL);
    host_driver(host.root, REAL_DEV, "vfio_ccw_mdev");
    check_bind(&host, EINVAL, IOMMUFD_CAUSE_DEVICE_OPEN_FAILED,
               "the device is probably in use by another process, or its "
               "subchannel is not operational", "fuser");
    /* Here all processes are seen, and none has the device */
    host_link(host.root, "proc/self/ns/pid", "pid:[4026531836]");
    check_bind(&host, EINVAL, IOMMUFD_CAUSE_DEVICE_OPEN_FAILED,
               "the subchannel of the device is probably not operational",
               "lscss");
    bind_host_free(&host);
}

/*
 * Page tables
 */

static void check_attach(BindHost *host, IOMMUFDStage step, int err,
                         IOMMUFDCause cause, const char *message)
{
    g_autofree char *full = g_strdup_printf("%s: %s", message,
                                            g_strerror(err));

    host->failure.stage = step;
    host->failure.err = err;
    check(iommufd_diagnose(host->root, &host->failure), cause, full, NULL);
}

static void test_attach(void)
{
    IOMMUFDDevice peer = { "hd0", BUS "/0000:00:05.1", -1, "iommufd0" };
    g_autofree char *page = NULL;
    BindHost host;

    bind_host_new(&host);
    host.failure.stage = IOMMUFD_STAGE_IOAS;
    host.failure.err = ENODEV;
    g_assert_null(iommufd_diagnose(host.root, &host.failure));
    check_attach(&host, IOMMUFD_STAGE_HW_INFO, ENOMEM,
                 IOMMUFD_CAUSE_OUT_OF_MEMORY,
                 "the kernel is out of memory for describing the IOMMU of the "
                 "device");
    check_attach(&host, IOMMUFD_STAGE_HWPT, ENOMEM,
                 IOMMUFD_CAUSE_OUT_OF_MEMORY,
                 "the kernel cannot allocate page tables for the device, or the "
                 "limit of locked memory is too low for what they map");
    check_attach(&host, IOMMUFD_STAGE_HW_INFO, EOPNOTSUPP,
                 IOMMUFD_CAUSE_HWPT_UNSUPPORTED,
                 "the host's IOMMU gives no information for the device");
    host_link(host.root, REAL_DEV "/iommu", "../../virtual/iommu/dmar0");
    check_attach(&host, IOMMUFD_STAGE_HWPT, EOPNOTSUPP,
                 IOMMUFD_CAUSE_HWPT_UNSUPPORTED,
                 "the host's IOMMU dmar0 probably has no page tables for user "
                 "space for the device");
    host_link(host.root, REAL_DEV "/iommu", "../../virtual/iommu/dmar0");
    host.failure.stage = IOMMUFD_STAGE_HWPT;
    host.failure.err = EINVAL;
    g_assert_null(iommufd_diagnose(host.root, &host.failure));
    host_link(host.root, REAL_DEV "/iommu", "../../virtual/iommu/smmu3.0x1");
    page = g_strdup_printf("the smallest page of the IOMMU of the device is "
                           "probably larger than the host's page (%zu bytes)",
                           (size_t)qemu_real_host_page_size());
    check_attach(&host, IOMMUFD_STAGE_HWPT, EINVAL, IOMMUFD_CAUSE_ALIGNMENT,
                 page);
    host_file(host.root, "/sys/kernel/iommu_groups/12/reserved_regions",
              "0x0000000000000000 0x0000000000ffffff direct-relaxable\n"
              "0x00000000fee00000 0x00000000feefffff msi\n");
    check_attach(&host, IOMMUFD_STAGE_ATTACH, EADDRINUSE,
                 IOMMUFD_CAUSE_RESERVED_REGION,
                 "memory that is already mapped lies where the IOMMU of "
                 "the device cannot map, it reserves 0xfee00000-0xfeefffff "
                 "(msi)");
    check_attach(&host, IOMMUFD_STAGE_ATTACH, EBUSY,
                 IOMMUFD_CAUSE_DMA_OWNER_BUSY,
                 "the DMA of IOMMU group 12 of the device is probably in use by "
                 "the host");
    check_attach(&host, IOMMUFD_STAGE_ATTACH, ENOSPC,
                 IOMMUFD_CAUSE_NO_DOMAIN_IDS,
                 "the host's IOMMU probably has no free domain id for the "
                 "device");
    check_attach(&host, IOMMUFD_STAGE_ATTACH, ENOENT,
                 IOMMUFD_CAUSE_PAGE_TABLE_UNKNOWN,
                 "iommufd object 'iommufd0' does not know the page table for "
                 "the device");
    check_attach(&host, IOMMUFD_STAGE_ATTACH, EINVAL, IOMMUFD_CAUSE_UNKNOWN,
                 "the kernel does not attach the device to its page tables");
    host_pci(host.root, "0000:00:05.1", "12");
    host.failure.others = &peer;
    host.failure.n_others = 1;
    /* In one address space it is something else */
    peer.space = host.device.space;
    check_attach(&host, IOMMUFD_STAGE_ATTACH, EINVAL, IOMMUFD_CAUSE_UNKNOWN,
                 "the kernel does not attach the device to its page tables");
    peer.space = &peer;
    check_attach(&host, IOMMUFD_STAGE_ATTACH, EINVAL,
                 IOMMUFD_CAUSE_GROUP_TWO_ADDRESS_SPACES,
                 "device and 'hd0' share IOMMU group 12 of the host, but the "
                 "guest's IOMMU puts them into different address spaces");
    bind_host_free(&host);
}

/*
 * Mapping
 */

static const IOMMUFDRange ranges[] = {
    { 0, 0xfedfffff }, { 0xfef00000, 0x7fffffffff },
};

static const IOMMUFDMap ram = {
    .region = "pc.ram",
    .size = 0x10000000,
    .unpopulated = UINT64_MAX,
    .total = 0x10000000,
    .mode = IOMMUFD_ACCOUNTING_MODE_USER,
    .ranges = ranges,
    .n_ranges = G_N_ELEMENTS(ranges),
    .page_size = 4096,
};

static IOMMUFDFinding *diagnose_map(const char *root, const IOMMUFDMap *map,
                                    int err)
{
    const IOMMUFDDevice device = { .name = "hd0", .sysfsdev = PCI_DEV };
    const IOMMUFDFailure failure = {
        .stage = IOMMUFD_STAGE_MAP, .err = err, .iommufd = -1, .map = map,
        .others = &device, .n_others = 1,
    };

    return iommufd_diagnose(root, &failure);
}

#define UNREACHABLE "other devices cannot reach '0000:00:06.0 BAR 0' by DMA: "
#define HARMLESS "; this is harmless unless devices talk to each other directly"

static void check_map(const char *root, const IOMMUFDMap *map, int err,
                      IOMMUFDCause cause, const char *message,
                      const char *remedy)
{
    g_autofree char *full = g_strdup_printf("%s: %s", message,
                                            g_strerror(err));

    check(diagnose_map(root, map, err), cause, full, remedy);
}

static void host_limit(const char *root, const char *limit)
{
    g_autofree char *text =
        g_strdup_printf("Limit                     Soft Limit  Hard Limit\n"
                        "Max locked memory         %s          %s\n", limit,
                        limit);

    host_file(root, "proc/self/limits", text);
}

static void host_status(const char *root, const char *pid, int uid,
                        const char *pinned, const char *caps)
{
    g_autofree char *file = g_strdup_printf("proc/%s/status", pid);
    g_autofree char *text =
        g_strdup_printf("Name:\tx\nUid:\t%d\t%d\t%d\t%d\nVmLck:\t0 kB\n"
                        "VmPin:\t%s kB\nCapEff:\t%s\n", uid, uid, uid, uid,
                        pinned, caps);

    host_file(root, file, text);
}

#define NO_CAPS  "0000000000000000"
#define IPC_LOCK "0000000000004000"

static void test_map_locked_memory(void)
{
    char *root = host_new();
    IOMMUFDMap map = ram;

    host_limit(root, "8388608");
    host_status(root, "self", 107, "0", NO_CAPS);
    host_file(root, "proc/self/uid_map", "         0          0 4294967295\n");
    check_map(root, &map, ENOMEM, IOMMUFD_CAUSE_LOCKED_MEMORY_LIMIT,
              "the limit of locked memory (RLIMIT_MEMLOCK) is 8388608 bytes, "
              "guest memory needs 268435456 (accounting mode user)",
              "ulimit -l 262144");
    map.mode = IOMMUFD_ACCOUNTING_MODE_PROCESS;
    check_map(root, &map, ENOMEM, IOMMUFD_CAUSE_LOCKED_MEMORY_LIMIT,
              "the limit of locked memory (RLIMIT_MEMLOCK) is 8388608 bytes, "
              "guest memory needs 268435456 (accounting mode process)",
              "LimitMEMLOCK=268435456");
    /* Huge pages that are populated do not hide the limit, nor do others */
    map.backing_page = 2 * 1024 * 1024;
    map.unpopulated = 0;
    host_file(root, "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages",
              "0\n");
    check_map(root, &map, ENOMEM, IOMMUFD_CAUSE_LOCKED_MEMORY_LIMIT,
              "the limit of locked memory (RLIMIT_MEMLOCK) is 8388608 bytes, "
              "guest memory needs 268435456 (accounting mode process)", NULL);

    host_status(root, "self", 107, "0", IPC_LOCK);
    host_file(root, "proc/self/uid_map", "         0       1000          1\n");
    check_map(root, &map, ENOMEM, IOMMUFD_CAUSE_LOCKED_MEMORY_USERNS,
              "the limit of locked memory (RLIMIT_MEMLOCK) is 8388608 bytes, "
              "guest memory needs 268435456, and CAP_IPC_LOCK in a user "
              "namespace does not lift it", NULL);
    host_free(root);
}

/* What is to be pinned now is a page, or once more what is pinned already */
static void test_map_pinned_before(void)
{
    char *root = host_new();
    IOMMUFDMap map = ram;

    host_limit(root, "268435456");
    host_status(root, "self", 107, "262144", NO_CAPS);
    check_map(root, &map, ENOMEM, IOMMUFD_CAUSE_LOCKED_MEMORY_LIMIT,
              "the limit of locked memory (RLIMIT_MEMLOCK) is 268435456 "
              "bytes, guest memory needs 536870912, of which 268435456 are "
              "pinned (accounting mode user)", "ulimit -l 524288");
    map.size = map.total = 4096;
    check_map(root, &map, ENOMEM, IOMMUFD_CAUSE_LOCKED_MEMORY_LIMIT,
              "the limit of locked memory (RLIMIT_MEMLOCK) is 268435456 "
              "bytes, guest memory needs 268439552, of which 268435456 are "
              "pinned (accounting mode user)", "ulimit -l 262148");
    host_free(root);
}

static void test_map_others(void)
{
    char *root = host_new();
    IOMMUFDMap map = ram;

    host_limit(root, "300000000");
    host_status(root, "self", 107, "0", NO_CAPS);
    host_status(root, "1000", 107, "97656", NO_CAPS);
    host_status(root, "1001", 108, "97656", NO_CAPS);
    check_map(root, &map, ENOMEM, IOMMUFD_CAUSE_LOCKED_MEMORY_SHARED,
              "the limit of locked memory (RLIMIT_MEMLOCK) is 300000000 "
              "bytes, guest memory needs 268435456, and other processes of "
              "user 107 have pinned 99999744, which probably count as well "
              "(accounting mode user)",
              "ulimit -l 359800");
    /* What others pin does not count for the process */
    map.mode = IOMMUFD_ACCOUNTING_MODE_PROCESS;
    check_map(root, &map, ENOMEM, IOMMUFD_CAUSE_OUT_OF_MEMORY,
              "the host is probably out of memory for pinning 'pc.ram'",
              "memory.max");
    /* Those in other PID namespaces are not seen, and not excluded */
    map.mode = IOMMUFD_ACCOUNTING_MODE_USER;
    host_status(root, "1000", 107, "4", NO_CAPS);
    check_map(root, &map, ENOMEM, IOMMUFD_CAUSE_UNKNOWN,
              "'pc.ram' cannot be pinned: the limit of locked memory "
              "(RLIMIT_MEMLOCK) is 300000000 bytes, of which this process has "
              "pinned 0 and needs 268435456 more; probably processes of user "
              "107 that could not be examined have pinned the rest, or the "
              "host is out of memory", "ulimit -l");
    host_link(root, "proc/self/ns/pid", "pid:[4026531836]");
    check_map(root, &map, ENOMEM, IOMMUFD_CAUSE_OUT_OF_MEMORY,
              "the host is probably out of memory for pinning 'pc.ram'",
              "MemAvailable");
    host_free(root);
}

static void test_map_out_of_memory(void)
{
    char *root = host_new();
    IOMMUFDMap map = ram;

    host_limit(root, "unlimited");
    check_map(root, &map, ENOMEM, IOMMUFD_CAUSE_OUT_OF_MEMORY,
              "the host is probably out of memory for pinning 'pc.ram'",
              "memory.max");
    map.unpopulated = 200000000;
    host_file(root, "proc/meminfo", "MemTotal: 1 kB\n"
              "MemAvailable:     100000 kB\n");
    check_map(root, &map, ENOMEM, IOMMUFD_CAUSE_OUT_OF_MEMORY,
              "the host is out of memory for pinning 'pc.ram': 200000000 "
              "bytes of it have no page yet, and 102400000 are available",
              "MemAvailable");
    host_file(root, "proc/self/cgroup", "0::/vm\n");
    host_file(root, "sys/fs/cgroup/vm/memory.max", "1000000\n");
    host_file(root, "sys/fs/cgroup/vm/memory.current", "1000000\n");
    host_file(root, "sys/fs/cgroup/vm/memory.stat", "anon 5\n"
              "inactive_file 0\nactive_file 1\n");
    check_map(root, &map, ENOMEM, IOMMUFD_CAUSE_OUT_OF_MEMORY,
              "the control group is out of memory for pinning 'pc.ram': "
              "200000000 bytes of it have no page yet, and 1 are left of "
              "1000000", "memory.max");
    /* What is populated needs no more memory */
    map.unpopulated = 0;
    check_map(root, &map, ENOMEM, IOMMUFD_CAUSE_OUT_OF_MEMORY,
              "the host is probably out of memory for pinning 'pc.ram', the "
              "control group is limited to 1000000 bytes", NULL);
    host_free(root);
}

static void test_map_address(void)
{
    char *root = host_new();
    IOMMUFDMap map = ram;

    map.iova = 0x8000000000;
    check_map(root, &map, EINVAL, IOMMUFD_CAUSE_ADDRESS_WIDTH,
              "'pc.ram' at 0x8000000000-0x800fffffff lies beyond the 39 bits "
              "that the host's IOMMU can address (0x7fffffffff)", "maxmem");
    map.iova = 0xf0000000;
    check_map(root, &map, EINVAL, IOMMUFD_CAUSE_RESERVED_REGION,
              "'pc.ram' at 0xf0000000-0xffffffff overlaps addresses that the "
              "host reserves", NULL);
    host_pci(root, BDF, "12");
    host_file(root, "/sys/kernel/iommu_groups/12/reserved_regions",
              "0x0000000000df7000 0x0000000000df7fff direct\n"
              "0x00000000fee00000 0x00000000feefffff msi\n");
    check_map(root, &map, EINVAL, IOMMUFD_CAUSE_RESERVED_REGION,
              "'pc.ram' at 0xf0000000-0xffffffff overlaps addresses that the "
              "host reserves: 0xfee00000-0xfeefffff (msi) of " BDF, NULL);
    map.iova = 0x1000;
    map.page_size = 0x10000;
    check_map(root, &map, EINVAL, IOMMUFD_CAUSE_ALIGNMENT,
              "'pc.ram' at 0x1000, 268435456 bytes, is not aligned to the "
              "IOMMU's page of 65536 bytes", NULL);
    map.page_size = 4096;
    g_assert_null(diagnose_map(root, &map, EINVAL));
    check_map(root, &map, EEXIST, IOMMUFD_CAUSE_ALREADY_MAPPED,
              "I/O addresses 0x1000-0x10000fff for 'pc.ram' are mapped "
              "already", NULL);
    check_map(root, &map, ENOENT, IOMMUFD_CAUSE_PAGE_TABLE_UNKNOWN,
              "the iommufd does not know the IOAS for 'pc.ram'", NULL);
    host_free(root);
}

static void test_map_huge_pages(void)
{
    char *root = host_new();
    IOMMUFDMap map = ram;

    map.backing_page = 2 * 1024 * 1024;
    map.unpopulated = 0x10000000;
    host_file(root, "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages",
              "7\n");
    check_map(root, &map, ENOMEM, IOMMUFD_CAUSE_NO_HUGE_PAGES,
              "'pc.ram' is in huge pages of 2048 KiB and still needs 128 of "
              "them, and 7 are free", "nr_hugepages");
    map.unpopulated = 8 * 2 * 1024 * 1024;
    check_map(root, &map, EFAULT, IOMMUFD_CAUSE_NO_HUGE_PAGES,
              "'pc.ram' is in huge pages of 2048 KiB and still needs 8 of "
              "them, and 7 are free", NULL);
    map.unpopulated = 7 * 2 * 1024 * 1024;
    g_assert_null(diagnose_map(root, &map, EFAULT));
    host_free(root);
}

static void test_map_backing(void)
{
    char *root = host_new();
    IOMMUFDMap map = ram;

    g_assert_null(diagnose_map(root, &map, EFAULT));
    map.backing_file = "/srv/guest ram";
    map.backing_on_disk = true;
    map.backing_readonly = true;
    check_map(root, &map, EFAULT, IOMMUFD_CAUSE_RAM_READ_ONLY,
              "'pc.ram' is mapped read-only in QEMU (/srv/guest ram), but "
              "would be writable for the device", "rom=on");
    map.backing_readonly = false;
    check_map(root, &map, EFAULT, IOMMUFD_CAUSE_RAM_FILE_SYSTEM,
              "'pc.ram' is a shared mapping of /srv/guest ram, which is "
              "neither on tmpfs nor on hugetlbfs: the kernel pins no pages of "
              "a disk's file system for devices", "memory-backend-memfd");
    map.backing_on_disk = false;
    g_assert_null(diagnose_map(root, &map, EFAULT));
    check_map(root, &map, EOPNOTSUPP, IOMMUFD_CAUSE_RAM_FILE_SYSTEM,
              "'pc.ram' is probably on a DAX file system, whose pages the "
              "kernel does not pin for devices", NULL);

    map.region = "0000:00:06.0 BAR 0";
    map.device_memory = true;
    check_map(root, &map, EFAULT, IOMMUFD_CAUSE_PCI_BAR, UNREACHABLE
              "iommufd maps the memory of devices only through dma-buf, which "
              "this QEMU does not use" HARMLESS, NULL);
    map.export = IOMMUFD_EXPORT_FAILED;
    check_map(root, &map, ENOTTY, IOMMUFD_CAUSE_PCI_BAR, UNREACHABLE
              "the kernel (Linux before 6.19, or without CONFIG_PCI_P2PDMA) or "
              "the VFIO driver of the device does not export it" HARMLESS,
              NULL);
    check_map(root, &map, EOPNOTSUPP, IOMMUFD_CAUSE_PCI_BAR, UNREACHABLE
              "the driver of the device in the host does not export its memory"
              HARMLESS, NULL);
    /* Any errno: QEMU itself can be out of descriptors, or of mappings */
    check_map(root, &map, EMFILE, IOMMUFD_CAUSE_PCI_BAR, UNREACHABLE
              "exporting it as a dma-buf failed" HARMLESS, NULL);
    map.export = IOMMUFD_EXPORT_DONE;
    check_map(root, &map, ENOSPC, IOMMUFD_CAUSE_PCI_BAR, UNREACHABLE
              "it is exported as a dma-buf, but mapping that failed" HARMLESS,
              NULL);
    host_free(root);
}

/* Names can come from users */
static void test_map_odd_name(void)
{
    char *root = host_new();
    IOMMUFDMap map = ram;

    map.region = "a\nb\033[1m\303\251";
    check_map(root, &map, EEXIST, IOMMUFD_CAUSE_ALREADY_MAPPED,
              "I/O addresses 0x0-0xfffffff for 'a\\012b\\033[1m\\303\\251' "
              "are mapped already", NULL);
    host_free(root);
}

/*
 * Before anything is tried
 */

/* The last result of a check; a finding if it has one, else a text */
static void check_result(GPtrArray *results, const char *name,
                         IOMMUFDVerdict verdict, const char *said)
{
    g_autoptr(GPtrArray) all = results;
    const IOMMUFDResult *found = NULL;
    const char *text;

    for (guint i = 0; i < all->len; i++) {
        const IOMMUFDResult *result = all->pdata[i];

        if (g_str_equal(result->check, name)) {
            found = result;
        }
    }
    g_assert_nonnull(found);
    text = found->finding ? found->finding->message : found->text;
    g_assert_cmpstr(text, ==, said);
    g_assert_cmpint(found->verdict, ==, verdict);
    if (found->finding) {
        met[found->finding->cause] = true;
    }
}

#define PASS IOMMUFD_VERDICT_PASS
#define WARN IOMMUFD_VERDICT_WARN
#define FAIL IOMMUFD_VERDICT_FAIL

#define ALIASES "usr/lib/modules/" RELEASE "/modules.alias"

static void check_vfio_driver(const char *root, const char *driver,
                              const char *module)
{
    g_autoptr(IOMMUFDHost) host = iommufd_host_new(root);
    g_autofree char *found_module = NULL;
    g_autofree char *found =
        iommufd_device_vfio_driver(iommufd_host_device(host, PCI_DEV),
                                   &found_module);

    g_assert_cmpstr(found, ==, driver);
    g_assert_cmpstr(found_module, ==, module);
}

static void test_vfio_driver(void)
{
    char *root = host_new();

    host_pci(root, BDF, "12");
    check_vfio_driver(root, "vfio-pci", "vfio_pci");
    host_kernel(root, NULL);
    host_file(root, REAL_DEV "/modalias", "pci:v000010DEd00002342sv000010DEsd"
              "000016EBbc03sc02i00\n");
    check_vfio_driver(root, "vfio-pci", "vfio_pci");
    host_file(root, ALIASES,
              "alias pci:v000010DEd00002342sv*sd*bc*sc*i* nvidia\n"
              "alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\n"
              "alias vfio_pci:\n"
              "alias vfio_pci:v000010DEd00002342sv*sd*bc*sc*i* ../x\n"
              "alias vfio_pci:v000010DEd00002341sv*sd*bc*sc*i* other\n");
    check_vfio_driver(root, "vfio-pci", "vfio_pci");
    host_file(root, ALIASES,
              "alias vfio_pci:v000010DEd00002342sv*sd*bc*sc*i* a_vfio_pci\n"
              "alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\n"
              "alias vfio_pci:v000010DEd*sv*sd*bc*sc*i* b_vfio_pci\n");
    check_vfio_driver(root, "a_vfio_pci", "a_vfio_pci");
    /* A module that is loaded tells what its driver is called */
    host_link(root, "sys/module/a_vfio_pci/drivers/pci:a-vfio",
              "../../../bus/pci/drivers/a-vfio");
    check_vfio_driver(root, "a-vfio", "a_vfio_pci");
    host_file(root, ALIASES,
              "alias vfio_pci:v000010DEd00002342sv*sd*bc*sc*i* xe_vfio_pci\n");
    check_vfio_driver(root, "xe-vfio-pci", "xe_vfio_pci");

    /* What can be typed names it */
    host_driver(root, REAL_DEV, "pci-stub");
    check(diagnose_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_DRIVER_IS_STUB,
          "device is bound to 'pci-stub', which only parks it and is not a "
          "VFIO driver: " NO_VFIO_DEV,
          "Bind it to xe-vfio-pci for good (with the package driverctl): "
          "driverctl set-override " BDF
          " xe-vfio-pci\n"
          "Or until the next boot: modprobe xe_vfio_pci; echo xe-vfio-pci > "
          PCI_DEV "/driver_override; echo " BDF " > " PCI_DEV "/driver/unbind; "
          "echo " BDF " > /sys/bus/pci/drivers_probe\n");
    host_free(root);
}

static GPtrArray *check_planned(const char *root, IOMMUFDHost **host,
                                const char *driver)
{
    g_clear_pointer(host, iommufd_host_free);
    *host = iommufd_host_new(root);
    iommufd_device_plan(iommufd_host_device(*host, PCI_DEV), driver);
    iommufd_device_plan(iommufd_host_device(*host, BUS "/0000:00:05.1"),
                        driver);
    return iommufd_check_device(iommufd_host_device(*host, PCI_DEV));
}

/* The other device of the group has a host driver, and is planned as well */
static void test_plan(void)
{
    g_autoptr(IOMMUFDHost) host = NULL;
    char *root = host_new();

    host_kernel(root, NULL);
    host_pci(root, BDF, "12");
    host_driver(root, REAL_DEV, "nvme");
    host_pci(root, "0000:00:05.1", "12");
    host_driver(root, "/sys/devices/pci0000:00/0000:00:05.1", "snd");
    host_file(root, REAL_DEV "/modalias", "pci:v000010DEd00002342sv000010DEsd"
              "000016EBbc03sc02i00\n");
    host_file(root, ALIASES,
              "alias vfio_pci:v000010DEd00002342sv*sd*bc*sc*i* xe_vfio_pci\n");
    check_result(check_planned(root, &host, "xe-vfio-pci"), "driver", FAIL,
                 "the driver xe-vfio-pci is not loaded: "
                 "/sys/bus/pci/drivers/xe-vfio-pci");
    /* Names can be anything, and what is said of them is text */
    host_pci(root, "0000:00:0\033[1m\377", "12");
    check_result(check_planned(root, &host, "xe-vfio-pci"), "iommu-group",
                 PASS, "group 12, shared with 0000:00:0\\033[1m\\377 (no "
                 "driver), 0000:00:05.1 (snd)");
    host_dir(root, "sys/bus/pci/drivers/xe-vfio-pci");
    check_result(check_planned(root, &host, "xe-vfio-pci"), "driver", PASS,
                 "will be bound to xe-vfio-pci");
    check_result(iommufd_check_device(iommufd_host_device(host, PCI_DEV)),
                 "bind", PASS, "nothing seen in the way");

    host_kernel(root, "CONFIG_VFIO=y\n");
    check_result(check_planned(root, &host, "vfio-pci"), "driver", FAIL,
                 "there is no VFIO driver, Linux " RELEASE " is built without "
                 "CONFIG_VFIO_PCI");
    host_dir(root, "sys/bus/pci/drivers/vfio-pci");
    host_file(root, REAL_DEV "/vendor", "0x8086\n");
    host_file(root, REAL_DEV "/device", "0x37c8\n");
    check_result(check_planned(root, &host, "vfio-pci"), "driver", FAIL,
                 "vfio-pci does not take the device, it is on the denylist of "
                 "vfio-pci: " PCI_DEV);
    check_result(check_planned(root, &host, "xe-vfio-pci"), "driver", PASS,
                 "will be bound to xe-vfio-pci");
    host_file(root, REAL_DEV "/sriov_numvfs", "2\n");
    check_result(check_planned(root, &host, "xe-vfio-pci"), "driver", FAIL,
                 "xe-vfio-pci does not take the device, 2 virtual functions "
                 "are enabled on it: " PCI_DEV);
    host_file(root, REAL_DEV "/class", "0x060400\n");
    check_result(check_planned(root, &host, "xe-vfio-pci"), "driver", FAIL,
                 "xe-vfio-pci does not take the device, it is a PCI bridge: "
                 PCI_DEV);
    /* One VFIO driver, of whatever name, can take the place of another */
    host_driver(root, REAL_DEV, "nvidia");
    host_dir(root, REAL_DEV "/vfio-dev/vfio3");
    check_result(check_planned(root, &host, "nvidia"), "driver", PASS,
                 "bound to nvidia (vfio3)");
    check_result(check_planned(root, &host, "xe-vfio-pci"), "driver", FAIL,
                 "xe-vfio-pci does not take the device, it is a PCI bridge: "
                 PCI_DEV);
    g_assert_true(iommufd_device_has_vfio_driver(iommufd_host_device(host,
                                                                PCI_DEV)));
    host_free(root);
}

static GPtrArray *check_again(const char *root, IOMMUFDHost **host,
                              const char *path)
{
    g_clear_pointer(host, iommufd_host_free);
    *host = iommufd_host_new(root);
    return iommufd_check_device(iommufd_host_device(*host, path));
}

static void test_kind(void)
{
    g_autoptr(IOMMUFDHost) host = NULL;
    char *root = host_new();

    host_dir(root, "sys/bus/fsl-mc/devices/dprc.2");
    check_result(check_again(root, &host, "/sys/bus/fsl-mc/devices/dprc.2"),
                 "device", FAIL,
                 "QEMU has no device with iommufd= for one of bus 'fsl-mc': "
                 "/sys/bus/fsl-mc/devices/dprc.2");
    host_file(root, MDEV "/mdev_type/device_api", "vfio-platform\n");
    check_result(check_again(root, &host, MDEV), "device", FAIL,
                 "QEMU has no device with iommufd= for a mediated device of "
                 "kind 'vfio-platform': " MDEV);
    host_file(root, MDEV "/mdev_type/device_api", "vfio-ccw\n");
    check_result(check_again(root, &host, MDEV), "device", PASS,
                 "device on bus mdev");
    host_free(root);
}

static void test_reset(void)
{
    g_autoptr(IOMMUFDHost) host = NULL;
    char *root = host_new();

    host_kernel(root, NULL);
    host_pci(root, BDF, "12");
    check_result(check_again(root, &host, PCI_DEV), "reset", WARN,
                 "the kernel knows no way to reset the device: " PCI_DEV
                 "/reset_method is missing or empty");
    host_file(root, REAL_DEV "/reset_method", "\n");
    check_result(check_again(root, &host, PCI_DEV), "reset", WARN,
                 "the kernel knows no way to reset the device: " PCI_DEV
                 "/reset_method is missing or empty");
    /* VFIO cannot reset a root bus, even if it has all of it */
    host_pci(root, "0000:00:05.1", "12");
    check_result(check_again(root, &host, PCI_DEV), "reset", WARN,
                 "the kernel knows no way to reset the device: " PCI_DEV
                 "/reset_method is missing or empty");
    host_file(root, REAL_DEV "/reset_method", "pm bus\n");
    check_result(check_again(root, &host, PCI_DEV), "reset", PASS,
                 "can be reset (pm bus)");
    host_free(root);
}

static GPtrArray *check_guest(const char *root, IOMMUFDHost **host, uid_t uid,
                              uint64_t memory)
{
    g_clear_pointer(host, iommufd_host_free);
    *host = iommufd_host_new(root);
    iommufd_host_assume_guest(*host, uid, memory);
    return iommufd_check_host(*host, true);
}

/* What this process may do does not count for the user that QEMU runs as */
static void test_guest_memory(void)
{
    const uint64_t gib = 1024 * 1024 * 1024ULL;
    g_autoptr(IOMMUFDHost) host = NULL;
    char *root = host_new();

    host_limit(root, "2147483648");
    host_status(root, "self", 0, "0", "000001ffffffffff");
    host_file(root, "proc/self/uid_map", "0 0 4294967295\n");
    host = iommufd_host_new(root);
    check_result(iommufd_check_host(host, true), "locked-memory", PASS,
                 geteuid() ? "no limit for user 65534 (CAP_IPC_LOCK)" :
                 "no limit for root (CAP_IPC_LOCK)");
    check_result(check_guest(root, &host, 107, 4 * gib), "locked-memory", FAIL,
                 "the limit of locked memory (RLIMIT_MEMLOCK) is 2 GiB for "
                 "user 107 without capabilities, and all 4 GiB of the guest's "
                 "memory are locked");
    check_result(check_guest(root, &host, 0, 3 * gib), "locked-memory",
                 FAIL, "the limit of locked memory (RLIMIT_MEMLOCK) is 2 GiB "
                 "for root without capabilities, and all 3 GiB of "
                 "the guest's memory are locked");
    /* it has a little more than that to map */
    check_result(check_guest(root, &host, 107, 2 * gib), "locked-memory", FAIL,
                 "the limit of locked memory (RLIMIT_MEMLOCK) is 2 GiB for "
                 "user 107 without capabilities, and all 2 GiB of the guest's "
                 "memory are locked");
    check_result(check_guest(root, &host, 107, gib), "locked-memory", PASS,
                 "user 107 may lock 2 GiB, and the guest has 1 GiB");
    check_result(check_guest(root, &host, 107, 0), "locked-memory", PASS,
                 "user 107 may lock 2 GiB");
    host_limit(root, "8388608");
    check_result(check_guest(root, &host, 107, 0), "locked-memory", WARN,
                 "the limit of locked memory (RLIMIT_MEMLOCK) is 8 MiB for "
                 "user 107 without capabilities");
    host_limit(root, "unlimited");
    check_result(check_guest(root, &host, 107, 4 * gib), "locked-memory", PASS,
                 "no limit for user 107");
    host_free(root);
}

int main(int argc, char **argv)
{
    /* All tests, and root, without whom some are skipped */
    bool all = geteuid() == 0;
    int result;

    for (int i = 1; i < argc; i++) {
        all = all && !g_str_equal(argv[i], "-p") && !g_str_equal(argv[i], "-s");
    }
    g_test_init(&argc, &argv, NULL);

    g_test_add_func("/iommufd-diag/names", test_names);
    g_test_add_func("/iommufd-diag/iommu/not-built", test_iommu_not_built);
    g_test_add_func("/iommufd-diag/iommu/config-gz", test_iommu_config_gz);
    g_test_add_func("/iommufd-diag/iommu/endless", test_endless);
    g_test_add_func("/iommufd-diag/iommu/modules-dep", test_iommu_modules_dep);
    g_test_add_func("/iommufd-diag/iommu/no-evidence", test_iommu_no_evidence);
    g_test_add_func("/iommufd-diag/iommu/node-missing",
                    test_iommu_node_missing);
    g_test_add_func("/iommufd-diag/iommu/wrong-node", test_iommu_wrong_node);
    g_test_add_func("/iommufd-diag/iommu/refused", test_iommu_refused);
    g_test_add_func("/iommufd-diag/iommu/mode", test_iommu_mode);
    g_test_add_func("/iommufd-diag/iommu/nodev", test_iommu_nodev);
    g_test_add_func("/iommufd-diag/fd/kind", test_fd);
    g_test_add_func("/iommufd-diag/fd/without-proc", test_fd_without_proc);
    g_test_add_func("/iommufd-diag/device/missing", test_device_missing);
    g_test_add_func("/iommufd-diag/device/not-a-device",
                    test_device_not_a_device);
    g_test_add_func("/iommufd-diag/device/no-iommu", test_device_no_iommu);
    g_test_add_func("/iommufd-diag/boot/grub", test_boot_grub);
    g_test_add_func("/iommufd-diag/boot/cmdline", test_boot_cmdline);
    g_test_add_func("/iommufd-diag/boot/keepers", test_boot_keepers);
    g_test_add_func("/iommufd-diag/boot/words", test_boot_words);
    g_test_add_func("/iommufd-diag/device/not-bound", test_device_not_bound);
    g_test_add_func("/iommufd-diag/device/bind-refused",
                    test_device_bind_refused);
    g_test_add_func("/iommufd-diag/device/host-driver",
                    test_device_host_driver);
    g_test_add_func("/iommufd-diag/device/no-vfio-dev",
                    test_device_no_vfio_dev);
    g_test_add_func("/iommufd-diag/device/no-cdev", test_device_no_cdev);
    g_test_add_func("/iommufd-diag/device/odd-attr", test_device_odd_attr);
    g_test_add_func("/iommufd-diag/device/node", test_device_node);
    g_test_add_func("/iommufd-diag/bind/fd", test_bind_fd);
    g_test_add_func("/iommufd-diag/bind/iommufd", test_bind_iommufd);
    g_test_add_func("/iommufd-diag/bind/busy", test_bind_busy);
    g_test_add_func("/iommufd-diag/bind/group-open", test_bind_group_open);
    g_test_add_func("/iommufd-diag/bind/permission", test_bind_permission);
    g_test_add_func("/iommufd-diag/bind/denied", test_bind_denied);
    g_test_add_func("/iommufd-diag/bind/open", test_bind_open);
    g_test_add_func("/iommufd-diag/attach", test_attach);
    g_test_add_func("/iommufd-diag/map/locked-memory", test_map_locked_memory);
    g_test_add_func("/iommufd-diag/map/pinned-before", test_map_pinned_before);
    g_test_add_func("/iommufd-diag/map/others", test_map_others);
    g_test_add_func("/iommufd-diag/map/out-of-memory", test_map_out_of_memory);
    g_test_add_func("/iommufd-diag/map/huge-pages", test_map_huge_pages);
    g_test_add_func("/iommufd-diag/map/odd-name", test_map_odd_name);
    g_test_add_func("/iommufd-diag/check/vfio-driver", test_vfio_driver);
    g_test_add_func("/iommufd-diag/check/plan", test_plan);
    g_test_add_func("/iommufd-diag/check/kind", test_kind);
    g_test_add_func("/iommufd-diag/check/reset", test_reset);
    g_test_add_func("/iommufd-diag/check/guest-memory", test_guest_memory);
    g_test_add_func("/iommufd-diag/map/address", test_map_address);
    g_test_add_func("/iommufd-diag/map/backing", test_map_backing);

    result = g_test_run();
    for (int i = 0; all && !result && i < IOMMUFD_CAUSE__MAX; i++) {
        if (!met[i]) {
            g_printerr("no test meets the cause %s\n", iommufd_cause_name(i));
            result = 1;
        }
    }
    return result;
}
