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
 * @text: what was seen, one line without a full stop; NULL if @finding says
 *     it
 * @finding: what QEMU would show, or NULL
 */
typedef struct IOMMUFDCheck {
    const char *name;
    IOMMUFDVerdict verdict;
    char *text;
    IOMMUFDFinding *finding;
} IOMMUFDCheck;

/* What is read once for all devices of a host */
typedef struct IOMMUFDSurvey IOMMUFDSurvey;

/**
 * iommufd_survey_new: begin to look at a host
 * @root: directory below which the host is read
 *
 * Returns: a survey, to be freed with iommufd_survey_free().
 */
IOMMUFDSurvey *iommufd_survey_new(const char *root);

/**
 * iommufd_survey_free: end it
 * @survey: the survey, may be NULL
 */
void iommufd_survey_free(IOMMUFDSurvey *survey);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(IOMMUFDSurvey, iommufd_survey_free)

/**
 * iommufd_survey_host: what a host has and lacks
 * @survey: the survey
 * @physical: devices are to be assigned that do DMA themselves; a missing
 *     IOMMU is no more than a warning to others, which are mediated devices
 *
 * Returns: an array of #IOMMUFDCheck that the caller frees.
 */
GPtrArray *iommufd_survey_host(const IOMMUFDSurvey *survey, bool physical);

/**
 * iommufd_survey_device: the steps from a device to one that is bound
 * @survey: the survey
 * @sysfsdev: the device's directory in sysfs, a path without the root
 *
 * A step that needs a failed one is left out.  All causes that would make
 * binding fail are there, not only the first.
 *
 * Returns: an array of #IOMMUFDCheck that the caller frees.
 */
GPtrArray *iommufd_survey_device(const IOMMUFDSurvey *survey,
                                 const char *sysfsdev);

/**
 * iommufd_survey_bus_path: a device under the name that users know
 * @root: directory below which the host is read
 * @path: any path to the device in sysfs, without @root
 *
 * Returns: where its bus lists it, or where it is if no bus does, without
 * @root, to be freed by the caller; NULL if there is nothing.
 */
char *iommufd_survey_bus_path(const char *root, const char *path);

/**
 * iommufd_survey_devices: the devices that are bound to VFIO drivers
 * @survey: the survey
 *
 * Returns: an array of directories in sysfs that the caller frees.
 */
GPtrArray *iommufd_survey_devices(const IOMMUFDSurvey *survey);

/**
 * struct IOMMUFDMember - a device of an IOMMU group
 * @name: its name on its bus
 * @driver: its driver, NULL if it has none
 */
typedef struct IOMMUFDMember {
    char *name;
    char *driver;
} IOMMUFDMember;

/**
 * iommufd_survey_group: a device's IOMMU group
 * @survey: the survey
 * @sysfsdev: the device's directory in sysfs, a path without the root
 * @group: set to the name of the group, which the caller frees
 *
 * Returns: an array of #IOMMUFDMember that the caller frees, NULL if the
 * device is in no group.
 */
GPtrArray *iommufd_survey_group(const IOMMUFDSurvey *survey,
                                const char *sysfsdev, char **group);

/**
 * iommufd_survey_unseen: what this process lacks the rights to see
 * @survey: the survey
 *
 * Returns: an array of lines that the caller frees.
 */
GPtrArray *iommufd_survey_unseen(const IOMMUFDSurvey *survey);

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

/**
 * struct IOMMUFDInterrupts - can devices send any interrupt to the host?
 * @known: the host shows whether interrupts are remapped
 * @isolated: they are
 * @parameter_known: iommufd shows its parameter allow_unsafe_interrupts
 * @allow_unsafe: that lets devices be bound all the same
 */
typedef struct IOMMUFDInterrupts {
    bool known;
    bool isolated;
    bool parameter_known;
    bool allow_unsafe;
} IOMMUFDInterrupts;

/**
 * iommufd_interrupts: how interrupts of devices are handled
 * @root: directory below which the host is read
 *
 * Returns: what can be seen of it.
 */
IOMMUFDInterrupts iommufd_interrupts(const char *root);

/**
 * iommufd_forecast_interrupts: why no physical device can be bound
 * @interrupts: how interrupts of devices are handled
 *
 * Returns: a finding that the caller frees, without the text of an errno;
 * NULL if the interrupts of devices are isolated, or it is not known.
 */
IOMMUFDFinding *
iommufd_forecast_interrupts(const IOMMUFDInterrupts *interrupts);

#endif
