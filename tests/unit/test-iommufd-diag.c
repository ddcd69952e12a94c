/*
 * Unit tests for the IOMMUFD diagnosis, on made-up hosts
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/sysmacros.h>
#include <zlib.h>
#include "system/iommufd-diag.h"

#define RELEASE  "6.12.95"
#define PCI_DEV  "/sys/bus/pci/devices/0000:00:05.0"
#define NOBODY   65534

/*
 * A host is a directory.  Device nodes in it are links to nodes that every
 * machine has, so that the tests need no rights: /dev/null is 1:3.
 */
static char *host_new(void)
{
    char *root = g_dir_make_tmp("iommufd-diag-XXXXXX", NULL);

    g_assert_nonnull(root);
    g_assert_cmpint(chmod(root, 0755), ==, 0);
    return root;
}

static void host_free(char *root)
{
    const char *argv[] = { "rm", "-rf", root, NULL };

    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL,
                 NULL, NULL, NULL, NULL);
    g_free(root);
}

static char *host_path(const char *root, const char *path)
{
    char *full = g_build_filename(root, path, NULL);
    g_autofree char *dir = g_path_get_dirname(full);

    g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
    return full;
}

static void host_dir(const char *root, const char *path)
{
    g_autofree char *full = host_path(root, path);

    g_assert_cmpint(mkdir(full, 0755), ==, 0);
}

static void host_file(const char *root, const char *path, const char *text)
{
    g_autofree char *full = host_path(root, path);

    g_assert_true(g_file_set_contents(full, text, -1, NULL));
}

static void host_link(const char *root, const char *path, const char *target)
{
    g_autofree char *full = host_path(root, path);

    g_assert_cmpint(symlink(target, full), ==, 0);
}

static void host_kernel(const char *root, const char *config)
{
    host_file(root, "proc/sys/kernel/osrelease", RELEASE "\n");
    if (config) {
        host_file(root, "boot/config-" RELEASE, config);
    }
}

/* A device bound to vfio-pci, with the kernel's number of its node */
static void host_vfio_device(const char *root, const char *devt)
{
    host_link(root, PCI_DEV "/driver", "../../../../bus/pci/drivers/vfio-pci");
    host_file(root, PCI_DEV "/vfio-dev/vfio7/dev", devt);
}

static void check(IOMMUFDFinding *finding, IOMMUFDCause cause,
                  const char *message, const char *remedy)
{
    g_autoptr(IOMMUFDFinding) f = finding;

    g_assert_cmpstr(f->message, ==, message);
    g_assert_cmpstr(iommufd_cause_name(f->cause), ==,
                    iommufd_cause_name(cause));
    if (remedy) {
        g_assert_nonnull(f->remedy);
        g_assert_nonnull(strstr(f->remedy, remedy));
        g_assert_true(g_str_has_suffix(f->remedy, "\n"));
    }
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
    check(iommufd_diag_iommu_open(root, ENOENT),
          IOMMUFD_CAUSE_KERNEL_WITHOUT_IOMMUFD,
          "/dev/iommu does not exist, Linux " RELEASE " is built without "
          "CONFIG_IOMMUFD: No such file or directory", "CONFIG_IOMMUFD");
    check(iommufd_diag_iommu_open(root, ENODEV),
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
    check(iommufd_diag_iommu_open(root, ENOENT),
          IOMMUFD_CAUSE_MODULE_NOT_LOADED,
          "/dev/iommu does not exist, the iommufd module (CONFIG_IOMMUFD=m) "
          "is not loaded: No such file or directory", "modprobe iommufd");
    host_free(root);
}

static void test_iommu_modules_dep(void)
{
    char *root = host_new();

    host_kernel(root, NULL);
    host_file(root, "usr/lib/modules/" RELEASE "/modules.dep",
              "kernel/drivers/vfio/vfio.ko: kernel/x/iommufd.ko\n"
              "kernel/drivers/iommu/iommufd/iommufd.ko.xz:\n");
    check(iommufd_diag_iommu_open(root, ENOENT),
          IOMMUFD_CAUSE_MODULE_NOT_LOADED,
          "/dev/iommu does not exist, the iommufd module (CONFIG_IOMMUFD=m) "
          "is not loaded: No such file or directory", "modprobe iommufd");
    host_free(root);
}

static void test_iommu_no_evidence(void)
{
    char *root = host_new();

    /* Without a configuration to read, nothing is stated as a fact */
    check(iommufd_diag_iommu_open(root, ENOENT), IOMMUFD_CAUSE_UNKNOWN,
          "/dev/iommu does not exist, the kernel probably lacks "
          "CONFIG_IOMMUFD: No such file or directory", "modprobe iommufd");
    host_kernel(root, "CONFIG_IOMMUFD=y\n");
    check(iommufd_diag_iommu_open(root, ENOENT), IOMMUFD_CAUSE_UNKNOWN,
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

    host_file(root, "proc/misc", "257 kvm\n126 iommu\n");
    check(iommufd_diag_iommu_open(root, ENOENT), IOMMUFD_CAUSE_NODE_MISSING,
          message, "--device /dev/iommu");
    host_file(root, "sys/class/misc/iommu/dev", "10:126\n");
    check(iommufd_diag_iommu_open(root, ENOENT), IOMMUFD_CAUSE_NODE_MISSING,
          message, "--device /dev/iommu");
    host_free(root);
}

static void test_iommu_wrong_node(void)
{
    char *root = host_new();

    host_file(root, "sys/class/misc/iommu/dev", "10:126\n");
    host_link(root, "dev/iommu", "/dev/null");
    check(iommufd_diag_iommu_open(root, ENODEV), IOMMUFD_CAUSE_NODE_STALE,
          "/dev/iommu is a stale node: it is character device 1:3, the kernel "
          "has the device as 10:126: No such device", "c 10 126");
    host_free(root);

    root = host_new();
    host_dir(root, "dev/iommu");
    check(iommufd_diag_iommu_open(root, EISDIR), IOMMUFD_CAUSE_NODE_WRONG_TYPE,
          "/dev/iommu is a directory, not a character device: Is a directory",
          "container");
    host_free(root);
}

static void test_iommu_refused(void)
{
    char *root = host_new();

    host_link(root, "dev/iommu", "/dev/null");
    check(iommufd_diag_iommu_open(root, EPERM), IOMMUFD_CAUSE_NODE_DENIED,
          "/dev/iommu is probably refused by the device cgroup (character "
          "device 1:3): Operation not permitted", "DeviceAllow");
    check(iommufd_diag_iommu_open(root, EMFILE), IOMMUFD_CAUSE_FD_LIMIT,
          "/dev/iommu cannot be opened, no more files can be open: Too many "
          "open files", "ulimit -n");
    check(iommufd_diag_iommu_open(root, EIO), IOMMUFD_CAUSE_UNKNOWN,
          "/dev/iommu cannot be opened: Input/output error", NULL);
    /* Everybody may read and write /dev/null: not the mode, then */
    check(iommufd_diag_iommu_open(root, EACCES), IOMMUFD_CAUSE_NODE_DENIED,
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
    check(iommufd_diag_iommu_open(root, EACCES), IOMMUFD_CAUSE_NODE_PERMISSION,
          "/dev/iommu has owner 0:0 and mode 0600, which does not let user "
          "65534 (group 65534) read and write it: Permission denied", "udev");
    g_assert_cmpint(seteuid(0), ==, 0);
    g_assert_cmpint(setegid(0), ==, 0);
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
    check(iommufd_diag_iommu_fd("/", closed, true, EBADF),
          IOMMUFD_CAUSE_FD_CLOSED, message, "O_CLOEXEC");

    g_free(message);
    message = g_strdup_printf("fd %d is /dev/null, not an iommufd: "
                              "Inappropriate ioctl for device", fd);
    check(iommufd_diag_iommu_fd("/", fd, true, ENOTTY),
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

    check(iommufd_diag_iommu_fd(root, fd, true, ENOTTY),
          IOMMUFD_CAUSE_FD_WRONG_KIND, message, NULL);
    close(fd);
    host_free(root);
}

/*
 * From a device to its node
 */

static void test_device_missing(void)
{
    char *root = host_new();

    check(iommufd_diag_device_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_DEVICE_MISSING,
          "no such host device: " PCI_DEV ": No such file or directory", NULL);
    host_free(root);
}

static void test_device_not_bound(void)
{
    char *root = host_new();

    host_file(root, PCI_DEV "/vendor", "0x1234\n");
    check(iommufd_diag_device_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_DEVICE_NOT_BOUND,
          "device is not bound to a VFIO driver, nor to any other: "
          PCI_DEV "/vfio-dev: No such file or directory",
          "driverctl set-override 0000:00:05.0 vfio-pci");
    host_link(root, PCI_DEV "/driver", "../../../../bus/pci/drivers/nvme");
    check(iommufd_diag_device_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_DRIVER_NOT_VFIO,
          "device is bound to host driver 'nvme', not to a VFIO driver: "
          PCI_DEV "/vfio-dev: No such file or directory",
          "driverctl set-override 0000:00:05.0 vfio-pci");
    host_free(root);
}

static void test_device_no_vfio_dev(void)
{
    char *root = host_new();

    host_link(root, PCI_DEV "/driver", "../../../../bus/pci/drivers/vfio-pci");
    check(iommufd_diag_device_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_KERNEL_WITHOUT_CDEV,
          "this kernel's VFIO has no device nodes: " PCI_DEV "/vfio-dev: "
          "No such file or directory", "6.6");
    host_dir(root, "sys/class/vfio-dev");
    check(iommufd_diag_device_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_DRIVER_WITHOUT_VFIO_DEV,
          "driver 'vfio-pci' has no VFIO device for it, it is probably being "
          "unbound: " PCI_DEV "/vfio-dev: No such file or directory", NULL);
    host_dir(root, PCI_DEV "/vfio-dev");
    check(iommufd_diag_device_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_VFIO_DEV_EMPTY,
          "the device's driver has registered no VFIO device: "
          PCI_DEV "/vfio-dev: No such file or directory", NULL);
    host_free(root);
}

static void test_device_no_cdev(void)
{
    char *root = host_new();

    host_dir(root, PCI_DEV "/vfio-dev/vfio7");
    check(iommufd_diag_device_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_KERNEL_WITHOUT_CDEV,
          "the kernel probably lacks CONFIG_VFIO_DEVICE_CDEV: "
          PCI_DEV "/vfio-dev/vfio7/dev: No such file or directory",
          "CONFIG_VFIO_DEVICE_CDEV");
    host_kernel(root, "CONFIG_IOMMUFD=y\n");
    check(iommufd_diag_device_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_KERNEL_WITHOUT_CDEV,
          "Linux " RELEASE " is built without CONFIG_VFIO_DEVICE_CDEV: "
          PCI_DEV "/vfio-dev/vfio7/dev: No such file or directory",
          "CONFIG_VFIO_DEVICE_CDEV");
    host_kernel(root, "CONFIG_VFIO=y\n");
    check(iommufd_diag_device_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_KERNEL_WITHOUT_CDEV,
          "Linux " RELEASE " is built without CONFIG_IOMMUFD, which VFIO "
          "device nodes need: " PCI_DEV "/vfio-dev/vfio7/dev: No such file "
          "or directory", "CONFIG_IOMMUFD");
    host_file(root, PCI_DEV "/iommu_group/name", "vfio-noiommu\n");
    check(iommufd_diag_device_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_NOIOMMU,
          "device is in VFIO no-IOMMU mode, which iommufd cannot use: "
          PCI_DEV "/vfio-dev/vfio7/dev: No such file or directory", "IOMMU");
    host_free(root);
}

static void test_device_odd_attr(void)
{
    char *root = host_new();
    g_autofree char *fifo = host_path(root, PCI_DEV "/vfio-dev/vfio7/dev");
    g_autofree char *text = g_strnfill(1024 * 1024, 'x');

    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    check(iommufd_diag_device_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_SYSFS_UNREADABLE,
          "cannot read " PCI_DEV "/vfio-dev/vfio7/dev: Invalid argument", NULL);
    g_assert_cmpint(unlink(fifo), ==, 0);

    host_link(root, PCI_DEV "/vfio-dev/vfio7/dev", "dev");
    check(iommufd_diag_device_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_SYSFS_UNREADABLE,
          "cannot read " PCI_DEV "/vfio-dev/vfio7/dev: Too many levels of "
          "symbolic links", NULL);
    g_assert_cmpint(unlink(fifo), ==, 0);

    host_file(root, PCI_DEV "/vfio-dev/vfio7/dev", "a\nb\377");
    check(iommufd_diag_device_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_SYSFS_MALFORMED,
          PCI_DEV "/vfio-dev/vfio7/dev contains 'a\\nb\\377', not "
          "MAJOR:MINOR: Invalid argument", NULL);

    host_file(root, PCI_DEV "/vfio-dev/vfio7/dev", text);
    text[32] = '\0';
    {
        g_autofree char *message =
            g_strdup_printf(PCI_DEV "/vfio-dev/vfio7/dev contains '%s', not "
                            "MAJOR:MINOR: Invalid argument", text);

        check(iommufd_diag_device_node(root, PCI_DEV, ENOENT),
              IOMMUFD_CAUSE_SYSFS_MALFORMED, message, NULL);
    }
    host_free(root);
}

static void test_device_node(void)
{
    char *root = host_new();

    host_vfio_device(root, "511:7\n");
    check(iommufd_diag_device_node(root, PCI_DEV, ENOENT),
          IOMMUFD_CAUSE_NODE_MISSING,
          "/dev/vfio/devices/vfio7 does not exist here, but the kernel "
          "provides it as character device 511:7: No such file or directory",
          "--device /dev/vfio/devices/vfio7");
    host_link(root, "dev/vfio/devices/vfio7", "/dev/null");
    check(iommufd_diag_device_node(root, PCI_DEV, ENODEV),
          IOMMUFD_CAUSE_NODE_STALE,
          "/dev/vfio/devices/vfio7 is a stale node: it is character device "
          "1:3, the kernel has the device as 511:7: No such device",
          "c 511 7");
    host_file(root, PCI_DEV "/vfio-dev/vfio7/dev", "1:3\n");
    check(iommufd_diag_device_node(root, PCI_DEV, ENXIO),
          IOMMUFD_CAUSE_NODE_UNREADY,
          "/dev/vfio/devices/vfio7 has no device behind it (character device "
          "1:3): No such device or address", NULL);
    check(iommufd_diag_device_node(root, PCI_DEV, EIO), IOMMUFD_CAUSE_UNKNOWN,
          "/dev/vfio/devices/vfio7 cannot be opened: Input/output error", NULL);
    host_free(root);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    g_test_add_func("/iommufd-diag/names", test_names);
    g_test_add_func("/iommufd-diag/iommu/not-built", test_iommu_not_built);
    g_test_add_func("/iommufd-diag/iommu/config-gz", test_iommu_config_gz);
    g_test_add_func("/iommufd-diag/iommu/modules-dep", test_iommu_modules_dep);
    g_test_add_func("/iommufd-diag/iommu/no-evidence", test_iommu_no_evidence);
    g_test_add_func("/iommufd-diag/iommu/node-missing",
                    test_iommu_node_missing);
    g_test_add_func("/iommufd-diag/iommu/wrong-node", test_iommu_wrong_node);
    g_test_add_func("/iommufd-diag/iommu/refused", test_iommu_refused);
    g_test_add_func("/iommufd-diag/iommu/mode", test_iommu_mode);
    g_test_add_func("/iommufd-diag/fd/kind", test_fd);
    g_test_add_func("/iommufd-diag/fd/without-proc", test_fd_without_proc);
    g_test_add_func("/iommufd-diag/device/missing", test_device_missing);
    g_test_add_func("/iommufd-diag/device/not-bound", test_device_not_bound);
    g_test_add_func("/iommufd-diag/device/no-vfio-dev",
                    test_device_no_vfio_dev);
    g_test_add_func("/iommufd-diag/device/no-cdev", test_device_no_cdev);
    g_test_add_func("/iommufd-diag/device/odd-attr", test_device_odd_attr);
    g_test_add_func("/iommufd-diag/device/node", test_device_node);

    return g_test_run();
}
