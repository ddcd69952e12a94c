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
#include <linux/keyctl.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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

static bool open_device(const Run *run, RunDevice *device)
{
    g_autoptr(IOMMUFDHost) host = iommufd_host_new(ROOT);
    const IOMMUFDHostDevice *facts = iommufd_host_device(host,
                                                         device->sysfsdev);
    g_autofree char *node = NULL;
    struct stat st;

    errno = ENOENT;
    if (facts->vfio) {
        node = g_build_filename("/dev/vfio/devices", facts->vfio, NULL);
        device->fd = open(node, O_RDWR | O_CLOEXEC);
    }
    if (device->fd < 0) {
        run_failure(run, device, IOMMUFD_STAGE_NODE, errno, "its VFIO device "
                    "node cannot be opened");
        return false;
    }
    if (fstat(device->fd, &st) || !S_ISCHR(st.st_mode) || !facts->has_devt ||
        st.st_rdev != facts->devt) {
        run_failure(run, device, IOMMUFD_STAGE_NODE, 0, "what is at the path "
                    "of its VFIO device node is something else");
        return false;
    }
    return true;
}

bool launch_open_iommufd(Run *run)
{
    run->iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
    if (run->iommufd < 0) {
        run_failure(run, NULL, IOMMUFD_STAGE_OPEN, errno,
                    "/dev/iommu cannot be opened");
        return false;
    }
    return set_accounting(run);
}

bool launch_open_devices(Run *run)
{
    for (guint i = 0; i < run->devices->len; i++) {
        if (!open_device(run, run->devices->pdata[i])) {
            return false;
        }
    }
    return true;
}

static char *limit_text(rlim_t limit)
{
    return limit == RLIM_INFINITY ? g_strdup("unlimited") :
           g_strdup_printf("%" PRIu64 " bytes", (uint64_t)limit);
}

static bool set_memlock(uint64_t wanted)
{
    rlim_t bytes = wanted == UINT64_MAX ? RLIM_INFINITY : wanted;
    struct rlimit limit = { .rlim_cur = bytes, .rlim_max = bytes };
    struct rlimit now;
    g_autofree char *has = NULL;
    g_autofree char *needs = limit_text(bytes);
    int err;

    if (!setrlimit(RLIMIT_MEMLOCK, &limit)) {
        return true;
    }
    err = errno;
    getrlimit(RLIMIT_MEMLOCK, &now);
    has = limit_text(now.rlim_max);
    run_error(err, "the limit of locked memory cannot be %s, the hard limit "
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

static bool set_ids(const User *user)
{
    if (geteuid() == user->uid && getegid() == user->gid && geteuid()) {
        return true;
    }
    return !(user->groups ? initgroups(user->name, user->gid) :
             setgroups(1, &user->gid)) &&
           !setresgid(user->gid, user->gid, user->gid) &&
           !setresuid(user->uid, user->uid, user->uid);
}

/* Nothing of the caller's goes along: its terminal, its keys, its home */
static void leave_caller(const User *user)
{
    static const char *const of_session[] = {
        "DBUS_SESSION_BUS_ADDRESS", "SSH_AUTH_SOCK", "SUDO_COMMAND",
        "SUDO_GID", "SUDO_UID", "SUDO_USER", "XAUTHORITY", "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR",
        "XDG_SESSION_ID", "XDG_STATE_HOME",
    };

    setsid();
    syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
    g_setenv("HOME", user->home, true);
    if (user->name) {
        g_setenv("USER", user->name, true);
        g_setenv("LOGNAME", user->name, true);
    } else {
        g_unsetenv("USER");
        g_unsetenv("LOGNAME");
    }
    for (size_t i = 0; i < G_N_ELEMENTS(of_session); i++) {
        g_unsetenv(of_session[i]);
    }
    if (access(".", X_OK) && chdir("/")) {
        run_error(errno, "warning: cannot enter /");
    }
}

static bool become_user(const User *user)
{
    int capability = 0;

    /* Fails after the last, or without CAP_SETPCAP for the first */
    while (!prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)) {
        capability++;
    }
    if (!set_ids(user)) {
        run_error(errno, "cannot become user %u, group %u", user->uid,
                  user->gid);
        return false;
    }
    if (!drop_capabilities()) {
        run_error(errno, "cannot drop the capabilities");
        return false;
    }
    leave_caller(user);
    return true;
}

static bool become_qemu(const Run *run)
{
    return (!run->set_memlock || set_memlock(run->memlock)) &&
           (!run->user || become_user(run->user));
}

static int cannot_execute(const Run *run)
{
    int err = errno;

    run_error(err, "%s cannot be run", run->program);
    return err == ENOENT ? RUN_NOT_FOUND : RUN_CANNOT_EXECUTE;
}

static int rehearse(const Run *run)
{
    if (!become_qemu(run)) {
        return RUN_FAILED;
    }
    if (fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC,
              FIRST_FD + 2 * (run->devices->len + 1)) < 0) {
        run_error(errno, "the descriptors cannot be placed");
        return RUN_FAILED;
    }
    /* Where this is not allowed, what can be told without executing it */
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL)) {
        if (!faccessat(AT_FDCWD, run->program, X_OK, AT_EACCESS)) {
            return 0;
        }
    } else {
        execv(run->program, run->qemu);
    }
    return cannot_execute(run);
}

/* Before its first instruction it stops for the one who traces it */
static bool has_executed(pid_t child, int status)
{
    if (!WIFSTOPPED(status)) {
        return false;
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return true;
}

int launch_rehearse(const Run *run)
{
    pid_t child = fork();
    int status;

    if (child < 0) {
        run_error(errno, "cannot start a process");
        return RUN_FAILED;
    }
    if (!child) {
        _exit(rehearse(run));
    }
    if (waitpid(child, &status, 0) != child) {
        return RUN_FAILED;
    }
    return has_executed(child, status) ? 0 :
           WIFEXITED(status) ? WEXITSTATUS(status) : RUN_FAILED;
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

int launch_exec(Run *run)
{
    g_auto(GStrv) args = qemu_arguments(run);

    if (!become_qemu(run) || !place_fds(run)) {
        return RUN_FAILED;
    }
    supervise_end();
    execv(run->program, args);
    return cannot_execute(run);
}
