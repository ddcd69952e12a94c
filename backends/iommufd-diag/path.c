/*
 * Reading files of a host below a root directory
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/sysmacros.h>
#include <zlib.h>
#include "path.h"

/* sysfs attributes fit a page, what a kernel was started with may not */
#define ATTR_MAX    4096
#define TEXT_MAX    (64 * 1024)
#define SHOWN_MAX   256
/* Configurations and lists of modules are longer */
#define LINES_MAX   (8 * 1024 * 1024)
/* More than any directory that is looked at has on a sane host */
#define NAMES_MAX   16384

char *dir_full(Dir dir, const char *name)
{
    return g_build_filename(dir.root, dir.path, name, NULL);
}

IOMMUFDSeen dir_seen(Dir dir, const char *name)
{
    g_autofree char *full = dir_full(dir, name);
    g_autofree char *sysfs = g_build_filename(dir.root, "sys", NULL);
    g_autofree char *bus = g_build_filename(sysfs, "bus", NULL);

    if (!faccessat(AT_FDCWD, full, F_OK, AT_EACCESS)) {
        return IOMMUFD_SEEN_YES;
    }
    if (errno != ENOENT && errno != ENOTDIR) {
        return IOMMUFD_SEEN_UNKNOWN;
    }
    return g_str_has_prefix(full, sysfs) && access(bus, F_OK) ?
           IOMMUFD_SEEN_UNKNOWN : IOMMUFD_SEEN_NO;
}

/* Anything but a regular file (a FIFO, a device) could block or lie */
static int open_regular(Dir dir, const char *name)
{
    g_autofree char *full = dir_full(dir, name);
    int fd = open(full, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;

    if (fd < 0) {
        return -1;
    }
    /* Those of /proc and /sys show no size beyond a page */
    if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size > LINES_MAX) {
        close(fd);
        errno = EINVAL;
        return -1;
    }
    return fd;
}

char *dir_text(Dir dir, const char *name)
{
    int fd = open_regular(dir, name);
    g_autofree char *text = NULL;
    size_t len = 0, size = ATTR_MAX;
    ssize_t n;
    int err;

    if (fd < 0) {
        return NULL;
    }
    text = g_malloc(size + 1);
    while ((n = read(fd, text + len, size - len)) > 0 && len + n < TEXT_MAX) {
        len += n;
        if (len == size) {
            size = TEXT_MAX;
            text = g_realloc(text, size + 1);
        }
    }
    err = errno;
    close(fd);
    if (n < 0) {
        errno = err;
        return NULL;
    }
    text[len + n] = '\0';
    return g_steal_pointer(&text);
}

char *dir_attr(Dir dir, const char *name)
{
    g_autofree char *text = dir_text(dir, name);

    if (!text) {
        return NULL;
    }
    text[strcspn(text, "\n")] = '\0';
    if (strlen(text) > SHOWN_MAX) {
        text[SHOWN_MAX] = '\0';
    }
    return g_strescape(g_strchomp(text), "\"\\");
}

bool dir_number(Dir dir, const char *name, uint64_t *number)
{
    g_autofree char *text = dir_attr(dir, name);
    char *end;

    if (!text) {
        return false;
    }
    errno = 0;
    *number = g_ascii_strtoull(text, &end, 0);
    return !errno && end != text && !*end;
}

bool dir_devt(Dir dir, const char *name, dev_t *devt)
{
    g_autofree char *text = dir_text(dir, name);
    unsigned int maj, min;

    if (!text || sscanf(text, "%u:%u", &maj, &min) != 2) {
        return false;
    }
    *devt = makedev(maj, min);
    return true;
}

char *dir_link(Dir dir, const char *name)
{
    g_autofree char *full = dir_full(dir, name);
    g_autofree char *target = g_file_read_link(full, NULL);
    g_autofree char *last = target ? g_path_get_basename(target) : NULL;

    return last ? g_strescape(last, NULL) : NULL;
}

char *dir_resolve(Dir dir, const char *name)
{
    g_autofree char *full = dir_full(dir, name);
    char *real_root = realpath(dir.root, NULL);
    char *real = realpath(full, NULL);
    char *below = NULL;

    if (real_root && real && g_str_has_prefix(real, real_root)) {
        size_t len = strlen(real_root);

        /* only "/" ends in a slash */
        len -= real_root[len - 1] == '/';
        if (real[len] == '/') {
            below = g_strdup(real + len);
        }
    }
    free(real_root);
    free(real);
    return below;
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

GPtrArray *dir_list(Dir dir, const char *name)
{
    g_autofree char *full = dir_full(dir, name);
    struct dirent *entry;
    GPtrArray *names;
    DIR *stream = opendir(full);

    if (!stream) {
        return NULL;
    }
    names = g_ptr_array_new_with_free_func(g_free);
    while (names->len <= NAMES_MAX && (entry = readdir(stream))) {
        if (!g_str_equal(entry->d_name, ".") &&
            !g_str_equal(entry->d_name, "..")) {
            g_ptr_array_add(names, g_strdup(entry->d_name));
        }
    }
    closedir(stream);
    /* Without the rest it would be wrong about what is not there */
    if (names->len > NAMES_MAX) {
        g_ptr_array_unref(names);
        errno = EOVERFLOW;
        return NULL;
    }
    g_ptr_array_sort(names, compare_names);
    return names;
}

bool dir_find(Dir dir, const char *name, IOMMUFDLineMatch *match, void *opaque,
              char **line)
{
    int fd = open_regular(dir, name);
    gzFile gz = fd < 0 ? NULL : gzdopen(fd, "r");
    g_autofree char *buf = g_malloc(TEXT_MAX);
    bool seen = false, found = false;

    if (line) {
        *line = NULL;
    }
    if (!gz) {
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    while (gztell(gz) < LINES_MAX && gzgets(gz, buf, TEXT_MAX)) {
        seen = true;
        found = match(buf, opaque);
        if (found) {
            if (line) {
                *line = g_strdup(g_strchomp(buf));
            }
            break;
        }
    }
    /* What is not read to its end may have the line */
    seen &= found || gzeof(gz);
    gzclose(gz);
    return seen;
}

static bool line_has(const char *line, void *needle)
{
    return strstr(line, needle);
}

bool dir_find_line(Dir dir, const char *name, const char *needle, char **line)
{
    return dir_find(dir, name, line_has, (void *)needle, line);
}

static bool line_begins(const char *line, void *key)
{
    return g_str_has_prefix(line, key);
}

char *dir_value(Dir dir, const char *name, const char *key)
{
    g_autofree char *line = NULL;
    const char *value;

    dir_find(dir, name, line_begins, (void *)key, &line);
    if (!line) {
        return NULL;
    }
    value = line + strlen(key);
    return g_strdup(value + strspn(value, ": \t"));
}
