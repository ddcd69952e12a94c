/*
 * Refusing memory that is plugged, because a listener cannot take it
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/mem/memory-refusal.h"

static bool window_open;
static Error *refusal;

void memory_refusal_begin(void)
{
    g_assert(!window_open);
    window_open = true;
}

bool memory_refuse(Error *err)
{
    if (!window_open) {
        return false;
    }
    if (refusal) {
        error_free(err);
    } else {
        refusal = err;
    }
    return true;
}

bool memory_refusal_end(Error **errp)
{
    Error *err = g_steal_pointer(&refusal);

    window_open = false;
    error_propagate(errp, err);
    return !err;
}
