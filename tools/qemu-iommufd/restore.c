/*
 * qemu-iommufd restore: give devices back that a killed run has left behind
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <signal.h>
#include "commands.h"
#include "run.h"

static const char help[] =
"Usage: qemu-iommufd restore [DEVICE...]\n"
"Give each DEVICE back to the driver it had before qemu-iommufd run --bind, if\n"
"that was killed before it could.  Without one: all of them.\n"
"\n"
"  -h, --help       show this help\n"
"\n"
"The exit status is 0 if nothing is left to be given back, 1 if something is,\n"
"2 for wrong usage.\n";

static bool restore(const char *address)
{
    Record *record = record_open(address, false);
    bool ok;

    if (!record && errno == ENOENT) {
        g_autofree char *line = g_strdup_printf("%s: nothing to give back\n",
                                                address);

        output_text(line);
        return true;
    }
    if (!record) {
        return false;
    }
    if (record->written && binding_give_back(record)) {
        g_autofree char *line = g_strdup_printf("%s: given back to %s\n",
                                                address, record->driver ?:
                                                "no driver, as before");

        output_text(line);
    }
    ok = !record->written;
    if (ok) {
        record_remove(record);
    }
    record_close(record);
    return ok;
}

/* The addresses of the devices named; NULL if one has no name that is known */
static GPtrArray *addresses_of(char **names)
{
    g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(IOMMUFDHost) host = iommufd_host_new("/");

    for (char **name = names; *name; name++) {
        g_autofree char *reason = NULL;
        g_autofree char *path = device_sysfsdev(host, *name, &reason);

        /* One that is gone can still have a record, by its address */
        if (!path || !(iommufd_host_device(host, path)->real ||
                       g_str_has_prefix(path, "/sys/bus/pci/devices/"))) {
            run_error(0, "%s", reason ?: "there is no such device");
            return NULL;
        }
        g_ptr_array_add(addresses, g_path_get_basename(path));
    }
    return g_steal_pointer(&addresses);
}

int cmd_restore(int argc, char **argv)
{
    g_autoptr(GPtrArray) addresses = NULL;
    bool ok = true;

    signal(SIGPIPE, SIG_IGN);
    if (argc > 1 && (g_str_equal(argv[1], "--help") ||
                     g_str_equal(argv[1], "-h"))) {
        output_text(help);
        return STATUS_READY;
    }
    if (argc > 1 && g_str_equal(argv[1], "--")) {
        argc--;
        argv++;
    } else if (argc > 1 && *argv[1] == '-') {
        run_error(0, "restore has no option '%s'", argv[1]);
        return STATUS_USAGE;
    }
    addresses = argc > 1 ? addresses_of(argv + 1) : record_addresses();
    if (!addresses) {
        return argc > 1 ? STATUS_USAGE : STATUS_NOT_READY;
    }
    for (guint i = 0; i < addresses->len; i++) {
        ok &= restore(addresses->pdata[i]);
    }
    return ok ? STATUS_READY : STATUS_NOT_READY;
}
