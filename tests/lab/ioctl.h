/*
 * For libraries that are preloaded into QEMU: its calls of ioctl() come to
 * on_ioctl(), and go on by next_ioctl()
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <dlfcn.h>
#include <stdarg.h>
#include <sys/ioctl.h>

/* Whoever includes this has it, and what it returns is the result */
static int on_ioctl(int fd, unsigned long request, void *arg);

static int next_ioctl(int fd, unsigned long request, void *arg)
{
    static int (*next)(int fd, unsigned long request, ...);

    if (!next) {
        next = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
    }
    return next(fd, request, arg);
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list ap;
    void *arg;

    va_start(ap, request);
    arg = va_arg(ap, void *);
    va_end(ap);
    return on_ioctl(fd, request, arg);
}
