/*
 * The DMA mappings in the IOASes of an iommufd object
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/interval-tree.h"
#include "system/iommufd-mappings.h"

/* An IOAS is listed here from its first mapping on */
struct IOMMUFDIOAS {
    uint32_t id;
    IntervalTreeRoot mappings;
    uint64_t count;
    uint64_t bytes;
    QLIST_ENTRY(IOMMUFDIOAS) next;
};

typedef struct IOMMUFDIOAS IOMMUFDIOAS;

static IOMMUFDIOAS *find_ioas(IOMMUFDBackend *be, uint32_t id)
{
    IOMMUFDIOAS *ioas;

    QLIST_FOREACH(ioas, &be->ioas_list, next) {
        if (ioas->id == id) {
            return ioas;
        }
    }
    return NULL;
}

void iommufd_mappings_add(IOMMUFDBackend *be, uint32_t ioas_id, hwaddr iova,
                          uint64_t size, int ret)
{
    IOMMUFDIOAS *ioas = find_ioas(be, ioas_id);
    IntervalTreeNode *mapping;

    if (ret) {
        return;
    }
    mapping = g_new0(IntervalTreeNode, 1);
    if (!ioas) {
        ioas = g_new0(IOMMUFDIOAS, 1);
        ioas->id = ioas_id;
        QLIST_INSERT_HEAD(&be->ioas_list, ioas, next);
    }
    mapping->start = iova;
    mapping->last = iova + size - 1;
    interval_tree_insert(mapping, &ioas->mappings);
    ioas->count++;
    ioas->bytes += size;
}

/*
 * As the kernel does it: mappings go one after the other, and the first that
 * is only partly in the range, which the kernel refuses to split, ends it.
 */
static void remove_range(IOMMUFDIOAS *ioas, uint64_t start, uint64_t last)
{
    IntervalTreeNode *mapping;

    while ((mapping = interval_tree_iter_first(&ioas->mappings, start, last)) &&
           mapping->start >= start && mapping->last <= last) {
        interval_tree_remove(mapping, &ioas->mappings);
        ioas->count--;
        ioas->bytes -= mapping->last - mapping->start + 1;
        g_free(mapping);
    }
}

void iommufd_mappings_remove(IOMMUFDBackend *be, uint32_t ioas_id,
                             hwaddr iova, uint64_t size, int ret)
{
    IOMMUFDIOAS *ioas = find_ioas(be, ioas_id);

    if (ioas && !ret) {
        remove_range(ioas, iova,
                     size == UINT64_MAX ? UINT64_MAX : iova + size - 1);
    }
}

void iommufd_mappings_free(IOMMUFDBackend *be, uint32_t id)
{
    IOMMUFDIOAS *ioas = find_ioas(be, id);

    if (ioas) {
        remove_range(ioas, 0, UINT64_MAX);
        QLIST_REMOVE(ioas, next);
        g_free(ioas);
    }
}

void iommufd_mappings_sum(IOMMUFDBackend *be, uint32_t ioas_id,
                          uint64_t *count, uint64_t *bytes)
{
    IOMMUFDIOAS *ioas = find_ioas(be, ioas_id);

    *count = ioas ? ioas->count : 0;
    *bytes = ioas ? ioas->bytes : 0;
}
