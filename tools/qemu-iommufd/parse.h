/*
 * Values of options that several commands have
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TOOLS_QEMU_IOMMUFD_PARSE_H
#define TOOLS_QEMU_IOMMUFD_PARSE_H

/**
 * struct User - whom QEMU runs as
 * @uid: the user
 * @gid: the group
 * @groups: it is in all the groups of that name, too
 * @name: its name, NULL if it has none
 * @home: its directory
 */
typedef struct User {
    uid_t uid;
    gid_t gid;
    bool groups;
    char *name;
    char *home;
} User;

/**
 * parse_user: a user by name or number
 * @arg: NAME or UID, and :GID if the group is to be another than the user's.
 *     A UID without an entry in the host's database needs one.
 * @complaint: set to what is wrong, which the caller frees
 *
 * Returns: the user, to be freed with user_free(); NULL if there is none.
 */
User *parse_user(const char *arg, char **complaint);

/**
 * user_free: free a user
 * @user: the user, may be NULL
 */
void user_free(User *user);

/**
 * parse_size: an amount of memory
 * @arg: a number, with K, M, G or T behind it or without, or "unlimited"
 * @bytes: set to the amount, UINT64_MAX for "unlimited"
 *
 * Returns: false if @arg is anything else, or too large.
 */
bool parse_size(const char *arg, uint64_t *bytes);

#endif
