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
            output_error("cannot open /dev/null: %s", g_strerror(errno));
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

char *output_safe(const char *text)
{
    GString *safe = g_string_new(NULL);

    while (*text) {
        gunichar c = g_utf8_get_char_validated(text, -1);
        /* both errors of that function are negative numbers */
        bool valid = !(c & 0x80000000);
        size_t len = valid ? g_utf8_next_char(text) - text : 1;

        if (valid && g_unichar_isprint(c) &&
            (c == ' ' || !g_unichar_isspace(c))) {
            g_string_append_len(safe, text, len);
        } else {
            for (size_t i = 0; i < len; i++) {
                g_string_append_printf(safe, "\\%03o", (unsigned char)text[i]);
            }
        }
        text += len;
    }
    return g_string_free(safe, false);
}

void output_error(const char *fmt, ...)
{
    g_autofree char *message = NULL;
    g_autofree char *safe = NULL;
    va_list ap;

    va_start(ap, fmt);
    message = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    safe = output_safe(message);
    fprintf(stderr, "qemu-iommufd: %s\n", safe);
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
    output_error("cannot write the output%s%s", write_error ? ": " : "",
                 write_error ? g_strerror(write_error) : "");
    return STATUS_NO_OUTPUT;
}
