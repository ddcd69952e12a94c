/*
 * qemu-iommufd: is this host ready for IOMMUFD device assignment?
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <locale.h>
#include "commands.h"

typedef struct Command {
    const char *name;
    int (*run)(int argc, char **argv);
} Command;

static const Command commands[] = {
    { "check", cmd_check },
    { "restore", cmd_restore },
    { "run", cmd_run },
};

static const char help[] =
"Usage: qemu-iommufd COMMAND [ARGUMENT...]\n"
"Assign devices of this host to virtual machines through IOMMUFD.\n"
"\n"
"  check    say whether this host can assign a device, and why not\n"
"  run      start QEMU with descriptors of devices, the way libvirt does\n"
"  restore  give devices back that a killed run has left behind\n"
"\n"
"  -h, --help       show this help\n"
"      --version    show the version\n"
"\n"
"See qemu-iommufd COMMAND --help for the options of a command, and the manual\n"
"page qemu-iommufd(1).\n";

static int run_command(int argc, char **argv)
{
    if (argc < 2) {
        fputs(help, stderr);
        return STATUS_USAGE;
    }
    if (g_str_equal(argv[1], "--help") || g_str_equal(argv[1], "-h")) {
        output_text(help);
        return STATUS_READY;
    }
    if (g_str_equal(argv[1], "--version")) {
        output_text("qemu-iommufd " VERSION "\n");
        return STATUS_READY;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (g_str_equal(argv[1], commands[i].name)) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    output_error("unknown command '%s'; see qemu-iommufd --help", argv[1]);
    return STATUS_USAGE;
}

int main(int argc, char **argv)
{
    /* names as they are, but messages as QEMU has them */
    setlocale(LC_CTYPE, "");
    if (!output_begin()) {
        return STATUS_NO_OUTPUT;
    }
    return output_end(run_command(argc, argv));
}
