/*
 * What the host uses a device for
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <net/if.h>
#include <sys/sysmacros.h>
#include "facts.h"

#define NVIDIA_MAJOR 195

/* PCI classes; other bridges may be switches for the traffic between GPUs */
#define PCI_BASE_CLASS_STORAGE  0x01
#define PCI_BASE_CLASS_NETWORK  0x02
#define PCI_BASE_CLASS_DISPLAY  0x03
#define PCI_BASE_CLASS_AUDIO    0x04
#define PCI_BASE_CLASS_BRIDGE   0x06
#define PCI_CLASS_BRIDGE_OTHER  0x0680
#define PCI_CLASS_INFINIBAND    0x0207
#define PCI_CLASS_SERIAL        0x0700
#define PCI_CLASS_SERIAL_MULTI  0x0702
#define PCI_CLASS_USB           0x0c03
#define PCI_BASE_CLASS_ACCEL    0x12

/* Whoever makes more of a disk does not go further than this */
#define HOLDERS_MAX 256

/* A class has links to its members: a name, and where it really is */
typedef struct Member {
    char *name;
    char *real;
    /* of the head of an NVMe multipath: where its controllers really are */
    GPtrArray *controllers;
} Member;

/* What is read once for all devices of a host */
struct HostUses {
    /* members of /sys/class/block, net and drm, and of /sys/dev/char */
    GPtrArray *disks;
    GPtrArray *nets;
    GPtrArray *displays;
    GPtrArray *chars;
    /* one of them is there, but cannot be listed */
    bool hidden;
    /* where it is mounted, from a dev_t (as gint64), and from a name */
    GHashTable *mounted_devts;
    GHashTable *mounted_names;
    /* from the name of a disk to the loop device that it backs */
    GHashTable *loops;
    /* the names of swap space, and of members of a mounted btrfs */
    GHashTable *swaps;
    GHashTable *btrfs;
    /* from the name of a disk or controller to the subsystem it is in */
    GHashTable *exports;
    /* what was found out of a device, which groups ask for again and again */
    GHashTable *found;
};

/* The uses from the least to the most important; the most important is told */
typedef enum Weight {
    WEIGHT_NONE,
    WEIGHT_IDLE,
    WEIGHT_UNKNOWN,
    WEIGHT_USED,
    WEIGHT_HOLDS,
    WEIGHT_ROOT,
} Weight;

typedef struct Use {
    Weight weight;
    char *text;
} Use;

static void use_free(void *opaque)
{
    Use *use = opaque;

    g_free(use->text);
    g_free(use);
}

/* Takes the text over */
static void note(Use *use, Weight weight, char *text)
{
    if (weight > use->weight) {
        g_free(use->text);
        *use = (Use) { weight, text };
    } else {
        g_free(text);
    }
}

/*
 * What is read once
 */

static void member_free(void *opaque)
{
    Member *member = opaque;

    g_free(member->name);
    g_free(member->real);
    g_clear_pointer(&member->controllers, g_ptr_array_unref);
    g_free(member);
}

/* These links lead to where a device really is, so they need no second look */
static char *where_link_leads(Dir class, const char *name)
{
    g_autofree char *full = dir_full(class, name);
    g_autofree char *target = g_file_read_link(full, NULL);

    return target ? g_canonicalize_filename(target, class.path) : NULL;
}

static GPtrArray *class_members(IOMMUFDHost *host, const char *path)
{
    Dir class = { host->root, path };
    g_autoptr(GPtrArray) names = dir_list(class, "");
    GPtrArray *members = g_ptr_array_new_with_free_func(member_free);

    host->uses->hidden |= !names && errno != ENOENT;
    for (guint i = 0; names && i < names->len; i++) {
        Member *member = g_new0(Member, 1);

        member->name = g_strdup(names->pdata[i]);
        member->real = where_link_leads(class, names->pdata[i]);
        g_ptr_array_add(members, member);
    }
    return members;
}

/* A disk with several paths hangs on a subsystem that links to them all */
static void find_controllers(IOMMUFDHost *host, Member *disk)
{
    static const char prefix[] = "/sys/devices/virtual/nvme-subsystem/";
    g_autofree char *path = NULL;
    g_autoptr(GPtrArray) names = NULL;
    const char *end;
    Dir subsystem;

    if (!disk->real || !g_str_has_prefix(disk->real, prefix)) {
        return;
    }
    end = strchr(disk->real + strlen(prefix), '/');
    path = g_strndup(disk->real, end ? end - disk->real : -1);
    subsystem = (Dir) { host->root, path };
    names = dir_list(subsystem, "");
    disk->controllers = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; names && i < names->len; i++) {
        char *controller = where_link_leads(subsystem, names->pdata[i]);

        if (controller) {
            g_ptr_array_add(disk->controllers, controller);
        }
    }
}

/* Its number does not tell what a file system on several disks is on */
static char *node_name(IOMMUFDHost *host, const char *node)
{
    g_autofree char *real = g_str_has_prefix(node, "/dev/") ?
                            dir_resolve(host->dir, node) : NULL;

    return g_path_get_basename(real ?: node);
}

/* Where "/" is mounted too, that is what counts */
static void add_mount(GHashTable *mounts, void *key, const char *where)
{
    const char *known = g_hash_table_lookup(mounts, key);

    if (!known || (g_str_equal(where, "/") && !g_str_equal(known, "/"))) {
        g_hash_table_replace(mounts, key, g_strdup(where));
    } else {
        g_free(key);
    }
}

/* ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS... - TYPE SOURCE OPTIONS */
static bool note_mount(const char *line, void *opaque)
{
    IOMMUFDHost *host = opaque;
    g_auto(GStrv) fields = g_strsplit(line, " ", -1);
    guint n = g_strv_length(fields);
    unsigned int maj, min;
    guint dash = 5;
    gint64 devt;

    while (dash < n && !g_str_equal(fields[dash], "-")) {
        dash++;
    }
    if (dash + 2 >= n || sscanf(fields[2], "%u:%u", &maj, &min) != 2) {
        return false;
    }
    devt = makedev(maj, min);
    add_mount(host->uses->mounted_devts, g_memdup2(&devt, sizeof(devt)),
              fields[4]);
    if (g_str_has_prefix(fields[dash + 2], "/dev/")) {
        add_mount(host->uses->mounted_names,
                  node_name(host, fields[dash + 2]), fields[4]);
    }
    return false;
}

static bool note_swap(const char *line, void *opaque)
{
    IOMMUFDHost *host = opaque;
    g_auto(GStrv) fields = g_strsplit_set(line, " \t", 2);

    if (*line == '/') {
        g_hash_table_add(host->uses->swaps, node_name(host, fields[0]));
    }
    return false;
}

/* It is mounted for as long as it is listed, and one member names the mount */
static void note_btrfs(IOMMUFDHost *host)
{
    Dir dir = { host->root, "/sys/fs/btrfs" };
    g_autoptr(GPtrArray) ids = dir_list(dir, "");

    for (guint i = 0; ids && i < ids->len; i++) {
        g_autofree char *path = g_build_filename(ids->pdata[i], "devices",
                                                 NULL);
        g_autoptr(GPtrArray) names = dir_list(dir, path);
        const char *where = NULL;

        for (guint j = 0; names && j < names->len; j++) {
            where = where ?: g_hash_table_lookup(host->uses->mounted_names,
                                                 names->pdata[j]);
        }
        for (guint j = 0; names && j < names->len; j++) {
            g_hash_table_insert(host->uses->btrfs, g_strdup(names->pdata[j]),
                                g_strdup(where ?: ""));
        }
    }
}

static void note_export(IOMMUFDHost *host, const char *path,
                        const char *subsystem)
{
    Dir dir = { host->root, path };
    g_autofree char *node = dir_attr(dir, "device_path");
    uint64_t enabled;

    if (node && dir_number(dir, "enable", &enabled) && enabled) {
        g_hash_table_insert(host->uses->exports, node_name(host, node),
                            g_strdup(subsystem));
    }
}

/*
 * The kernel shares disks, or all of a controller: they are open for nobody,
 * and anybody may open them
 */
static void note_exports(IOMMUFDHost *host)
{
    Dir dir = { host->root, "/sys/kernel/config/nvmet/subsystems" };
    g_autoptr(GPtrArray) subsystems = dir_list(dir, "");

    host->uses->hidden |=
        (!subsystems &&
         dir_seen(host->dir, "sys/module/nvmet") == IOMMUFD_SEEN_YES) ||
        dir_seen(host->dir, "sys/module/rnbd_server") == IOMMUFD_SEEN_YES;
    for (guint i = 0; subsystems && i < subsystems->len; i++) {
        const char *subsystem = subsystems->pdata[i];
        g_autofree char *path = g_build_filename(dir.path, subsystem,
                                                 "namespaces", NULL);
        g_autofree char *whole = g_build_filename(dir.path, subsystem,
                                                  "passthru", NULL);
        g_autoptr(GPtrArray) numbers = dir_list((Dir) { host->root, path },
                                                "");

        note_export(host, whole, subsystem);
        for (guint j = 0; numbers && j < numbers->len; j++) {
            g_autofree char *below = g_build_filename(path, numbers->pdata[j],
                                                      NULL);

            note_export(host, below, subsystem);
        }
    }
}

/* A loop device is on a disk without having it for itself */
static void note_loop(IOMMUFDHost *host, const char *name)
{
    g_autofree char *path = g_build_filename("sys/class/block", name,
                                             "loop/backing_file", NULL);
    g_autofree char *file = g_str_has_prefix(name, "loop") ?
                            dir_attr(host->dir, path) : NULL;

    if (file && g_str_has_prefix(file, "/dev/")) {
        g_hash_table_insert(host->uses->loops, node_name(host, file),
                            g_strdup(name));
    }
}

/* Where it is there, but cannot be read, nothing is known */
static void read_table(IOMMUFDHost *host, const char *path,
                       IOMMUFDLineMatch *match)
{
    host->uses->hidden |= !dir_find(host->dir, path, match, host, NULL) &&
                          dir_seen(host->dir, path) != IOMMUFD_SEEN_NO;
}

static HostUses *host_uses(IOMMUFDHost *host)
{
    HostUses *uses = host->uses;

    if (uses) {
        return uses;
    }
    host->uses = uses = g_new0(HostUses, 1);
    uses->disks = class_members(host, "/sys/class/block");
    uses->nets = class_members(host, "/sys/class/net");
    uses->displays = class_members(host, "/sys/class/drm");
    /* Whose nodes are open is looked for no further */
    uses->chars = host->diagnoses ?
                  g_ptr_array_new_with_free_func(member_free) :
                  class_members(host, "/sys/dev/char");
    uses->mounted_devts = g_hash_table_new_full(g_int64_hash, g_int64_equal,
                                                g_free, g_free);
    uses->mounted_names = g_hash_table_new_full(g_str_hash, g_str_equal,
                                                g_free, g_free);
    uses->loops = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                        g_free);
    uses->swaps = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                        NULL);
    uses->btrfs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                        g_free);
    uses->exports = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                          g_free);
    uses->found = g_hash_table_new_full(NULL, NULL, NULL, use_free);
    for (guint i = 0; i < uses->disks->len; i++) {
        Member *disk = uses->disks->pdata[i];

        find_controllers(host, disk);
        note_loop(host, disk->name);
    }
    read_table(host, "proc/self/mountinfo", note_mount);
    read_table(host, "proc/swaps", note_swap);
    note_btrfs(host);
    note_exports(host);
    return uses;
}

void host_uses_free(HostUses *uses)
{
    if (uses) {
        g_ptr_array_unref(uses->disks);
        g_ptr_array_unref(uses->nets);
        g_ptr_array_unref(uses->displays);
        g_ptr_array_unref(uses->chars);
        g_hash_table_unref(uses->mounted_devts);
        g_hash_table_unref(uses->mounted_names);
        g_hash_table_unref(uses->loops);
        g_hash_table_unref(uses->swaps);
        g_hash_table_unref(uses->btrfs);
        g_hash_table_unref(uses->exports);
        g_hash_table_unref(uses->found);
        g_free(uses);
    }
}

static bool path_is_below(const char *path, const char *dir)
{
    size_t len = strlen(dir);

    return path && g_str_has_prefix(path, dir) && path[len] == '/';
}

static bool is_below(const Member *member, const char *dir)
{
    for (guint i = 0; member->controllers && i < member->controllers->len;
         i++) {
        if (path_is_below(member->controllers->pdata[i], dir)) {
            return true;
        }
    }
    return path_is_below(member->real, dir);
}

/*
 * Disks
 */

static const Member *disk_of_name(const HostUses *uses, const char *name)
{
    for (guint i = 0; i < uses->disks->len; i++) {
        const Member *disk = uses->disks->pdata[i];

        if (g_str_equal(disk->name, name)) {
            return disk;
        }
    }
    return NULL;
}

/* Takes the name over */
static void add_name(GPtrArray *names, char *name)
{
    if (g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL)) {
        g_free(name);
    } else {
        g_ptr_array_add(names, name);
    }
}

/* What was made of a disk: volumes, arrays, caches, and their partitions */
static void add_holders(IOMMUFDHost *host, const char *name, GPtrArray *names)
{
    g_autofree char *path = g_build_filename("/sys/class/block", name, NULL);
    Dir dir = { host->root, path };
    g_autoptr(GPtrArray) holders = dir_list(dir, "holders");
    const char *loop = g_hash_table_lookup(host->uses->loops, name);
    GPtrArray *disks = host->uses->disks;
    char *cache = dir_link(dir, "bcache/dev");

    for (guint i = 0; holders && i < holders->len && names->len < HOLDERS_MAX;
         i++) {
        const Member *holder = disk_of_name(host->uses, holders->pdata[i]);

        add_name(names, g_strdup(holders->pdata[i]));
        for (guint j = 0; holder && holder->real && j < disks->len; j++) {
            const Member *part = disks->pdata[j];

            if (path_is_below(part->real, holder->real)) {
                add_name(names, g_strdup(part->name));
            }
        }
    }
    if (cache) {
        add_name(names, cache);
    }
    if (loop) {
        add_name(names, g_strdup(loop));
    }
}

static bool disk_devt(IOMMUFDHost *host, const char *name, dev_t *devt)
{
    g_autofree char *attr = g_build_filename("sys/class/block", name, "dev",
                                             NULL);

    return dir_devt(host->dir, attr, devt);
}

/* Is a file system or swap space on it, or does another host have it? */
static void note_content(IOMMUFDHost *host, const char *disk, const char *name,
                         Use *use)
{
    HostUses *uses = host->uses;
    const char *where = g_hash_table_lookup(uses->mounted_names, name) ?:
                        g_hash_table_lookup(uses->btrfs, name);
    const char *subsystem = g_hash_table_lookup(uses->exports, name);
    dev_t devt;
    gint64 key;

    if (!where && disk_devt(host, name, &devt)) {
        key = devt;
        where = g_hash_table_lookup(uses->mounted_devts, &key);
    }
    if (where && g_str_equal(where, "/")) {
        note(use, WEIGHT_ROOT,
             g_strdup_printf("holds the host's root file system (%s)", disk));
    } else if (where) {
        g_autofree char *shown = g_strescape(where, "\"\\");

        note(use, WEIGHT_HOLDS,
             g_strdup_printf("holds the host's file system %s%s(%s)", shown,
                             *shown ? " " : "", disk));
    } else if (g_hash_table_contains(uses->swaps, name)) {
        note(use, WEIGHT_HOLDS,
             g_strdup_printf("holds the host's swap space (%s)", disk));
    } else if (subsystem) {
        g_autofree char *shown = g_strescape(subsystem, "\"\\");

        note(use, WEIGHT_USED,
             g_strdup_printf("is the host's disk %s, which NVMe subsystem %s "
                             "exports", disk, shown));
    }
}

/*
 * A file system, volume, array or pool has its disks for itself, wherever it
 * is mounted, and the kernel does not give them to anybody else.  Returns a
 * negative errno, 0 if nobody has the disk.
 */
static int ask_for_disk(IOMMUFDHost *host, const Member *disk)
{
    g_autofree char *name = g_strdelimit(g_strdup(disk->name), "!", '/');
    g_autofree char *node = g_build_filename("/dev", name, NULL);
    struct stat st;
    dev_t devt;
    int err = 0;
    int fd;

    if (!disk_devt(host, disk->name, &devt)) {
        return -ENODEV;
    }
    /* Nothing but a block device is opened */
    if (stat(node, &st)) {
        return -errno;
    }
    if (!S_ISBLK(st.st_mode) || st.st_rdev != devt) {
        return -ENODEV;
    }
    fd = open(node, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOMEDIUM ? 0 : -errno;
    }
    if (fstat(fd, &st) || !S_ISBLK(st.st_mode) || st.st_rdev != devt) {
        err = -ENODEV;
    }
    close(fd);
    return err;
}

/* Who has it open, with others or alone; NULL if nobody is seen */
static const char *holder_of_disk(IOMMUFDHost *host, const Member *disk)
{
    dev_t devt;

    return !host->diagnoses && disk_devt(host, disk->name, &devt) ?
           host_disk_holder(host, devt) : NULL;
}

/* One of the paths to a disk, which has no node, and of which the head tells */
static bool is_path(IOMMUFDHost *host, const Member *disk)
{
    g_autofree char *attr = g_build_filename("sys/class/block", disk->name,
                                             "hidden", NULL);
    uint64_t hidden;

    return dir_number(host->dir, attr, &hidden) && hidden;
}

/* Nothing is known to be on it: who has it open? */
static void note_open_disk(IOMMUFDHost *host, const Member *disk,
                           const char *shown, Use *use)
{
    const char *holder = holder_of_disk(host, disk);
    int err;

    if (holder) {
        note(use, WEIGHT_USED, g_strdup_printf("is the host's disk %s, which "
                                               "%s has open", shown, holder));
        return;
    }
    if (!host->asks_kernel || is_path(host, disk)) {
        note(use, WEIGHT_UNKNOWN, g_strdup_printf("is the host's disk %s, "
                                                  "which may be in use",
                                                  shown));
        return;
    }
    err = -ask_for_disk(host, disk);
    if (err == EBUSY) {
        note(use, WEIGHT_USED,
             g_strdup_printf("is in use as the host's disk %s, as the kernel "
                             "says", shown));
    } else if (err) {
        note(use, WEIGHT_UNKNOWN,
             g_strdup_printf("is the host's disk %s, which may be in use (it "
                             "cannot be opened: %s)", shown,
                             g_strerror(err)));
    } else if (!host_sees_all(host)) {
        note(use, WEIGHT_UNKNOWN,
             g_strdup_printf("is the host's disk %s, which may be in use: "
                             "which processes have it open cannot be seen",
                             shown));
    } else {
        note(use, WEIGHT_IDLE, g_strdup_printf("is the host's disk %s",
                                               shown));
    }
}

static void note_disk(IOMMUFDHost *host, const Member *disk, Use *use)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *shown = g_strescape(disk->name, NULL);
    g_autofree char *cache = g_build_filename("sys/class/block", disk->name,
                                              "bcache", NULL);

    g_ptr_array_add(names, g_strdup(disk->name));
    for (guint i = 0; i < names->len; i++) {
        note_content(host, shown, names->pdata[i], use);
        if (names->len < HOLDERS_MAX) {
            add_holders(host, names->pdata[i], names);
        }
    }
    if (names->len > 1) {
        g_autofree char *holder = g_strescape(names->pdata[1], NULL);

        note(use, WEIGHT_USED, g_strdup_printf("is the host's disk %s, which "
                                               "is in use for %s", shown,
                                               holder));
    } else if (dir_seen(host->dir, cache) == IOMMUFD_SEEN_YES) {
        note(use, WEIGHT_USED, g_strdup_printf("is the host's disk %s, which "
                                               "is in use for bcache", shown));
    } else if (use->weight < WEIGHT_USED) {
        note_open_disk(host, disk, shown, use);
    }
}

static void note_disks(const IOMMUFDHostDevice *device, Use *use)
{
    GPtrArray *disks = device->host->uses->disks;
    bool head = false;

    for (guint i = 0; i < disks->len; i++) {
        const Member *disk = disks->pdata[i];

        head |= disk->controllers && is_below(disk, device->real);
    }
    for (guint i = 0; i < disks->len; i++) {
        const Member *disk = disks->pdata[i];

        if (is_below(disk, device->real) &&
            !(head && is_path(device->host, disk))) {
            note_disk(device->host, disk, use);
        }
    }
}

/*
 * Network interfaces
 */

/* What the interface is part of: "br0" of the link "upper_br0", or NULL */
static char *upper_of(Dir dir)
{
    g_autoptr(GPtrArray) names = dir_list(dir, "");
    char *master = dir_link(dir, "master");

    for (guint i = 0; names && !master && i < names->len; i++) {
        const char *name = names->pdata[i];

        if (g_str_has_prefix(name, "upper_")) {
            master = g_strescape(name + strlen("upper_"), NULL);
        } else if (g_str_equal(name, "brport")) {
            master = g_strdup("a bridge");
        }
    }
    return master;
}

static void note_net(IOMMUFDHost *host, const Member *net, Use *use)
{
    Dir dir = { host->root, net->real };
    g_autofree char *shown = g_strescape(net->name, NULL);
    g_autofree char *state = dir_attr(dir, "operstate");
    g_autofree char *upper = upper_of(dir);
    bool down = !g_strcmp0(state, "down") || !g_strcmp0(state, "notpresent");
    uint64_t flags = 0;
    bool known = dir_number(dir, "flags", &flags) || state;

    if (upper) {
        note(use, WEIGHT_USED,
             g_strdup_printf("is the host's network interface %s, which is "
                             "part of %s", shown, upper));
    } else if (!known) {
        note(use, WEIGHT_UNKNOWN,
             g_strdup_printf("is the host's network interface %s, which may "
                             "be in use", shown));
    } else if (down && (flags & IFF_UP)) {
        note(use, WEIGHT_USED,
             g_strdup_printf("is the host's network interface %s, which is "
                             "enabled, but has no link", shown));
    } else {
        note(use, down ? WEIGHT_IDLE : WEIGHT_USED,
             g_strdup_printf("is the host's network interface %s, which is %s",
                             shown, state ?: "there"));
    }
}

static void note_nets(const IOMMUFDHostDevice *device, bool has_host_driver,
                      Use *use)
{
    /* They make several interfaces of one function of the card */
    static const char *const several[] = {
        "cxgb3", "cxgb4", "mlx4_core", "nfp", NULL
    };
    GPtrArray *nets = device->host->uses->nets;
    bool found = false;

    for (guint i = 0; i < nets->len; i++) {
        const Member *net = nets->pdata[i];

        if (is_below(net, device->real)) {
            note_net(device->host, net, use);
            found = true;
        }
    }
    if (has_host_driver &&
        device->pci_class >> 16 == PCI_BASE_CLASS_NETWORK &&
        (!found || g_strv_contains(several, device->driver))) {
        note(use, WEIGHT_UNKNOWN,
             g_strdup_printf("is the host's network card, whose %sinterfaces "
                             "cannot be seen; they may be in another network "
                             "namespace", found ? "other " : ""));
    }
}

/*
 * Character devices
 */

static void note_char(IOMMUFDHost *host, const char *name, dev_t devt,
                      Use *use)
{
    g_autofree char *shown = g_strescape(name, NULL);
    g_autofree char *number = g_strdup_printf(" %u:%u\n", major(devt),
                                              minor(devt));
    g_autofree char *console = NULL;
    const char *holder = host_holder(host, devt);

    /* The kernel itself writes to it */
    dir_find_line(host->dir, "proc/consoles", number, &console);
    if (console) {
        note(use, WEIGHT_USED, g_strdup_printf("is the host's console (%s)",
                                               shown));
    } else if (holder) {
        note(use, WEIGHT_USED, g_strdup_printf("is in use, %s has %s open",
                                               holder, shown));
    } else if (!host_sees_all(host)) {
        note(use, WEIGHT_UNKNOWN,
             g_strdup_printf("may be in use: which processes have %s open "
                             "cannot be seen", shown));
    } else {
        note(use, WEIGHT_IDLE,
             g_strdup_printf("has %s, which no process has open", shown));
    }
}

/* NVIDIA's own driver shows the numbers of its nodes nowhere else */
static void note_nvidia(const IOMMUFDHostDevice *device, Use *use)
{
    g_autofree char *path = NULL;
    g_autofree char *number = NULL;
    g_autofree char *name = NULL;
    unsigned int min;

    if (device->host->diagnoses || g_strcmp0(device->driver, "nvidia")) {
        return;
    }
    path = g_build_filename("proc/driver/nvidia/gpus", device->name,
                            "information", NULL);
    number = dir_value(device->host->dir, path, "Device Minor");
    if (!number || sscanf(number, "%u", &min) != 1) {
        note(use, WEIGHT_UNKNOWN,
             g_strdup("may be in use: which device node it has cannot be "
                      "seen"));
        return;
    }
    name = g_strdup_printf("nvidia%u", min);
    note_char(device->host, name, makedev(NVIDIA_MAJOR, min), use);
}

/* Nodes that tell nothing of what the kernel does with a device */
static bool is_beside(const char *path)
{
    return strstr(path, "/bsg/") || strstr(path, "/scsi_generic/");
}

/* "1-1" of ".../usb1/1-1/...", which the kernel may use without its node */
static char *usb_device(const char *path)
{
    const char *hub = strstr(path, "/usb");
    const char *device = hub ? strchr(hub + 1, '/') : NULL;

    return device && g_ascii_isdigit(device[1]) ?
           g_strndup(device + 1, strcspn(device + 1, "/")) : NULL;
}

static void note_chars(const IOMMUFDHostDevice *device, Use *use)
{
    g_autofree char *vfio = g_build_filename(device->real, "vfio-dev", NULL);
    GPtrArray *chars = device->host->uses->chars;

    for (guint i = 0; i < chars->len; i++) {
        const Member *member = chars->pdata[i];
        g_autofree char *name = NULL;
        g_autofree char *usb = NULL;
        unsigned int maj, min;

        if (!is_below(member, device->real) ||
            path_is_below(member->real, vfio) ||
            sscanf(member->name, "%u:%u", &maj, &min) != 2) {
            continue;
        }
        name = g_path_get_basename(member->real);
        if (is_beside(member->real) &&
            !host_holder(device->host, makedev(maj, min))) {
            continue;
        }
        note_char(device->host, name, makedev(maj, min), use);
        usb = usb_device(member->real);
        if (usb) {
            note(use, WEIGHT_UNKNOWN,
                 g_strdup_printf("may be in use: USB device %s is connected "
                                 "to it", usb));
        }
    }
    note_nvidia(device, use);
}

/*
 * The rest
 */

static void note_display(const IOMMUFDHostDevice *device, Use *use)
{
    GPtrArray *displays = device->host->uses->displays;
    uint64_t boot_vga;

    if (dir_number(device_dir(device), "boot_vga", &boot_vga) && boot_vga) {
        note(use, WEIGHT_USED,
             g_strdup("is the display that the host booted with"));
    }
    /* Below the device itself, or below what firmware has left of it */
    for (guint i = 0; i < displays->len; i++) {
        const Member *display = displays->pdata[i];
        Dir dir = { device->host->root, display->real };
        g_autofree char *enabled = is_below(display, device->real) ?
                                   dir_attr(dir, "enabled") : NULL;

        if (!g_strcmp0(enabled, "enabled")) {
            g_autofree char *shown = g_strescape(display->name, NULL);

            note(use, WEIGHT_USED,
                 g_strdup_printf("is a display of the host, %s is on", shown));
        }
    }
}

/* Does what is looked at tell all that a host can do with such a device? */
static bool use_is_known(const IOMMUFDHostDevice *device)
{
    static const uint32_t bases[] = {
        PCI_BASE_CLASS_STORAGE, PCI_BASE_CLASS_NETWORK, PCI_BASE_CLASS_DISPLAY,
        PCI_BASE_CLASS_AUDIO, PCI_BASE_CLASS_ACCEL,
    };
    uint32_t class = device->pci_class >> 8;
    bool known = class == PCI_CLASS_SERIAL || class == PCI_CLASS_SERIAL_MULTI ||
                 class == PCI_CLASS_USB;

    for (size_t i = 0; i < G_N_ELEMENTS(bases); i++) {
        known |= class >> 8 == bases[i] && class != PCI_CLASS_INFINIBAND;
    }
    return known;
}

static void note_exported(const IOMMUFDHostDevice *device, Use *use)
{
    g_autoptr(GPtrArray) names = dir_list(device_dir(device), "nvme");

    for (guint i = 0; names && i < names->len; i++) {
        const char *subsystem =
            g_hash_table_lookup(device->host->uses->exports, names->pdata[i]);

        if (subsystem) {
            g_autofree char *shown = g_strescape(subsystem, "\"\\");

            note(use, WEIGHT_USED,
                 g_strdup_printf("is exported by NVMe subsystem %s", shown));
        }
    }
}

bool device_is_bridge(const IOMMUFDHostDevice *device)
{
    uint32_t class = device->pci_class;

    return class >> 16 == PCI_BASE_CLASS_BRIDGE &&
           class >> 8 != PCI_CLASS_BRIDGE_OTHER;
}

static void note_rest(const IOMMUFDHostDevice *device, Use *use)
{
    g_autoptr(GPtrArray) names = dir_list(device_dir(device), "");
    uint64_t vfs;

    for (guint i = 0; names && i < names->len; i++) {
        if (g_uuid_string_is_valid(names->pdata[i])) {
            note(use, WEIGHT_USED,
                 g_strdup_printf("is the parent of mediated device %s",
                                 (char *)names->pdata[i]));
        }
    }
    note_display(device, use);
    note_exported(device, use);
    if (device_is_bridge(device)) {
        note(use, WEIGHT_USED, g_strdup("is a bridge of the host"));
    }
    if (dir_number(device_dir(device), "sriov_numvfs", &vfs) && vfs) {
        note(use, WEIGHT_USED,
             g_strdup_printf("is in use by its %" PRIu64 " virtual functions",
                             vfs));
    }
}

void iommufd_host_ask_kernel(IOMMUFDHost *host)
{
    host->asks_kernel = g_str_equal(host->root, "/");
    g_clear_pointer(&host->uses, host_uses_free);
}

static Use *find_use(const IOMMUFDHostDevice *device)
{
    bool has_host_driver = device->driver &&
                           !iommufd_device_has_vfio_driver(device) &&
                           !driver_is_stub(device->driver);
    Use *use = g_new0(Use, 1);

    if (device->real) {
        note_disks(device, use);
        note_nets(device, has_host_driver, use);
        note_chars(device, use);
        note_rest(device, use);
    }
    if (device->host->diagnoses && has_host_driver && !use->text) {
        /* What else it does was not looked for */
        note(use, WEIGHT_UNKNOWN, NULL);
        return use;
    }
    if (device->host->uses->hidden || !device->real ||
        device->driver_seen == IOMMUFD_SEEN_UNKNOWN ||
        (has_host_driver && (!use->text || !use_is_known(device)))) {
        note(use, WEIGHT_UNKNOWN, g_strdup("may be in use by the host in a "
                                           "way that cannot be seen"));
    }
    return use;
}

char *iommufd_device_use(const IOMMUFDHostDevice *device, IOMMUFDSeen *in_use)
{
    HostUses *uses = host_uses(device->host);
    Use *use = g_hash_table_lookup(uses->found, device);

    if (!use) {
        use = find_use(device);
        g_hash_table_insert(uses->found, (void *)device, use);
    }
    *in_use = use->weight >= WEIGHT_USED ? IOMMUFD_SEEN_YES :
              use->weight == WEIGHT_UNKNOWN ? IOMMUFD_SEEN_UNKNOWN :
              IOMMUFD_SEEN_NO;
    return g_strdup(use->text);
}
