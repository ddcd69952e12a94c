/*
 * Which objects have a link to another
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qom/object.h"
#include "qom/object-users.h"

typedef struct {
    Object *target;
    GPtrArray *names;
} Search;

static char *user_name(Object *obj)
{
    g_autofree char *path = object_get_canonical_path(obj);
    const char *id;

    /* What users know it by */
    if (strstart(path, "/machine/peripheral/", &id) ||
        strstart(path, "/objects/", &id)) {
        return g_strdup(id);
    }
    return g_steal_pointer(&path);
}

static int find_link(Object *obj, void *opaque)
{
    Search *search = opaque;
    ObjectPropertyIterator iter;
    ObjectProperty *prop;

    object_property_iter_init(&iter, obj);
    while ((prop = object_property_iter_next(&iter))) {
        if (g_str_has_prefix(prop->type, "link<") && prop->get &&
            object_property_get_link(obj, prop->name, NULL) ==
            search->target) {
            g_ptr_array_add(search->names, user_name(obj));
            break;
        }
    }
    return 0;
}

char *object_users(Object *obj)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    Search search = { .target = obj, .names = names };

    object_child_foreach_recursive(object_get_root(), find_link, &search);
    g_ptr_array_sort(names, (GCompareFunc)qemu_pstrcmp0);
    g_ptr_array_add(names, NULL);
    return g_strjoinv(", ", (char **)names->pdata);
}
