/*
 * A domain of libvirt, as far as its host devices go
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TOOLS_QEMU_IOMMUFD_LIBVIRT_H
#define TOOLS_QEMU_IOMMUFD_LIBVIRT_H

#include "system/iommufd-diag.h"

/**
 * struct Hostdev - a device of the host that a domain has
 * @name: its PCI address, or the UUID of a mediated device
 * @has_iommufd: it says itself whether it is assigned through iommufd
 * @iommufd: it is
 * @managed: libvirt binds it to a VFIO driver when the domain starts
 * @driver: that driver, NULL for libvirt's choice
 */
typedef struct Hostdev {
    char *name;
    bool has_iommufd;
    bool iommufd;
    bool managed;
    char *driver;
} Hostdev;

/**
 * struct Domain - a domain
 * @name: its name
 * @emulator: path of its QEMU, NULL for libvirt's choice
 * @memory: bytes of its memory, 0 if not known
 * @hard_limit: bytes that QEMU may have in all, 0 without a limit
 * @hostdevs: of #Hostdev
 */
typedef struct Domain {
    char *name;
    char *emulator;
    uint64_t memory;
    uint64_t hard_limit;
    GPtrArray *hostdevs;
} Domain;

/**
 * domain_read: read a domain
 * @file: its XML, as virsh dumpxml writes it
 * @complaint: set to what is wrong, which the caller frees
 *
 * Returns: the domain, to be freed with domain_free(); NULL if the file cannot
 * be read or is no domain.
 */
Domain *domain_read(const char *file, char **complaint);

/**
 * domain_free: free a domain
 * @domain: the domain, may be NULL
 */
void domain_free(Domain *domain);

/**
 * domain_check: what can be told of the domain itself
 * @domain: the domain, may be NULL
 * @host: the host that it is to run on
 *
 * Returns: an array of #IOMMUFDResult that the caller frees, empty without a
 * domain.
 */
GPtrArray *domain_check(const Domain *domain, IOMMUFDHost *host);

#endif
