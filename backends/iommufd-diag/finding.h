/*
 * Findings: a function for each text of causes.toml
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BACKENDS_IOMMUFD_DIAG_FINDING_H
#define BACKENDS_IOMMUFD_DIAG_FINDING_H

#include "system/iommufd-diag.h"
#include "backends/iommufd-diag/causes.h"

/*
 * Takes @message and @remedy over.  The text of @err ends the message, unless
 * it is 0 because nothing has failed.
 */
IOMMUFDFinding *finding_new(IOMMUFDCause cause, int err, char *message,
                            char *remedy);

/*
 * @text as a terminal can print it and JSON can encode it, to be freed by the
 * caller.  @kept are characters that may stay.
 */
char *printable(const char *text, const char *kept);

#endif
