/*
 * Fuzzing the IOMMUFD diagnosis with made-up hosts
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <ftw.h>
#include "system/iommufd-diag.h"
#include "fuzz.h"

#define DEVICE "sys/bus/pci/devices/0000:00:05.0"

/*
 * An input is a list of entries: one byte for the place, one for the kind,
 * one for the length, and the content.  The last three bytes are an errno,
 * a stage, and flags.
 */

static const char *const places[] = {
    "dev/iommu",
    "dev/vfio/devices/vfio7",
    "proc/1/comm",
    "proc/1/fd/9",
    "proc/1/status",
    "proc/cmdline",
    "proc/config.gz",
    "proc/interrupts",
    "proc/misc",
    "proc/self/attr/current",
    "proc/self/cgroup",
    "proc/self/fd/0",
    "proc/self/limits",
    "proc/self/mountinfo",
    "proc/meminfo",
    "proc/self/status",
    "proc/self/uid_map",
    "proc/sys/kernel/osrelease",
    "sys/class/block/sda",
    "sys/class/iommu/dmar0",
    "sys/class/misc/iommu/dev",
    "sys/class/net/eth0",
    "sys/class/vfio-dev",
    "sys/class/vfio/5/dev",
    "sys/dev/char/1:3",
    "sys/firmware/acpi/tables/DMAR",
    "sys/fs/cgroup/memory.max",
    "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages",
    "sys/module/iommufd/parameters/allow_unsafe_interrupts",
    "sys/bus/pci/devices/0001:00:05.0",
    "sys/bus/pci/drivers/vfio-pci",
    DEVICE,
    DEVICE "/boot_vga",
    DEVICE "/class",
    DEVICE "/device",
    DEVICE "/driver",
    DEVICE "/driver_override",
    DEVICE "/enable",
    DEVICE "/iommu",
    DEVICE "/iommu_group",
    DEVICE "/iommu_group/devices/0000:00:05.1",
    DEVICE "/iommu_group/devices/0000:00:05.1/driver",
    DEVICE "/iommu_group/name",
    DEVICE "/iommu_group/reserved_regions",
    DEVICE "/physfn",
    DEVICE "/sriov_numvfs",
    DEVICE "/subsystem",
    DEVICE "/vendor",
    DEVICE "/vfio-dev",
    DEVICE "/vfio-dev/vfio7",
    DEVICE "/vfio-dev/vfio7/dev",
    "boot/config-6",
    "usr/lib/modules/6/modules.dep",
    "lib/modules/6/modules.alias",
    "proc/cpuinfo",
    "proc/driver/nvidia/gpus/0000:00:05.0/information",
    "proc/swaps",
    "sys/class/block/dm-0",
    "sys/class/block/sda/holders/dm-0",
    "sys/class/dmi/id/sys_vendor",
    "sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0",
    "sys/fs/btrfs/5/devices/sda",
    DEVICE "/drm/card0/card0-DP-1/enabled",
    DEVICE "/modalias",
    DEVICE "/net/eth0/flags",
    DEVICE "/reset_method",
};

static int remove_entry(const char *path, const struct stat *st, int type,
                        struct FTW *ftw)
{
    return remove(path);
}

static void add_entry(const char *root, uint8_t place, uint8_t kind,
                      const char *content, size_t len)
{
    g_autofree char *path =
        g_build_filename(root, places[place % G_N_ELEMENTS(places)], NULL);
    g_autofree char *dir = g_path_get_dirname(path);
    g_autofree char *text = g_strndup(content, len);

    if (g_mkdir_with_parents(dir, 0755)) {
        return;
    }
    switch (kind % 4) {
    case 0:
        g_file_set_contents(path, content, len, NULL);
        break;
    case 1:
        /* Links stay below the root, but for devices that are everywhere */
        if (*text != '/' || g_str_equal(text, "/dev/null")) {
            symlink(text, path);
        }
        break;
    case 2:
        mkdir(path, 0755);
        break;
    case 3:
        mkfifo(path, 0644);
        break;
    }
}

/* What goes to a user is one line that a terminal and JSON can take */
static void check_line(const char *text)
{
    for (const char *c = text; *c; c++) {
        g_assert_true(g_ascii_isprint(*c));
    }
}

static void check_finding(const IOMMUFDFinding *f)
{
    g_assert_nonnull(f);
    g_assert_cmpint(f->cause, <, IOMMUFD_CAUSE__MAX);
    check_line(f->message);
    if (f->remedy) {
        g_assert_true(g_str_has_suffix(f->remedy, "\n"));
        g_assert_true(g_utf8_validate(f->remedy, -1, NULL));
    }
}

static void diagnose(const char *root, int err, uint8_t stage, uint8_t flags)
{
    const IOMMUFDRange range = { 0x1000, 0x7fffffffff };
    const IOMMUFDDevice other = {
        .name = "hd0",
        .sysfsdev = flags & 1 ? "/" DEVICE : NULL,
        .fd = 0,
        .iommufd = flags & 2 ? "iommufd0" : NULL,
    };
    const IOMMUFDDevice device = {
        .sysfsdev = flags & 4 ? "/" DEVICE : NULL,
        .fd = 0,
        .iommufd = "iommufd0",
        .space = flags & 128 ? &other : NULL,
    };
    const IOMMUFDMap map = {
        .region = "ram",
        .iova = flags & 1 ? UINT64_MAX - 0xfff : 0x1000,
        .size = flags & 2 ? 0x1000 : 0x10000000,
        .device_memory = flags & 4,
        .total = 0x10000000,
        .unpopulated = flags & 128 ? UINT64_MAX : 0x10000000,
        .backing_page = flags & 8 ? 0x200000 : 0x1000,
        .backing_file = flags & 16 ? "/srv/ram" : NULL,
        .backing_on_disk = flags & 32,
        .backing_readonly = flags & 64,
        .mode = flags & 8 ? IOMMUFD_ACCOUNTING_MODE_PROCESS :
                IOMMUFD_ACCOUNTING_MODE_USER,
        .ranges = &range,
        .n_ranges = flags & 16 ? 1 : 0,
        .page_size = flags & 32 ? 0x10000 : 0,
    };
    const IOMMUFDFailure failure = {
        .stage = stage % (IOMMUFD_STAGE_MAP + 1),
        .err = err,
        .iommufd = flags & 8 ? -1 : 0,
        .id = "iommufd0",
        .device = &device,
        .others = &other,
        .n_others = flags & 64 ? 1 : 0,
        .already_bound = flags & 16,
        .has_token = flags & 1,
        .kvm = flags & 32,
        .map = &map,
    };
    g_autoptr(IOMMUFDFinding) f = iommufd_diagnose(root, &failure);

    if (f) {
        check_finding(f);
    }
}

/* What qemu-iommufd check looks at */
static void check_all(const char *root)
{
    g_autoptr(IOMMUFDHost) host = iommufd_host_new(root);
    g_autoptr(GPtrArray) devices = iommufd_host_vfio_devices(host);
    IOMMUFDHostDevice *device = iommufd_host_device(host, "/" DEVICE);
    IOMMUFDSeen in_use;
    g_autofree char *use = iommufd_device_use(device, &in_use);
    g_autofree char *driver = iommufd_device_vfio_driver(device, NULL);
    g_autoptr(GPtrArray) of_host = iommufd_check_host(host, true);
    g_autoptr(GPtrArray) of_device = iommufd_check_device(device);
    g_autoptr(GPtrArray) of_plan = NULL;
    GPtrArray *all[3] = { of_host, of_device };

    for (guint i = 0; i < devices->len; i++) {
        g_assert_true(g_path_is_absolute(devices->pdata[i]));
    }
    check_line(use ?: "");
    g_assert_true(use || in_use == IOMMUFD_SEEN_NO);
    check_line(driver);
    iommufd_device_plan(device, driver);
    all[2] = of_plan = iommufd_check_device(device);
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        for (guint j = 0; j < all[i]->len; j++) {
            const IOMMUFDResult *result = all[i]->pdata[j];

            g_assert_true(result->text || result->finding);
            if (result->text) {
                check_line(result->text);
            }
            if (result->finding) {
                check_finding(result->finding);
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *root = g_build_filename(g_get_tmp_dir(),
                                             "iommufd-fuzz-XXXXXX", NULL);
    size_t end = size - 3;

    if (size < 3 || size > 4096) {
        return 0;
    }
    g_assert_nonnull(g_mkdtemp(root));
    for (size_t i = 0; i + 3 <= end;) {
        size_t len = MIN(data[i + 2], end - i - 3);

        add_entry(root, data[i], data[i + 1], (const char *)data + i + 3, len);
        i += 3 + len;
    }
    diagnose(root, data[end], data[end + 1], data[end + 2]);
    check_all(root);
    nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}
