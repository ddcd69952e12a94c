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
 * CPR keeps descriptors under names, and those of iommufd objects and devices
 * are their ids.  An object and a device can have the same id: that is no
 * problem as long as the next QEMU does not have to tell them apart.
 */

/**
 * iommufd_cpr_delete_fd: forget a descriptor, if it is saved
 * @name: id of the iommufd object or name of the device
 * @fd: the descriptor, as others may be saved under this name
 */
void iommufd_cpr_delete_fd(const char *name, int fd);

/**
 * iommufd_cpr_replace_fd: remember another descriptor of an object
 * @name: id of the iommufd object
 * @fd: its descriptor up to now, or -1
 * @new_fd: its descriptor from now on
 */
void iommufd_cpr_replace_fd(const char *name, int fd, int new_fd);

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
 * iommufd_cpr_check_device_fd: check what the previous QEMU saved under the
 * name of a device, if there was one
 * @fd: the descriptor, or -1
 * @errp: set if it is none, or that of an iommufd object
 */
bool iommufd_cpr_check_device_fd(int fd, Error **errp);

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

/**
 * iommufd_cpr_check_names: check that the next QEMU will find each iommufd by
 * the id of its object; this is VMStateDescription::pre_save_errp
 * @opaque: not used
 * @errp: set if something else is saved under such an id
 */
bool iommufd_cpr_check_names(void *opaque, Error **errp);

#endif
