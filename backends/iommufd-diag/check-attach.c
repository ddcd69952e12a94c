/*
 * Checks of attaching a bound device to page tables
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "checks.h"

/* " NAME" of the device's IOMMU, or nothing */
static char *iommu_name(const Facts *facts)
{
    g_autofree char *iommu = facts->device ?
        dir_link(device_dir(facts->device), "iommu") : NULL;

    return iommu ? g_strconcat(" ", iommu, NULL) : g_strdup("");
}

IOMMUFDFinding *check_ioas_memory(const Facts *facts)
{
    return finding_out_of_memory_ioas(facts->err, facts->failure->id);
}

IOMMUFDFinding *check_hw_info_memory(const Facts *facts)
{
    return finding_out_of_memory_info(facts->err, facts->who);
}

IOMMUFDFinding *check_page_table_memory(const Facts *facts)
{
    return finding_out_of_memory_attach(facts->err, facts->who);
}

/* Ranges of the group that must not be translated, as START-END (TYPE) */
IOMMUFDFinding *check_page_table_overlap(const Facts *facts)
{
    g_autoptr(GArray) regions = facts->device ?
        device_reserved_regions(facts->device) : NULL;
    g_autoptr(GString) ranges = g_string_new(NULL);

    for (guint i = 0; regions && i < regions->len; i++) {
        const ReservedRegion *region = &g_array_index(regions, ReservedRegion,
                                                      i);
        g_autofree char *shown = reserved_region_shown(region);

        if (!g_str_equal(region->type, "direct-relaxable")) {
            g_string_append_printf(ranges, "%s%s", ranges->len ? ", " :
                                   ", it reserves ", shown);
        }
    }
    return finding_reserved_region_attach(facts->err, facts->who, ranges->str);
}

IOMMUFDFinding *check_hw_info(const Facts *facts)
{
    g_autofree char *iommu = iommu_name(facts);

    return finding_hwpt_unsupported_info(facts->err, iommu, facts->who);
}

IOMMUFDFinding *check_hwpt(const Facts *facts)
{
    g_autofree char *iommu = iommu_name(facts);

    switch (facts->err) {
    case EOPNOTSUPP:
        return finding_hwpt_unsupported_tables(facts->err, iommu, facts->who);
    case EINVAL:
        /* On Arm; the pages of other IOMMUs are those of the host */
        return strstr(iommu, "smmu") ?
               finding_alignment_hwpt(facts->err, facts->who,
                                      qemu_real_host_page_size()) : NULL;
    default:
        return NULL;
    }
}

IOMMUFDFinding *check_attach(const Facts *facts)
{
    const IOMMUFDDevice *peer = peer_in_group(facts);

    switch (facts->err) {
    case EINVAL:
        return peer && peer->space != facts->failure->device->space ?
               finding_group_two_address_spaces_peer(facts->err, facts->who,
                                                     peer->name,
                                                     group_of(facts)) :
               finding_unknown_invalid_page_table(facts->err, facts->who);
    case EBUSY:
        return finding_dma_owner_busy_group(facts->err, group_of(facts),
                                            facts->who);
    case ENOSPC:
        return finding_no_domain_ids_device(facts->err, facts->who);
    case ENOENT:
        return finding_page_table_unknown_attach(facts->err,
                                                 facts->failure->id,
                                                 facts->who);
    default:
        return NULL;
    }
}
