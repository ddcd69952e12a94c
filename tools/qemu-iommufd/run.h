/*
 * Starting QEMU with descriptors: what the files of `run` share
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TOOLS_QEMU_IOMMUFD_RUN_H
#define TOOLS_QEMU_IOMMUFD_RUN_H

#include "system/iommufd-diag.h"
#include "parse.h"

/*
 * QEMU finds its descriptors at fixed numbers, right behind the standard
 * ones: first the iommufd, then the devices in the order of the options.
 */
#define FIRST_FD 3

/* The exit status without a QEMU, as env(1) has it */
typedef enum RunStatus {
    RUN_FAILED = 125,
    RUN_CANNOT_EXECUTE = 126,
    RUN_NOT_FOUND = 127,
} RunStatus;

/* What is to be given back to the host; see record.c */
typedef struct Record Record;

/**
 * struct RunDevice - a device to be assigned
 * @name: how the user named it
 * @sysfsdev: its directory in sysfs
 * @driver: QEMU's driver for it
 * @pci: it is a PCI device
 * @options: what follows for QEMU's device, as given; NULL if nothing does
 * @id: the id among them, NULL if there is none
 * @fd: descriptor of its VFIO device node, -1 if it is not open
 * @vfio_driver: what it is bound to while QEMU runs, NULL if that is left alone
 * @record: what it was before, or NULL
 */
typedef struct RunDevice {
    char *name;
    char *sysfsdev;
    const char *driver;
    bool pci;
    char *options;
    char *id;
    int fd;
    char *vfio_driver;
    Record *record;
} RunDevice;

/**
 * struct Run - what `run` was asked to do
 * @root: directory below which the host is read
 * @devices: of RunDevice
 * @qemu: QEMU and its arguments
 * @program: the file that is executed
 * @accounting: the memory accounting mode for the iommufd
 * @user: whom QEMU runs as, NULL for the same user
 * @set_memlock: QEMU gets a limit of locked memory
 * @memlock: that limit in bytes, UINT64_MAX for none
 * @bind: devices are bound to VFIO drivers
 * @bind_driver: to this one, NULL for the one that fits
 * @force: also devices that the host uses
 * @dry_run: print the command line of QEMU, and start nothing
 * @iommufd: descriptor of the iommufd, -1 if it is not open
 */
typedef struct Run {
    const char *root;
    GPtrArray *devices;
    char **qemu;
    char *program;
    IOMMUFDAccountingMode accounting;
    User *user;
    bool set_memlock;
    uint64_t memlock;
    bool bind;
    const char *bind_driver;
    bool force;
    bool dry_run;
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

/* Split "DEVICE,OPT=VAL,..." ; false with an error printed if it is wrong */
bool qemu_parse_device(RunDevice *device, const char *arg);
/* QEMU's driver for a device, NULL with an error printed if it has none */
const char *qemu_driver(const char *name, const IOMMUFDHostDevice *device);
/* The command line with the options for iommufd and devices at its end */
char **qemu_arguments(const Run *run);
/* The same for people and shells, with one added option on each line */
char *qemu_quoted(const Run *run);

/*
 * launch.c: from the opened nodes to QEMU.  These print their errors.
 */

/* Try in a process of its own what QEMU's becomes; 0, or a RunStatus */
int launch_rehearse(const Run *run);
/* Open the iommufd, and set its memory accounting mode */
bool launch_open_iommufd(Run *run);
/* Open the nodes of the devices */
bool launch_open_devices(Run *run);
/* Become what QEMU is to be, and QEMU; returns a RunStatus if that fails */
int launch_exec(Run *run);

/*
 * supervise.c: waiting for QEMU
 */

/* What a started process does; returns its exit status */
typedef int ProcessFunc(Run *run);

/* From here on signals only arrive where they are waited for */
void supervise_begin(void);
/* Run @func in a process; -1 with an error printed if there is none */
pid_t supervise_start(Run *run, ProcessFunc *func);
/*
 * Pass signals on to a process until it ends: those of a terminal only if it
 * has left that.  With @all, which is for a process that had no children
 * before, until all that it has started has ended, too.  Returns what
 * waitpid() says of the process.
 */
int supervise_wait(pid_t child, bool left_terminal, bool all);
/* To be called by what becomes QEMU: signals are as this program found them */
void supervise_end(void);
/* End like a process did, of whom waitpid() said @status */
int supervise_mirror(int status);

/*
 * record.c: what is to be given back to the host, in /run
 */

/**
 * struct Record - a device that was taken from the host
 * @address: of the device
 * @fd: the locked file
 * @written: the device may have been taken; without, nothing was done
 * @driver: its driver before, NULL for none
 * @override: its driver_override before, NULL for none
 * @vfio_driver: the driver that it was taken for
 * @modalias: what tells it from another one at its address
 */
struct Record {
    char *address;
    int fd;
    bool written;
    char *driver;
    char *override;
    char *vfio_driver;
    char *modalias;
};

/*
 * Open and lock the record of a device.  Without @create NULL also means that
 * there is none; then errno is ENOENT, and nothing is printed.
 */
Record *record_open(const char *address, bool create);
/* Write it down, before anything is done */
bool record_write(Record *record);
/* Remove one that is not written, or not any more, while it is locked */
void record_remove(Record *record);
/* Unlock it, may be NULL */
void record_close(Record *record);
/*
 * The addresses of all devices that have one, to be freed by the caller; NULL
 * with an error printed if that cannot be told
 */
GPtrArray *record_addresses(void);

/*
 * binding.c: devices change their driver, and get it back
 */

/*
 * Decide what is bound to what, with the host's consent, and lock that.
 * Nothing is changed yet.
 */
bool binding_plan(Run *run, IOMMUFDHost *host);
/* Do what is planned; when it fails, all is given back */
bool binding_bind(Run *run);
/* Unlock what is planned, without having done it */
void binding_unlock(Run *run);
/* Give back what was taken, and unlock it */
bool binding_restore(Run *run);
/*
 * Give back what a record tells, as far as it is still so.  Then the record
 * is not written any more, and is to be removed.
 */
bool binding_give_back(Record *record);

#endif
