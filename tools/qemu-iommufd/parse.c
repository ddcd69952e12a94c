/*
 * Values of options that several commands have
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <pwd.h>
#include "parse.h"

/* The last one means "no change" to the kernel */
#define ID_MAX (UINT32_MAX - 1)

static bool parse_id(const char *text, uint32_t *id)
{
    guint64 number;

    if (!g_ascii_string_to_unsigned(text, 10, 0, ID_MAX, &number, NULL)) {
        return false;
    }
    *id = number;
    return true;
}

User *parse_user(const char *arg, char **complaint)
{
    g_auto(GStrv) parts = g_strsplit(arg, ":", 2);
    const char *who = parts[0] ?: "";
    const char *group = parts[0] ? parts[1] : NULL;
    struct passwd *pw = getpwnam(who);
    bool by_number = !pw && g_ascii_isdigit(*who);
    uint32_t uid = 0, gid = 0;
    User *user;

    if (group && !parse_id(group, &gid)) {
        *complaint = g_strdup_printf("'%s' is not the number of a group",
                                     group);
        return NULL;
    }
    if (by_number) {
        if (!parse_id(who, &uid)) {
            *complaint = g_strdup_printf("'%s' is not the number of a user",
                                         who);
            return NULL;
        }
        pw = getpwuid(uid);
    }
    if (!pw && !by_number) {
        *complaint = g_strdup_printf("there is no user '%s'", who);
        return NULL;
    }
    if (!pw && !group) {
        *complaint = g_strdup_printf("user %u is not known here, so its group "
                                     "must be given: %u:GID", uid, uid);
        return NULL;
    }
    user = g_new0(User, 1);
    *user = (User) {
        .uid = pw ? pw->pw_uid : uid,
        .gid = group ? gid : pw->pw_gid,
        .groups = !group,
        .name = pw ? g_strdup(pw->pw_name) : NULL,
        .home = g_strdup(pw ? pw->pw_dir : "/"),
    };
    return user;
}

void user_free(User *user)
{
    if (user) {
        g_free(user->name);
        g_free(user->home);
        g_free(user);
    }
}

bool parse_size(const char *arg, uint64_t *bytes)
{
    static const char units[] = "KMGT";
    const char *unit;
    guint64 number;
    char *end;
    int shift = 0;

    if (g_str_equal(arg, "unlimited")) {
        *bytes = UINT64_MAX;
        return true;
    }
    if (!g_ascii_isdigit(*arg)) {
        return false;
    }
    errno = 0;
    number = g_ascii_strtoull(arg, &end, 10);
    if (*end) {
        unit = strchr(units, g_ascii_toupper(*end));
        if (!unit || end[1]) {
            return false;
        }
        shift = 10 * (unit - units + 1);
    }
    *bytes = number << shift;
    return !errno && *bytes >> shift == number;
}
