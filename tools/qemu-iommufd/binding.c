/*
 * Devices that are bound to vfio-pci while QEMU runs
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "commands.h"
#include "run.h"

#define ROOT    "/"
#define DRIVERS "/sys/bus/pci/drivers/"
#define DRIVER  "vfio-pci"

/* What other programs send to QEMU */
static const int passed_on[] = {
    SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGTERM, SIGCONT, SIGWINCH,
};

static bool write_attr(const char *name, const char *dir, const char *attr,
                       const char *text)
{
    g_autofree char *path = g_build_filename(dir, attr, NULL);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) >= 0;

    if (!ok) {
        run_error(errno, "%s: cannot write '%s' to %s", name,
                  *text == '\n' ? "" : text, path);
    }
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

/* A driver that is gone has given the device up already */
static bool unbind(const RunDevice *device)
{
    g_autofree char *address = g_path_get_basename(device->sysfsdev);

    g_autofree char *driver = g_build_filename(device->sysfsdev, "driver",
                                               NULL);

    return access(driver, F_OK) ||
           write_attr(device->name, device->sysfsdev, "driver/unbind",
                      address);
}

static bool restore(RunDevice *device)
{
    g_autofree char *address = g_path_get_basename(device->sysfsdev);
    g_autofree char *dir = NULL;
    bool ok;

    device->bound = false;
    ok = write_attr(device->name, device->sysfsdev, "driver_override",
                    device->former_override ?: "\n");
    ok &= unbind(device);
    if (device->former_driver) {
        dir = g_strconcat(DRIVERS, device->former_driver, NULL);
        ok = ok && write_attr(device->name, dir, "bind", address);
    }
    return ok;
}

bool binding_restore(Run *run)
{
    bool ok = true;

    for (guint i = 0; i < run->devices->len; i++) {
        RunDevice *device = run->devices->pdata[i];

        if (device->bound) {
            ok &= restore(device);
        }
    }
    return ok;
}

static bool bind(RunDevice *device, bool force)
{
    g_autofree char *address = g_path_get_basename(device->sysfsdev);
    g_autoptr(IOMMUFDHost) host = iommufd_host_new(ROOT);
    const IOMMUFDHostDevice *facts = iommufd_host_device(host,
                                                         device->sysfsdev);
    g_autofree char *use = NULL;
    IOMMUFDSeen in_use;

    if (!device->pci || iommufd_device_has_vfio_driver(facts)) {
        return true;
    }
    iommufd_host_ask_kernel(host);
    use = iommufd_device_use(facts, &in_use);
    if (in_use != IOMMUFD_SEEN_NO && !force) {
        run_error(0, "%s %s; --force takes it away from the host",
                  device->name, use);
        return false;
    }
    if (access(DRIVERS DRIVER, F_OK)) {
        run_error(0, "%s: the driver vfio-pci is not loaded: " DRIVERS DRIVER
                  "\nLoad the module: modprobe vfio-pci", device->name);
        return false;
    }
    device->former_override = g_strdup(facts->override);
    device->former_driver = g_strdup(facts->driver);
    device->bound = true;
    if (!write_attr(device->name, device->sysfsdev, "driver_override",
                    DRIVER) || !unbind(device)) {
        return false;
    }
    return write_attr(device->name, DRIVERS DRIVER, "bind", address);
}

static void block_signals(sigset_t *before)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    for (size_t i = 0; i < G_N_ELEMENTS(passed_on); i++) {
        sigaddset(&set, passed_on[i]);
    }
    sigprocmask(SIG_BLOCK, &set, before);
}

/* How this program was called, for QEMU */
static sigset_t signals_before;

bool binding_bind(Run *run, bool force)
{
    /* From here on this program must come to its end */
    block_signals(&signals_before);
    for (guint i = 0; i < run->devices->len; i++) {
        if (!bind(run->devices->pdata[i], force)) {
            binding_restore(run);
            return false;
        }
    }
    return true;
}

/* The iommufd and the devices are QEMU's alone, or they would stay in use */
static void close_fds(Run *run)
{
    close(run->iommufd);
    run->iommufd = -1;
    for (guint i = 0; i < run->devices->len; i++) {
        RunDevice *device = run->devices->pdata[i];

        close(device->fd);
        device->fd = -1;
    }
}

/* Also what QEMU leaves behind (-daemonize) is waited for; QEMU's status */
static int wait_for(pid_t qemu)
{
    sigset_t set;
    siginfo_t info;
    int result = 0;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    for (size_t i = 0; i < G_N_ELEMENTS(passed_on); i++) {
        sigaddset(&set, passed_on[i]);
    }
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);

        if (pid < 0) {
            return result;
        }
        if (pid == qemu) {
            result = status;
            qemu = 0;
        }
        if (pid) {
            continue;
        }
        /* What the terminal sends goes to all of its processes anyway */
        if (sigwaitinfo(&set, &info) > 0 && info.si_signo != SIGCHLD &&
            info.si_code <= 0 && qemu) {
            kill(qemu, info.si_signo);
        }
    }
}

int binding_run(Run *run)
{
    struct rlimit no_core = { };
    sigset_t set;
    pid_t qemu;
    int status;

    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    qemu = fork();
    if (qemu < 0) {
        run_error(errno, "cannot start a process");
        binding_restore(run);
        return STATUS_NOT_READY;
    }
    if (!qemu) {
        sigprocmask(SIG_SETMASK, &signals_before, NULL);
        launch_exec(run);
        _exit(STATUS_NOT_READY);
    }
    close_fds(run);
    status = wait_for(qemu);
    if (!binding_restore(run)) {
        return STATUS_NOT_READY;
    }
    if (WIFSIGNALED(status)) {
        setrlimit(RLIMIT_CORE, &no_core);
        signal(WTERMSIG(status), SIG_DFL);
        sigemptyset(&set);
        sigaddset(&set, WTERMSIG(status));
        sigprocmask(SIG_UNBLOCK, &set, NULL);
        raise(WTERMSIG(status));
    }
    return WEXITSTATUS(status);
}
