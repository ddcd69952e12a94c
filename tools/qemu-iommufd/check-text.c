/*
 * What `check` has to say, for people
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/ioctl.h>
#include "check.h"
#include "commands.h"

#define WIDTH       80
#define CHECK_WIDTH 14
/* verdict, check, and what is between them and before */
#define INDENT      (2 + 4 + 2 + CHECK_WIDTH + 1)
#define HEAD_INDENT 9
#define GAP         2
/* What is left of a name that does not fit: "[10de:2330]" */
#define NAME_MIN    11
#define DRIVER_MIN  10
/* Of devices that fail alike */
#define DETAILED    3
#define LISTED      3
#define IDLE_MAX    20

static bool want_colour(void)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return isatty(STDOUT_FILENO) && !(no_color && *no_color) &&
           g_strcmp0(term, "dumb");
}

static void add_coloured(GString *out, const char *text,
                         IOMMUFDVerdict verdict)
{
    static const char *const colours[] = {
        [IOMMUFD_VERDICT_SKIP] = "2",
        [IOMMUFD_VERDICT_PASS] = "32",
        [IOMMUFD_VERDICT_WARN] = "33",
        [IOMMUFD_VERDICT_FAIL] = "1;31",
    };

    if (want_colour()) {
        g_string_append_printf(out, "\033[%sm%s\033[0m", colours[verdict],
                               text);
    } else {
        g_string_append(out, text);
    }
}

/*
 * Words from the column @column on, with new lines that begin at @indent
 * where the next word does not fit; the last of at most @n is all the rest
 */
static void add_words(GString *out, const char *text, int n, int column,
                      int indent)
{
    g_autofree char *safe = output_safe(text);
    g_auto(GStrv) words = g_strsplit(safe, " ", n);
    bool first = true;

    for (char **word = words; *word; word++) {
        int len = g_utf8_strlen(*word, -1);

        if (!first && column + 1 + len > WIDTH) {
            g_string_append_printf(out, "\n%*s", indent, "");
            column = indent;
        } else if (!first) {
            g_string_append_c(out, ' ');
            column++;
        }
        g_string_append(out, *word);
        column += len;
        first = false;
    }
    g_string_append_c(out, '\n');
}

static void add_wrapped(GString *out, const char *text, int column, int indent)
{
    add_words(out, text, -1, column, indent);
}

/* "a, b, c and 5 more" */
static char *some_of(const GPtrArray *names)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < MIN(names->len, LISTED); i++) {
        g_string_append_printf(text, "%s%s", i ? ", " : "",
                               (char *)names->pdata[i]);
    }
    if (names->len > LISTED) {
        g_string_append_printf(text, " and %u more", names->len - LISTED);
    }
    return g_string_free(text, false);
}

/* One address for all its names; what is not there has only that of the user */
static const char *label(const CheckDevice *device)
{
    return device->facts->real || iommufd_device_is_pci(device->facts) ?
           device->facts->name : device->name;
}

/*
 * Checks
 */

/* Of words up to a colon and a command, which has to stay in one piece */
static int words_before_command(const char *line)
{
    const char *command = strstr(line, ": ");
    int n = 2;

    if (!command || g_str_has_suffix(line, ".")) {
        return -1;
    }
    for (; line < command; line++) {
        n += *line == ' ';
    }
    return n;
}

static void add_remedy(GString *out, const char *remedy)
{
    g_auto(GStrv) lines = g_strsplit(remedy, "\n", -1);

    for (char **line = lines; *line; line++) {
        if (**line) {
            g_string_append_printf(out, "%*s-> ", INDENT, "");
            add_words(out, *line, words_before_command(*line), INDENT + 3,
                      INDENT + 3);
        }
    }
}

static void add_check(GString *out, const IOMMUFDResult *check)
{
    const IOMMUFDFinding *finding = check->finding;
    g_autofree char *text = finding ?
        g_strdup_printf("%s [%s]", check_message(check),
                        iommufd_cause_name(finding->cause)) :
        g_strdup(check_message(check));

    g_string_append(out, "  ");
    add_coloured(out, check_verdict(check->verdict), check->verdict);
    g_string_append_printf(out, "  %-*s ", CHECK_WIDTH, check->check);
    add_wrapped(out, text, INDENT, INDENT);
    if (finding && finding->remedy) {
        add_remedy(out, finding->remedy);
    }
}

static bool is_bad(const IOMMUFDResult *check)
{
    return check->verdict == IOMMUFD_VERDICT_WARN ||
           check->verdict == IOMMUFD_VERDICT_FAIL;
}

/* A cause that is the host's is not said of each device again */
static bool is_said_of_host(const Report *report, const IOMMUFDResult *check)
{
    static const char *const names[] = {
        "iommufd", "device-nodes", "interrupts", "iommu", NULL
    };

    for (guint i = 0; i < report->checks->len; i++) {
        const IOMMUFDResult *of_host = report->checks->pdata[i];

        if (is_bad(of_host) && g_strv_contains(names, of_host->check) &&
            of_host->finding && check->finding &&
            (of_host->finding->cause == check->finding->cause ||
             /* it excludes them */
             (of_host->finding->cause ==
              IOMMUFD_CAUSE_KERNEL_WITHOUT_IOMMUFD &&
              check->finding->cause == IOMMUFD_CAUSE_KERNEL_WITHOUT_CDEV))) {
            return true;
        }
    }
    return false;
}

/* The causes of one verdict, each once, in the order of the checks */
static GPtrArray *causes_of(const GPtrArray *checks, IOMMUFDVerdict verdict)
{
    GPtrArray *causes = g_ptr_array_new();

    for (guint i = 0; i < checks->len; i++) {
        const IOMMUFDResult *check = checks->pdata[i];
        const char *cause = !check->finding ||
            check->finding->cause == IOMMUFD_CAUSE_UNKNOWN ? check->check :
            iommufd_cause_name(check->finding->cause);

        if (check->verdict == verdict &&
            !g_ptr_array_find_with_equal_func(causes, cause, g_str_equal,
                                              NULL)) {
            g_ptr_array_add(causes, (char *)cause);
        }
    }
    return causes;
}

/*
 * The host
 */

/* What matters of a host where all is well */
static char *host_summary(const GPtrArray *checks)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < checks->len; i++) {
        const IOMMUFDResult *check = checks->pdata[i];
        const char *name = check->check;
        const char *before = text->len ? ", " : "";

        if (check->verdict != IOMMUFD_VERDICT_PASS) {
            continue;
        }
        if (g_str_equal(name, "iommu")) {
            g_string_append_printf(text, "%sIOMMU on", before);
        } else if (g_str_equal(name, "locked-memory")) {
            g_string_append_printf(text, "%slocked memory: %s", before,
                                   check_message(check));
        } else if (g_str_equal(name, "kernel") ||
                   g_str_equal(name, "interrupts") ||
                   g_str_equal(name, "control-group")) {
            g_string_append_printf(text, "%s%s", before,
                                   check_message(check));
        }
    }
    return g_string_free(text, false);
}

/* One line, and the checks that are of interest below */
static void add_section(GString *out, const char *title, const char *summary,
                        const GPtrArray *checks, bool verbose)
{
    IOMMUFDVerdict verdict = iommufd_results_verdict(checks);
    const char *words = verdict == IOMMUFD_VERDICT_FAIL ? "not ready" :
                        verdict == IOMMUFD_VERDICT_WARN ?
                        "ready, with warnings" : "ready";

    g_string_append_printf(out, "%-*s", HEAD_INDENT, title);
    add_coloured(out, words, verdict);
    g_string_append(out, ": ");
    add_wrapped(out, summary, HEAD_INDENT + strlen(words) + 2, HEAD_INDENT);
    for (guint i = 0; i < checks->len; i++) {
        if (verbose || is_bad(checks->pdata[i])) {
            add_check(out, checks->pdata[i]);
        }
    }
}

static void add_host(GString *out, const Report *report, bool verbose)
{
    g_autofree char *summary = host_summary(report->checks);

    add_section(out, "Host", summary, report->checks, verbose);
}

static void add_domain(GString *out, const Report *report, bool verbose)
{
    const Domain *domain = report->domain;
    g_autofree char *summary = NULL;

    if (domain) {
        summary = g_strdup_printf("%s, with %u device%s of the host",
                                  domain->name, domain->hostdevs->len,
                                  domain->hostdevs->len == 1 ? "" : "s");
        add_section(out, "Domain", summary, report->domain_checks, verbose);
    }
}

/*
 * The table
 */

enum { DEVICE, NAME, GROUP, DRIVER, NODE, RESULT, COLUMNS };

typedef struct Row {
    char *cells[COLUMNS];
    IOMMUFDVerdict verdict;
} Row;

static void row_free(void *opaque)
{
    Row *row = opaque;

    for (int i = 0; i < COLUMNS; i++) {
        g_free(row->cells[i]);
    }
    g_free(row);
}

static int terminal_width(void)
{
    struct winsize size;

    return isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) ?
           MAX(size.ws_col, WIDTH) : WIDTH;
}

/* "fail node-missing", and how many other causes there are */
static char *result_shown(const CheckDevice *device, IOMMUFDVerdict verdict)
{
    g_autoptr(GPtrArray) causes = causes_of(device->checks, verdict);
    const char *word = verdict == IOMMUFD_VERDICT_FAIL ? "FAIL" :
                       check_verdict(verdict);

    if (verdict == IOMMUFD_VERDICT_PASS || !causes->len) {
        return g_strdup("ready");
    }
    return causes->len == 1 ?
           g_strdup_printf("%s %s", word, (char *)causes->pdata[0]) :
           g_strdup_printf("%s %s +%u", word, (char *)causes->pdata[0],
                           causes->len - 1);
}

static Row *row_new(const CheckDevice *device)
{
    g_autofree char *name = pci_name_short(device);
    Row *row = g_new0(Row, 1);

    row->cells[DEVICE] = output_safe(label(device));
    row->cells[NAME] = output_safe(name ?: "-");
    row->cells[GROUP] = output_safe(device->facts->group ?: "-");
    row->cells[DRIVER] = output_safe(device->facts->driver ?: "-");
    row->cells[NODE] = output_safe(device->facts->vfio ?: "-");
    if (device->checks) {
        row->verdict = iommufd_results_verdict(device->checks);
        row->cells[RESULT] = result_shown(device, row->verdict);
    }
    return row;
}

/* The numbers in brackets are what can be looked up */
static char *fitted(const char *name, int width)
{
    const char *id = strrchr(name, '[');
    int room = width - (id ? g_utf8_strlen(id, -1) + 3 : 2);
    g_autofree char *start = NULL;

    if (g_utf8_strlen(name, -1) <= width) {
        return g_strdup(name);
    }
    if (id && room < 1) {
        return g_strdup(id);
    }
    start = g_utf8_substring(name, 0, MAX(room, 0));
    return g_strconcat(start, "..", id ? " " : NULL, id, NULL);
}

/* The first @columns of them */
static void add_table(GString *out, const GPtrArray *rows, int columns)
{
    static const char *const titles[] = {
        "DEVICE", "NAME", "GROUP", "DRIVER", "NODE", "RESULT",
    };
    static const struct {
        int column;
        int least;
    } shrinking[] = { { NAME, NAME_MIN }, { DRIVER, DRIVER_MIN } };
    int widths[COLUMNS];
    int over = (columns - 1) * GAP - terminal_width();

    for (int i = 0; i < columns; i++) {
        widths[i] = strlen(titles[i]);
        for (guint j = 0; j < rows->len; j++) {
            const Row *row = rows->pdata[j];

            widths[i] = MAX(widths[i], g_utf8_strlen(row->cells[i], -1));
        }
        over += widths[i];
    }
    for (size_t i = 0; i < G_N_ELEMENTS(shrinking) && over > 0; i++) {
        int *width = &widths[shrinking[i].column];
        int less = MIN(over, MAX(*width - shrinking[i].least, 0));

        *width -= less;
        over -= less;
    }
    for (guint j = 0; j <= rows->len; j++) {
        const Row *row = j ? rows->pdata[j - 1] : NULL;

        for (int i = 0; i < columns; i++) {
            g_autofree char *cell = fitted(row ? row->cells[i] : titles[i],
                                           widths[i]);

            if (row && i == RESULT) {
                add_coloured(out, cell, row->verdict);
            } else {
                g_string_append(out, cell);
            }
            if (i + 1 < columns) {
                g_string_append_printf(out, "%*s",
                    widths[i] - (int)g_utf8_strlen(cell, -1) + GAP, "");
            }
        }
        g_string_append_c(out, '\n');
    }
}

static void add_devices(GString *out, const Report *report)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(row_free);

    for (guint i = 0; i < report->devices->len; i++) {
        g_ptr_array_add(rows, row_new(report->devices->pdata[i]));
    }
    if (rows->len) {
        g_string_append_c(out, '\n');
        add_table(out, rows, COLUMNS);
    }
}

/* What could be assigned */
static void add_idle(GString *out, const Report *report)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(row_free);
    guint n = report->idle->len;

    for (guint i = 0; i < MIN(n, IDLE_MAX); i++) {
        g_ptr_array_add(rows, row_new(report->idle->pdata[i]));
    }
    if (!rows->len) {
        return;
    }
    g_string_append(out, "\nNot in use by the host, as far as can be seen:\n");
    add_table(out, rows, NODE);
    if (n > IDLE_MAX) {
        g_string_append_printf(out, "and %u more\n", n - IDLE_MAX);
    }
}

/*
 * Details
 */

static char *causes_joined(const CheckDevice *device)
{
    g_autoptr(GPtrArray) fails = causes_of(device->checks,
                                           IOMMUFD_VERDICT_FAIL);
    g_autoptr(GPtrArray) warnings = causes_of(device->checks,
                                              IOMMUFD_VERDICT_WARN);

    g_ptr_array_extend(fails, warnings, NULL, NULL);
    g_ptr_array_add(fails, NULL);
    return g_strjoinv(" ", (char **)fails->pdata);
}

static void add_details_of(GString *out, const Report *report,
                           const CheckDevice *device, bool verbose)
{
    g_autofree char *name = output_safe(label(device));
    bool begun = false;

    for (guint i = 0; i < device->checks->len; i++) {
        const IOMMUFDResult *check = device->checks->pdata[i];

        if (verbose || (is_bad(check) && !is_said_of_host(report, check))) {
            if (!begun) {
                g_string_append_printf(out, "\nDevice %s\n", name);
            }
            begun = true;
            add_check(out, check);
        }
    }
}

/* Of many devices that fail alike, some are enough */
static void add_details(GString *out, const Report *report, bool verbose)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash,
                                                       g_str_equal, g_free,
                                                       NULL);
    guint left_out = 0;

    for (guint i = 0; i < report->devices->len; i++) {
        const CheckDevice *device = report->devices->pdata[i];
        char *causes = causes_joined(device);
        guint n = GPOINTER_TO_UINT(g_hash_table_lookup(seen, causes)) + 1;

        if (verbose || n <= DETAILED) {
            add_details_of(out, report, device, verbose);
        } else if (*causes) {
            left_out++;
        }
        g_hash_table_insert(seen, causes, GUINT_TO_POINTER(n));
    }
    if (left_out) {
        g_string_append_printf(out, "\nThe same causes for %u more device%s; "
                               "-v shows the details of each.\n", left_out,
                               left_out == 1 ? "" : "s");
    }
}

static void add_unseen(GString *out, const Report *report)
{
    if (!report->unseen->len) {
        return;
    }
    g_string_append(out, "\nNot seen, for lack of rights\n");
    for (guint i = 0; i < report->unseen->len; i++) {
        g_string_append(out, "  ");
        add_wrapped(out, report->unseen->pdata[i], 2, 2);
    }
}

/*
 * The verdict
 */

static GPtrArray *devices_with(const Report *report, IOMMUFDVerdict verdict)
{
    GPtrArray *labels = g_ptr_array_new();

    for (guint i = 0; i < report->devices->len; i++) {
        const CheckDevice *device = report->devices->pdata[i];

        if (iommufd_results_verdict(device->checks) == verdict) {
            g_ptr_array_add(labels, (char *)label(device));
        }
    }
    return labels;
}

static char *verdict_not_ready(const Report *report)
{
    g_autoptr(GPtrArray) causes = causes_of(report->checks,
                                            IOMMUFD_VERDICT_FAIL);
    g_autoptr(GPtrArray) failed = devices_with(report, IOMMUFD_VERDICT_FAIL);
    g_autoptr(GPtrArray) of_domain = causes_of(report->domain_checks,
                                               IOMMUFD_VERDICT_FAIL);
    g_autoptr(GString) text = g_string_new("Not ready: ");
    g_autofree char *in_host = some_of(causes);
    g_autofree char *in_domain = some_of(of_domain);
    g_autofree char *in_devices = some_of(failed);

    if (causes->len) {
        g_string_append_printf(text, "the host fails (%s)", in_host);
    }
    if (of_domain->len) {
        g_string_append_printf(text, "%sthe domain fails (%s)",
                               causes->len ? ", " : "", in_domain);
    }
    if (failed->len) {
        g_string_append(text, causes->len || of_domain->len ? ", and " : "");
        g_string_append_printf(text, "%u of %u device%s fail%s (%s)",
                               failed->len, report->devices->len,
                               report->devices->len == 1 ? "" : "s",
                               failed->len == 1 ? "s" : "", in_devices);
    } else if (!report->devices->len && !report->domain) {
        g_string_append(text, "; no device is bound to a VFIO driver");
    }
    g_string_append_c(text, '.');
    return g_strdup(text->str);
}

static char *verdict_ready(const Report *report)
{
    g_autoptr(GPtrArray) warned = devices_with(report, IOMMUFD_VERDICT_WARN);
    g_autofree char *names = some_of(warned);
    guint n = report->devices->len;

    return !n ? g_strdup("Ready: the domain has no host devices.") :
           !warned->len ?
           g_strdup_printf("Ready: %u device%s.", n, n == 1 ? "" : "s") :
           g_strdup_printf("Ready: %u device%s, %u with warnings (%s).", n,
                           n == 1 ? "" : "s", warned->len, names);
}

static char *verdict_host_ready(const Report *report)
{
    const char *example;

    if (!report->idle->len) {
        return g_strdup("Host ready; no device is bound to a VFIO driver, and "
                        "none was found that the host does not use (see why: "
                        "qemu-iommufd check DEVICE)");
    }
    example = label(report->idle->pdata[0]);
    return g_strdup_printf("Host ready; no device is bound to a VFIO driver "
                           "(try: qemu-iommufd check %s)",
                           g_str_has_prefix(example, "0000:") ?
                           example + strlen("0000:") : example);
}

void check_print_text(const Report *report, bool verbose)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree char *verdict = !report->ready ? verdict_not_ready(report) :
                               report->devices->len || report->domain ?
                               verdict_ready(report) :
                               verdict_host_ready(report);

    add_host(out, report, verbose);
    add_domain(out, report, verbose);
    add_devices(out, report);
    add_idle(out, report);
    add_details(out, report, verbose);
    add_unseen(out, report);
    g_string_append_c(out, '\n');
    add_wrapped(out, verdict, 0, 0);
    output_text(out->str);
}
