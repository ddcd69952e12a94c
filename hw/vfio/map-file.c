/*
 * Which guest RAM may be mapped for DMA through its file descriptor
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/mmap-alloc.h"
#include "system/ramblock.h"
#include "hw/vfio/map-file.h"

/* A device node is on the file system of /dev, whatever memory it maps */
static bool lives_in_memory(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
           qemu_fd_getfs(fd) != QEMU_FS_TYPE_UNKNOWN;
}

int vfio_ram_block_file(RAMBlock *rb)
{
    if (!rb) {
        return -1;
    }
    if (rb->map_file == ON_OFF_AUTO_AUTO) {
        rb->map_file = qemu_ram_is_shared(rb) &&
                       lives_in_memory(qemu_ram_get_fd(rb)) ?
                       ON_OFF_AUTO_ON : ON_OFF_AUTO_OFF;
    }
    return rb->map_file == ON_OFF_AUTO_ON ? qemu_ram_get_fd(rb) : -1;
}
