/*
 * The passed descriptor of an iommufd object
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef SYSTEM_IOMMUFD_FD_H
#define SYSTEM_IOMMUFD_FD_H

#include "system/iommufd.h"

/*
 * A descriptor that came through getfd is QEMU's from the moment its name is
 * used.  A number stays the user's until the object is complete: before that
 * it may be anything, also a descriptor that QEMU needs.
 */

/**
 * iommufd_take_fd: take over the descriptor of an object that is complete
 * @be: the object, which closes its descriptor from now on
 * @errp: set if that fails
 *
 * Returns: true if the descriptor is the object's, and no other object's.
 */
bool iommufd_take_fd(IOMMUFDBackend *be, Error **errp);

#endif
