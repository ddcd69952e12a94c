/*
 * Checks of mapping memory for DMA
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "checks.h"

#define KIB 1024

/*
 * ENOMEM
 */

/* What this process would have pinned afterwards, in bytes */
static uint64_t needed(const Facts *facts)
{
    const IOMMUFDMap *map = facts->failure->map;
    const Locked *locked = host_locked(facts->host);
    uint64_t before = map->mode == IOMMUFD_ACCOUNTING_MODE_PROCESS ?
                      locked->locked : locked->pinned;

    return MAX(before + map->size, map->total);
}

static bool is_limited(const Locked *locked)
{
    return locked->limit != UINT64_MAX &&
           !(locked->has_ipc_lock && locked->initial_userns);
}

/* Whatever else is missing, more than this is never pinned */
IOMMUFDFinding *check_map_limit(const Facts *facts)
{
    const IOMMUFDMap *map = facts->failure->map;
    const Locked *locked = host_locked(facts->host);
    bool process = map->mode == IOMMUFD_ACCOUNTING_MODE_PROCESS;
    uint64_t need = needed(facts);
    g_autofree char *pinned = NULL;
    g_autofree char *user = NULL;
    uint64_t others;

    if (!is_limited(locked) || map->device_memory) {
        return NULL;
    }
    if (need > locked->limit) {
        if (locked->has_ipc_lock) {
            return finding_locked_memory_userns_caps(facts->err, locked->limit,
                                                     need, need / KIB);
        }
        /* with a guest's IOMMU, or another IOAS, it is more than this */
        pinned = locked->pinned ? g_strdup_printf(", of which %" PRIu64
                                                  " are pinned",
                                                  locked->pinned) : NULL;
        return finding_locked_memory_limit_map(facts->err, locked->limit, need,
                                               pinned ?: "", process ?
                                               "process" : "user",
                                               DIV_ROUND_UP(need, KIB));
    }
    user = user_shown(locked->uid);
    others = process ? 0 : host_pinned_by_others(facts->host);
    return need + others > locked->limit ?
           finding_locked_memory_shared_user(facts->err, locked->limit, need,
               user, others, need + others,
               DIV_ROUND_UP(need + others, KIB)) : NULL;
}

/* Pages that are there already need no free ones */
IOMMUFDFinding *check_map_huge_pages(const Facts *facts)
{
    const IOMMUFDMap *map = facts->failure->map;
    uint64_t kib = map->backing_page / KIB;
    g_autofree char *name =
        g_strdup_printf("sys/kernel/mm/hugepages/hugepages-%" PRIu64
                        "kB/free_hugepages", kib);
    uint64_t missing, free;

    if (map->backing_page <= qemu_real_host_page_size() ||
        map->unpopulated == UINT64_MAX ||
        !dir_number(facts->host->dir, name, &free)) {
        return NULL;
    }
    missing = DIV_ROUND_UP(map->unpopulated, map->backing_page);
    return missing > free ?
           finding_no_huge_pages_few(facts->err, map->region, kib, missing,
                                     free) : NULL;
}

/* Without evidence all that is possible is named, with its figures */
static IOMMUFDFinding *limit_or_memory(const Facts *facts,
                                       const Locked *locked)
{
    const IOMMUFDMap *map = facts->failure->map;
    g_autofree char *user = user_shown(locked->uid);
    g_autofree char *candidates =
        g_strdup_printf("the limit of locked memory (RLIMIT_MEMLOCK) is %"
                        PRIu64 " bytes, of which this process has pinned %"
                        PRIu64 " and needs %" PRIu64 " more; probably "
                        "processes of %s that could not be examined have "
                        "pinned the rest, or the host is out of memory",
                        locked->limit, locked->pinned, map->size, user);

    return finding_unknown_memory(facts->err, map->region, candidates);
}

IOMMUFDFinding *check_map_memory(const Facts *facts)
{
    const IOMMUFDMap *map = facts->failure->map;
    const Locked *locked = host_locked(facts->host);
    Cgroup cgroup = host_cgroup(facts->host);
    uint64_t missing = map->unpopulated == UINT64_MAX ? 0 : map->unpopulated;
    g_autofree char *limited = NULL;
    uint64_t available;

    if (map->backing_page <= qemu_real_host_page_size()) {
        if (cgroup.known && cgroup.left < missing) {
            return finding_out_of_memory_cgroup(facts->err, map->region,
                                                missing, cgroup.left,
                                                cgroup.limit);
        }
        if (host_available(facts->host, &available) && available < missing) {
            return finding_out_of_memory_host(facts->err, map->region, missing,
                                              available);
        }
    }
    /* In mode process no other process counts */
    if (is_limited(locked) &&
        map->mode != IOMMUFD_ACCOUNTING_MODE_PROCESS &&
        !host_sees_all_users(facts->host)) {
        return limit_or_memory(facts, locked);
    }
    limited = cgroup.known ? g_strdup_printf(", the control group is limited "
                                             "to %" PRIu64 " bytes",
                                             cgroup.limit) : NULL;
    return finding_out_of_memory_maybe(facts->err, map->region, limited ?: "");
}

/*
 * What is behind the memory
 */

IOMMUFDFinding *check_map_bar(const Facts *facts)
{
    const IOMMUFDMap *map = facts->failure->map;

    if (!map->device_memory) {
        return NULL;
    }
    switch (map->export) {
    case IOMMUFD_EXPORT_DONE:
        return finding_pci_bar_map(facts->err, map->region);
    case IOMMUFD_EXPORT_FAILED:
        return facts->err == ENOTTY ?
               finding_pci_bar_kernel(facts->err, map->region) :
               facts->err == EOPNOTSUPP ?
               finding_pci_bar_driver(facts->err, map->region) :
               finding_pci_bar_export(facts->err, map->region);
    default:
        return finding_pci_bar_unmapped(facts->err, map->region);
    }
}

IOMMUFDFinding *check_map_backing(const Facts *facts)
{
    const IOMMUFDMap *map = facts->failure->map;
    const char *file = map->backing_file ?: "no file";

    if (map->backing_readonly && !map->readonly) {
        return finding_ram_read_only_file(facts->err, map->region, file);
    }
    if (map->backing_on_disk && !map->readonly) {
        return finding_ram_file_system_shared(facts->err, map->region, file);
    }
    return facts->err == EOPNOTSUPP ?
           finding_ram_file_system_dax(facts->err, map->region) : NULL;
}

/*
 * Addresses
 */

/* What a device reserves of a range, as ": START-END (TYPE) of DEVICE" */
static char *reserved_by(const Facts *facts, uint64_t start, uint64_t last)
{
    const IOMMUFDFailure *failure = facts->failure;

    for (size_t i = 0; i < failure->n_others; i++) {
        const IOMMUFDHostDevice *device = facts_device(facts,
                                                       &failure->others[i]);
        g_autoptr(GArray) regions = device ?
                                    device_reserved_regions(device) : NULL;

        for (guint j = 0; regions && j < regions->len; j++) {
            const ReservedRegion *region = &g_array_index(regions,
                                                          ReservedRegion, j);

            if (region->start <= last && region->last >= start) {
                g_autofree char *shown = reserved_region_shown(region);

                return g_strdup_printf(": %s of %s", shown, device->name);
            }
        }
    }
    return g_strdup("");
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

IOMMUFDFinding *check_map_address(const Facts *facts)
{
    const IOMMUFDMap *map = facts->failure->map;
    uint64_t last = map->iova + (map->size - 1);
    g_autofree char *by = NULL;
    uint64_t end;

    if (map->n_ranges && !in_one_range(map, last)) {
        end = map->ranges[map->n_ranges - 1].last;
        if (last > end) {
            return finding_address_width_beyond(facts->err, map->region,
                                                map->iova, last,
                                                address_bits(end), end);
        }
        by = reserved_by(facts, map->iova, last);
        return finding_reserved_region_map(facts->err, map->region, map->iova,
                                           last, by);
    }
    return map->page_size > 1 &&
           (map->iova % map->page_size || map->size % map->page_size) ?
           finding_alignment_map(facts->err, map->region, map->iova, map->size,
                                 map->page_size) : NULL;
}

IOMMUFDFinding *check_map_rest(const Facts *facts)
{
    const IOMMUFDMap *map = facts->failure->map;

    switch (facts->err) {
    case EEXIST:
        return finding_already_mapped_iova(facts->err, map->iova,
                                           map->iova + (map->size - 1),
                                           map->region);
    case ENOENT:
        return finding_page_table_unknown_map(facts->err, map->region);
    default:
        return NULL;
    }
}
