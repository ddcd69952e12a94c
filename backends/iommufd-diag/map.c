/*
 * Why guest memory cannot be mapped for DMA
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "internal.h"

#define KIB 1024
#define CAP_IPC_LOCK_BIT 14

#define MAPPABLE_REMEDY "Use memory-backend-memfd, memory-backend-ram, or a " \
                        "file on tmpfs or hugetlbfs.\n"

/*
 * Locked memory
 */

/* @unknown is what a process has that does not show it */
static uint64_t status_number(const char *root, const char *pid,
                              const char *key, int base, uint64_t unknown)
{
    g_autofree char *path = g_build_filename("proc", pid, "status", NULL);
    g_autofree char *text = host_value(root, path, key);

    return text ? g_ascii_strtoull(text, NULL, base) : unknown;
}

static uint64_t status_uid(const char *root, const char *pid)
{
    return status_number(root, pid, "Uid:", 10, UINT64_MAX);
}

typedef struct Pinned {
    uint64_t uid;
    uint64_t kib;
} Pinned;

static bool add_pinned(const char *root, const char *pid, void *opaque)
{
    Pinned *pinned = opaque;

    if (status_uid(root, pid) == pinned->uid) {
        pinned->kib += status_number(root, pid, "VmPin:", 10, 0);
    }
    return false;
}

/* Bytes.  The kernel counts pinned pages per real user, whatever pins them */
static uint64_t pinned_by_others(const char *root)
{
    Pinned pinned = { .uid = status_uid(root, "self") };

    host_each_process(root, false, add_pinned, &pinned);
    return pinned.kib * KIB;
}

Locked locked_memory(const char *root)
{
    g_autofree char *limit = host_value(root, "proc/self/limits",
                                        "Max locked memory");
    uint64_t caps = status_number(root, "self", "CapEff:", 16, UINT64_MAX);
    g_autofree char *uid_map = host_attr(root, "proc/self/uid_map");
    unsigned int inside = 0, outside = 0, count = UINT_MAX;
    Locked locked = {
        .limit = UINT64_MAX,
        .has_ipc_lock = caps & (1ULL << CAP_IPC_LOCK_BIT),
    };

    if (limit && g_ascii_isdigit(*limit)) {
        locked.limit = g_ascii_strtoull(limit, NULL, 10);
    }
    if (uid_map) {
        sscanf(uid_map, "%u %u %u", &inside, &outside, &count);
    }
    locked.initial_userns = !inside && !outside && count == UINT_MAX;
    return locked;
}

char *cgroup_limit(const char *root)
{
    g_autofree char *group = host_value(root, "proc/self/cgroup", "0::");
    g_autofree char *dir = NULL;
    g_autofree char *max = NULL;

    if (!group || strstr(group, "..")) {
        return NULL;
    }
    dir = g_build_filename("sys/fs/cgroup", group, NULL);
    max = host_attr_of(root, dir, "memory.max");
    return max && g_ascii_isdigit(*max) ? g_steal_pointer(&max) : NULL;
}

static IOMMUFDFinding *no_memory(const char *root, const IOMMUFDMap *map,
                                 int err)
{
    Locked locked = locked_memory(root);
    bool process = map->mode == IOMMUFD_ACCOUNTING_MODE_PROCESS;
    const char *mode = process ? "process" : "user";
    uint64_t others = process ? 0 : pinned_by_others(root);
    uint64_t need = map->total + others;
    g_autofree char *max = NULL;
    char *remedy;

    if (locked.limit >= need ||
        (locked.has_ipc_lock && locked.initial_userns)) {
        max = cgroup_limit(root);
        return finding_new(IOMMUFD_CAUSE_OUT_OF_MEMORY, err,
            g_strdup("Look at memory.max and memory.events of the control "
                     "group, and at MemAvailable in /proc/meminfo.\n"),
            "the host is out of memory for pinning '%s'%s%s%s", map->region,
            max ? ", the control group is limited to " : "", max ?: "",
            max ? " bytes" : "");
    }

    remedy = g_strdup_printf("Raise it to at least %" PRIu64 " bytes: ulimit "
                             "-l %" PRIu64 ", LimitMEMLOCK=%" PRIu64 ", or "
                             "<memtune><hard_limit> of libvirt.\n", need,
                             DIV_ROUND_UP(need, KIB), need);
    if (locked.has_ipc_lock) {
        return finding_new(IOMMUFD_CAUSE_LOCKED_MEMORY_USERNS, err, remedy,
            "the limit of locked memory (RLIMIT_MEMLOCK) is %" PRIu64
            " bytes, guest memory needs %" PRIu64 ", and CAP_IPC_LOCK in a "
            "user namespace does not lift it", locked.limit, need);
    }
    if (locked.limit >= map->total) {
        return finding_new(IOMMUFD_CAUSE_LOCKED_MEMORY_SHARED, err, remedy,
            "the limit of locked memory (RLIMIT_MEMLOCK) is %" PRIu64
            " bytes, guest memory needs %" PRIu64 ", and other processes of "
            "user %u have pinned %" PRIu64 " (accounting mode %s)",
            locked.limit, map->total, getuid(), others, mode);
    }
    return finding_new(IOMMUFD_CAUSE_LOCKED_MEMORY_LIMIT, err, remedy,
        "the limit of locked memory (RLIMIT_MEMLOCK) is %" PRIu64 " bytes, "
        "guest memory needs %" PRIu64 " (accounting mode %s)", locked.limit,
        map->total, mode);
}

/*
 * Addresses
 */

/* What a device reserves of a range, as "START-END (TYPE) of DEVICE" */
static char *reserved_by(const char *root, const IOMMUFDMap *map)
{
    for (size_t i = 0; i < map->n_peers; i++) {
        const IOMMUFDPeer *peer = &map->peers[i];
        g_autofree char *sysfsdev = iommufd_diag_sysfsdev(root, peer->sysfsdev,
                                                          peer->fd);
        g_autoptr(GArray) regions = sysfsdev ?
            device_reserved_regions(root, sysfsdev) : NULL;

        for (guint j = 0; regions && j < regions->len; j++) {
            const ReservedRegion *region = &g_array_index(regions,
                                                          ReservedRegion, j);

            if (region->start <= map->iova + (map->size - 1) &&
                region->last >= map->iova) {
                g_autofree char *shown = reserved_region_shown(region);
                g_autofree char *name = g_path_get_basename(sysfsdev);

                return g_strdup_printf("%s of %s", shown, name);
            }
        }
    }
    return NULL;
}

static int address_bits(uint64_t last)
{
    int bits = 0;

    while (last) {
        last >>= 1;
        bits++;
    }
    return bits;
}

static bool in_one_range(const IOMMUFDMap *map, uint64_t last)
{
    for (size_t i = 0; i < map->n_ranges; i++) {
        if (map->iova >= map->ranges[i].start && last <= map->ranges[i].last) {
            return true;
        }
    }
    return false;
}

static IOMMUFDFinding *bad_address(const char *root, const IOMMUFDMap *map,
                                   int err)
{
    uint64_t last = map->iova + (map->size - 1);
    g_autofree char *reserved = NULL;
    uint64_t end;

    if (map->n_ranges && !in_one_range(map, last)) {
        end = map->ranges[map->n_ranges - 1].last;
        if (last > end) {
            return finding_new(IOMMUFD_CAUSE_ADDRESS_WIDTH, err,
                g_strdup("Use less memory, or a lower maxmem=; phys-bits= "
                         "and host-phys-bits-limit= of the CPU limit where "
                         "memory and BARs go.\n"),
                "'%s' at 0x%" PRIx64 "-0x%" PRIx64 " lies beyond the %d "
                "bits that the host's IOMMU can address (0x%" PRIx64 ")",
                map->region, map->iova, last, address_bits(end), end);
        }
        reserved = reserved_by(root, map);
        return finding_new(IOMMUFD_CAUSE_RESERVED_REGION, err,
            g_strdup("Move the memory of the guest; on AMD hosts use an AMD "
                     "CPU model and a machine type of QEMU 7.1 or newer.\n"),
            "'%s' at 0x%" PRIx64 "-0x%" PRIx64 " overlaps addresses that the "
            "host reserves%s%s", map->region, map->iova, last,
            reserved ? ": " : "", reserved ?: "");
    }
    if (map->page_size > 1 &&
        (map->iova % map->page_size || map->size % map->page_size)) {
        return finding_new(IOMMUFD_CAUSE_ALIGNMENT, err, NULL,
            "'%s' at 0x%" PRIx64 ", %" PRIu64 " bytes, is not aligned to the "
            "IOMMU's page of %" PRIu64 " bytes", map->region, map->iova,
            map->size, map->page_size);
    }
    return NULL;
}

/*
 * What is behind the memory
 */

typedef struct Backing {
    uint64_t vaddr;
    bool inside;
    char perms[5];
    /* NULL without a file */
    char *path;
} Backing;

static void backing_clear(Backing *backing)
{
    g_free(backing->path);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Backing, backing_clear)

/* Stops at the page size of the mapping around the address */
static bool match_mapping(const char *line, void *opaque)
{
    Backing *backing = opaque;
    uint64_t start, end;
    char perms[5];
    int path = 0;

    if (backing->inside) {
        return g_str_has_prefix(line, "KernelPageSize:");
    }
    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*s %*s %*s %n", &start,
               &end, perms, &path) == 3 &&
        backing->vaddr >= start && backing->vaddr < end) {
        backing->inside = true;
        strcpy(backing->perms, perms);
        if (path && line[path] == '/') {
            g_autofree char *text = g_strchomp(g_strdup(line + path));

            backing->path = g_strescape(text, NULL);
        }
    }
    return false;
}

typedef struct Mount {
    const char *path;
    size_t longest;
    char *type;
} Mount;

/* Goes on to the end: the longest mount point that leads to the path counts */
static bool match_mount(const char *line, void *opaque)
{
    g_auto(GStrv) fields = g_strsplit(line, " ", 4);
    Mount *mount = opaque;
    size_t len;

    if (g_strv_length(fields) < 4) {
        return false;
    }
    len = strlen(fields[1]);
    if (len >= mount->longest && g_str_has_prefix(mount->path, fields[1]) &&
        (len == 1 || mount->path[len] == '/')) {
        mount->longest = len;
        g_free(mount->type);
        mount->type = g_strescape(fields[2], NULL);
    }
    return false;
}

/* The type of the file system that a path is on, or NULL */
static char *file_system(const char *root, const char *path)
{
    g_autofree char *line = NULL;
    Mount mount = { .path = path };

    host_find(root, "proc/self/mounts", match_mount, &mount, &line);
    return mount.type;
}

static IOMMUFDFinding *no_huge_pages(const char *root, const IOMMUFDMap *map,
                                     uint64_t page, int err)
{
    g_autofree char *dir =
        g_strdup_printf("sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB",
                        page / KIB);
    uint64_t free;

    if (!host_number_of(root, dir, "free_hugepages", &free) ||
        free * page >= map->size) {
        return NULL;
    }
    return finding_new(IOMMUFD_CAUSE_NO_HUGE_PAGES, err,
        g_strdup_printf("Reserve them: echo N > /%s/nr_hugepages\n", dir),
        "'%s' is in huge pages of %" PRIu64 " KiB, needs up to %" PRIu64
        " of them, and %" PRIu64 " are free", map->region, page / KIB,
        DIV_ROUND_UP(map->size, page), free);
}

static IOMMUFDFinding *bad_backing(const char *root, const IOMMUFDMap *map,
                                   int err)
{
    g_auto(Backing) backing = { .vaddr = (uintptr_t)map->vaddr };
    g_autofree char *line = NULL;
    g_autofree char *type = NULL;
    uint64_t page = 0;
    IOMMUFDFinding *finding;

    host_find(root, "proc/self/smaps", match_mapping, &backing, &line);
    if (!backing.inside) {
        return NULL;
    }
    if (line) {
        page = g_ascii_strtoull(line + strlen("KernelPageSize:"), NULL, 10) *
               KIB;
    }
    if (page > qemu_real_host_page_size()) {
        finding = no_huge_pages(root, map, page, err);
        if (finding) {
            return finding;
        }
    }
    if (!map->readonly && !strchr(backing.perms, 'w')) {
        return finding_new(IOMMUFD_CAUSE_RAM_READ_ONLY, err,
            g_strdup("Use rom=on for it, or memory that can be written.\n"),
            "'%s' is mapped read-only in QEMU (%s), but would be writable "
            "for the device", map->region, backing.path ?: "no file");
    }
    type = backing.path && !g_str_has_prefix(backing.path, "/memfd:") ?
           file_system(root, backing.path) : NULL;
    if (type && strchr(backing.perms, 's') && !g_str_equal(type, "tmpfs") &&
        !g_str_equal(type, "devtmpfs") && !g_str_equal(type, "hugetlbfs")) {
        return finding_new(IOMMUFD_CAUSE_RAM_FILE_SYSTEM, err,
            g_strdup(MAPPABLE_REMEDY),
            "'%s' is a shared mapping of %s on %s, whose pages the kernel "
            "does not pin for devices", map->region, backing.path, type);
    }
    return NULL;
}

IOMMUFDFinding *iommufd_diag_map(const char *root, const IOMMUFDMap *map,
                                 int err)
{
    IOMMUFDFinding *finding = NULL;

    switch (err) {
    case ENOMEM:
        finding = bad_backing(root, map, err);
        return finding ?: no_memory(root, map, err);
    case EFAULT:
        if (map->device_memory) {
            return finding_new(IOMMUFD_CAUSE_PCI_BAR, err, NULL,
                "other devices cannot reach '%s' by DMA, iommufd of this "
                "kernel does not map the memory of devices", map->region);
        }
        finding = bad_backing(root, map, err);
        break;
    case EINVAL:
        finding = bad_address(root, map, err);
        break;
    case EOPNOTSUPP:
        finding = bad_backing(root, map, err) ?:
                  finding_new(IOMMUFD_CAUSE_RAM_FILE_SYSTEM, err,
                              g_strdup(MAPPABLE_REMEDY),
                              "'%s' is probably on a DAX file system, whose "
                              "pages the kernel does not pin for devices",
                              map->region);
        break;
    case EEXIST:
        finding = finding_new(IOMMUFD_CAUSE_ALREADY_MAPPED, err, NULL,
            "I/O addresses 0x%" PRIx64 "-0x%" PRIx64 " for '%s' are mapped "
            "already", map->iova, map->iova + (map->size - 1), map->region);
        break;
    case ENOENT:
        finding = finding_new(IOMMUFD_CAUSE_PAGE_TABLE_UNKNOWN, err, NULL,
            "the iommufd does not know the IOAS for '%s'", map->region);
        break;
    default:
        break;
    }
    return finding ?: finding_new(IOMMUFD_CAUSE_UNKNOWN, err, NULL,
        "'%s' at 0x%" PRIx64 ", %" PRIu64 " bytes, cannot be mapped for DMA",
        map->region, map->iova, map->size);
}
