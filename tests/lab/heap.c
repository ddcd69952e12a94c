/*
 * Preloaded into a program, this writes into the file that HEAP names how
 * many bytes the program has allocated, whenever it gets SIGUSR2.
 *
 * Nothing but that tells the leak of a few bytes from noise: memory that is
 * resident comes and goes with what malloc() keeps for later.
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void count(int signal)
{
    /* what ASan has in place of malloc() */
    size_t (*asan)(void) = (size_t (*)(void))dlsym(
        RTLD_DEFAULT, "__sanitizer_get_current_allocated_bytes");
    struct mallinfo2 info = mallinfo2();
    int fd = open(getenv("HEAP"), O_WRONLY | O_CREAT | O_APPEND, 0666);

    dprintf(fd, "%zu\n", asan ? asan() : info.uordblks + info.hblkhd);
    close(fd);
}

__attribute__((constructor)) static void start(void)
{
    struct sigaction action = { .sa_handler = count, .sa_flags = SA_RESTART };

    sigaction(SIGUSR2, &action, NULL);
}
