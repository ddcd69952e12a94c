/*
 * Opening the nodes, and becoming QEMU
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "run.h"

#define ROOT "/"

/* The kernel's interface, which the headers of Debian 12 do not have yet */
typedef struct AccountingOption {
    uint32_t size;
    uint32_t id;
    uint16_t op;
    uint16_t reserved;
    uint32_t object;
    uint64_t value;
} AccountingOption;

#define IOMMUFD_OPTION         _IO(';', 0x87)
#define OPTION_ACCOUNTING_MODE 0
#define OPTION_SET             0
#define OPTION_GET             1

/* Where the memory is accounted changes only while nothing uses the iommufd */
static bool set_accounting(const Run *run)
{
    bool process = run->accounting == IOMMUFD_ACCOUNTING_MODE_PROCESS;
    AccountingOption option = {
        .size = sizeof(option),
        .id = OPTION_ACCOUNTING_MODE,
        .op = OPTION_GET,
    };

    if (ioctl(run->iommufd, IOMMUFD_OPTION, &option)) {
        run_failure(run, NULL, IOMMUFD_STAGE_OPEN, errno, "/dev/iommu does not "
                    "answer like an iommufd");
        return false;
    }
    if (option.value == process) {
        return true;
    }
    option.op = OPTION_SET;
    option.value = process;
    if (!ioctl(run->iommufd, IOMMUFD_OPTION, &option)) {
        return true;
    }
    if (errno != EPERM) {
        run_error(errno, "the kernel does not account locked memory to the "
                  "%s", process ? "process" : "user");
        return false;
    }
    run_error(EPERM, "warning: locked memory stays accounted to the %s, to "
              "change that needs CAP_SYS_RESOURCE",
              process ? "user" : "process");
    return true;
}

/* What would fail when QEMU opens or binds the device, as `check` says it */
static bool check_device(IOMMUFDHost *host, const RunDevice *device)
{
    g_autoptr(GPtrArray) results =
        iommufd_check_device(iommufd_host_device(host, device->sysfsdev));

    for (guint i = 0; i < results->len; i++) {
        const IOMMUFDResult *result = results->pdata[i];

        if (result->verdict == IOMMUFD_VERDICT_FAIL) {
            run_finding(device->name, result->finding);
        }
    }
    return iommufd_results_verdict(results) < IOMMUFD_VERDICT_FAIL;
}

static bool open_device(const Run *run, IOMMUFDHost *host,
                        RunDevice *device)
{
    const char *name = iommufd_host_device(host, device->sysfsdev)->vfio;
    g_autofree char *node = NULL;

    errno = ENOENT;
    if (name) {
        node = g_build_filename("/dev/vfio/devices", name, NULL);
        device->fd = open(node, O_RDWR | O_CLOEXEC);
    }
    if (device->fd < 0) {
        run_failure(run, device, IOMMUFD_STAGE_NODE, errno, "its VFIO device "
                    "node cannot be opened");
        return false;
    }
    return true;
}

bool launch_open(Run *run)
{
    g_autoptr(IOMMUFDHost) host = iommufd_host_new(ROOT);
    bool ok = true;

    /* What is closed now would be taken for a descriptor of a node later */
    for (int fd = 0; fd < FIRST_FD; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) {
            run_error(errno, "/dev/null cannot be opened");
            return false;
        }
    }
    run->iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
    if (run->iommufd < 0) {
        run_failure(run, NULL, IOMMUFD_STAGE_OPEN, errno,
                    "/dev/iommu cannot be opened");
        return false;
    }
    if (!set_accounting(run)) {
        return false;
    }
    /* Before any is open, or this process would be the one that holds it */
    for (guint i = 0; i < run->devices->len; i++) {
        ok &= check_device(host, run->devices->pdata[i]);
    }
    for (guint i = 0; ok && i < run->devices->len; i++) {
        ok = open_device(run, host, run->devices->pdata[i]);
    }
    return ok;
}

static char *limit_text(rlim_t limit)
{
    return limit == RLIM_INFINITY ? g_strdup("unlimited") :
           g_strdup_printf("%" PRIu64 " bytes", (uint64_t)limit);
}

static bool set_memlock(rlim_t wanted)
{
    struct rlimit now;
    struct rlimit limit = { .rlim_cur = wanted, .rlim_max = wanted };
    g_autofree char *has = NULL;
    g_autofree char *needs = NULL;

    getrlimit(RLIMIT_MEMLOCK, &now);
    if (wanted <= now.rlim_max) {
        limit.rlim_max = now.rlim_max;
    }
    if (!setrlimit(RLIMIT_MEMLOCK, &limit)) {
        return true;
    }
    has = limit_text(now.rlim_max);
    needs = limit_text(wanted);
    run_error(errno, "the limit of locked memory cannot be %s, the hard limit "
              "is %s", needs, has);
    return false;
}

/* Nothing is kept, and nothing can be gained by executing a program */
static bool drop_capabilities(void)
{
    struct __user_cap_header_struct header = {
        .version = _LINUX_CAPABILITY_VERSION_3,
    };
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { };

    return !prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) &&
           !syscall(SYS_capset, &header, none) &&
           !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static bool become_user(const char *user)
{
    struct passwd *pw = getpwnam(user);
    int capability = 0;
    char *end;

    if (!pw && g_ascii_isdigit(*user)) {
        uint64_t uid = g_ascii_strtoull(user, &end, 10);

        pw = *end ? NULL : getpwuid(uid);
    }
    if (!pw) {
        run_error(0, "there is no user '%s'", user);
        return false;
    }
    /* Fails after the last, or without CAP_SETPCAP for the first */
    while (!prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)) {
        capability++;
    }
    if (geteuid() != pw->pw_uid || !geteuid()) {
        if (initgroups(pw->pw_name, pw->pw_gid) ||
            setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) ||
            setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid)) {
            run_error(errno, "cannot become user %s", pw->pw_name);
            return false;
        }
    }
    if (!drop_capabilities()) {
        run_error(errno, "cannot drop the capabilities");
        return false;
    }
    return true;
}

/* Nothing but the nodes goes to QEMU, each at its number */
static bool place_fds(const Run *run)
{
    guint n = run->devices->len + 1;
    g_autofree int *fds = g_new(int, n);

    for (guint i = 0; i < n; i++) {
        RunDevice *device = i ? run->devices->pdata[i - 1] : NULL;

        /* first out of the way, so that none is overwritten */
        fds[i] = fcntl(device ? device->fd : run->iommufd, F_DUPFD_CLOEXEC,
                       FIRST_FD + n);
        if (fds[i] < 0) {
            run_error(errno, "cannot duplicate a descriptor");
            return false;
        }
    }
    for (guint i = 0; i < n; i++) {
        if (dup2(fds[i], FIRST_FD + i) < 0) {
            run_error(errno, "cannot duplicate a descriptor");
            return false;
        }
    }
    if (close_range(FIRST_FD + n, ~0U, 0)) {
        run_error(errno, "cannot close the other descriptors");
        return false;
    }
    return true;
}

void launch_exec(const Run *run)
{
    g_auto(GStrv) args = qemu_arguments(run);

    if ((run->set_memlock && !set_memlock(run->memlock)) ||
        (run->user && !become_user(run->user)) || !place_fds(run)) {
        return;
    }
    execvp(*args, args);
    run_error(errno, "%s cannot be run", *args);
}
