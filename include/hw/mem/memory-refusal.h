/*
 * Refusing memory that is plugged, because a listener cannot take it
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_MEM_MEMORY_REFUSAL_H
#define HW_MEM_MEMORY_REFUSAL_H

/*
 * A memory listener learns of new memory when it is there, and has no way to
 * say no.  Code that plugs memory and is able to take it away again opens a
 * window around that; a listener that fails while the window is open leaves
 * its error there instead of giving up on the VM.
 *
 * All functions need the BQL.  Windows do not nest.
 */

/**
 * memory_refusal_begin: open the window
 */
void memory_refusal_begin(void);

/**
 * memory_refuse: refuse the memory that is being plugged
 * @err: why; taken over if the window is open.  The first error counts.
 *
 * Returns: true if the window is open.
 */
bool memory_refuse(Error *err);

/**
 * memory_refusal_end: close the window
 * @errp: set if a listener has refused the memory, which the caller then has
 *     to unplug
 *
 * Returns: true if no listener has.
 */
bool memory_refusal_end(Error **errp);

#endif
