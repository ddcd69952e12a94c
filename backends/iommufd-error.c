/*
 * Errors that name the cause of an IOMMUFD failure
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/ioctl.h>
#include <linux/iommufd.h>
#include "qapi/error.h"
#include "system/iommufd-error.h"
#include "system/runstate.h"
#include "trace.h"

/* Where findings about QEMU's own host are read */
#define HOST_ROOT "/"
#define IOMMU_NODE "/dev/iommu"

/* Microseconds that a running guest can be kept waiting for a cause */
#define RUNNING_TIME_LIMIT 25000

/* What is known without looking: the step */
static char *plain_text(const IOMMUFDFailure *failure)
{
    const IOMMUFDMap *map = failure->map;
    const char *id = failure->id ?: "?";

    switch (failure->stage) {
    case IOMMUFD_STAGE_OPEN:
        return g_strdup(failure->iommufd < 0 ?
                        "cannot open " IOMMU_NODE :
                        IOMMU_NODE " does not answer like an iommufd");
    case IOMMUFD_STAGE_OBJECT_FD:
        return g_strdup_printf("fd %d is not an iommufd", failure->iommufd);
    case IOMMUFD_STAGE_NODE:
        return g_strdup_printf("cannot find or open the VFIO device node: %s",
                               failure->device->sysfsdev);
    case IOMMUFD_STAGE_DEVICE_FD:
        return g_strdup_printf("cannot use fd %d of the device",
                               failure->device->fd);
    case IOMMUFD_STAGE_BIND:
        return g_strdup_printf("cannot bind fd %d of the device to iommufd "
                               "object '%s'", failure->device->fd, id);
    case IOMMUFD_STAGE_IOAS:
        return g_strdup_printf("iommufd object '%s' does not allocate an IOAS",
                               id);
    case IOMMUFD_STAGE_HW_INFO:
        return g_strdup("cannot get information on the device's IOMMU");
    case IOMMUFD_STAGE_HWPT:
        return g_strdup("cannot allocate page tables (HWPT) for the device");
    case IOMMUFD_STAGE_ATTACH:
        return g_strdup("cannot attach the device to its page tables");
    case IOMMUFD_STAGE_MAP:
        return g_strdup_printf("'%s' at 0x%" PRIx64 ", %" PRIu64 " bytes, "
                               "cannot be mapped for DMA", map->region,
                               map->iova, map->size);
    default:
        g_assert_not_reached();
    }
}

IOMMUFDFinding *iommufd_explain(const IOMMUFDFailure *failure)
{
    IOMMUFDFailure limited = *failure;
    g_autofree char *text = NULL;
    IOMMUFDFinding *finding;

    limited.time_limit = runstate_is_running() ? RUNNING_TIME_LIMIT : 0;
    finding = iommufd_diagnose(HOST_ROOT, &limited);
    if (!finding) {
        text = plain_text(failure);
        finding = g_new0(IOMMUFDFinding, 1);
        finding->cause = IOMMUFD_CAUSE_UNKNOWN;
        finding->message = g_strdup_printf("%s: %s", text,
                                           strerror(failure->err));
    }
    return finding;
}

void iommufd_error_set(Error **errp, const IOMMUFDFinding *finding)
{
    ERRP_GUARD();

    trace_iommufd_finding(iommufd_cause_name(finding->cause),
                          finding->message);
    error_free(*errp);
    *errp = NULL;
    error_setg(errp, "%s", finding->message);
    if (finding->remedy) {
        error_append_hint(errp, "%s", finding->remedy);
    }
}

void iommufd_error(Error **errp, const IOMMUFDFailure *failure)
{
    g_autoptr(IOMMUFDFinding) finding = iommufd_explain(failure);

    iommufd_error_set(errp, finding);
}

IOMMUFDAccountingMode iommufd_accounting_mode(int fd)
{
    struct iommu_option option = {
        .size = sizeof(option),
        .option_id = IOMMU_OPTION_RLIMIT_MODE,
        .op = IOMMU_OPTION_OP_GET,
    };

    if (ioctl(fd, IOMMU_OPTION, &option)) {
        return IOMMUFD_ACCOUNTING_MODE_UNKNOWN;
    }
    return option.val64 ? IOMMUFD_ACCOUNTING_MODE_PROCESS :
           IOMMUFD_ACCOUNTING_MODE_USER;
}

/* Reading an option changes nothing, and only an iommufd answers to it */
bool iommufd_fd_is_iommufd(int fd)
{
    return iommufd_accounting_mode(fd) != IOMMUFD_ACCOUNTING_MODE_UNKNOWN;
}

static IOMMUFDFinding *open_node(int *fd)
{
    IOMMUFDFailure failure = { .stage = IOMMUFD_STAGE_OPEN, .iommufd = -1 };

    *fd = qemu_open_old(IOMMU_NODE, O_RDWR);
    if (*fd >= 0) {
        return NULL;
    }
    failure.err = errno;
    return iommufd_explain(&failure);
}

IOMMUFDFinding *iommufd_probe_node(int *fd)
{
    IOMMUFDFinding *finding = open_node(fd);
    IOMMUFDFailure failure = { .stage = IOMMUFD_STAGE_OPEN, .iommufd = *fd };

    if (finding || iommufd_fd_is_iommufd(*fd)) {
        return finding;
    }
    failure.err = errno;
    close(*fd);
    *fd = -1;
    return iommufd_explain(&failure);
}

int iommufd_open_node(Error **errp)
{
    g_autoptr(IOMMUFDFinding) finding = NULL;
    int fd;

    finding = open_node(&fd);
    if (finding) {
        iommufd_error_set(errp, finding);
    }
    return fd;
}

static bool check_node(Error **errp)
{
    g_autoptr(IOMMUFDFinding) finding = NULL;
    int fd;

    finding = iommufd_probe_node(&fd);
    if (finding) {
        iommufd_error_set(errp, finding);
        return false;
    }
    close(fd);
    return true;
}

static bool check_fd(int fd, Error **errp)
{
    IOMMUFDFailure failure = {
        .stage = IOMMUFD_STAGE_OBJECT_FD,
        .iommufd = fd,
    };

    if (iommufd_fd_is_iommufd(fd)) {
        return true;
    }
    failure.err = errno;
    iommufd_error(errp, &failure);
    return false;
}

bool iommufd_check(const IOMMUFDBackend *be, Error **errp)
{
    return be->owned ? check_node(errp) : check_fd(be->fd, errp);
}

void iommufd_error_device_node(Error **errp, const char *sysfsdev, int err)
{
    const IOMMUFDDevice device = { .sysfsdev = sysfsdev, .fd = -1 };
    const IOMMUFDFailure failure = {
        .stage = IOMMUFD_STAGE_NODE,
        .err = err,
        .iommufd = -1,
        .device = &device,
    };

    iommufd_error(errp, &failure);
}

void iommufd_error_page_table(Error **errp, const IOMMUFDBackend *be,
                              IOMMUFDStage stage, int err)
{
    const IOMMUFDFailure failure = {
        .stage = stage,
        .err = err,
        .iommufd = be->fd,
        .id = object_get_canonical_path_component(OBJECT(be)),
    };

    iommufd_error(errp, &failure);
}
