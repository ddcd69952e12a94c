/*
 * QEMU's command line for devices that are passed by descriptor
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <json-glib/json-glib.h>
#include "run.h"

#define IOMMUFD_ID "iommufd0"

char *qemu_driver(const char *name, const IOMMUFDHostDevice *device)
{
    static const char *const apis[] = { "vfio-pci", "vfio-ap", "vfio-ccw" };

    if (iommufd_device_is_pci(device)) {
        return g_strdup("vfio-pci");
    }
    for (size_t i = 0; i < G_N_ELEMENTS(apis); i++) {
        if (!g_strcmp0(device->api, apis[i])) {
            return g_strdup(device->api);
        }
    }
    if (device->api) {
        run_error(0, "%s: QEMU has no device for the mediated device's API "
                  "'%s': %s/mdev_type/device_api", name, device->api,
                  device->path);
    } else {
        run_error(0, "%s: neither a PCI device nor a mediated device: %s",
                  name, device->path);
    }
    return NULL;
}

static void add_string(JsonBuilder *builder, const char *key,
                       const char *value)
{
    json_builder_set_member_name(builder, key);
    json_builder_add_string_value(builder, value);
}

static void add_fd(JsonBuilder *builder, int fd)
{
    g_autofree char *number = g_strdup_printf("%d", fd);

    add_string(builder, "fd", number);
}

/*
 * QEMU takes types in JSON by the letter.  A slot is a text although it
 * looks like a number.
 */
static void add_option(JsonBuilder *builder, const char *option)
{
    const char *value = strchr(option, '=') + 1;
    g_autofree char *key = g_strndup(option, value - 1 - option);
    gint64 number;
    char *end;

    json_builder_set_member_name(builder, key);
    number = g_ascii_strtoll(value, &end, 0);
    if (g_str_equal(value, "true") || g_str_equal(value, "false")) {
        json_builder_add_boolean_value(builder, g_str_equal(value, "true"));
    } else if (*value && !*end && !g_str_equal(key, "addr")) {
        json_builder_add_int_value(builder, number);
    } else {
        json_builder_add_string_value(builder, value);
    }
}

static char *builder_end(JsonBuilder *builder)
{
    g_autoptr(JsonGenerator) generator = json_generator_new();
    JsonNode *root;
    char *text;

    json_builder_end_object(builder);
    root = json_builder_get_root(builder);
    json_generator_set_root(generator, root);
    text = json_generator_to_data(generator, NULL);
    json_node_unref(root);
    return text;
}

static char *iommufd_json(void)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();

    json_builder_begin_object(builder);
    add_string(builder, "qom-type", "iommufd");
    add_string(builder, "id", IOMMUFD_ID);
    add_fd(builder, FIRST_FD);
    return builder_end(builder);
}

static char *device_json(const RunDevice *device, guint index)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    g_autofree char *address = g_path_get_basename(device->sysfsdev);
    g_autofree char *id = g_strdup_printf("hostdev%u", index);
    const char *given_id = NULL;

    for (char **option = device->options; *option; option++) {
        if (g_str_has_prefix(*option, "id=")) {
            given_id = *option + strlen("id=");
        }
    }
    json_builder_begin_object(builder);
    add_string(builder, "driver", device->driver);
    if (device->pci) {
        add_string(builder, "host", address);
        add_string(builder, "id", given_id ?: id);
    } else {
        add_string(builder, "id", given_id ?: id);
        add_string(builder, "sysfsdev", device->sysfsdev);
    }
    add_string(builder, "iommufd", IOMMUFD_ID);
    add_fd(builder, FIRST_FD + 1 + index);
    for (char **option = device->options; *option; option++) {
        if (!g_str_has_prefix(*option, "id=")) {
            add_option(builder, *option);
        }
    }
    return builder_end(builder);
}

char **qemu_arguments(const Run *run)
{
    GPtrArray *args = g_ptr_array_new();

    for (char **arg = run->qemu; *arg; arg++) {
        g_ptr_array_add(args, g_strdup(*arg));
    }
    g_ptr_array_add(args, g_strdup("-object"));
    g_ptr_array_add(args, iommufd_json());
    for (guint i = 0; i < run->devices->len; i++) {
        g_ptr_array_add(args, g_strdup("-device"));
        g_ptr_array_add(args, device_json(run->devices->pdata[i], i));
    }
    g_ptr_array_add(args, NULL);
    return (char **)g_ptr_array_free(args, false);
}

/* Quotes only what has to be, so that people can read it */
static char *quote(const char *arg)
{
    size_t plain = strspn(arg, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS
                          "%+,-./:=@_");

    return *arg && !arg[plain] ? g_strdup(arg) : g_shell_quote(arg);
}

char *qemu_quoted(const Run *run)
{
    g_auto(GStrv) args = qemu_arguments(run);
    guint given = g_strv_length(run->qemu);
    GString *text = g_string_new(NULL);

    for (guint i = 0; args[i]; i++) {
        g_autofree char *arg = quote(args[i]);

        if (i >= given && (i - given) % 2 == 0) {
            g_string_append(text, " \\\n    ");
        } else if (i) {
            g_string_append_c(text, ' ');
        }
        g_string_append(text, arg);
    }
    return g_string_free(text, false);
}
