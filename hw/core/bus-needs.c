/*
 * What a machine has to be given to have a bus
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/bus-needs.h"

const char *bus_needs(const char *type)
{
    if (g_str_equal(type, "ap-bus")) {
        return "a CPU model with ap=on";
    }
    return NULL;
}
