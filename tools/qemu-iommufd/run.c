/*
 * qemu-iommufd run: start QEMU with the descriptors it needs
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <getopt.h>
#include "commands.h"
#include "run.h"

static const char help[] =
"Usage: qemu-iommufd run [OPTION...] [--] QEMU [ARGUMENT...]\n"
"Open /dev/iommu and the nodes of devices, and start QEMU with descriptors, the\n"
"way libvirt does: QEMU itself needs no right to open them.\n"
"\n"
"  --device DEVICE[,OPT=VAL...]\n"
"                   assign DEVICE: a name as check takes it; OPT=VAL goes to\n"
"                   QEMU's device as it is; can be repeated\n"
"  --accounting process|user\n"
"                   what the guest's memory is charged to: the locked memory\n"
"                   of QEMU (the default) or that of its user\n"
"  --user USER      run QEMU as USER, a name or UID[:GID], with no capabilities\n"
"                   and no new privileges\n"
"  --memlock SIZE   limit of locked memory for QEMU: bytes, with K, M, G or T,\n"
"                   or unlimited\n"
"  --bind[=DRIVER]  bind devices to a VFIO driver, by default to the one that\n"
"                   fits, and give them back to their drivers when QEMU ends\n"
"  --force          with --bind: also devices that the host uses\n"
"  --dry-run        print the command line of QEMU, and start nothing\n"
"  --root DIR       with --dry-run: look at the host below DIR\n"
"  -h, --help       show this help\n"
"\n"
"The exit status is QEMU's; without a QEMU it is 127 if the program is not\n"
"found, 126 if it cannot be executed, 125 for all else.\n";

void run_error(int err, const char *fmt, ...)
{
    g_autofree char *message = NULL;
    va_list ap;

    va_start(ap, fmt);
    message = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    output_error("%s%s%s", message, err ? ": " : "",
                 err ? g_strerror(err) : "");
}

void run_finding(const char *name, const IOMMUFDFinding *finding)
{
    output_error("%s%s%s", name ?: "", name ? ": " : "", finding->message);
    fputs(finding->remedy ?: "", stderr);
}

void run_failure(const Run *run, const RunDevice *device, IOMMUFDStage stage,
                 int err, const char *what)
{
    const IOMMUFDDevice vm_device = {
        .sysfsdev = device ? device->sysfsdev : NULL,
        .fd = -1,
    };
    const IOMMUFDFailure failure = {
        .stage = stage,
        .err = err,
        .iommufd = -1,
        .device = device ? &vm_device : NULL,
    };
    g_autoptr(IOMMUFDFinding) finding = iommufd_diagnose(run->root, &failure);

    if (finding) {
        run_finding(device ? device->name : NULL, finding);
    } else {
        run_error(err, "%s%s%s", device ? device->name : "",
                  device ? ": " : "", what);
    }
}

static void run_device_free(gpointer opaque)
{
    RunDevice *device = opaque;

    g_free(device->name);
    g_free(device->sysfsdev);
    g_free(device->options);
    g_free(device->id);
    g_free(device->vfio_driver);
    record_close(device->record);
    g_free(device);
}

/* What the devices are; a wrong one is reported as `check` does */
static bool find_devices(Run *run, IOMMUFDHost *host)
{
    for (guint i = 0; i < run->devices->len; i++) {
        RunDevice *device = run->devices->pdata[i];
        IOMMUFDHostDevice *facts;
        g_autofree char *reason = NULL;

        device->sysfsdev = device_sysfsdev(host, device->name, &reason);
        if (!device->sysfsdev) {
            run_error(0, "%s", reason);
            return false;
        }
        facts = iommufd_host_device(host, device->sysfsdev);
        if (!facts->real) {
            run_failure(run, device, IOMMUFD_STAGE_NODE, ENOENT,
                        "host device cannot be found");
            return false;
        }
        device->pci = iommufd_device_is_pci(facts);
        device->driver = qemu_driver(device->name, facts);
        if (!device->driver) {
            return false;
        }
        for (guint j = 0; j < i; j++) {
            RunDevice *other = run->devices->pdata[j];

            if (iommufd_host_device(host, other->sysfsdev) == facts) {
                run_error(0, "%s is assigned twice, also as %s", device->name,
                          other->name);
                return false;
            }
        }
    }
    return true;
}

/* QEMU's program, before anything else is done; 0, or a RunStatus */
static int find_program(Run *run)
{
    g_autofree char *program = g_find_program_in_path(*run->qemu);
    bool is_path = strchr(*run->qemu, '/');

    if (program) {
        /* relative to where the caller is */
        run->program = g_canonicalize_filename(program, NULL);
        return 0;
    }
    if (is_path && !access(*run->qemu, F_OK)) {
        run_error(EACCES, "%s cannot be run", *run->qemu);
        return RUN_CANNOT_EXECUTE;
    }
    run_error(ENOENT, "%s cannot be run", *run->qemu);
    return RUN_NOT_FOUND;
}

/* What would fail when QEMU opens or binds a device, as `check` says it */
static bool check_devices(const Run *run, IOMMUFDHost *host)
{
    bool ok = true;

    for (guint i = 0; i < run->devices->len; i++) {
        const RunDevice *device = run->devices->pdata[i];
        g_autoptr(GPtrArray) results = iommufd_check_device(
            iommufd_host_device(host, device->sysfsdev));

        for (guint j = 0; j < results->len; j++) {
            const IOMMUFDResult *result = results->pdata[j];

            if (result->verdict == IOMMUFD_VERDICT_FAIL) {
                run_finding(device->name, result->finding);
                ok = false;
            }
        }
    }
    return ok;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

/*
 * The iommufd and the devices are QEMU's alone: guest memory would stay pinned
 * as long as another process has the one, and a driver waits for the others.
 */
static void close_fds(Run *run)
{
    close_fd(&run->iommufd);
    for (guint i = 0; i < run->devices->len; i++) {
        RunDevice *device = run->devices->pdata[i];

        close_fd(&device->fd);
    }
}

/* A QEMU in a process of its own, for whose end this one waits */
static bool run_qemu(Run *run, bool all, int *status)
{
    pid_t qemu = supervise_start(run, launch_exec);

    if (qemu < 0) {
        return false;
    }
    close_fds(run);
    *status = supervise_wait(qemu, run->user, all);
    return true;
}

/*
 * In a process that nobody knows of who might stop the one that was called,
 * and that has no other children
 */
static int run_bound(Run *run)
{
    int status = 0;
    bool ok;

    if (!binding_bind(run)) {
        return RUN_FAILED;
    }
    ok = launch_open_devices(run) && run_qemu(run, true, &status);
    close_fds(run);
    ok &= binding_restore(run);
    return ok ? supervise_mirror(status) : RUN_FAILED;
}

static int start(Run *run)
{
    pid_t process;
    int status;

    if (run->bind) {
        process = supervise_start(run, run_bound);
        close_fds(run);
        return process < 0 ? RUN_FAILED :
               supervise_mirror(supervise_wait(process, false, false));
    }
    if (!launch_open_devices(run)) {
        return RUN_FAILED;
    }
    if (!run->user) {
        return launch_exec(run);
    }
    return run_qemu(run, false, &status) ? supervise_mirror(status) :
           RUN_FAILED;
}

/* Nothing is changed before everything that can fail was tried */
static int prepare_and_start(Run *run, IOMMUFDHost *host)
{
    int status = find_program(run);

    if (status) {
        return status;
    }
    supervise_begin();
    status = launch_rehearse(run);
    if (status) {
        return status;
    }
    if (!launch_open_iommufd(run) ||
        (run->bind && !binding_plan(run, host)) || !check_devices(run, host)) {
        binding_unlock(run);
        return RUN_FAILED;
    }
    return start(run);
}

/* Returns the exit status if there is nothing to be done, or else -1 */
static int parse_options(Run *run, int argc, char **argv)
{
    enum { DEVICE, ACCOUNTING, USER, MEMLOCK, BIND, FORCE, DRY_RUN, ROOT };
    static const struct option options[] = {
        { "device", required_argument, NULL, DEVICE },
        { "accounting", required_argument, NULL, ACCOUNTING },
        { "user", required_argument, NULL, USER },
        { "memlock", required_argument, NULL, MEMLOCK },
        { "bind", optional_argument, NULL, BIND },
        { "force", no_argument, NULL, FORCE },
        { "dry-run", no_argument, NULL, DRY_RUN },
        { "root", required_argument, NULL, ROOT },
        { "help", no_argument, NULL, 'h' },
        { }
    };
    g_autofree char *complaint = NULL;
    RunDevice *device;
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, "+h", options, NULL)) >= 0) {
        switch (option) {
        case DEVICE:
            device = g_new0(RunDevice, 1);
            device->fd = -1;
            g_ptr_array_add(run->devices, device);
            if (!qemu_parse_device(device, optarg)) {
                return RUN_FAILED;
            }
            break;
        case ACCOUNTING:
            if (g_str_equal(optarg, "user")) {
                run->accounting = IOMMUFD_ACCOUNTING_MODE_USER;
            } else if (g_str_equal(optarg, "process")) {
                run->accounting = IOMMUFD_ACCOUNTING_MODE_PROCESS;
            } else {
                run_error(0, "--accounting is process or user, not '%s'",
                          optarg);
                return RUN_FAILED;
            }
            break;
        case USER:
            user_free(run->user);
            run->user = parse_user(optarg, &complaint);
            if (!run->user) {
                run_error(0, "--user: %s", complaint);
                return RUN_FAILED;
            }
            break;
        case MEMLOCK:
            run->set_memlock = true;
            if (!parse_size(optarg, &run->memlock)) {
                run_error(0, "--memlock is a number of bytes, with K, M, G or "
                          "T, or unlimited, not '%s'", optarg);
                return RUN_FAILED;
            }
            break;
        case BIND:
            run->bind = true;
            run->bind_driver = optarg;
            if (optarg && (!*optarg || strchr(optarg, '/'))) {
                run_error(0, "--bind: '%s' is not the name of a driver",
                          optarg);
                return RUN_FAILED;
            }
            break;
        case FORCE:
            run->force = true;
            break;
        case DRY_RUN:
            run->dry_run = true;
            break;
        case ROOT:
            run->root = optarg;
            break;
        case 'h':
            output_text(help);
            return STATUS_READY;
        default:
            run_error(0, "'%s' is no option, or the option before it lacks "
                      "its argument; see qemu-iommufd run --help",
                      argv[optind - 1]);
            return RUN_FAILED;
        }
    }
    run->qemu = argv + optind;
    if (!*run->qemu) {
        run_error(0, "no QEMU program to run; see qemu-iommufd run "
                  "--help");
        return RUN_FAILED;
    }
    if (!run->dry_run && !g_str_equal(run->root, "/")) {
        run_error(0, "--root needs --dry-run");
        return RUN_FAILED;
    }
    if (run->force && !run->bind) {
        run_error(0, "--force needs --bind");
        return RUN_FAILED;
    }
    return -1;
}

static void run_clear(Run *run)
{
    close_fds(run);
    g_ptr_array_unref(run->devices);
    g_free(run->program);
    user_free(run->user);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Run, run_clear)

int cmd_run(int argc, char **argv)
{
    g_auto(Run) run = {
        .root = "/",
        .devices = g_ptr_array_new_with_free_func(run_device_free),
        .accounting = IOMMUFD_ACCOUNTING_MODE_PROCESS,
        .iommufd = -1,
    };
    g_autoptr(IOMMUFDHost) host = NULL;
    g_autofree char *line = NULL;
    int status = parse_options(&run, argc, argv);

    if (status >= 0) {
        return status;
    }
    host = iommufd_host_new(run.root);
    if (!find_devices(&run, host)) {
        return RUN_FAILED;
    }
    if (run.dry_run) {
        line = qemu_quoted(&run);
        output_text(line);
        output_text("\n");
        return STATUS_READY;
    }
    return prepare_and_start(&run, host);
}
