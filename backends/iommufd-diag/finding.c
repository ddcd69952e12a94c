/*
 * Findings of the IOMMUFD diagnosis
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "finding.h"

static const char *const cause_names[] = {
#define IOMMUFD_CAUSE(symbol, name) name
#include "backends/iommufd-diag/causes.h.inc"
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
        g_free(finding);
    }
}

/* Values come from the host and from users */
char *printable(const char *text, const char *kept)
{
    GString *shown = g_string_new(NULL);

    for (; *text; text++) {
        if (g_ascii_isprint(*text) || strchr(kept, *text)) {
            g_string_append_c(shown, *text);
        } else {
            g_string_append_printf(shown, "\\%03o", (unsigned char)*text);
        }
    }
    return g_string_free(shown, false);
}

IOMMUFDFinding *finding_new(IOMMUFDCause cause, int err, char *message,
                            char *remedy)
{
    IOMMUFDFinding *finding = g_new0(IOMMUFDFinding, 1);
    g_autofree char *shown = printable(message, "");

    finding->cause = cause;
    finding->message = err ? g_strdup_printf("%s: %s", shown, g_strerror(err))
                           : g_steal_pointer(&shown);
    if (remedy && *remedy) {
        g_autofree char *lines = printable(g_strchomp(remedy), "\n");

        finding->remedy = g_strconcat(lines, "\n", NULL);
    }
    g_free(message);
    g_free(remedy);
    return finding;
}
