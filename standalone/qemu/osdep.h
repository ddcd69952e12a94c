/*
 * What the parts that need no QEMU use of QEMU's header of this name
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef STANDALONE_QEMU_OSDEP_H
#define STANDALONE_QEMU_OSDEP_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#include <glib.h>

static inline uintptr_t qemu_real_host_page_size(void)
{
    return sysconf(_SC_PAGESIZE);
}

#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))

#endif
