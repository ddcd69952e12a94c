/*
 * The passed descriptor of an iommufd object
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef SYSTEM_IOMMUFD_FD_H
#define SYSTEM_IOMMUFD_FD_H

#include "monitor/monitor.h"
#include "qemu/ctype.h"
#include "system/iommufd.h"

/*
 * A descriptor that came through getfd is QEMU's from the moment its name is
 * used, and is closed with its object.  A number stays the user's, who can give
 * it to another object: it may be any descriptor, also one that QEMU needs.
 */

/**
 * iommufd_fd_is_named: tell a name given to getfd from a number, which all are
 * on the command line
 * @str: value of a property "fd"
 *
 * Returns: true if it is a name.
 */
static inline bool iommufd_fd_is_named(const char *str)
{
    return monitor_cur() && !qemu_isdigit(str[0]);
}

/**
 * iommufd_check_set_fd: check that the descriptor of an object can be set
 * @be: the object
 * @errp: set if devices use it, whose mappings are on the descriptor it has
 *
 * Returns: true if it can.
 */
bool iommufd_check_set_fd(const IOMMUFDBackend *be, Error **errp);

/**
 * iommufd_drop_fd: refuse a descriptor
 * @fd: the descriptor
 * @str: the value of the property "fd" that it comes from
 */
void iommufd_drop_fd(int fd, const char *str);

/**
 * iommufd_set_fd: give an object a descriptor, in place of what it had
 * @be: the object
 * @fd: the descriptor
 * @str: the value of the property "fd" that it comes from
 */
void iommufd_set_fd(IOMMUFDBackend *be, int fd, const char *str);

#endif
