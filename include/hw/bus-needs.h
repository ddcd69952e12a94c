/*
 * What a machine has to be given to have a bus
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_BUS_NEEDS_H
#define HW_BUS_NEEDS_H

/**
 * bus_needs: what makes a machine have a bus of some type
 * @type: the QOM type of the bus
 *
 * Returns: what has to be there, to follow "needs", or NULL if it is not
 * known.
 */
const char *bus_needs(const char *type);

#endif
