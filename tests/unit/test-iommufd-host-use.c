/*
 * Unit test: what the host uses a device for, and whether it does so now
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include "system/iommufd-diag.h"
#include "iommufd-host.h"

#define DEVICE "/sys/bus/pci/devices/0000:00:05.0"
#define REAL   "/sys/devices/pci0000:00/0000:00:05.0"

#define YES     IOMMUFD_SEEN_YES
#define NO      IOMMUFD_SEEN_NO
#define UNKNOWN IOMMUFD_SEEN_UNKNOWN

static char *root;

static void class(const char *class)
{
    host_file(root, REAL "/class", class);
}

static void begin(void)
{
    root = host_new();
    class("0x030000\n");
    host_file(root, REAL "/vendor", "0x8086\n");
    host_link(root, DEVICE, "../../../devices/pci0000:00/0000:00:05.0");
}

static void check(const char *expected, IOMMUFDSeen expected_in_use)
{
    IOMMUFDSeen in_use;
    g_autoptr(IOMMUFDHost) host = iommufd_host_new(root);
    g_autofree char *use =
        iommufd_device_use(iommufd_host_device(host, DEVICE), &in_use);

    g_assert_cmpstr(use, ==, expected);
    g_assert_cmpint(in_use, ==, expected_in_use);
}

/* A member of a class whose directory is at @path below /sys/devices */
static void add_member(const char *class, const char *name, const char *path)
{
    g_autofree char *link = g_build_filename("/sys", class, name, NULL);
    g_autofree char *target = g_build_filename("../../devices", path, NULL);
    g_autofree char *dir = g_build_filename("/sys/devices", path, NULL);

    host_dir(root, dir);
    host_link(root, link, target);
}

static void add_disk(const char *path, const char *devt)
{
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *attr = g_build_filename("/sys/devices", path, "dev",
                                             NULL);

    host_file(root, attr, devt);
    add_member("class/block", name, path);
}

#define PCI  "pci0000:00/0000:00:05.0"
#define VIRT "virtual/block/"

static void mounts(const char *text)
{
    host_file(root, "proc/self/mountinfo", text);
}

static void add_sda(void)
{
    add_disk(PCI "/ata1/block/sda", "8:0\n");
    add_disk(PCI "/ata1/block/sda/sda1", "8:1\n");
}

static void test_disk(void)
{
    begin();
    check(NULL, NO);
    add_sda();
    /* a pool, a volume group or another mount namespace may have it */
    check("is the host's disk sda, which may be in use", UNKNOWN);
    host_file(root, "proc/swaps", "Filename Type\n/dev/sda1 partition\n");
    check("holds the host's swap space (sda1)", YES);
    mounts("30 1 8:1 / /srv rw - ext4 /dev/sda1 rw\n");
    check("holds the host's file system /srv (sda1)", YES);
    /* a kernel without an initrd; the number tells */
    mounts("25 1 8:1 /data /srv rw - ext4 /dev/root rw\n"
           "30 1 8:1 / / rw shared:1 master:2 - ext4 /dev/root rw\n");
    check("holds the host's root file system (sda1)", YES);
    /* the mounts of another device, and lines that are none */
    mounts("30 1 8:16 / / rw - ext4 /dev/sdb rw\n30 1 8:1\n - - - - - - -\n\n");
    host_file(root, "proc/swaps", "Filename Type\n");
    check("is the host's disk sda, which may be in use", UNKNOWN);
    host_free(root);
}

/* A file system on a volume on an array on a partition; and the other way */
static void test_disk_holders(void)
{
    begin();
    add_sda();
    add_disk(VIRT "md0", "9:0\n");
    add_disk(VIRT "md0/md0p1", "259:7\n");
    add_disk(VIRT "dm-0", "253:0\n");
    host_link(root, "/sys/class/block/sda1/holders/md0", "../../md0");
    check("is the host's disk sda1, which is in use for md0", YES);
    host_link(root, "/sys/class/block/md0p1/holders/dm-0", "../../dm-0");
    /* a loop must end */
    host_link(root, "/sys/class/block/dm-0/holders/md0", "../../md0");
    mounts("30 1 253:0 / / rw - xfs /dev/mapper/vg-root rw\n");
    check("holds the host's root file system (sda1)", YES);
    /* known by nothing but a link to its node */
    mounts("30 1 0:30 / /home rw - btrfs /dev/mapper/home rw\n");
    host_file(root, "dev/dm-0", "");
    host_link(root, "dev/mapper/home", "../dm-0");
    check("holds the host's file system /home (sda1)", YES);
    host_free(root);

    begin();
    add_sda();
    host_link(root, "/sys/class/block/sda/bcache/set", "../x");
    check("is the host's disk sda, which is in use for bcache", YES);
    add_disk(VIRT "bcache0", "252:0\n");
    host_link(root, "/sys/class/block/sda/bcache/dev", "../../bcache0");
    mounts("30 1 252:0 / /srv rw - ext4 /dev/bcache0 rw\n");
    check("holds the host's file system /srv (sda)", YES);
    host_free(root);
}

static void test_disk_btrfs(void)
{
    begin();
    add_sda();
    add_disk("pci0000:00/0000:00:06.0/ata2/block/sdb", "8:16\n");
    host_dir(root, "/sys/fs/btrfs/features");
    host_dir(root, "/sys/fs/btrfs/UUID/devices/sda1");
    host_dir(root, "/sys/fs/btrfs/UUID/devices/sdb");
    check("holds the host's file system (sda1)", YES);
    mounts("30 1 0:30 /@ / rw - btrfs /dev/sdb rw\n");
    check("holds the host's root file system (sda1)", YES);
    host_free(root);
}

#define SUBSYSTEM "virtual/nvme-subsystem/nvme-subsys0"

/* The disk is the subsystem's, not the controller's */
static void test_disk_nvme(void)
{
    begin();
    host_dir(root, REAL "/nvme/nvme3/nvme0c3n1");
    add_disk(SUBSYSTEM "/nvme0n1", "259:0\n");
    check(NULL, NO);
    host_link(root, "/sys/devices/" SUBSYSTEM "/nvme3",
              "../../../pci0000:00/0000:00:05.0/nvme/nvme3");
    check("is the host's disk nvme0n1, which may be in use", UNKNOWN);
    add_disk(SUBSYSTEM "/nvme0n1/nvme0n1p2", "259:2\n");
    mounts("30 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw\n");
    check("holds the host's root file system (nvme0n1p2)", YES);
    host_free(root);
}

static void test_disk_exported(void)
{
    static const char namespace[] =
        "/sys/kernel/config/nvmet/subsystems/nqn.x/namespaces/1/";
    g_autofree char *path = g_strconcat(namespace, "device_path", NULL);
    g_autofree char *enable = g_strconcat(namespace, "enable", NULL);

    begin();
    add_sda();
    host_file(root, path, "/dev/disk/by-id/ata-1\n");
    host_file(root, "dev/sda", "");
    host_link(root, "dev/disk/by-id/ata-1", "../../sda");
    host_file(root, enable, "0\n");
    check("is the host's disk sda, which may be in use", UNKNOWN);
    host_file(root, enable, "1\n");
    check("is the host's disk sda, which NVMe subsystem nqn.x exports", YES);
    host_free(root);

    /* All of a controller */
    begin();
    host_dir(root, REAL "/nvme/nvme0");
    host_file(root, "/sys/kernel/config/nvmet/subsystems/nqn.y/passthru/"
              "device_path", "/dev/nvme0\n");
    host_file(root, "/sys/kernel/config/nvmet/subsystems/nqn.y/passthru/"
              "enable", "1\n");
    check("is exported by NVMe subsystem nqn.y", YES);
    host_free(root);

    /* configfs may be somewhere else */
    begin();
    host_dir(root, "sys/module/nvmet");
    check("may be in use by the host in a way that cannot be seen", UNKNOWN);
    host_dir(root, "sys/kernel/config/nvmet/subsystems");
    check(NULL, NO);
    host_dir(root, "sys/module/rnbd_server");
    check("may be in use by the host in a way that cannot be seen", UNKNOWN);
    host_free(root);
}

/* Many arrays that hold each other, which no sane host has */
static void test_disk_endless(void)
{
    begin();
    add_sda();
    for (int i = 0; i < 600; i++) {
        g_autofree char *name = g_strdup_printf("dm-%d", i);
        g_autofree char *link = g_strconcat("sys/class/block/", name, NULL);
        g_autofree char *holder = g_strconcat("sys/devices/virtual/block/x/"
                                              "holders/", name, NULL);

        host_link(root, link, "../../devices/virtual/block/x");
        host_link(root, holder, "x");
    }
    host_link(root, REAL "/ata1/block/sda/holders", "../../../../../virtual/"
              "block/x/holders");
    check("is the host's disk sda, which is in use for dm-0", YES);
    host_free(root);
}

static void test_network(void)
{
    begin();
    add_member("class/net", "eth0", PCI "/net/eth0");
    check("is the host's network interface eth0, which may be in use",
          UNKNOWN);
    host_file(root, REAL "/net/eth0/operstate", "down\n");
    check("is the host's network interface eth0, which is down", NO);
    host_file(root, REAL "/net/eth0/flags", "0x1002\n");
    check("is the host's network interface eth0, which is down", NO);
    host_file(root, REAL "/net/eth0/flags", "0x1003\n");
    check("is the host's network interface eth0, which is enabled, but has no "
          "link", YES);
    host_file(root, REAL "/net/eth0/operstate", "up\n");
    check("is the host's network interface eth0, which is up", YES);
    host_file(root, REAL "/net/eth0/operstate", "down\n");
    host_file(root, REAL "/net/eth0/flags", "0x1002\n");
    host_link(root, REAL "/net/eth0/upper_bond7", "../../bond7");
    check("is the host's network interface eth0, which is part of bond7", YES);
    host_link(root, REAL "/net/eth0/master", "../../br0");
    check("is the host's network interface eth0, which is part of br0", YES);
    host_free(root);

    /* One of two is idle */
    begin();
    add_member("class/net", "eth0", PCI "/net/eth0");
    host_file(root, REAL "/net/eth0/operstate", "down\n");
    add_member("class/net", "eth1", PCI "/net/eth1");
    host_file(root, REAL "/net/eth1/operstate", "up\n");
    check("is the host's network interface eth1, which is up", YES);
    host_free(root);
}

static void test_network_elsewhere(void)
{
    begin();
    class("0x020000\n");
    check(NULL, NO);
    host_link(root, REAL "/driver", "../../../bus/pci/drivers/e1000e");
    check("is the host's network card, whose interfaces cannot be seen; they "
          "may be in another network namespace", UNKNOWN);
    host_link(root, REAL "/driver", "../../../bus/pci/drivers/pci-stub");
    check(NULL, NO);
    /* One of two ports can be in another one */
    add_member("class/net", "eth0", PCI "/net/eth0");
    host_file(root, REAL "/net/eth0/operstate", "down\n");
    host_link(root, REAL "/driver", "../../../bus/pci/drivers/e1000e");
    check("is the host's network interface eth0, which is down", NO);
    host_link(root, REAL "/driver", "../../../bus/pci/drivers/mlx4_core");
    check("is the host's network card, whose other interfaces cannot be seen; "
          "they may be in another network namespace", UNKNOWN);
    host_free(root);
}

static void sees_all_processes(void)
{
    host_link(root, "proc/self", "7");
    host_link(root, "proc/7/ns/pid", "pid:[4026531836]");
}

static void test_character_device(void)
{
    begin();
    host_link(root, REAL "/driver", "../../../bus/pci/drivers/amdgpu");
    add_member("dev/char", "1:3", PCI "/drm/card0");
    check("may be in use: which processes have card0 open cannot be seen",
          UNKNOWN);
    sees_all_processes();
    check("has card0, which no process has open", NO);
    host_link(root, "proc/9/fd/4", "/dev/null");
    host_file(root, "proc/9/comm", "Xorg\n");
    check("is in use, process 9 (Xorg) has card0 open", YES);
    /* whatever the node is called in a container */
    host_link(root, "proc/9/fd/4", "../../../data/gpu");
    host_link(root, "data/gpu", "/dev/null");
    check("is in use, process 9 (Xorg) has card0 open", YES);
    /* What another device has, or VFIO, does not count */
    add_member("dev/char", "1:3", "pci0000:00/0000:00:05.01/drm/card0");
    check("may be in use by the host in a way that cannot be seen", UNKNOWN);
    add_member("dev/char", "1:3", PCI "/vfio-dev/vfio0");
    check(NULL, NO);
    host_free(root);
}

/* Memory of the host, and InfiniBand, do more than their nodes tell */
static void test_character_device_beside(void)
{
    static const char *const classes[] = { "0x050210\n", "0x0c0400\n",
                                           "0x078000\n", "0x020700\n" };

    begin();
    sees_all_processes();
    host_link(root, REAL "/driver", "../../../bus/pci/drivers/cxl_pci");
    add_member("dev/char", "1:3", PCI "/mem0");
    check("has mem0, which no process has open", NO);
    add_member("class/net", "ib0", PCI "/net/ib0");
    host_file(root, REAL "/net/ib0/operstate", "down\n");
    for (size_t i = 0; i < G_N_ELEMENTS(classes); i++) {
        class(classes[i]);
        check("may be in use by the host in a way that cannot be seen",
              UNKNOWN);
    }
    host_free(root);
}

static void test_console(void)
{
    begin();
    sees_all_processes();
    host_link(root, REAL "/driver", "../../../bus/pci/drivers/serial");
    add_member("dev/char", "4:68", PCI "/tty/ttyS4");
    host_file(root, "proc/consoles", "tty0  -WU (EC p  )  4:1\n"
              "ttyS40  -W- (E  p  )  4:680\n");
    check("has ttyS4, which no process has open", NO);
    host_file(root, "proc/consoles", "tty0  -WU (EC p  )  4:1\n"
              "ttyS4  -W- (E  p  )  4:68\n");
    check("is the host's console (ttyS4)", YES);
    host_free(root);
}

static void test_keyboard(void)
{
    begin();
    sees_all_processes();
    host_link(root, REAL "/driver", "../../../bus/pci/drivers/xhci_hcd");
    add_member("dev/char", "189:0", PCI "/usb1");
    check("has usb1, which no process has open", NO);
    add_member("dev/char", "13:64", PCI "/usb1/1-1/input/input3/event0");
    check("may be in use: USB device 1-1 is connected to it", UNKNOWN);
    host_free(root);
}

/* These nodes are there for whatever the kernel itself does with the disks */
static void test_hba(void)
{
    begin();
    sees_all_processes();
    host_link(root, REAL "/driver", "../../../bus/pci/drivers/mpt3sas");
    add_member("dev/char", "1:3", PCI "/host0/bsg/sas_host0");
    check("may be in use by the host in a way that cannot be seen", UNKNOWN);
    host_link(root, "proc/9/fd/4", "/dev/null");
    host_file(root, "proc/9/comm", "smartd\n");
    check("is in use, process 9 (smartd) has sas_host0 open", YES);
    host_free(root);
}

static void test_parent(void)
{
    begin();
    sees_all_processes();
    host_link(root, REAL "/driver", "../../../bus/pci/drivers/i915");
    add_member("dev/char", "1:3", PCI "/drm/card0");
    host_dir(root, REAL "/11111111-2222-3333-4444-555555555555");
    check("is the parent of mediated device "
          "11111111-2222-3333-4444-555555555555", YES);
    host_free(root);
}

/* Any block device of this machine, as the number in sysfs; NULL if none is */
static char *some_block_device(char **node)
{
    g_autoptr(GDir) dir = g_dir_open("/dev", 0, NULL);
    const char *name;
    struct stat st;

    while (dir && (name = g_dir_read_name(dir))) {
        *node = g_build_filename("/dev", name, NULL);
        if (!lstat(*node, &st) && S_ISBLK(st.st_mode)) {
            return g_strdup_printf("%u:%u\n", major(st.st_rdev),
                                   minor(st.st_rdev));
        }
        g_clear_pointer(node, g_free);
    }
    return NULL;
}

/* The kernel gives it to others, too, but it is not idle */
static void test_disk_open(void)
{
    g_autofree char *node = NULL;
    g_autofree char *devt = some_block_device(&node);

    if (!devt) {
        g_test_skip("needs a block device in /dev");
        return;
    }
    begin();
    sees_all_processes();
    add_disk(PCI "/ata1/sda", devt);
    check("is the host's disk sda, which may be in use", UNKNOWN);
    host_link(root, "proc/9/fd/4", node);
    host_file(root, "proc/9/comm", "qemu\n");
    check("is the host's disk sda, which process 9 (qemu) has open", YES);
    host_free(root);

    begin();
    add_disk(PCI "/ata1/sda", "8:0\n");
    add_disk(VIRT "loop0", "7:0\n");
    host_file(root, "/sys/devices/" VIRT "loop0/loop/backing_file",
              "/dev/sda\n");
    check("is the host's disk sda, which is in use for loop0", YES);
    host_free(root);
}

#define NVIDIA "proc/driver/nvidia/gpus/0000:00:05.0/information"

static void test_nvidia(void)
{
    begin();
    sees_all_processes();
    host_link(root, REAL "/driver", "../../../bus/pci/drivers/nvidia");
    add_member("dev/char", "89:1", PCI "/i2c-1");
    check("may be in use: which device node it has cannot be seen", UNKNOWN);
    host_file(root, NVIDIA, "Model: \t\t H100\nDevice Minor: \t 2\n");
    check("has i2c-1, which no process has open", NO);
    host_free(root);
}

static void test_display(void)
{
    begin();
    host_file(root, REAL "/boot_vga", "0\n");
    check(NULL, NO);
    host_file(root, REAL "/boot_vga", "1\n");
    check("is the display that the host booted with", YES);
    host_file(root, REAL "/boot_vga", "0\n");
    add_member("class/drm", "card1-DP-1", PCI "/drm/card1/card1-DP-1");
    host_file(root, REAL "/drm/card1/card1-DP-1/enabled", "disabled\n");
    add_member("class/drm", "renderD128", PCI "/drm/renderD128");
    check(NULL, NO);
    add_member("class/drm", "card1-HDMI-A-1", PCI "/drm/card1/card1-HDMI-A-1");
    host_file(root, REAL "/drm/card1/card1-HDMI-A-1/enabled", "enabled\n");
    check("is a display of the host, card1-HDMI-A-1 is on", YES);
    host_free(root);

    /* What firmware has set up and the kernel took over */
    begin();
    add_member("class/drm", "card0-Unknown-1", PCI "/simple-framebuffer.0/drm/"
               "card0/card0-Unknown-1");
    host_file(root, REAL "/simple-framebuffer.0/drm/card0/card0-Unknown-1/"
              "enabled", "enabled\n");
    check("is a display of the host, card0-Unknown-1 is on", YES);
    host_free(root);
}

static void test_bridge(void)
{
    begin();
    host_file(root, REAL "/class", "0x060400\n");
    check("is a bridge of the host", YES);
    host_file(root, REAL "/class", "0x060700\n");
    check("is a bridge of the host", YES);
    /* such as a switch between GPUs, which can be assigned */
    host_file(root, REAL "/class", "0x068000\n");
    check(NULL, NO);
    host_free(root);
}

static void test_virtual_functions(void)
{
    begin();
    host_file(root, REAL "/sriov_numvfs", "0\n");
    check(NULL, NO);
    host_file(root, REAL "/sriov_numvfs", "4\n");
    check("is in use by its 4 virtual functions", YES);
    host_free(root);
}

/* Drivers show what they do in many ways, and this one in none of these */
static void test_driver(void)
{
    begin();
    host_link(root, REAL "/driver", "../../../bus/pci/drivers/ioatdma");
    check("may be in use by the host in a way that cannot be seen", UNKNOWN);
    host_link(root, REAL "/driver", "../../../bus/pci/drivers/vfio-pci");
    check(NULL, NO);
    host_free(root);
}

static void test_missing(void)
{
    root = host_new();
    check("may be in use by the host in a way that cannot be seen", UNKNOWN);
    host_free(root);
}

/*
 * Asking the kernel
 */

/* The made-up host as "/", in a process of its own */
static void check_asked(const char *expected, IOMMUFDSeen expected_in_use)
{
    pid_t pid = fork();
    int status;

    if (!pid) {
        g_autoptr(IOMMUFDHost) host = iommufd_host_new("/");
        g_autofree char *use = NULL;
        IOMMUFDSeen in_use;

        if (chroot(root) || chdir("/")) {
            _exit(1);
        }
        iommufd_host_ask_kernel(host);
        use = iommufd_device_use(iommufd_host_device(host, DEVICE), &in_use);
        if (g_strcmp0(use, expected) || in_use != expected_in_use) {
            fprintf(stderr, "# %s\n", use);
            _exit(2);
        }
        _exit(0);
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_cmpint(status, ==, 0);
}

/* A disk of this machine that nobody has, at major 7; -1 without one */
static int add_loop(char **node, dev_t *devt)
{
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    g_autofree char *file = host_path(root, "image");
    int image = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int n = ioctl(control, LOOP_CTL_GET_FREE);
    struct stat st;
    int loop;

    *node = g_strdup_printf("/dev/loop%d", n);
    loop = n < 0 ? -1 : open(*node, O_RDWR | O_CLOEXEC);
    if (ftruncate(image, 1024 * 1024) ||
        (loop >= 0 && (ioctl(loop, LOOP_SET_FD, image) || fstat(loop, &st)))) {
        close(loop);
        loop = -1;
    }
    if (loop >= 0) {
        *devt = st.st_rdev;
    }
    close(image);
    close(control);
    return loop;
}

static bool is_nodev(const char *path)
{
    struct statvfs vfs;

    return statvfs(path, &vfs) || (vfs.f_flag & ST_NODEV);
}

static void test_ask(void)
{
    g_autofree char *node = NULL;
    g_autofree char *own = NULL;
    g_autofree char *text = NULL;
    int loop, holder;
    dev_t devt;

    begin();
    own = host_path(root, "dev/sda");
    if (geteuid() || mknod(own, S_IFBLK | 0600, makedev(7, 9999)) ||
        unlink(own)) {
        g_test_skip("a disk of a made-up host needs root (CAP_MKNOD)");
        host_free(root);
        return;
    }
    add_disk(PCI "/ata1/block/sda", "7:9999\n");
    /* Only a root of "/" is asked of */
    check("is the host's disk sda, which may be in use", UNKNOWN);
    check_asked("is the host's disk sda, which may be in use (it cannot be "
                "opened: No such file or directory)", UNKNOWN);
    g_assert_cmpint(mknod(own, S_IFBLK | 0600, makedev(7, 9998)), ==, 0);
    check_asked("is the host's disk sda, which may be in use (it cannot be "
                "opened: No such device)", UNKNOWN);
    unlink(own);
    host_link(root, "dev/sda", "/dev/sda");
    check_asked("is the host's disk sda, which may be in use (it cannot be "
                "opened: Too many levels of symbolic links)", UNKNOWN);
    unlink(own);

    loop = add_loop(&node, &devt);
    if (loop >= 0) {
        text = g_strdup_printf("%u:%u\n", major(devt), minor(devt));
        add_disk(PCI "/ata1/block/sda", text);
        g_assert_cmpint(mknod(own, S_IFBLK | 0600, devt), ==, 0);
    }
    /* not on a file system that is mounted nodev */
    if (loop >= 0 && !is_nodev(root)) {
        check_asked("is the host's disk sda, which may be in use: which "
                    "processes have it open cannot be seen", UNKNOWN);
        sees_all_processes();
        check_asked("is the host's disk sda", NO);
        holder = open(node, O_RDONLY | O_EXCL | O_CLOEXEC);
        g_assert_cmpint(holder, >=, 0);
        check_asked("is in use as the host's disk sda, as the kernel says",
                    YES);
        close(holder);
    }
    if (loop >= 0) {
        ioctl(loop, LOOP_CLR_FD);
        close(loop);
    }
    host_free(root);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    g_test_add_func("/iommufd-host-use/disk", test_disk);
    g_test_add_func("/iommufd-host-use/disk/holders", test_disk_holders);
    g_test_add_func("/iommufd-host-use/disk/btrfs", test_disk_btrfs);
    g_test_add_func("/iommufd-host-use/disk/nvme", test_disk_nvme);
    g_test_add_func("/iommufd-host-use/disk/exported", test_disk_exported);
    g_test_add_func("/iommufd-host-use/disk/endless", test_disk_endless);
    g_test_add_func("/iommufd-host-use/disk/ask", test_ask);
    g_test_add_func("/iommufd-host-use/disk/open", test_disk_open);
    g_test_add_func("/iommufd-host-use/hba", test_hba);
    g_test_add_func("/iommufd-host-use/parent", test_parent);
    g_test_add_func("/iommufd-host-use/network", test_network);
    g_test_add_func("/iommufd-host-use/network/elsewhere",
                    test_network_elsewhere);
    g_test_add_func("/iommufd-host-use/character-device",
                    test_character_device);
    g_test_add_func("/iommufd-host-use/character-device/beside",
                    test_character_device_beside);
    g_test_add_func("/iommufd-host-use/console", test_console);
    g_test_add_func("/iommufd-host-use/keyboard", test_keyboard);
    g_test_add_func("/iommufd-host-use/nvidia", test_nvidia);
    g_test_add_func("/iommufd-host-use/display", test_display);
    g_test_add_func("/iommufd-host-use/bridge", test_bridge);
    g_test_add_func("/iommufd-host-use/virtual-functions",
                    test_virtual_functions);
    g_test_add_func("/iommufd-host-use/driver", test_driver);
    g_test_add_func("/iommufd-host-use/missing", test_missing);

    return g_test_run();
}
