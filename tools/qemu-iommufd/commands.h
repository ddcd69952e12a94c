/*
 * The commands of qemu-iommufd
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TOOLS_QEMU_IOMMUFD_COMMANDS_H
#define TOOLS_QEMU_IOMMUFD_COMMANDS_H

#include "system/iommufd-diag.h"

/* The exit status of a command */
typedef enum ToolStatus {
    STATUS_READY = 0,
    STATUS_NOT_READY = 1,
    STATUS_USAGE = 2,
    STATUS_NO_OUTPUT = 3,
} ToolStatus;

/*
 * Each gets its own name as the first argument, and returns the exit status.
 */
int cmd_check(int argc, char **argv);
int cmd_restore(int argc, char **argv);
int cmd_run(int argc, char **argv);

/*
 * output.c: what is written, and whether it can be
 */

/*
 * Before anything is opened: descriptors 0 to 2 that are closed become
 * /dev/null, so that no file gets their numbers.  False, with an error
 * printed, if that cannot be opened.
 */
bool output_begin(void);
/* Write to standard output; what fails is kept for output_end() */
void output_text(const char *text);
/*
 * A text for a terminal, to be freed: control characters and bytes that are
 * not UTF-8 become \ooo
 */
char *output_safe(const char *text);
/* One line on standard error, made safe */
void output_error(const char *fmt, ...) G_GNUC_PRINTF(1, 2);
/*
 * After all else: whatever was written to standard output is written out.
 * Returns @status; or, if that is 0 or 1 and the output could not be written,
 * STATUS_NO_OUTPUT with an error printed.
 */
int output_end(int status);

/*
 * device.c: the names under which users know a device
 */

/*
 * The directory in sysfs, a path without the host's root, of a PCI address
 * with or without domain, also as libvirt writes it (pci_0000_01_00_0), a path
 * in sysfs, the UUID of a mediated device, or a VFIO device or its node.  One
 * device has one directory, where its bus lists it, whatever name is given.
 * It need not exist.  NULL if @name is none of these, or a path that leads to
 * something else, with the reason in *@reason, which the caller frees.
 */
char *device_sysfsdev(IOMMUFDHost *host, const char *name, char **reason);

#endif
