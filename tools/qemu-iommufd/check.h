/*
 * Whether a host can assign its devices: what the files of `check` share
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TOOLS_QEMU_IOMMUFD_CHECK_H
#define TOOLS_QEMU_IOMMUFD_CHECK_H

#include "libvirt.h"
#include "system/iommufd-diag.h"

/**
 * struct CheckDevice - a device of a report
 * @name: as the user named it, or as its bus does
 * @facts: the device, which is the host's
 * @pci_id: its vendor and device, such as 10de:2330; NULL if not known
 * @vendor: what pci.ids calls the vendor, or NULL
 * @product: what pci.ids calls the device, or NULL
 * @checks: of #IOMMUFDResult; NULL for one that only could be assigned
 */
typedef struct CheckDevice {
    char *name;
    IOMMUFDHostDevice *facts;
    char *pci_id;
    char *vendor;
    char *product;
    GPtrArray *checks;
} CheckDevice;

/**
 * struct Report - what `check` has to say
 * @host: the host
 * @checks: of #IOMMUFDResult: those of the host
 * @domain: the domain of libvirt whose devices these are, or NULL
 * @domain_checks: of #IOMMUFDResult: those of the domain, empty without one
 * @devices: of #CheckDevice: those that were checked
 * @idle: of #CheckDevice: if there is none of them, what could be assigned
 * @unseen: what this process lacks the rights to see, lines
 * @ready: nothing has failed
 */
typedef struct Report {
    IOMMUFDHost *host;
    GPtrArray *checks;
    Domain *domain;
    GPtrArray *domain_checks;
    GPtrArray *devices;
    GPtrArray *idle;
    GPtrArray *unseen;
    bool ready;
} Report;

/* What was seen, or found */
const char *check_message(const IOMMUFDResult *check);
/* The word for a verdict, such as "pass" */
const char *check_verdict(IOMMUFDVerdict verdict);

/* check-text.c: for people; with @verbose also what is as it should be */
void check_print_text(const Report *report, bool verbose);
/* check-json.c: for programs */
void check_print_json(const Report *report);

/*
 * pci-names.c
 */

/* Look up the names of PCI devices, an array of #CheckDevice */
void pci_names_read(IOMMUFDHost *host, const GPtrArray *devices);
/* "NVIDIA H100 SXM5 80GB [10de:2330]", or what there is of that; or NULL */
char *pci_name_short(const CheckDevice *device);
/* "NVIDIA Corporation GH100 [H100 SXM5 80GB]", or what there is; or NULL */
char *pci_name_full(const CheckDevice *device);

#endif
