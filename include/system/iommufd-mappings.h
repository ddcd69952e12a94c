/*
 * The DMA mappings in the IOASes of an iommufd object
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef SYSTEM_IOMMUFD_MAPPINGS_H
#define SYSTEM_IOMMUFD_MAPPINGS_H

#include "system/iommufd.h"

/*
 * The kernel does not tell what is mapped in an IOAS, so the iommufd object
 * tracks what it maps and unmaps.  Counters would not do: one unmap takes
 * away any number of mappings, as when a guest switches off its IOMMU.  Called
 * with the BQL held.
 */

/**
 * iommufd_mappings_add: track a range that was mapped
 * @be: the iommufd object
 * @ioas_id: the IOAS
 * @iova: start of the range
 * @size: its size in bytes
 * @ret: what the mapping returned; unless that is 0, nothing was mapped
 */
void iommufd_mappings_add(IOMMUFDBackend *be, uint32_t ioas_id, hwaddr iova,
                          uint64_t size, int ret);

/**
 * iommufd_mappings_remove: track a range that was unmapped
 * @be: the iommufd object
 * @ioas_id: the IOAS
 * @iova: start of the range
 * @size: its size in bytes; UINT64_MAX with @iova 0 is everything
 * @ret: what the unmapping returned; unless that is 0, nothing was unmapped
 */
void iommufd_mappings_remove(IOMMUFDBackend *be, uint32_t ioas_id,
                             hwaddr iova, uint64_t size, int ret);

/**
 * iommufd_mappings_free: forget an IOAS
 * @be: the iommufd object
 * @id: ID that iommufd no longer has, of an IOAS or of anything else
 */
void iommufd_mappings_free(IOMMUFDBackend *be, uint32_t id);

/**
 * iommufd_mappings_sum: how much is mapped
 * @be: the iommufd object
 * @ioas_id: the IOAS
 * @count: set to the number of mappings
 * @bytes: set to the sum of their sizes
 */
void iommufd_mappings_sum(IOMMUFDBackend *be, uint32_t ioas_id,
                          uint64_t *count, uint64_t *bytes);

#endif
