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
#include "system/iommufd-diag.h"
#include "system/iommufd-error.h"
#include "trace.h"

/* Where the findings about QEMU's own host are read */
#define HOST_ROOT "/"

/* In place of the error that @errp points to, if there is one */
static void error_set_finding(Error **errp, const IOMMUFDFinding *finding)
{
    ERRP_GUARD();

    trace_iommufd_finding(iommufd_cause_name(finding->cause),
                          finding->message, finding->evidence ?: "");
    error_free(*errp);
    *errp = NULL;
    error_setg(errp, "%s", finding->message);
    if (finding->remedy) {
        error_append_hint(errp, "%s", finding->remedy);
    }
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

int iommufd_open_node(Error **errp)
{
    g_autoptr(IOMMUFDFinding) finding = NULL;
    int fd = qemu_open_old("/dev/iommu", O_RDWR);

    if (fd < 0) {
        finding = iommufd_diag_iommu_open(HOST_ROOT, errno);
        error_set_finding(errp, finding);
    }
    return fd;
}

static bool check_node(Error **errp)
{
    g_autoptr(IOMMUFDFinding) finding = NULL;
    int fd = iommufd_open_node(errp);

    if (fd < 0) {
        return false;
    }
    if (!iommufd_fd_is_iommufd(fd)) {
        finding = iommufd_diag_iommu_fd(HOST_ROOT, fd, false, errno);
        error_set_finding(errp, finding);
    }
    close(fd);
    return !finding;
}

static bool check_fd(int fd, Error **errp)
{
    g_autoptr(IOMMUFDFinding) finding = NULL;

    if (iommufd_fd_is_iommufd(fd)) {
        return true;
    }
    finding = iommufd_diag_iommu_fd(HOST_ROOT, fd, true, errno);
    error_set_finding(errp, finding);
    return false;
}

bool iommufd_check(const IOMMUFDBackend *be, Error **errp)
{
    return be->owned ? check_node(errp) : check_fd(be->fd, errp);
}

void iommufd_error_device_node(Error **errp, const char *sysfsdev, int err)
{
    g_autoptr(IOMMUFDFinding) finding =
        iommufd_diag_device_node(HOST_ROOT, sysfsdev, err);

    error_set_finding(errp, finding);
}

void iommufd_error_bind(Error **errp, const IOMMUFDDevice *device, int err)
{
    g_autoptr(IOMMUFDFinding) finding =
        iommufd_diag_bind(HOST_ROOT, device, err);

    error_set_finding(errp, finding);
}

void iommufd_error_device_fd(Error **errp, const IOMMUFDDevice *device,
                             int err)
{
    g_autoptr(IOMMUFDFinding) finding =
        iommufd_diag_device_fd(HOST_ROOT, device, err);

    if (finding) {
        error_set_finding(errp, finding);
    }
}

void iommufd_error_attach(Error **errp, IOMMUFDStep step,
                          const IOMMUFDDevice *device, int err)
{
    g_autoptr(IOMMUFDFinding) finding =
        iommufd_diag_attach(HOST_ROOT, step, device, err);

    error_set_finding(errp, finding);
}

void iommufd_error_page_table(Error **errp, const IOMMUFDBackend *be,
                              IOMMUFDStep step, int err)
{
    IOMMUFDDevice device = {
        .fd = -1,
        .iommufd = be->fd,
        .id = object_get_canonical_path_component(OBJECT(be)),
    };

    iommufd_error_attach(errp, step, &device, err);
}

void iommufd_error_map(Error **errp, int iommufd, IOMMUFDMap *map, int err)
{
    g_autoptr(IOMMUFDFinding) finding = NULL;

    map->mode = iommufd_accounting_mode(iommufd);
    finding = iommufd_diag_map(HOST_ROOT, map, err);
    error_set_finding(errp, finding);
}
