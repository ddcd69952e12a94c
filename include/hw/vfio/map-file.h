/*
 * Which guest RAM may be mapped for DMA through its file descriptor
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VFIO_MAP_FILE_H
#define HW_VFIO_MAP_FILE_H

#include "exec/cpu-common.h"

/**
 * vfio_ram_block_file: the file to hand to the kernel instead of an address
 * @rb: the RAM block, or NULL
 *
 * The kernel pins the pages of the file.  The guest sees those pages only if
 * QEMU maps the file shared: a private mapping has copies of what was
 * written.  The kernel can pin only files that live in memory.  @rb remembers
 * the answer, as a guest with an IOMMU has memory mapped page by page.
 *
 * Returns: the descriptor, which stays the RAM block's, or -1 if @rb has to
 * be mapped by address.
 */
int vfio_ram_block_file(RAMBlock *rb);

#endif
