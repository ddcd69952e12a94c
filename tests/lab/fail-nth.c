/*
 * Preloaded into QEMU, this lets the kernel fail to allocate memory in the
 * Nth place of those that the ioctls of iommufd and VFIO come to, N being in
 * the file that FAIL_NTH names.  Afterwards the file has how many more places
 * there would have to be, 0 if one has failed, and in which ioctl.
 *
 * That QEMU as a whole is given N is not enough: much that it does besides,
 * such as to answer, must not fail.
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/vfio.h>
#include "ioctl.h"

typedef struct Plan {
    uint32_t nth;
    uint32_t request;
} Plan;

static Plan *plan;

__attribute__((constructor)) static void start(void)
{
    int fd = open(getenv("FAIL_NTH"), O_RDWR);

    plan = mmap(NULL, sizeof(*plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                0);
    close(fd);
}

static int on_ioctl(int fd, unsigned long request, void *arg)
{
    char text[16] = "";
    int control, ret, saved;

    if (_IOC_TYPE(request) != VFIO_TYPE || !plan->nth) {
        return next_ioctl(fd, request, arg);
    }
    control = open("/proc/thread-self/fail-nth", O_RDWR);
    plan->request = request;
    snprintf(text, sizeof(text), "%u", plan->nth);
    if (write(control, text, strlen(text)) < 0) {
        abort();
    }
    ret = next_ioctl(fd, request, arg);
    saved = errno;
    if (pread(control, text, sizeof(text) - 1, 0) < 0 ||
        write(control, "0", 1) < 0) {
        abort();
    }
    close(control);
    plan->nth = strtoul(text, NULL, 10);
    errno = saved;
    return ret;
}
