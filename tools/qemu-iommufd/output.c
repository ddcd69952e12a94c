/*
 * What is written, and whether it can be
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "commands.h"

/* errno of the first write that has failed, which stdio does not keep */
static int write_error;

bool output_begin(void)
{
    for (int fd = 0; fd <= STDERR_FILENO; fd++) {
        /* Writing to a standard output that was closed has to fail */
        int mode = fd == STDOUT_FILENO ? O_RDONLY : O_RDWR;

        /* The lowest free number is the one */
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", mode) < 0) {
            fprintf(stderr, "qemu-iommufd: cannot open /dev/null: %s\n",
                    g_strerror(errno));
            return false;
        }
    }
    return true;
}

void output_text(const char *text)
{
    if (fputs(text, stdout) == EOF && !write_error) {
        write_error = errno;
    }
}

int output_end(int status)
{
    bool failed = ferror(stdout);

    if (fclose(stdout)) {
        failed = true;
        write_error = write_error ?: errno;
    }
    if (!failed || status > STATUS_NOT_READY) {
        return status;
    }
    fprintf(stderr, "qemu-iommufd: cannot write the output%s%s\n",
            write_error ? ": " : "",
            write_error ? g_strerror(write_error) : "");
    return STATUS_NO_OUTPUT;
}
