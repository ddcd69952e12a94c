/*
 * Tests of qemu-iommufd check, on the made-up hosts of iommufd-hosts/
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <json-glib/json-glib.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include "iommufd-host.h"

#define WIDTH 80

static const char *tool;
static const char *hosts;
static JsonNode *schema;

/*
 * A host is written as the lines of a *.host file say.  See
 * iommufd-hosts/README.
 */

static void host_line(const char *root, const char *path, const char *line)
{
    g_autofree char *full = host_path(root, path);
    FILE *file = fopen(full, "a");

    g_assert_nonnull(file);
    fprintf(file, "%s\n", line);
    fclose(file);
}

/* A device in its place, listed by its bus */
static void host_device(const char *root, const char *bus, const char *name)
{
    g_autofree char *real = g_build_filename("sys/devices", bus, name, NULL);
    g_autofree char *link = g_build_filename("sys/bus", bus, "devices", name,
                                             NULL);
    g_autofree char *target = g_strdup_printf("../../../devices/%s/%s", bus,
                                              name);
    g_autofree char *subsystem = g_build_filename(real, "subsystem", NULL);
    g_autofree char *bus_target = g_strdup_printf("../../../bus/%s", bus);

    host_dir(root, real);
    host_link(root, link, target);
    host_link(root, subsystem, bus_target);
}

static void host_group(const char *root, const char *group, char **devices)
{
    for (; *devices; devices++) {
        g_autofree char *link = g_build_filename("sys/devices", *devices,
                                                 "iommu_group", NULL);
        g_autofree char *dir = g_build_filename("sys/kernel/iommu_groups",
                                                group, NULL);
        g_autofree char *target =
            g_strdup_printf("../../../kernel/iommu_groups/%s", group);
        g_autofree char *name = g_path_get_basename(*devices);
        g_autofree char *member = g_build_filename(dir, "devices", name,
                                                   NULL);
        g_autofree char *device = g_strdup_printf("../../../../devices/%s",
                                                  *devices);

        host_dir(root, dir);
        host_link(root, link, target);
        host_link(root, member, device);
    }
}

static void host_driver(const char *root, const char *device,
                        const char *driver)
{
    g_autofree char *bus = g_path_get_dirname(device);
    g_autofree char *name = g_path_get_basename(device);
    g_autofree char *dir = g_build_filename("sys/bus", bus, "drivers", driver,
                                            NULL);
    g_autofree char *link = g_build_filename("sys/devices", device, "driver",
                                             NULL);
    g_autofree char *target = g_strdup_printf("../../../bus/%s/drivers/%s",
                                              bus, driver);
    g_autofree char *listed = g_build_filename(dir, name, NULL);
    g_autofree char *real = g_strdup_printf("../../../../devices/%s", device);

    host_dir(root, dir);
    host_link(root, link, target);
    host_link(root, listed, real);
}

/* A VFIO device, whose node has a number if the kernel has nodes */
static void host_vfio(const char *root, const char *device, const char *name,
                      const char *number)
{
    g_autofree char *dir = g_build_filename("sys/devices", device, "vfio-dev",
                                            name, NULL);
    g_autofree char *attr = g_build_filename(dir, "dev", NULL);
    g_autofree char *link = g_build_filename("sys/class/vfio-dev", name,
                                             NULL);
    g_autofree char *target = g_strdup_printf("../../devices/%s/vfio-dev/%s",
                                              device, name);
    g_autofree char *back = g_build_filename(dir, "device", NULL);

    host_dir(root, dir);
    if (number) {
        host_line(root, attr, number);
    }
    host_link(root, link, target);
    host_link(root, back, "../..");
}

/* Returns false if the rights for it are missing */
static bool host_node(const char *root, const char *path, const char *mode,
                      const char *number)
{
    g_autofree char *full = host_path(root, path);
    unsigned int maj, min;

    g_assert_cmpint(sscanf(number, "%u:%u", &maj, &min), ==, 2);
    unlink(full);
    return mknod(full, S_IFCHR, makedev(maj, min)) == 0 &&
           chmod(full, g_ascii_strtoull(mode, NULL, 8)) == 0;
}

/* One line of a *.host file; false if it is about running the tool */
static bool host_build(const char *root, char **words, bool *able)
{
    guint n = g_strv_length(words);
    const char *what = words[0];

    if (g_str_equal(what, "dir") && n == 2) {
        host_dir(root, words[1]);
    } else if (g_str_equal(what, "file") && n == 3) {
        host_line(root, words[1], words[2]);
    } else if (g_str_equal(what, "link") && n == 3) {
        host_link(root, words[1], words[2]);
    } else if (g_str_equal(what, "remove") && n == 2) {
        g_autofree char *full = host_path(root, words[1]);

        g_assert_cmpint(remove(full), ==, 0);
    } else if (g_str_equal(what, "mode") && n == 3) {
        g_autofree char *full = host_path(root, words[1]);

        g_assert_cmpint(chmod(full, g_ascii_strtoull(words[2], NULL, 8)), ==,
                        0);
    } else if (g_str_equal(what, "node") && n == 4) {
        *able = host_node(root, words[1], words[2], words[3]) && *able;
    } else if (g_str_equal(what, "device") && n == 3) {
        host_device(root, words[1], words[2]);
    } else if (g_str_equal(what, "group") && n >= 3) {
        host_group(root, words[1], words + 2);
    } else if (g_str_equal(what, "driver") && n == 3) {
        host_driver(root, words[1], words[2]);
    } else if (g_str_equal(what, "vfio") && (n == 3 || n == 4)) {
        host_vfio(root, words[1], words[2], words[3]);
    } else {
        return false;
    }
    return true;
}

/*
 * Running the tool
 */

typedef struct Run {
    int status;
    char *out;
    char *err;
} Run;

static void run_clear(Run *run)
{
    g_clear_pointer(&run->out, g_free);
    g_clear_pointer(&run->err, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Run, run_clear)

static void become(void *user)
{
    uid_t id = GPOINTER_TO_UINT(user);

    if (id && (setgid(id) || setuid(id))) {
        _exit(99);
    }
}

static void run_command(Run *run, char **argv, uid_t user)
{
    g_autoptr(GError) error = NULL;

    run_clear(run);
    g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, become,
                 GUINT_TO_POINTER(user), &run->out, &run->err, &run->status,
                 &error);
    g_assert_no_error(error);
    g_assert_true(WIFEXITED(run->status));
    run->status = WEXITSTATUS(run->status);
}

static void run_tool(Run *run, char **args, const char *root,
                     const char *format, uid_t user)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();

    g_ptr_array_add(argv, (char *)tool);
    if (*args) {
        g_ptr_array_add(argv, *args++);
    }
    if (root) {
        g_ptr_array_add(argv, (char *)"--root");
        g_ptr_array_add(argv, (char *)root);
    }
    if (format) {
        g_ptr_array_add(argv, (char *)format);
    }
    for (; *args; args++) {
        g_ptr_array_add(argv, *args);
    }
    g_ptr_array_add(argv, NULL);
    run_command(run, (char **)argv->pdata, user);
}

/* With all white space as single blanks, as lines are broken anywhere */
static char *flat(const char *text)
{
    GString *flat = g_string_new(" ");

    for (; *text; text++) {
        if (!g_ascii_isspace(*text)) {
            g_string_append_c(flat, *text);
        } else if (flat->str[flat->len - 1] != ' ') {
            g_string_append_c(flat, ' ');
        }
    }
    return g_string_free(flat, false);
}

/*
 * Only a word that is too long itself makes a line too long, or a command,
 * which is to be typed as it is, or in the table a device with a longer name
 * than a PCI address
 */
static void check_width(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    bool long_name = false;
    bool table = false;

    for (char **line = lines; *line; line++) {
        table = (table && **line) || g_str_has_prefix(*line, "DEVICE ");
        long_name |= table && strcspn(*line, " ") > strlen("0000:00:00.0");
    }
    table = false;
    for (char **line = lines; *line; line++) {
        const char *last = strrchr(*line, ' ');

        table = (table && **line) || g_str_has_prefix(*line, "DEVICE ");
        if (g_utf8_strlen(*line, -1) > WIDTH && !(table && long_name) &&
            !(line > lines && g_str_has_suffix(line[-1], ":"))) {
            g_assert_nonnull(last);
            g_assert_cmpint(strspn(*line, " "), ==, last + 1 - *line);
        }
        g_assert_false(g_str_has_suffix(*line, " "));
    }
    g_assert_null(strchr(text, '\033'));
}

/*
 * JSON: the part of JSON Schema that the schema uses; anything else in it
 * fails
 */

static const char *schema_string(JsonObject *rule, const char *name)
{
    return json_object_has_member(rule, name) ?
           json_object_get_string_member(rule, name) : NULL;
}

static bool is_type(JsonNode *node, const char *type)
{
    if (g_str_equal(type, "object")) {
        return JSON_NODE_HOLDS_OBJECT(node);
    }
    if (g_str_equal(type, "array")) {
        return JSON_NODE_HOLDS_ARRAY(node);
    }
    return JSON_NODE_HOLDS_VALUE(node) &&
           json_node_get_value_type(node) ==
           (g_str_equal(type, "boolean") ? G_TYPE_BOOLEAN : G_TYPE_STRING);
}

static void validate(JsonNode *node, JsonObject *rule, const char *where);

static void validate_object(JsonObject *object, JsonObject *rule,
                            const char *where)
{
    JsonObject *properties = json_object_get_object_member(rule,
                                                           "properties");
    JsonArray *required = json_object_get_array_member(rule, "required");
    g_autoptr(GList) names = json_object_get_members(object);

    g_assert_false(json_object_get_boolean_member(rule,
                                                  "additionalProperties"));
    for (guint i = 0; i < json_array_get_length(required); i++) {
        const char *name = json_array_get_string_element(required, i);

        if (!json_object_has_member(object, name)) {
            g_error("%s has no %s", where, name);
        }
    }
    for (GList *name = names; name; name = name->next) {
        g_autofree char *path = g_strconcat(where, ".", name->data, NULL);

        if (!json_object_has_member(properties, name->data)) {
            g_error("the schema knows no %s", path);
        }
        validate(json_object_get_member(object, name->data),
                 json_object_get_object_member(properties, name->data), path);
    }
}

static void validate(JsonNode *node, JsonObject *rule, const char *where)
{
    static const char *const known[] = {
        "$schema", "title", "description", "$defs", "$ref", "type", "const",
        "enum", "required", "properties", "additionalProperties", "items",
        NULL
    };
    const char *ref = schema_string(rule, "$ref");
    const char *type = schema_string(rule, "type");
    g_autoptr(GList) words = json_object_get_members(rule);

    for (GList *word = words; word; word = word->next) {
        g_assert_true(g_strv_contains(known, word->data));
    }
    if (ref) {
        JsonObject *defs =
            json_object_get_object_member(json_node_get_object(schema),
                                          "$defs");

        g_assert_true(g_str_has_prefix(ref, "#/$defs/"));
        validate(node, json_object_get_object_member(defs, ref + 8), where);
    }
    if (type && !is_type(node, type)) {
        g_error("%s is no %s", where, type);
    }
    if (json_object_has_member(rule, "const")) {
        g_assert_true(json_node_equal(node, json_object_get_member(rule,
                                                                   "const")));
    }
    if (json_object_has_member(rule, "enum")) {
        JsonArray *values = json_object_get_array_member(rule, "enum");
        bool found = false;

        for (guint i = 0; i < json_array_get_length(values); i++) {
            found |= json_node_equal(node, json_array_get_element(values, i));
        }
        if (!found) {
            g_error("%s is none of those in the schema", where);
        }
    }
    if (json_object_has_member(rule, "items")) {
        JsonArray *array = json_node_get_array(node);

        for (guint i = 0; i < json_array_get_length(array); i++) {
            validate(json_array_get_element(array, i),
                     json_object_get_object_member(rule, "items"), where);
        }
    }
    if (json_object_has_member(rule, "properties")) {
        validate_object(json_node_get_object(node), rule, where);
    }
}

/* One of the checks of a host or device, or NULL */
static JsonObject *find_check(JsonObject *holder, const char *name,
                              const char *result)
{
    JsonArray *checks = json_object_get_array_member(holder, "checks");

    for (guint i = 0; i < json_array_get_length(checks); i++) {
        JsonObject *check = json_array_get_object_element(checks, i);

        if (g_str_equal(json_object_get_string_member(check, "name"), name) &&
            g_str_equal(json_object_get_string_member(check, "result"),
                        result)) {
            return check;
        }
    }
    return NULL;
}

/* "host|DEVICE CHECK pass|warn|fail|none [CAUSE]" */
static void check_result(JsonObject *report, char **words)
{
    JsonObject *holder = NULL;
    JsonObject *check;

    if (g_str_equal(words[0], "host")) {
        holder = json_object_get_object_member(report, "host");
    } else {
        JsonArray *devices = json_object_get_array_member(report, "devices");

        for (guint i = 0; i < json_array_get_length(devices); i++) {
            JsonObject *device = json_array_get_object_element(devices, i);

            if (g_str_equal(json_object_get_string_member(device, "name"),
                            words[0])) {
                holder = device;
            }
        }
    }
    if (!holder) {
        g_error("there is no %s", words[0]);
    }
    if (g_str_equal(words[2], "none")) {
        g_assert_null(find_check(holder, words[1], "pass"));
        g_assert_null(find_check(holder, words[1], "warn"));
        g_assert_null(find_check(holder, words[1], "fail"));
        return;
    }
    check = find_check(holder, words[1], words[2]);
    if (!check) {
        g_error("%s of %s is not %s", words[1], words[0], words[2]);
    }
    g_assert_cmpstr(schema_string(check, "cause"), ==, words[3]);
}

/*
 * The hosts
 */

typedef struct Case {
    char *root;
    /* false if some part of the host could not be made */
    bool able;
    uid_t user;
    Run text;
    Run verbose;
    Run json;
    JsonNode *report;
} Case;

static void case_clear(Case *c)
{
    run_clear(&c->text);
    run_clear(&c->verbose);
    run_clear(&c->json);
    g_clear_pointer(&c->report, json_node_unref);
}

/* What is to be typed is in one piece, not wrapped as sentences are */
static void check_commands(const Case *c, JsonObject *holder)
{
    JsonArray *checks = json_object_get_array_member(holder, "checks");

    for (guint i = 0; i < json_array_get_length(checks); i++) {
        JsonObject *check = json_array_get_object_element(checks, i);
        g_auto(GStrv) lines = g_strsplit(schema_string(check, "remedy") ?: "",
                                         "\n", -1);

        for (char **line = lines; *line; line++) {
            const char *command = strstr(*line, ": ");

            if (command && !g_str_has_suffix(command, ".") &&
                !strstr(c->verbose.out, command + 2)) {
                g_error("not to be copied: %s", command + 2);
            }
        }
    }
}

static void case_run(Case *c, char **args)
{
    JsonObject *report;
    JsonArray *devices;
    g_autoptr(GError) error = NULL;

    run_tool(&c->text, args, c->root, NULL, c->user);
    run_tool(&c->verbose, args, c->root, "-v", c->user);
    run_tool(&c->json, args, c->root, "--json", c->user);
    g_clear_pointer(&c->report, json_node_unref);

    g_assert_cmpstr(c->text.err, ==, "");
    check_width(c->text.out);
    g_assert_cmpstr(c->verbose.err, ==, "");
    check_width(c->verbose.out);
    g_assert_cmpint(c->verbose.status, ==, c->text.status);
    g_assert_cmpstr(c->json.err, ==, "");
    g_assert_cmpint(c->json.status, ==, c->text.status);
    c->report = json_from_string(c->json.out, &error);
    g_assert_no_error(error);
    validate(c->report, json_node_get_object(schema), "report");
    report = json_node_get_object(c->report);
    g_assert_cmpint(c->text.status, ==,
                    !json_object_get_boolean_member(report, "ready"));
    check_commands(c, json_object_get_object_member(report, "host"));
    devices = json_object_get_array_member(report, "devices");
    for (guint i = 0; i < json_array_get_length(devices); i++) {
        check_commands(c, json_array_get_object_element(devices, i));
    }
}

/* "says", "says-not", "shows" or "shows-not"; false if it is another word */
static bool case_expect(Case *c, const char *word, const char *text)
{
    bool there = !g_str_has_suffix(word, "-not");
    const Run *run = g_str_has_prefix(word, "says") ? &c->verbose :
                     g_str_has_prefix(word, "shows") ? &c->text : NULL;
    g_autofree char *output = run ? flat(run->out) : NULL;

    if (run && !strstr(output, text) == there) {
        g_error("%s: %s\nin: %s", there ? "missing" : "unexpected", text,
                run->out);
    }
    return run;
}

static void case_line(Case *c, const char *line, bool included);

static void case_file(Case *c, const char *name, bool included)
{
    g_autofree char *file = g_strconcat(name, ".host", NULL);
    g_autofree char *path = g_build_filename(hosts, file, NULL);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line && c->able; line++) {
        if (included && g_str_has_prefix(*line, "check")) {
            break;
        }
        if (**line && **line != '#') {
            case_line(c, *line, included);
        }
    }
}

static void case_line(Case *c, const char *line, bool included)
{
    const char *rest = line + strcspn(line, " ");
    g_autofree char *word = NULL;
    g_auto(GStrv) words = NULL;
    g_autoptr(GError) error = NULL;

    word = g_strndup(line, rest - line);
    rest += strspn(rest, " ");
    if (case_expect(c, word, rest)) {
        return;
    }
    g_shell_parse_argv(line, NULL, &words, &error);
    g_assert_no_error(error);
    if (host_build(c->root, words, &c->able)) {
        return;
    }
    if (g_str_equal(words[0], "like")) {
        case_file(c, words[1], true);
    } else if (g_str_equal(words[0], "user")) {
        c->user = atoi(words[1]);
        c->able = c->able && geteuid() == 0;
    } else if (g_str_equal(words[0], "check")) {
        case_run(c, words);
    } else if (g_str_equal(words[0], "ready")) {
        g_assert_cmpint(c->text.status, ==, 0);
    } else if (g_str_equal(words[0], "not-ready")) {
        g_assert_cmpint(c->text.status, ==, 1);
    } else if (g_str_equal(words[0], "result")) {
        check_result(json_node_get_object(c->report), words + 1);
    } else {
        g_error("not understood: %s", line);
    }
}

static void test_host(const void *name)
{
    Case c = { .root = host_new(), .able = true };

    case_file(&c, name, false);
    if (!c.able) {
        g_test_skip("needs root");
    } else {
        g_assert_nonnull(c.report);
    }
    host_free(c.root);
    case_clear(&c);
}

/*
 * The rest
 */

static void test_usage(void)
{
    static const struct {
        const char *args[4];
        const char *err;
    } wrong[] = {
        { { NULL }, "Usage: qemu-iommufd" },
        { { "frob" }, "unknown command 'frob'" },
        { { "check", "--frob" }, "--frob" },
        { { "check", "frob" }, "'frob' is neither a PCI address" },
        { { "check", "01:00.8" }, "neither a PCI address" },
        { { "check", "01:20.0" }, "neither a PCI address" },
        { { "check", "/dev/vfio/12" }, "'/dev/vfio/12' is not a VFIO device" },
        { { "check", "/dev/vfio/devices/.." }, "is not a VFIO device node" },
        { { "check", "vfio" }, "neither a PCI address" },
        { { "check", "pci_0000_01_20_0" }, "neither a PCI address" },
        { { "check", "/sys/kernel" }, "it leads to /sys/kernel, and devices" },
        { { "check", "/sys/../etc" }, "it leads to /etc, and devices" },
        { { "check", "/sys/../nowhere" }, "it leads to /nowhere, and" },
        { { "check", "--memory", "1G" }, "--memory needs --user" },
        { { "check", "--user", "4294967296" }, "not the number of a user" },
        { { "check", "--user", "4294967295" }, "not the number of a user" },
        { { "check", "--user", "no-such-user" }, "no user 'no-such-user'" },
        { { "check", "--user=root", "--memory=1X" }, "not '1X'" },
        { { "check", "--user=root", "--memory=unlimited" }, "number of" },
        { { "check", "--root", "/dev/null" }, "is not a directory" },
    };
    static const char *const helps[][3] = {
        { "--help" }, { "check", "--help" },
    };
    const char *version[] = { "--version", NULL };
    g_auto(Run) run = { 0 };

    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        run_tool(&run, (char **)wrong[i].args, NULL, NULL, 0);
        g_assert_cmpint(run.status, ==, 2);
        g_assert_cmpstr(run.out, ==, "");
        g_assert_nonnull(strstr(run.err, wrong[i].err));
    }
    for (size_t i = 0; i < G_N_ELEMENTS(helps); i++) {
        g_auto(GStrv) lines = NULL;

        run_tool(&run, (char **)helps[i], NULL, NULL, 0);
        g_assert_cmpint(run.status, ==, 0);
        g_assert_cmpstr(run.err, ==, "");
        lines = g_strsplit(run.out, "\n", -1);
        g_assert_cmpint(g_strv_length(lines), <=, 24);
        for (char **line = lines; *line; line++) {
            g_assert_cmpint(strlen(*line), <=, WIDTH);
        }
    }
    run_tool(&run, (char **)version, NULL, NULL, 0);
    g_assert_cmpint(run.status, ==, 0);
    g_assert_true(g_str_has_prefix(run.out, "qemu-iommufd "));
}

/* Standard descriptors as a careless caller leaves them */
typedef enum Streams {
    STDOUT_FULL,
    STDOUT_CLOSED,
    STDIN_CLOSED,
    STDERR_CLOSED,
} Streams;

static void set_streams(void *streams)
{
    switch (GPOINTER_TO_INT(streams)) {
    case STDOUT_FULL:
        dup2(open("/dev/full", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
        break;
    case STDOUT_CLOSED:
        close(STDIN_FILENO);
        close(STDOUT_FILENO);
        break;
    case STDIN_CLOSED:
        close(STDIN_FILENO);
        break;
    case STDERR_CLOSED:
        close(STDERR_FILENO);
        break;
    }
}

static void run_with_streams(Run *run, const char *root,
                             const char *const *args, Streams streams)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autoptr(GError) error = NULL;

    run_clear(run);
    g_ptr_array_add(argv, (char *)tool);
    for (; *args; args++) {
        g_ptr_array_add(argv, g_str_equal(*args, "ROOT") ? (char *)root :
                        (char *)*args);
    }
    g_ptr_array_add(argv, NULL);
    g_spawn_sync(NULL, (char **)argv->pdata, NULL,
                 G_SPAWN_CHILD_INHERITS_STDIN, set_streams,
                 GINT_TO_POINTER(streams), &run->out, &run->err, &run->status,
                 &error);
    g_assert_no_error(error);
    g_assert_true(WIFEXITED(run->status));
    run->status = WEXITSTATUS(run->status);
}

/* What cannot be written is no success, and no failure of the host either */
static void test_no_output(void)
{
    static const char *const writing[][7] = {
        { "--help" },
        { "--version" },
        { "check", "--help" },
        { "check", "--root", "ROOT" },
        { "check", "--json", "--root", "ROOT" },
        { "run", "--help" },
        { "run", "--dry-run", "--root", "ROOT", "--", "qemu" },
    };
    const char *const wrong[] = { "check", "--frob", NULL };
    char *root = host_new();
    g_auto(Run) run = { 0 };

    /* more than stdio holds back */
    for (int i = 0; i < 100; i++) {
        g_autofree char *uuid =
            g_strdup_printf("11111111-2222-3333-4444-%012d", i);

        host_device(root, "mdev", uuid);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(writing); i++) {
        run_with_streams(&run, root, writing[i], STDOUT_FULL);
        g_assert_cmpstr(run.err, ==, "qemu-iommufd: cannot write the output: "
                        "No space left on device\n");
        g_assert_cmpint(run.status, ==, 3);
        run_with_streams(&run, root, writing[i], STDOUT_CLOSED);
        g_assert_cmpstr(run.err, ==, "qemu-iommufd: cannot write the output: "
                        "Bad file descriptor\n");
        g_assert_cmpint(run.status, ==, 3);
    }
    run_with_streams(&run, root, wrong, STDOUT_FULL);
    g_assert_cmpint(run.status, ==, 2);
    g_assert_nonnull(strstr(run.err, "--frob"));
    host_free(root);
}

/* The other streams may be closed, and no file takes their place */
static void test_closed_streams(void)
{
    const char *const version[] = { "--version", NULL };
    const char *const wrong[] = { "check", "--frob", NULL };
    g_auto(Run) run = { 0 };

    for (int streams = STDIN_CLOSED; streams <= STDERR_CLOSED; streams++) {
        run_with_streams(&run, NULL, version, streams);
        g_assert_cmpint(run.status, ==, 0);
        g_assert_true(g_str_has_prefix(run.out, "qemu-iommufd "));
    }
    run_with_streams(&run, NULL, wrong, STDERR_CLOSED);
    g_assert_cmpint(run.status, ==, 2);
    g_assert_cmpstr(run.out, ==, "");
}

static void check_safe(const char *text)
{
    g_assert_true(g_utf8_validate(text, -1, NULL));
    for (; *text; text++) {
        g_assert_true(*text == '\n' || !g_ascii_iscntrl(*text));
    }
}

/* Whoever names a device or an argument does not command the terminal */
static void test_strange_names(void)
{
    static const char *const wrong[][3] = {
        { "\033[2J\377" },
        { "check", "\033[2J\377" },
        { "check", "--\033[2J" },
        { "check", "--root=\033[2J\377" },
        { "check", "/sys/../\033\377" },
    };
    const char *all[] = { "check", NULL };
    const char *one[] = { "check", "/sys/devices/mdev/\033]0;\377", NULL };
    Case c = { .root = host_new(), .able = true };
    g_auto(Run) run = { 0 };

    host_device(c.root, "mdev", "\033]0;\377");
    host_device(c.root, "mdev", "\342\200\256\302\233");
    host_device(c.root, "mdev", "\342\200\250");
    host_device(c.root, "mdev", "\303\244");
    host_driver(c.root, "mdev/\303\244", "\033[31m\377");
    case_run(&c, (char **)all);
    check_safe(c.text.out);
    check_safe(c.verbose.out);
    g_assert_true(g_utf8_validate(c.json.out, -1, NULL));
    /* escape, turned around, and another line */
    case_expect(&c, "shows", "\\033]0;\\377 ");
    case_expect(&c, "shows", "\\342\\200\\256\\302\\233 ");
    case_expect(&c, "shows", "\\342\\200\\250 ");
    case_run(&c, (char **)one);
    check_safe(c.text.out);
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        run_tool(&run, (char **)wrong[i], NULL, NULL, 0);
        g_assert_cmpint(run.status, ==, 2);
        check_safe(run.err);
    }
    host_free(c.root);
    case_clear(&c);
}

/*
 * Domains of libvirt
 */

#define DOMAIN(middle) \
    "<?xml version='1.0' encoding='utf-8'?>\n<!-- as virsh writes it -->\n" \
    "<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/qemu'>" \
    "<name>vm</name><memory unit='GiB'>8</memory>" middle "</domain>\n"
#define DEVICES(middle) "<devices>" middle "</devices>"
#define HOSTDEV(driver) PCI_HOSTDEV("no", driver)
#define PCI_HOSTDEV(managed, driver) \
    "<hostdev mode='subsystem' type='pci' managed='" managed "'>" driver \
    "<source><address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>" \
    "</source><address type='pci' domain='0x0000' bus='0x05' slot='0x00' " \
    "function='0x0'/></hostdev>"
#define DRIVER "<driver name='vfio' iommufd='yes'/>"
#define LIMIT(text) "<memtune><hard_limit " text "</hard_limit></memtune>"

static void domain_run(Case *c, const char *xml)
{
    g_autofree char *file = host_path(c->root, "vm.xml");
    const char *args[] = { "check", "--libvirt", file, NULL };

    host_file(c->root, "vm.xml", xml);
    case_run(c, (char **)args);
}

/* A result of the domain's checks is this one, or there is none */
static void domain_result(Case *c, const char *check, const char *result)
{
    JsonObject *report = json_node_get_object(c->report);
    JsonObject *domain = json_object_get_object_member(report, "domain");

    g_assert_nonnull(domain);
    g_assert_cmpstr(json_object_get_string_member(domain, "name"), ==, "vm");
    if (result) {
        g_assert_nonnull(find_check(domain, check, result));
    } else {
        g_assert_null(find_check(domain, check, "warn"));
        g_assert_null(find_check(domain, check, "fail"));
    }
}

static void test_libvirt(void)
{
    Case c = { .root = host_new(), .able = true };

    case_file(&c, "linux-6.12-ready", true);
    domain_run(&c, DOMAIN(DEVICES(HOSTDEV(DRIVER))));
    g_assert_cmpint(c.text.status, ==, 0);
    domain_result(&c, "hostdevs", NULL);
    case_expect(&c, "shows", "Domain ready: vm, with 1 device of the host");
    case_expect(&c, "shows", " vfio0 ready Ready: 1 device.");

    /* for all devices, and then for none */
    domain_run(&c, DOMAIN("<iommufd enabled='yes' fdgroup='f'/>"
                          DEVICES(HOSTDEV("<driver name='vfio'/>"))));
    domain_result(&c, "hostdevs", NULL);
    domain_run(&c, DOMAIN("<iommufd enabled='yes'/>" DEVICES(HOSTDEV(
                   "<driver name='vfio' iommufd='no'/>"))));
    domain_result(&c, "hostdevs", "warn");
    domain_run(&c, DOMAIN(""));
    domain_result(&c, "hostdevs", "warn");
    domain_run(&c, DOMAIN("<iommufd enabled='no'/>" DEVICES(HOSTDEV(""))));
    g_assert_cmpint(c.text.status, ==, 0);
    domain_result(&c, "hostdevs", "warn");
    case_expect(&c, "shows", "through the legacy container, as neither "
                "<driver iommufd='yes'/> nor <iommufd enabled='yes'/> is set: "
                "0000:01:00.0");

    /* other kinds of devices */
    domain_run(&c, DOMAIN(DEVICES(
        "<hostdev mode='subsystem' type='usb'><source><address bus='1' "
        "device='2'/></source></hostdev>"
        "<hostdev mode='subsystem' type='mdev' model='vfio-pci'>" DRIVER
        "<source><address uuid='11111111-2222-3333-4444-555555555555'/>"
        "</source></hostdev>"
        "<interface type='network'><source network='default'/></interface>"
        "<interface type='hostdev'>" DRIVER "<source><address type='pci' "
        "domain='0' bus='1' slot='0' function='0'/></source></interface>")));
    g_assert_cmpint(c.text.status, ==, 1);
    case_expect(&c, "shows", "vm, with 2 devices of the host");
    case_expect(&c, "shows", "FAIL mdev-missing");
    case_expect(&c, "shows", "Not ready: 1 of 2 devices fails (11111111-");
    host_free(c.root);
    case_clear(&c);
}

static void test_libvirt_stdin(void)
{
    static const char script[] =
        "cat \"$1\" | \"$0\" check --root \"$2\" --libvirt -";
    char *root = host_new();
    g_autofree char *file = host_path(root, "vm.xml");
    const char *argv[] = { "sh", "-c", script, tool, file, root, NULL };
    const char *endless[] = { "sh", "-c", script, tool, "/dev/zero", root,
                              NULL };
    g_auto(Run) run = { 0 };

    host_file(root, "vm.xml", DOMAIN(DEVICES(HOSTDEV(DRIVER))));
    run_command(&run, (char **)argv, 0);
    g_assert_cmpint(run.status, ==, 1);
    g_assert_nonnull(strstr(run.out, "0000:01:00.0"));
    run_command(&run, (char **)endless, 0);
    g_assert_cmpint(run.status, ==, 2);
    g_assert_nonnull(strstr(run.err, "standard input: it is too long"));
    host_free(root);
}

/* libvirt binds the device, if it says so */
static void test_libvirt_managed(void)
{
    Case c = { .root = host_new(), .able = true };

    case_file(&c, "fedora-loaded", true);
    domain_run(&c, DOMAIN(DEVICES(PCI_HOSTDEV("no", DRIVER))));
    g_assert_cmpint(c.text.status, ==, 1);
    case_expect(&c, "shows", "FAIL device-not-bound");
    domain_run(&c, DOMAIN(DEVICES(PCI_HOSTDEV("yes", DRIVER))));
    g_assert_cmpint(c.text.status, ==, 0);
    domain_run(&c, DOMAIN(DEVICES(PCI_HOSTDEV("yes", "<driver name='vfio' "
                                              "model='no_such_vfio_pci' "
                                              "iommufd='yes'/>"))));
    g_assert_cmpint(c.text.status, ==, 1);
    case_expect(&c, "shows", "no_such_vfio_pci");
    /* not at the cost of the host's root file system */
    host_link(c.root, "sys/devices/pci/0000:01:00.0/driver",
              "../../../bus/pci/drivers/nvme");
    host_dir(c.root, "sys/devices/pci/0000:01:00.0/nvme/nvme0/nvme0n1");
    host_link(c.root, "sys/class/block/nvme0n1",
              "../../devices/pci/0000:01:00.0/nvme/nvme0/nvme0n1");
    host_file(c.root, "proc/self/mountinfo",
              "30 1 259:0 / / rw - ext4 /dev/nvme0n1 rw\n");
    domain_run(&c, DOMAIN(DEVICES(PCI_HOSTDEV("yes", DRIVER))));
    g_assert_cmpint(c.text.status, ==, 1);
    case_expect(&c, "shows", "holds the host's root file system");
    host_free(c.root);
    case_clear(&c);
}

static void test_libvirt_memory(void)
{
    Case c = { .root = host_new(), .able = true };

    case_file(&c, "linux-6.12-ready", true);
    domain_run(&c, DOMAIN(LIMIT("unit='G'>9") DEVICES(HOSTDEV(DRIVER))));
    domain_result(&c, "memory-limit", NULL);
    domain_run(&c, DOMAIN(LIMIT(">8388608") DEVICES(HOSTDEV(DRIVER))));
    domain_result(&c, "memory-limit", NULL);
    domain_run(&c, DOMAIN(LIMIT(">8388607") DEVICES(HOSTDEV(DRIVER))));
    g_assert_cmpint(c.text.status, ==, 1);
    domain_result(&c, "memory-limit", "fail");
    case_expect(&c, "shows", "Not ready: the domain fails (memory-limit).");
    /* without a device nothing is locked, and what is no size says nothing */
    domain_run(&c, DOMAIN(LIMIT(">1")));
    domain_result(&c, "memory-limit", NULL);
    domain_run(&c, DOMAIN(LIMIT("unit='furlong'>1")
                          DEVICES(HOSTDEV(DRIVER))));
    domain_result(&c, "memory-limit", NULL);
    host_free(c.root);
    case_clear(&c);
}

static void test_libvirt_emulator(void)
{
    static const char *const usual = DOMAIN(DEVICES(
        "<emulator>/usr/bin/qemu-system-x86_64</emulator>"));
    static const char *const other = DOMAIN(DEVICES(
        "<emulator>/opt/bin/qemu-system-x86_64</emulator>"));
    const char *attr = "sys/module/apparmor/parameters/enabled";
    Case c = { .root = host_new(), .able = true };

    case_file(&c, "linux-6.12-ready", true);
    domain_run(&c, other);
    domain_result(&c, "emulator", NULL);
    host_file(c.root, attr, "N\n");
    domain_run(&c, other);
    domain_result(&c, "emulator", NULL);
    host_file(c.root, attr, "Y\n");
    domain_run(&c, usual);
    domain_result(&c, "emulator", NULL);
    domain_run(&c, other);
    domain_result(&c, "emulator", "warn");
    case_expect(&c, "shows", "libvirt's profiles probably deny "
                "/opt/bin/qemu-system-x86_64");
    host_free(c.root);
    case_clear(&c);
}

static void test_libvirt_wrong(void)
{
    static const struct {
        const char *xml;
        const char *err;
    } wrong[] = {
        { "", "--libvirt: " },
        { "<domain><name>vm</name>", "--libvirt: " },
        { "<domain>\377</domain>", "--libvirt: " },
        { "<network><name>vm</name></network>", "is not a domain" },
        { "<domain/>", "is not a domain" },
        { DOMAIN(DEVICES("<hostdev type='mdev'><source><address uuid='x'/>"
                         "</source></hostdev>")), "'x' is neither a PCI" },
    };
    char *root = host_new();
    g_autofree char *file = host_path(root, "vm.xml");
    const char *args[] = { "check", "--libvirt", file, NULL };
    const char *directory[] = { "check", "--libvirt", root, NULL };
    const char *missing[] = { "check", "--libvirt", "/nowhere", NULL };
    g_auto(Run) run = { 0 };

    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        host_file(root, "vm.xml", wrong[i].xml);
        run_tool(&run, (char **)args, root, NULL, 0);
        g_assert_cmpint(run.status, ==, 2);
        g_assert_nonnull(strstr(run.err, wrong[i].err));
        check_safe(run.err);
    }
    run_tool(&run, (char **)directory, root, NULL, 0);
    g_assert_cmpint(run.status, ==, 2);
    g_assert_nonnull(strstr(run.err, "is not the file of a domain"));
    run_tool(&run, (char **)missing, root, NULL, 0);
    g_assert_cmpint(run.status, ==, 2);
    g_assert_nonnull(strstr(run.err, "/nowhere"));
    host_free(root);
}

/* What the tool writes on a terminal */
static char *run_on_terminal(const char *root, const char *env)
{
    const char *argv[] = { tool, "check", "--root", root, NULL };
    g_auto(GStrv) environment = g_get_environ();
    g_auto(GStrv) set = g_strsplit(env, "=", 2);
    int ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    GString *out = g_string_new(NULL);
    char buf[4096];
    ssize_t len;
    int theirs;

    environment = g_environ_setenv(environment, "TERM", "xterm", true);
    environment = g_environ_unsetenv(environment, "NO_COLOR");
    environment = g_environ_setenv(environment, set[0], set[1], true);
    if (ours < 0 || grantpt(ours) || unlockpt(ours)) {
        g_string_free(out, true);
        return NULL;
    }
    theirs = open(ptsname(ours), O_RDWR | O_NOCTTY | O_CLOEXEC);
    g_assert_cmpint(theirs, >=, 0);
    g_assert_true(g_spawn_async_with_fds(NULL, (char **)argv, environment, 0,
                                         NULL, NULL, NULL, -1, theirs, -1,
                                         NULL));
    close(theirs);
    while ((len = read(ours, buf, sizeof(buf))) > 0) {
        g_string_append_len(out, buf, len);
    }
    close(ours);
    return g_string_free(out, false);
}

static void test_colour(void)
{
    char *root = host_new();
    g_autofree char *colour = run_on_terminal(root, "TERM=xterm");
    g_autofree char *empty = run_on_terminal(root, "NO_COLOR=");
    g_autofree char *no_color = run_on_terminal(root, "NO_COLOR=1");
    g_autofree char *dumb = run_on_terminal(root, "TERM=dumb");

    if (!colour) {
        g_test_skip("no terminals here");
    } else {
        g_assert_nonnull(strstr(colour, "\033[1;31mfail\033[0m"));
        g_assert_nonnull(strstr(empty, "\033["));
        g_assert_nonnull(strstr(no_color, "fail"));
        g_assert_null(strstr(no_color, "\033"));
        g_assert_nonnull(strstr(dumb, "fail"));
        g_assert_null(strstr(dumb, "\033"));
    }
    host_free(root);
}

static double cpu_of_children(void)
{
    struct rusage usage;

    g_assert_cmpint(getrusage(RUSAGE_CHILDREN, &usage), ==, 0);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* All in use, by processes with many files, and many interrupts */
static void test_large(void)
{
    const char *args[] = { "check", NULL };
    g_autoptr(GString) interrupts = g_string_new(NULL);
    Case c = { .root = host_new(), .able = true };
    double before;

    for (int i = 0; i < 1000; i++) {
        g_string_append_printf(interrupts, "%d: %*d PCI-MSI 1-edge\n", i,
                               2000, 0);
    }
    host_line(c.root, "proc/interrupts", interrupts->str);
    for (int i = 0; i < 100; i++) {
        for (int j = 0; j < 10; j++) {
            g_autofree char *fd = g_strdup_printf("proc/%d/fd/%d", 1000 + i,
                                                  j);

            host_link(c.root, fd, "/dev/zero");
        }
    }
    for (int i = 0; i < 500; i++) {
        g_autofree char *bdf = g_strdup_printf("0000:%02x:%02x.%x", i >> 8,
                                               (i >> 3) & 31, i & 7);
        g_autofree char *device = g_strconcat("pci/", bdf, NULL);
        g_autofree char *group = g_strdup_printf("%d", i / 2);
        g_autofree char *enable = g_strdup_printf("sys/devices/%s/enable",
                                                  device);
        g_autofree char *vfio = g_strdup_printf("vfio%d", i);
        char *devices[] = { device, NULL };

        host_device(c.root, "pci", bdf);
        host_group(c.root, group, devices);
        host_driver(c.root, device, "vfio-pci");
        host_vfio(c.root, device, vfio, "1:3");
        host_line(c.root, enable, "1");
    }
    before = cpu_of_children();
    run_tool(&c.text, (char **)args, c.root, NULL, 0);
    g_test_message("%.3f s", cpu_of_children() - before);
    g_assert_cmpint(c.text.status, ==, 1);
    check_width(c.text.out);
    case_expect(&c, "shows", "0000:01:1e.3 - 249 vfio-pci vfio499 FAIL "
                "node-missing");
    /* those that fail alike, and the rest */
    case_expect(&c, "shows", "Device 0000:00:00.2");
    case_expect(&c, "shows-not", "Device 0000:00:00.3");
    case_expect(&c, "shows", "The same causes for 497 more devices;");
    case_expect(&c, "shows", "500 of 500 devices fail (0000:00:00.0, "
                "0000:00:00.1, 0000:00:00.2 and 497 more).");
    /* what an instrumented build takes leaves no room for less */
    g_assert_cmpfloat(cpu_of_children() - before, <, 1);
    host_free(c.root);
    run_clear(&c.text);
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *text = NULL;
    const char *file;
    GDir *dir;

    g_test_init(&argc, &argv, NULL);
    if (argc != 4) {
        g_printerr("usage: %s QEMU-IOMMUFD HOSTS-FOLDER SCHEMA\n", argv[0]);
        return 2;
    }
    tool = argv[1];
    hosts = argv[2];
    g_assert_true(g_file_get_contents(argv[3], &text, NULL, NULL));
    schema = json_from_string(text, &error);
    g_assert_no_error(error);
    g_setenv("LC_ALL", "C.UTF-8", true);
    g_unsetenv("NO_COLOR");

    g_test_add_func("/qemu-iommufd/usage", test_usage);
    g_test_add_func("/qemu-iommufd/no-output", test_no_output);
    g_test_add_func("/qemu-iommufd/closed-streams", test_closed_streams);
    g_test_add_func("/qemu-iommufd/strange-names", test_strange_names);
    g_test_add_func("/qemu-iommufd/libvirt", test_libvirt);
    g_test_add_func("/qemu-iommufd/libvirt/stdin", test_libvirt_stdin);
    g_test_add_func("/qemu-iommufd/libvirt/managed", test_libvirt_managed);
    g_test_add_func("/qemu-iommufd/libvirt/memory", test_libvirt_memory);
    g_test_add_func("/qemu-iommufd/libvirt/emulator", test_libvirt_emulator);
    g_test_add_func("/qemu-iommufd/libvirt/wrong", test_libvirt_wrong);
    g_test_add_func("/qemu-iommufd/check/colour", test_colour);
    g_test_add_func("/qemu-iommufd/check/large", test_large);
    dir = g_dir_open(hosts, 0, &error);
    g_assert_no_error(error);
    while ((file = g_dir_read_name(dir))) {
        if (g_str_has_suffix(file, ".host")) {
            char *name = g_strndup(file, strlen(file) - strlen(".host"));
            g_autofree char *path = g_strconcat("/qemu-iommufd/check/host/",
                                                name, NULL);

            g_test_add_data_func_full(path, name, test_host, g_free);
        }
    }
    g_dir_close(dir);
    return g_test_run();
}
