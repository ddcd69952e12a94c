/*
 * Which objects have a link to another
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef QOM_OBJECT_USERS_H
#define QOM_OBJECT_USERS_H

#include "qom/object.h"

/**
 * object_users: name the objects whose link properties lead to an object
 * @obj: the object
 *
 * Devices and user-created objects are named by their id, others by their
 * path.
 *
 * Returns: the names in order, separated by commas, to be freed with
 * g_free(); "" if there are none.
 */
char *object_users(Object *obj);

#endif
