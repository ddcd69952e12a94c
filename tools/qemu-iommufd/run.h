/*
 * Starting QEMU with descriptors: what the files of `run` share
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TOOLS_QEMU_IOMMUFD_RUN_H
#define TOOLS_QEMU_IOMMUFD_RUN_H

#include <sys/resource.h>
#include "system/iommufd-diag.h"

/*
 * QEMU finds its descriptors at fixed numbers, right behind the standard
 * ones: first the iommufd, then the devices in the order of the options.
 */
#define FIRST_FD 3

/**
 * struct RunDevice - a device to be assigned
 * @name: how the user named it
 * @sysfsdev: its directory in sysfs
 * @driver: QEMU's driver for it
 * @pci: it is a PCI device
 * @options: "OPT=VAL" for QEMU's device, NULL-terminated
 * @fd: descriptor of its VFIO device node, -1 if it is not open
 * @bound: it was bound by this program, and is to be given back
 * @former_driver: the driver it had before, NULL for none
 * @former_override: its driver_override before, NULL for none
 */
typedef struct RunDevice {
    char *name;
    char *sysfsdev;
    char *driver;
    bool pci;
    char **options;
    int fd;
    bool bound;
    char *former_driver;
    char *former_override;
} RunDevice;

/**
 * struct Run - what `run` was asked to do
 * @root: directory below which the host is read
 * @devices: of RunDevice
 * @qemu: QEMU and its arguments
 * @accounting: the memory accounting mode for the iommufd
 * @user: run QEMU as this user, NULL for the same
 * @memlock: limit of locked memory for QEMU, if @set_memlock
 * @iommufd: descriptor of the iommufd, -1 if it is not open
 */
typedef struct Run {
    const char *root;
    GPtrArray *devices;
    char **qemu;
    IOMMUFDAccountingMode accounting;
    const char *user;
    bool set_memlock;
    rlim_t memlock;
    int iommufd;
} Run;

/* What went wrong, on stderr; the text of @err ends the line unless it is 0 */
void run_error(int err, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
/* What was found, and the remedy; @name is the device's, or NULL */
void run_finding(const char *name, const IOMMUFDFinding *finding);

/*
 * Why a step has failed, of a device if @device is given; @what is said if
 * nothing is known but the errno
 */
void run_failure(const Run *run, const RunDevice *device, IOMMUFDStage stage,
                 int err, const char *what);

/*
 * qemu-args.c: the command line
 */

/* QEMU's driver for a device, NULL with an error printed if it has none */
char *qemu_driver(const char *name, const IOMMUFDHostDevice *device);
/* The command line with the options for iommufd and devices at its end */
char **qemu_arguments(const Run *run);
/* The same for people and shells, with one added option on each line */
char *qemu_quoted(const Run *run);

/*
 * launch.c: from the opened nodes to QEMU.  These print their errors.
 */

/* Open the nodes of the iommufd and of the devices */
bool launch_open(Run *run);
/* Become what QEMU is to be, and QEMU; returns only if that fails */
void launch_exec(const Run *run);

/*
 * binding.c: devices change their driver, and get it back
 */

/*
 * Bind to vfio-pci what is not bound to a VFIO driver.  When it fails what
 * was bound before is given back.  With @force also devices that the host
 * uses.
 */
bool binding_bind(Run *run, bool force);
/* Give the devices back to their former drivers */
bool binding_restore(Run *run);
/*
 * Start QEMU, pass on signals until it and all that it has started end, and
 * give the devices back.  Returns QEMU's exit status, or does not return if
 * a signal has ended QEMU: then the same ends this program.
 */
int binding_run(Run *run);

#endif
