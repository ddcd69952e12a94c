/*
 * Which guest RAM may be mapped for DMA through its file descriptor
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/mmap-alloc.h"
#include "hw/vfio/map-file.h"

int vfio_ram_block_file(RAMBlock *rb)
{
    int fd = rb && qemu_ram_is_shared(rb) ? qemu_ram_get_fd(rb) : -1;

    if (fd >= 0 && qemu_fd_getfs(fd) == QEMU_FS_TYPE_UNKNOWN) {
        return -1;
    }
    return fd;
}
