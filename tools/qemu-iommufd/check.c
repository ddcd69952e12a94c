/*
 * qemu-iommufd check: can this host assign this device?
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <json-glib/json-glib.h>
#include "commands.h"

/* Version of docs/interop/qemu-iommufd-check.schema.json */
#define SCHEMA_VERSION 1

#define WIDTH       80
#define NAME_WIDTH  14
/* verdict, name, and what is between them and before */
#define INDENT      (2 + 4 + 2 + NAME_WIDTH + 1)

typedef struct Device {
    /* as the user named it, or as its bus does */
    char *name;
    char *sysfsdev;
    GPtrArray *checks;
} Device;

typedef struct Report {
    IOMMUFDHost *host;
    GPtrArray *checks;
    GPtrArray *devices;
    GPtrArray *unseen;
    bool ready;
} Report;

static void device_free(void *opaque)
{
    Device *device = opaque;

    g_free(device->name);
    g_free(device->sysfsdev);
    g_clear_pointer(&device->checks, g_ptr_array_unref);
    g_free(device);
}

static void report_clear(Report *report)
{
    g_clear_pointer(&report->checks, g_ptr_array_unref);
    g_clear_pointer(&report->devices, g_ptr_array_unref);
    g_clear_pointer(&report->unseen, g_ptr_array_unref);
    g_clear_pointer(&report->host, iommufd_host_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Report, report_clear)

static const char *check_text(const IOMMUFDResult *check)
{
    return check->text ?: check->finding->message;
}

/*
 * For people
 */

static const char *const verdicts[] = {
    [IOMMUFD_VERDICT_PASS] = "pass",
    [IOMMUFD_VERDICT_WARN] = "warn",
    [IOMMUFD_VERDICT_FAIL] = "fail",
};

static bool want_colour(void)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return isatty(STDOUT_FILENO) && !(no_color && *no_color) &&
           g_strcmp0(term, "dumb");
}

/*
 * Print words from the column @indent on, in which the cursor is, and start a
 * new line where the next word does not fit.
 */
static void print_wrapped(const char *text, int indent)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    int column = indent;

    for (char **word = words; *word; word++) {
        int len = g_utf8_strlen(*word, -1);

        if (column > indent && column + 1 + len > WIDTH) {
            printf("\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            putchar(' ');
            column++;
        }
        fputs(*word, stdout);
        column += len;
    }
    putchar('\n');
}

static void print_remedy(const char *remedy)
{
    g_auto(GStrv) lines = g_strsplit(remedy, "\n", -1);

    for (char **line = lines; *line; line++) {
        if (**line) {
            printf("%*s-> ", INDENT, "");
            print_wrapped(*line, INDENT + 3);
        }
    }
}

static void print_checks(const GPtrArray *checks, bool colour)
{
    static const char *const colours[] = {
        [IOMMUFD_VERDICT_PASS] = "\033[32m",
        [IOMMUFD_VERDICT_WARN] = "\033[33m",
        [IOMMUFD_VERDICT_FAIL] = "\033[1;31m",
    };

    for (guint i = 0; i < checks->len; i++) {
        const IOMMUFDResult *check = checks->pdata[i];
        const IOMMUFDFinding *finding = check->finding;
        g_autofree char *text = finding ?
            g_strdup_printf("%s [%s]", check_text(check),
                            iommufd_cause_name(finding->cause)) :
            g_strdup(check_text(check));

        printf("  %s%s%s  %-*s ", colour ? colours[check->verdict] : "",
               verdicts[check->verdict], colour ? "\033[0m" : "", NAME_WIDTH,
               check->check);
        print_wrapped(text, INDENT);
        if (finding && finding->remedy) {
            print_remedy(finding->remedy);
        }
    }
}

static void print_text(const Report *report)
{
    bool colour = want_colour();

    puts("Host");
    print_checks(report->checks, colour);
    for (guint i = 0; i < report->devices->len; i++) {
        const Device *device = report->devices->pdata[i];

        printf("\nDevice %s\n", device->name);
        print_checks(device->checks, colour);
    }
    if (!report->devices->len) {
        puts("\nNo device is bound to a VFIO driver.");
    }
    if (report->unseen->len) {
        puts("\nNot seen, for lack of rights");
        for (guint i = 0; i < report->unseen->len; i++) {
            fputs("  ", stdout);
            print_wrapped(report->unseen->pdata[i], 2);
        }
    }
    puts(report->ready ? "\nReady." : "\nNot ready.");
}

/*
 * For programs
 */

static void json_string(JsonBuilder *json, const char *name,
                        const char *value)
{
    json_builder_set_member_name(json, name);
    json_builder_add_string_value(json, value);
}

static void json_checks(JsonBuilder *json, const GPtrArray *checks)
{
    json_string(json, "result", verdicts[iommufd_results_verdict(checks)]);
    json_builder_set_member_name(json, "checks");
    json_builder_begin_array(json);
    for (guint i = 0; i < checks->len; i++) {
        const IOMMUFDResult *check = checks->pdata[i];
        const IOMMUFDFinding *finding = check->finding;

        json_builder_begin_object(json);
        json_string(json, "name", check->check);
        json_string(json, "result", verdicts[check->verdict]);
        json_string(json, "message", check_text(check));
        if (finding) {
            json_string(json, "cause", iommufd_cause_name(finding->cause));
        }
        if (finding && finding->remedy) {
            json_string(json, "remedy", finding->remedy);
        }
        json_builder_end_object(json);
    }
    json_builder_end_array(json);
}

static void json_group(JsonBuilder *json, const IOMMUFDHostDevice *device)
{
    g_autoptr(GPtrArray) members = iommufd_device_group(device);

    if (!device->group || !members) {
        return;
    }
    json_builder_set_member_name(json, "iommu-group");
    json_builder_begin_object(json);
    json_string(json, "name", device->group);
    json_builder_set_member_name(json, "members");
    json_builder_begin_array(json);
    for (guint i = 0; i < members->len; i++) {
        const IOMMUFDHostDevice *member = members->pdata[i];

        json_builder_begin_object(json);
        json_string(json, "name", member->name);
        if (member->driver) {
            json_string(json, "driver", member->driver);
        }
        json_builder_end_object(json);
    }
    json_builder_end_array(json);
    json_builder_end_object(json);
}

static void print_json(const Report *report)
{
    g_autoptr(JsonBuilder) json = json_builder_new();
    g_autoptr(JsonNode) root = NULL;
    g_autofree char *text = NULL;

    json_builder_begin_object(json);
    json_builder_set_member_name(json, "version");
    json_builder_add_int_value(json, SCHEMA_VERSION);
    json_builder_set_member_name(json, "ready");
    json_builder_add_boolean_value(json, report->ready);

    json_builder_set_member_name(json, "host");
    json_builder_begin_object(json);
    json_checks(json, report->checks);
    json_builder_end_object(json);

    json_builder_set_member_name(json, "devices");
    json_builder_begin_array(json);
    for (guint i = 0; i < report->devices->len; i++) {
        const Device *device = report->devices->pdata[i];

        json_builder_begin_object(json);
        json_string(json, "name", device->name);
        json_string(json, "path", device->sysfsdev);
        json_group(json, iommufd_host_device(report->host,
                                             device->sysfsdev));
        json_checks(json, device->checks);
        json_builder_end_object(json);
    }
    json_builder_end_array(json);

    json_builder_set_member_name(json, "unseen");
    json_builder_begin_array(json);
    for (guint i = 0; i < report->unseen->len; i++) {
        json_builder_add_string_value(json, report->unseen->pdata[i]);
    }
    json_builder_end_array(json);
    json_builder_end_object(json);

    root = json_builder_get_root(json);
    text = json_to_string(root, true);
    output_text(text);
    output_text("\n");
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
"mediated device, or a VFIO device node.  Without one: the host, and all devices\n"
"that are bound to a VFIO driver.\n"
"\n"
"  --json           print JSON, as qemu-iommufd-check.schema.json describes it\n"
"  --root DIR       look at the host below DIR\n"
"  -h, --help       show this help\n"
"\n"
"The exit status is 0 if all is ready, 1 if not, 2 for wrong usage, 3 if the\n"
"output cannot be written.\n";

static int usage(const char *message)
{
    fprintf(stderr, "qemu-iommufd check: %s\n", message);
    return STATUS_USAGE;
}

static void add_device(Report *report, const char *name, char *sysfsdev)
{
    Device *device = g_new0(Device, 1);

    device->name = g_strdup(name);
    device->sysfsdev = sysfsdev;
    g_ptr_array_add(report->devices, device);
}

/* The devices named, or else all that are bound; NULL or a complaint */
static char *find_devices(Report *report, char **names)
{
    g_autoptr(GPtrArray) bound = NULL;

    for (char **name = names; name && *name; name++) {
        char *reason = NULL;
        char *sysfsdev = device_sysfsdev(report->host, *name, &reason);

        if (!sysfsdev) {
            return reason;
        }
        add_device(report, *name, sysfsdev);
    }
    if (report->devices->len) {
        return NULL;
    }
    bound = iommufd_host_vfio_devices(report->host);
    for (guint i = 0; i < bound->len; i++) {
        g_autofree char *name = g_path_get_basename(bound->pdata[i]);

        add_device(report, name, g_strdup(bound->pdata[i]));
    }
    return NULL;
}

static void look(Report *report)
{
    /* A host is judged by what it can do for the devices that were named */
    bool physical = !report->devices->len;
    IOMMUFDVerdict worst = IOMMUFD_VERDICT_PASS;

    for (guint i = 0; i < report->devices->len; i++) {
        Device *device = report->devices->pdata[i];
        IOMMUFDHostDevice *facts = iommufd_host_device(report->host,
                                                       device->sysfsdev);

        device->checks = iommufd_check_device(facts);
        physical |= !iommufd_device_is_mediated(facts);
        worst = MAX(worst, iommufd_results_verdict(device->checks));
    }
    report->checks = iommufd_check_host(report->host, physical);
    report->unseen = iommufd_host_unseen(report->host);
    report->ready = MAX(worst, iommufd_results_verdict(report->checks)) <
                    IOMMUFD_VERDICT_FAIL;
}

int cmd_check(int argc, char **argv)
{
    g_autofree char *root = NULL;
    gboolean json = false;
    gboolean wants_help = false;
    g_auto(GStrv) names = NULL;
    const GOptionEntry entries[] = {
        { "help", 'h', 0, G_OPTION_ARG_NONE, &wants_help, NULL, NULL },
        { "json", 0, 0, G_OPTION_ARG_NONE, &json, NULL, NULL },
        { "root", 0, 0, G_OPTION_ARG_FILENAME, &root, NULL, NULL },
        { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &names, NULL,
          NULL },
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
    complaint = find_devices(&report, names);
    if (complaint) {
        return usage(complaint);
    }
    look(&report);
    if (json) {
        print_json(&report);
    } else {
        print_text(&report);
    }
    return report.ready ? STATUS_READY : STATUS_NOT_READY;
}
