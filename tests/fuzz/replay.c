/*
 * Runs a fuzz target over inputs that were found earlier
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "fuzz.h"

int main(int argc, char **argv)
{
    GDir *dir = argc == 2 ? g_dir_open(argv[1], 0, NULL) : NULL;
    const char *name;
    int number = 0;

    if (!dir) {
        g_printerr("usage: %s CORPUS-FOLDER\n", argv[0]);
        return 2;
    }
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(argv[1], name, NULL);
        g_autofree char *data = NULL;
        gsize size;

        g_assert_true(g_file_get_contents(path, &data, &size, NULL));
        LLVMFuzzerTestOneInput((const uint8_t *)data, size);
        printf("ok %d - %s\n", ++number, name);
    }
    g_dir_close(dir);
    printf("1..%d\n", number);
    return number ? 0 : 1;
}
