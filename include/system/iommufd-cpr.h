/*
 * CPR state of iommufd objects
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef SYSTEM_IOMMUFD_CPR_H
#define SYSTEM_IOMMUFD_CPR_H

#include "qom/object.h"

/*
 * CPR keeps descriptors under a name and a number.  Devices use their id and
 * 0.  Objects have a name space of their own, so an object and a device may
 * have the same id; the functions below keep their descriptors apart.
 */

/**
 * iommufd_cpr_save_fd: remember a descriptor for the next QEMU
 * @name: id of the iommufd object
 * @fd: its descriptor, which stays the caller's
 */
void iommufd_cpr_save_fd(const char *name, int fd);

/**
 * iommufd_cpr_delete_fd: forget the descriptor of an object, if there is one
 * @name: id of the iommufd object
 */
void iommufd_cpr_delete_fd(const char *name);

/**
 * iommufd_cpr_unparent: forget the descriptor of an object that is deleted
 * @obj: the iommufd object, for which this is ObjectClass::unparent
 */
void iommufd_cpr_unparent(Object *obj);

/**
 * iommufd_cpr_saved_fd: take the descriptor that the previous QEMU saved
 * @name: id of the iommufd object
 * @errp: set if there is none
 *
 * Returns: a descriptor that the caller closes, or -1.
 */
int iommufd_cpr_saved_fd(const char *name, Error **errp);

/**
 * iommufd_cpr_open_fd: open /dev/iommu and save it, or take what the previous
 * QEMU saved, if there was one
 * @name: id of the iommufd object
 * @errp: set if /dev/iommu cannot be opened, or the previous QEMU has saved
 *     no descriptor of it
 *
 * Returns: a descriptor that the caller closes, or -1.
 */
int iommufd_cpr_open_fd(const char *name, Error **errp);

#endif
