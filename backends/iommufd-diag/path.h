/*
 * Reading files of a host below a root directory
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BACKENDS_IOMMUFD_DIAG_PATH_H
#define BACKENDS_IOMMUFD_DIAG_PATH_H

#include "system/iommufd-diag.h"

/*
 * All of it is bounded, in bytes and in entries, opens nothing but regular
 * files and directories, and gives up rather than wait.  What does not exist
 * or cannot be read is NULL or false; errno tells why where a pointer is
 * returned.  Names are relative to a directory.
 */

/* A directory of a host: a path without the host's root */
typedef struct Dir {
    const char *root;
    const char *path;
} Dir;

/* The path in the file system of this process, to be freed by the caller */
char *dir_full(Dir dir, const char *name);
/* Below a sysfs that is not there, and without the rights, it is unknown */
IOMMUFDSeen dir_seen(Dir dir, const char *name);
/* A text, or the beginning of one that no sane host has */
char *dir_text(Dir dir, const char *name);
/* A short attribute, as one printable line */
char *dir_attr(Dir dir, const char *name);
/* An attribute that holds a number, decimal or with 0x; false without one */
bool dir_number(Dir dir, const char *name, uint64_t *number);
/* An attribute that holds MAJOR:MINOR */
bool dir_devt(Dir dir, const char *name, dev_t *devt);
/* The last component of what a link points to */
char *dir_link(Dir dir, const char *name);
/* A path without links, itself without the host's root */
char *dir_resolve(Dir dir, const char *name);
/* The names in a directory, sorted, without . and .. */
GPtrArray *dir_list(Dir dir, const char *name);

/*
 * Look through a text, compressed or not, for the first line that matches.
 * Returns whether it could be read; *@line, which may be left out with NULL,
 * is NULL if no line matches.
 */
bool dir_find(Dir dir, const char *name, IOMMUFDLineMatch *match, void *opaque,
              char **line);
/* The same for a line with @needle in it */
bool dir_find_line(Dir dir, const char *name, const char *needle, char **line);
/* The value in a text of lines "KEY<blank or colon>VALUE" */
char *dir_value(Dir dir, const char *name, const char *key);

#endif
