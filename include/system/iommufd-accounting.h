/*
 * Memory accounting of iommufd objects
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef SYSTEM_IOMMUFD_ACCOUNTING_H
#define SYSTEM_IOMMUFD_ACCOUNTING_H

#include "system/iommufd.h"

/*
 * The kernel changes the mode of an iommufd only before anything is made in
 * it, and only for a process with CAP_SYS_RESOURCE.  What has the wanted mode
 * already is left alone, which needs nothing.
 */

/**
 * iommufd_accounting_init_props: add the property "accounting"
 * @klass: the class of iommufd objects
 */
void iommufd_accounting_init_props(ObjectClass *klass);

/**
 * iommufd_accounting_check: check that the wanted mode can be had
 * @be: an object that is being created; a passed descriptor gets the mode
 * @errp: set if it cannot
 *
 * Returns: true if it can, or none is wanted.
 */
bool iommufd_accounting_check(IOMMUFDBackend *be, Error **errp);

/**
 * iommufd_accounting_apply: give the descriptor of an object its mode
 * @be: the object, with a descriptor
 * @errp: set if that fails
 *
 * Returns: true if it has the wanted mode, or none is wanted.
 */
bool iommufd_accounting_apply(IOMMUFDBackend *be, Error **errp);

#endif
