/*
 * qemu-iommufd check: can this host assign this device?
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "check.h"
#include "commands.h"
#include "parse.h"

static void device_free(void *opaque)
{
    CheckDevice *device = opaque;

    g_free(device->name);
    g_free(device->pci_id);
    g_free(device->vendor);
    g_free(device->product);
    g_clear_pointer(&device->checks, g_ptr_array_unref);
    g_free(device);
}

static void report_clear(Report *report)
{
    g_clear_pointer(&report->checks, g_ptr_array_unref);
    g_clear_pointer(&report->domain, domain_free);
    g_clear_pointer(&report->domain_checks, g_ptr_array_unref);
    g_clear_pointer(&report->devices, g_ptr_array_unref);
    g_clear_pointer(&report->idle, g_ptr_array_unref);
    g_clear_pointer(&report->unseen, g_ptr_array_unref);
    g_clear_pointer(&report->host, iommufd_host_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Report, report_clear)

const char *check_message(const IOMMUFDResult *check)
{
    return check->text ?: check->finding->message;
}

const char *check_verdict(IOMMUFDVerdict verdict)
{
    static const char *const verdicts[] = {
        [IOMMUFD_VERDICT_SKIP] = "skip",
        [IOMMUFD_VERDICT_PASS] = "pass",
        [IOMMUFD_VERDICT_WARN] = "warn",
        [IOMMUFD_VERDICT_FAIL] = "fail",
    };

    return verdicts[verdict];
}

/*
 * Looking
 */

static void add_device(GPtrArray *devices, const char *name,
                       IOMMUFDHostDevice *facts)
{
    CheckDevice *device = g_new0(CheckDevice, 1);

    device->name = g_strdup(name);
    device->facts = facts;
    g_ptr_array_add(devices, device);
}

/* Under whatever name it was given before */
static bool has_device(const GPtrArray *devices,
                       const IOMMUFDHostDevice *facts)
{
    for (guint i = 0; i < devices->len; i++) {
        const CheckDevice *device = devices->pdata[i];

        if (device->facts == facts) {
            return true;
        }
    }
    return false;
}

/* NULL with a complaint if it is no name of a device */
static IOMMUFDHostDevice *add_named(Report *report, const char *name,
                                    char **complaint)
{
    g_autofree char *sysfsdev = device_sysfsdev(report->host, name,
                                                complaint);
    IOMMUFDHostDevice *facts = sysfsdev ?
                               iommufd_host_device(report->host, sysfsdev) :
                               NULL;

    if (facts && !has_device(report->devices, facts)) {
        add_device(report->devices, name, facts);
    }
    return facts;
}

/* What cannot be judged counts as in use */
static bool is_unused(const IOMMUFDHostDevice *device)
{
    IOMMUFDSeen in_use;
    g_autofree char *use = iommufd_device_use(device, &in_use);

    return in_use == IOMMUFD_SEEN_NO;
}

static char *add_hostdevs(Report *report)
{
    const GPtrArray *hostdevs = report->domain->hostdevs;
    char *complaint = NULL;

    for (guint i = 0; i < hostdevs->len && !complaint; i++) {
        const Hostdev *hostdev = hostdevs->pdata[i];
        IOMMUFDHostDevice *facts = add_named(report, hostdev->name,
                                             &complaint);

        /* One that the host may use is not libvirt's to bind */
        if (facts && hostdev->managed &&
            !iommufd_device_has_vfio_driver(facts) && is_unused(facts)) {
            g_autofree char *driver = hostdev->driver ?
                g_strdup(hostdev->driver) :
                iommufd_device_vfio_driver(facts, NULL);

            iommufd_device_plan(facts, driver);
        }
    }
    return complaint;
}

static void add_bound(Report *report)
{
    g_autoptr(GPtrArray) bound = iommufd_host_vfio_devices(report->host);

    for (guint i = 0; i < bound->len; i++) {
        IOMMUFDHostDevice *facts = iommufd_host_device(report->host,
                                                       bound->pdata[i]);

        add_device(report->devices, facts->name, facts);
    }
}

/* Those named and of the domain, or else all that are bound */
static char *find_devices(Report *report, char **names)
{
    char *complaint = NULL;

    for (char **name = names; name && *name && !complaint; name++) {
        add_named(report, *name, &complaint);
    }
    if (complaint) {
        return complaint;
    }
    if (report->domain) {
        return add_hostdevs(report);
    }
    if (!report->devices->len) {
        add_bound(report);
    }
    return NULL;
}

/* Bridges, and other things that a host is made of, are nobody's to assign */
static bool is_part_of_host(const IOMMUFDHostDevice *device)
{
    static const uint16_t classes[] = {
        0x0500, 0x0600, 0x0800, 0x0b00,
    };
    static const uint16_t subclasses[] = { 0x0c05, 0x1101 };
    uint32_t class = device->pci_class >> 8;

    if (!class) {
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(subclasses); i++) {
        if (class == subclasses[i]) {
            return true;
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(classes); i++) {
        /* a coprocessor is 0x0b40 */
        if ((class & 0xff00) == classes[i] && class != 0x0b40) {
            return true;
        }
    }
    return false;
}

/* Can it go to a VM, with its group, without the host losing anything? */
static bool is_idle(const IOMMUFDHostDevice *device)
{
    g_autoptr(GPtrArray) members = iommufd_device_group(device);

    if (!members || is_part_of_host(device)) {
        return false;
    }
    for (guint i = 0; i < members->len; i++) {
        if (!is_unused(members->pdata[i])) {
            return false;
        }
    }
    return true;
}

static void find_idle(Report *report)
{
    g_autoptr(GPtrArray) paths = iommufd_host_pci_devices(report->host);

    for (guint i = 0; i < paths->len; i++) {
        IOMMUFDHostDevice *facts = iommufd_host_device(report->host,
                                                       paths->pdata[i]);

        if (is_idle(facts)) {
            add_device(report->idle, facts->name, facts);
        }
    }
}

static void look(Report *report)
{
    /* A host is judged by what it can do for the devices that were named */
    bool physical = !report->devices->len;
    IOMMUFDVerdict worst = IOMMUFD_VERDICT_PASS;

    for (guint i = 0; i < report->devices->len; i++) {
        CheckDevice *device = report->devices->pdata[i];

        device->checks = iommufd_check_device(device->facts);
        physical |= !iommufd_device_is_mediated(device->facts);
        worst = MAX(worst, iommufd_results_verdict(device->checks));
    }
    report->checks = iommufd_check_host(report->host, physical);
    report->domain_checks = domain_check(report->domain, report->host);
    worst = MAX(worst, iommufd_results_verdict(report->domain_checks));
    report->unseen = iommufd_host_unseen(report->host);
    report->ready = MAX(worst, iommufd_results_verdict(report->checks)) <
                    IOMMUFD_VERDICT_FAIL;
    if (!report->devices->len && !report->domain) {
        find_idle(report);
    }
    pci_names_read(report->host, report->devices);
    pci_names_read(report->host, report->idle);
}

/*
 * The command
 */

static const char help[] =
"Usage: qemu-iommufd check [OPTION...] [DEVICE...]\n"
"Say whether this host can assign each DEVICE to a virtual machine through\n"
"IOMMUFD, and if not, why and what to do.  Nothing is changed or opened.\n"
"\n"
"DEVICE is a PCI address with or without domain, a path in sysfs, the UUID of a\n"
"mediated device, or a VFIO device or its node.  Without one: the host, and all\n"
"devices that are bound to a VFIO driver.\n"
"\n"
"  -v, --verbose    show also what is as it should be\n"
"  --json           print JSON, as qemu-iommufd-check.schema.json describes it\n"
"  --user USER      judge locked memory for QEMU run as USER (name or UID[:GID])\n"
"                   without capabilities; device nodes are opened by others\n"
"  --memory SIZE    with --user: the guest's memory, bytes, with K, M, G or T\n"
"  --libvirt FILE   check the devices of a libvirt domain; FILE has its XML, or\n"
"                   is - for standard input\n"
"  --root DIR       look at the host below DIR\n"
"  -h, --help       show this help\n"
"\n"
"The exit status is 0 if all is ready, 1 if not, 2 for wrong usage, 3 if the\n"
"output cannot be written.\n";

static int usage(const char *message)
{
    output_error("%s", message);
    return STATUS_USAGE;
}

/* What QEMU is to be; NULL or a complaint */
static char *assume_guest(Report *report, const char *who, const char *size)
{
    char *complaint = NULL;
    uint64_t memory = 0;
    User *user;

    if (size && (!parse_size(size, &memory) || memory == UINT64_MAX)) {
        return g_strdup_printf("--memory is a number of bytes, with K, M, G "
                               "or T, not '%s'", size);
    }
    if (!who) {
        return size ? g_strdup("--memory needs --user") : NULL;
    }
    user = parse_user(who, &complaint);
    if (user) {
        iommufd_host_assume_guest(report->host, user->uid, memory);
    }
    user_free(user);
    return complaint;
}

int cmd_check(int argc, char **argv)
{
    g_autofree char *root = NULL;
    g_autofree char *domain = NULL;
    g_autofree char *user = NULL;
    g_autofree char *memory = NULL;
    gboolean json = false;
    gboolean verbose = false;
    gboolean wants_help = false;
    g_auto(GStrv) names = NULL;
    const GOptionEntry entries[] = {
        { "help", 'h', 0, G_OPTION_ARG_NONE, &wants_help, NULL, NULL },
        { "json", 0, 0, G_OPTION_ARG_NONE, &json, NULL, NULL },
        { "verbose", 'v', 0, G_OPTION_ARG_NONE, &verbose, NULL, NULL },
        { "libvirt", 0, 0, G_OPTION_ARG_FILENAME, &domain, NULL, NULL },
        { "user", 0, 0, G_OPTION_ARG_FILENAME, &user, NULL, NULL },
        { "memory", 0, 0, G_OPTION_ARG_FILENAME, &memory, NULL, NULL },
        { "root", 0, 0, G_OPTION_ARG_FILENAME, &root, NULL, NULL },
        { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &names,
          NULL, NULL },
        { NULL }
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *complaint = NULL;
    g_auto(Report) report = { 0 };

    g_option_context_set_help_enabled(context, false);
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        return usage(error->message);
    }
    if (wants_help) {
        output_text(help);
        return STATUS_READY;
    }
    if (!root) {
        root = g_strdup("/");
    } else if (!g_file_test(root, G_FILE_TEST_IS_DIR)) {
        complaint = g_strdup_printf("--root: '%s' is not a directory", root);
        return usage(complaint);
    }

    report.host = iommufd_host_new(root);
    report.devices = g_ptr_array_new_with_free_func(device_free);
    report.idle = g_ptr_array_new_with_free_func(device_free);
    complaint = assume_guest(&report, user, memory);
    if (domain && !complaint) {
        report.domain = domain_read(domain, &complaint);
    }
    if (!complaint) {
        complaint = find_devices(&report, names);
    }
    if (complaint) {
        return usage(complaint);
    }
    look(&report);
    if (json) {
        check_print_json(&report);
    } else {
        check_print_text(&report, verbose);
    }
    return report.ready ? STATUS_READY : STATUS_NOT_READY;
}
