/*
 * Is a host ready to assign devices through IOMMUFD?
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef SYSTEM_IOMMUFD_SURVEY_H
#define SYSTEM_IOMMUFD_SURVEY_H

#include "system/iommufd-diag.h"

/*
 * The functions of iommufd-diag.h explain a failure.  Those below look at the
 * host before anything is tried, and say what would fail, with the finding
 * that QEMU would then show.  They open neither device nodes nor groups and
 * change nothing.
 */

typedef enum IOMMUFDVerdict {
    IOMMUFD_VERDICT_PASS,
    /* A device can be assigned, but there is something to know */
    IOMMUFD_VERDICT_WARN,
    IOMMUFD_VERDICT_FAIL,
} IOMMUFDVerdict;

/**
 * struct IOMMUFDCheck - one step on the way to an assigned device
 * @name: what was looked at, stable, such as "iommu-node"
 * @verdict: the result
 * @unseen: this process lacks the rights to see what would tell
 * @text: what was seen, one line without a full stop; NULL if @finding says
 *     it
 * @finding: what QEMU would show, or NULL
 */
typedef struct IOMMUFDCheck {
    const char *name;
    IOMMUFDVerdict verdict;
    bool unseen;
    char *text;
    IOMMUFDFinding *finding;
} IOMMUFDCheck;

/**
 * iommufd_survey_host: what a host has and lacks
 * @root: directory below which the host is read
 *
 * Returns: an array of #IOMMUFDCheck that the caller frees.
 */
GPtrArray *iommufd_survey_host(const char *root);

/**
 * iommufd_survey_device: the steps from a device to one that is bound
 * @root: directory below which the host is read
 * @sysfsdev: the device's directory in sysfs, a path without @root
 *
 * Ends with the first step that fails, apart from the causes that would make
 * binding fail, which are all there.
 *
 * Returns: an array of #IOMMUFDCheck that the caller frees.
 */
GPtrArray *iommufd_survey_device(const char *root, const char *sysfsdev);

/**
 * iommufd_survey_verdict: the worst of all verdicts
 * @checks: an array of #IOMMUFDCheck
 *
 * Returns: that verdict, pass if there is no check.
 */
IOMMUFDVerdict iommufd_survey_verdict(const GPtrArray *checks);

/**
 * iommufd_forecast_bind: why binding a device to an iommufd will fail
 * @root: directory below which the host is read
 * @sysfsdev: the device's directory in sysfs, a path without @root
 *
 * Only causes with evidence are given, as iommufd_diag_bind() gives them.
 *
 * Returns: an array of #IOMMUFDFinding that the caller frees, empty if
 * nothing is in the way.
 */
GPtrArray *iommufd_forecast_bind(const char *root, const char *sysfsdev);

#endif
