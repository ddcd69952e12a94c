/*
 * What is to be given back to the host
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/file.h>
#include "run.h"

/*
 * Each device that is taken has a file here, which is locked for as long as
 * somebody is there to give it back.  A reboot gives all devices back.
 */
#define DIRECTORY "/run/qemu-iommufd"
#define GROUP     "device"

static char *record_path(const char *address)
{
    return g_build_filename(DIRECTORY, address, NULL);
}

/* Is the file that was locked still the one at the path? */
static bool is_current(int fd, const char *path)
{
    struct stat opened, named;

    return !fstat(fd, &opened) && !stat(path, &named) &&
           opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

static int open_locked(const char *path, bool create)
{
    int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT : 0);

    for (;;) {
        int fd = open(path, flags, 0600);
        int err;

        if (fd < 0) {
            return -1;
        }
        if (flock(fd, LOCK_EX | LOCK_NB)) {
            err = errno;
            close(fd);
            errno = err;
            return -1;
        }
        if (is_current(fd, path)) {
            return fd;
        }
        /* Its last owner has removed it meanwhile */
        close(fd);
    }
}

/* A record that is not complete was not written: nothing was done then */
static void record_read(Record *record, const char *path)
{
    g_autoptr(GKeyFile) file = g_key_file_new();

    if (!g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, NULL)) {
        return;
    }
    record->driver = g_key_file_get_string(file, GROUP, "driver", NULL);
    record->override = g_key_file_get_string(file, GROUP, "driver-override",
                                             NULL);
    record->vfio_driver = g_key_file_get_string(file, GROUP, "vfio-driver",
                                                NULL);
    record->modalias = g_key_file_get_string(file, GROUP, "modalias", NULL);
    record->written = record->vfio_driver;
}

Record *record_open(const char *address, bool create)
{
    g_autofree char *path = record_path(address);
    Record *record;
    int fd;

    if (create && g_mkdir_with_parents(DIRECTORY, 0755)) {
        run_error(errno, "%s: what is to be given back cannot be written down "
                  "in " DIRECTORY, address);
        return NULL;
    }
    fd = open_locked(path, create);
    if (fd < 0) {
        int err = errno;

        if (err == EWOULDBLOCK) {
            run_error(0, "%s is with another qemu-iommufd run: %s is locked",
                      address, path);
        } else if (create || err != ENOENT) {
            run_error(err, "%s: cannot open %s", address, path);
        }
        errno = err;
        return NULL;
    }
    record = g_new0(Record, 1);
    record->address = g_strdup(address);
    record->fd = fd;
    record_read(record, path);
    return record;
}

bool record_write(Record *record)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autofree char *text = NULL;
    gsize len;

    if (record->driver) {
        g_key_file_set_string(file, GROUP, "driver", record->driver);
    }
    if (record->override) {
        g_key_file_set_string(file, GROUP, "driver-override",
                              record->override);
    }
    g_key_file_set_string(file, GROUP, "vfio-driver", record->vfio_driver);
    g_key_file_set_string(file, GROUP, "modalias", record->modalias);
    text = g_key_file_to_data(file, &len, NULL);
    if (ftruncate(record->fd, 0) ||
        pwrite(record->fd, text, len, 0) != (ssize_t)len) {
        run_error(errno, "%s: what is to be given back cannot be written down "
                  "in " DIRECTORY, record->address);
        return false;
    }
    record->written = true;
    return true;
}

void record_close(Record *record)
{
    if (record) {
        close(record->fd);
        g_free(record->address);
        g_free(record->driver);
        g_free(record->override);
        g_free(record->vfio_driver);
        g_free(record->modalias);
        g_free(record);
    }
}

void record_remove(Record *record)
{
    g_autofree char *path = record_path(record->address);

    unlink(path);
}

GPtrArray *record_addresses(void)
{
    GPtrArray *addresses = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) dir = g_dir_open(DIRECTORY, 0, &error);
    const char *name;

    if (!dir && !g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
        run_error(0, "%s", error->message);
        g_ptr_array_unref(addresses);
        return NULL;
    }
    while (dir && (name = g_dir_read_name(dir))) {
        g_ptr_array_add(addresses, g_strdup(name));
    }
    return addresses;
}
