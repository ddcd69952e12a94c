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
"                   assign DEVICE: a PCI address, the UUID of a mediated device,\n"
"                   a path in sysfs, or a VFIO device node; OPT=VAL goes to\n"
"                   QEMU's device (true, false and numbers are JSON's, all\n"
"                   else is text); can be repeated\n"
"  --accounting process|user\n"
"                   whose locked memory the guest's memory counts as\n"
"                   (default: process)\n"
"  --user USER      run QEMU as USER, with no capabilities and no new\n"
"                   privileges\n"
"  --memlock SIZE   limit of locked memory for QEMU: bytes, with K, M, G or T,\n"
"                   or unlimited\n"
"  --bind           bind devices to vfio-pci, and give them back to their drivers\n"
"                   when QEMU ends\n"
"  --force          with --bind: also devices that the host uses\n"
"  --dry-run        print the command line of QEMU, and start nothing\n"
"  --root DIR       with --dry-run: look at the host below DIR\n"
"  -h, --help       show this help\n"
"\n"
"The exit status is QEMU's, 1 if QEMU cannot be started, 2 for wrong usage.\n";

void run_error(int err, const char *fmt, ...)
{
    g_autofree char *message = NULL;
    va_list ap;

    va_start(ap, fmt);
    message = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    fprintf(stderr, "qemu-iommufd: %s%s%s\n", message, err ? ": " : "",
            err ? g_strerror(err) : "");
}

void run_finding(const char *name, const IOMMUFDFinding *finding)
{
    fprintf(stderr, "qemu-iommufd: %s%s%s\n%s", name ?: "", name ? ": " : "",
            finding->message, finding->remedy ?: "");
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

    if (device->fd >= 0) {
        close(device->fd);
    }
    g_free(device->name);
    g_free(device->sysfsdev);
    g_free(device->driver);
    g_free(device->former_driver);
    g_free(device->former_override);
    g_strfreev(device->options);
    g_free(device);
}

/* What this program decides itself */
static bool option_is_ours(const char *option)
{
    static const char *const ours[] = {
        "driver=", "fd=", "host=", "iommufd=", "sysfsdev=",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(ours); i++) {
        if (g_str_has_prefix(option, ours[i])) {
            return true;
        }
    }
    return false;
}

static RunDevice *parse_device(const char *arg)
{
    g_auto(GStrv) words = g_strsplit(arg, ",", -1);
    RunDevice *device;

    if (!words[0] || !*words[0]) {
        run_error(0, "--device needs a device");
        return NULL;
    }
    for (char **option = words + 1; *option; option++) {
        if (**option == '=' || !strchr(*option, '=')) {
            run_error(0, "'%s' in --device %s is not OPT=VAL", *option, arg);
            return NULL;
        }
        if (option_is_ours(*option)) {
            run_error(0, "'%s' in --device %s is set by run itself", *option,
                      arg);
            return NULL;
        }
    }
    device = g_new0(RunDevice, 1);
    device->fd = -1;
    device->name = g_strdup(words[0]);
    device->options = g_strdupv(words + 1);
    return device;
}

static bool parse_size(const char *arg, rlim_t *size)
{
    static const char units[] = "KMGT";
    const char *unit;
    guint64 number;
    char *end;
    int shift = 0;

    if (g_str_equal(arg, "unlimited")) {
        *size = RLIM_INFINITY;
        return true;
    }
    if (!g_ascii_isdigit(*arg)) {
        return false;
    }
    errno = 0;
    number = g_ascii_strtoull(arg, &end, 10);
    if (*end) {
        unit = strchr(units, g_ascii_toupper(*end));
        if (!unit || end[1]) {
            return false;
        }
        shift = 10 * (unit - units + 1);
    }
    *size = number << shift;
    return !errno && *size >> shift == number;
}

/* What the devices are; a wrong one is reported as `check` does */
static bool find_devices(Run *run)
{
    g_autoptr(IOMMUFDHost) host = iommufd_host_new(run->root);

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

            if (g_str_equal(device->sysfsdev, other->sysfsdev)) {
                run_error(0, "%s is assigned twice, also as %s", device->name,
                          other->name);
                return false;
            }
        }
    }
    return true;
}

static int run_start(Run *run, bool bind, bool force)
{
    if (!bind) {
        if (launch_open(run)) {
            launch_exec(run);
        }
        return STATUS_NOT_READY;
    }
    if (!binding_bind(run, force)) {
        return STATUS_NOT_READY;
    }
    if (!launch_open(run)) {
        binding_restore(run);
        return STATUS_NOT_READY;
    }
    return binding_run(run);
}

int cmd_run(int argc, char **argv)
{
    enum { DEVICE, ACCOUNTING, USER, MEMLOCK, BIND, FORCE, DRY_RUN, ROOT };
    static const struct option options[] = {
        { "device", required_argument, NULL, DEVICE },
        { "accounting", required_argument, NULL, ACCOUNTING },
        { "user", required_argument, NULL, USER },
        { "memlock", required_argument, NULL, MEMLOCK },
        { "bind", no_argument, NULL, BIND },
        { "force", no_argument, NULL, FORCE },
        { "dry-run", no_argument, NULL, DRY_RUN },
        { "root", required_argument, NULL, ROOT },
        { "help", no_argument, NULL, 'h' },
        { }
    };
    g_autoptr(GPtrArray) devices =
        g_ptr_array_new_with_free_func(run_device_free);
    g_autofree char *program = NULL;
    g_autofree char *line = NULL;
    bool bind = false, force = false, dry_run = false;
    RunDevice *device;
    int option;
    Run run = {
        .root = "/",
        .devices = devices,
        .accounting = IOMMUFD_ACCOUNTING_MODE_PROCESS,
        .iommufd = -1,
    };

    while ((option = getopt_long(argc, argv, "+h", options, NULL)) >= 0) {
        switch (option) {
        case DEVICE:
            device = parse_device(optarg);
            if (!device) {
                return STATUS_USAGE;
            }
            g_ptr_array_add(devices, device);
            break;
        case ACCOUNTING:
            if (g_str_equal(optarg, "user")) {
                run.accounting = IOMMUFD_ACCOUNTING_MODE_USER;
            } else if (!g_str_equal(optarg, "process")) {
                run_error(0, "--accounting is process or user, not '%s'",
                          optarg);
                return STATUS_USAGE;
            }
            break;
        case USER:
            run.user = optarg;
            break;
        case MEMLOCK:
            run.set_memlock = true;
            if (!parse_size(optarg, &run.memlock)) {
                run_error(0, "--memlock is a number of bytes, with K, M, G or "
                          "T, or unlimited, not '%s'", optarg);
                return STATUS_USAGE;
            }
            break;
        case BIND:
            bind = true;
            break;
        case FORCE:
            force = true;
            break;
        case DRY_RUN:
            dry_run = true;
            break;
        case ROOT:
            run.root = optarg;
            break;
        case 'h':
            fputs(help, stdout);
            return STATUS_READY;
        default:
            return STATUS_USAGE;
        }
    }
    run.qemu = argv + optind;
    if (!*run.qemu) {
        run_error(0, "no QEMU program to run; see qemu-iommufd run "
                  "--help");
        return STATUS_USAGE;
    }
    if (!dry_run && !g_str_equal(run.root, "/")) {
        run_error(0, "--root needs --dry-run");
        return STATUS_USAGE;
    }
    if (force && !bind) {
        run_error(0, "--force needs --bind");
        return STATUS_USAGE;
    }
    if (!find_devices(&run)) {
        return STATUS_NOT_READY;
    }
    if (dry_run) {
        line = qemu_quoted(&run);
        puts(line);
        return STATUS_READY;
    }
    program = g_find_program_in_path(*run.qemu);
    if (!program) {
        run_error(ENOENT, "%s cannot be run", *run.qemu);
        return STATUS_NOT_READY;
    }
    return run_start(&run, bind, force);
}
