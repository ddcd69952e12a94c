/*
 * QEMU without the IOMMUFD diagnosis
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "system/iommufd-diag.h"

IOMMUFDFinding *iommufd_diagnose(const char *root,
                                 const IOMMUFDFailure *failure)
{
    return NULL;
}

IOMMUFDHost *iommufd_host_new(const char *root)
{
    return NULL;
}

void iommufd_host_free(IOMMUFDHost *host)
{
}

const IOMMUFDInterrupts *iommufd_host_interrupts(IOMMUFDHost *host)
{
    static const IOMMUFDInterrupts unknown;

    return &unknown;
}

IOMMUFDFinding *iommufd_host_interrupts_finding(IOMMUFDHost *host)
{
    return NULL;
}
