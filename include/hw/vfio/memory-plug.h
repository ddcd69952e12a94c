/*
 * Memory that is plugged while devices are assigned
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VFIO_MEMORY_PLUG_H
#define HW_VFIO_MEMORY_PLUG_H

#include "exec/hwaddr.h"
#include "hw/mem/memory-device.h"

/**
 * vfio_check_memory_plug: check that assigned devices can reach memory
 * @md: a memory device that is about to be plugged
 * @mr: its memory
 * @addr: where the guest will have it
 * @errp: set if that cannot be mapped for DMA
 *
 * Once the memory is plugged it is too late: a memory listener cannot fail,
 * and VFIO's ends QEMU then.  So this maps the memory as the listener will,
 * and unmaps it again.
 *
 * Returns: true if the memory can be mapped, or need not be.
 */
bool vfio_check_memory_plug(MemoryDeviceState *md, MemoryRegion *mr,
                            hwaddr addr, Error **errp);

#endif
