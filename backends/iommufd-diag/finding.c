/*
 * Findings of the IOMMUFD diagnosis
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "internal.h"

static const char *const cause_names[] = {
#define IOMMUFD_CAUSE(symbol, name) name
#include "system/iommufd-causes.h.inc"
#undef IOMMUFD_CAUSE
};
G_STATIC_ASSERT(G_N_ELEMENTS(cause_names) == IOMMUFD_CAUSE__MAX);

const char *iommufd_cause_name(IOMMUFDCause cause)
{
    g_assert(cause < IOMMUFD_CAUSE__MAX);
    return cause_names[cause];
}

void iommufd_finding_free(IOMMUFDFinding *finding)
{
    if (finding) {
        g_free(finding->message);
        g_free(finding->remedy);
        g_free(finding->evidence);
        g_free(finding);
    }
}

IOMMUFDFinding *finding_new(IOMMUFDCause cause, int err, char *remedy,
                            const char *fmt, ...)
{
    IOMMUFDFinding *finding = g_new0(IOMMUFDFinding, 1);
    g_autofree char *fact = NULL;
    va_list ap;

    va_start(ap, fmt);
    fact = g_strdup_vprintf(fmt, ap);
    va_end(ap);

    finding->cause = cause;
    finding->message = err ? g_strdup_printf("%s: %s", fact, g_strerror(err))
                           : g_steal_pointer(&fact);
    finding->remedy = remedy;
    return finding;
}

void finding_saw(IOMMUFDFinding *finding, const char *fmt, ...)
{
    g_autofree char *before = finding->evidence;
    g_autofree char *fact = NULL;
    va_list ap;

    va_start(ap, fmt);
    fact = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    finding->evidence = before ? g_strconcat(before, "; ", fact, NULL) :
                        g_steal_pointer(&fact);
}
