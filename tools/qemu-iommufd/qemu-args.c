/*
 * QEMU's command line for devices that are passed by descriptor
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "commands.h"
#include "run.h"

const char *qemu_driver(const char *name, const IOMMUFDHostDevice *device)
{
    const char *driver = iommufd_device_qemu_driver(device);

    if (driver) {
        return driver;
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

/*
 * The syntax of QEMU's -device: a comma that is doubled is part of a value
 */

static const char *end_of_option(const char *text)
{
    while (*text && (*text != ',' || text[1] == ',')) {
        text += *text == ',' ? 2 : 1;
    }
    return text;
}

static char *double_commas(const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);

    return g_strjoinv(",,", parts);
}

static char *single_commas(const char *text, size_t len)
{
    g_autofree char *part = g_strndup(text, len);
    g_auto(GStrv) parts = g_strsplit(part, ",,", -1);

    return g_strjoinv(",", parts);
}

/* What this program decides itself */
static bool option_is_ours(const char *option)
{
    static const char *const ours[] = {
        "driver", "fd", "host", "iommufd", "sysfsdev", NULL
    };
    g_autofree char *name = g_strndup(option, strcspn(option, "=,"));

    return g_strv_contains(ours, name);
}

bool qemu_parse_device(RunDevice *device, const char *arg)
{
    const char *end = end_of_option(arg);

    if (end == arg) {
        run_error(0, "--device needs a device");
        return false;
    }
    device->name = single_commas(arg, end - arg);
    device->options = *end ? g_strdup(end + 1) : NULL;
    while (*end) {
        const char *option = end + 1;

        end = end_of_option(option);
        if (option_is_ours(option)) {
            run_error(0, "'%.*s' in --device %s is set by run itself",
                      (int)(end - option), option, arg);
            return false;
        }
        if (g_str_has_prefix(option, "id=")) {
            g_free(device->id);
            device->id = single_commas(option + 3, end - option - 3);
        }
    }
    return true;
}

/* Is anything on the command line called so? */
static bool id_is_used(const Run *run, const char *id)
{
    for (char **arg = run->qemu; *arg; arg++) {
        if (strstr(*arg, id)) {
            return true;
        }
    }
    for (guint i = 0; i < run->devices->len; i++) {
        const RunDevice *device = run->devices->pdata[i];

        if (!g_strcmp0(device->id, id)) {
            return true;
        }
    }
    return false;
}

/* From @number on, which is set to what follows */
static char *free_id(const Run *run, const char *prefix, guint *number)
{
    for (;;) {
        g_autofree char *id = g_strdup_printf("%s%u", prefix, (*number)++);

        if (!id_is_used(run, id)) {
            return g_steal_pointer(&id);
        }
    }
}

/* @id is its own if it was given none */
static char *device_option(const RunDevice *device, int fd,
                           const char *iommufd, const char *id)
{
    g_autofree char *address = g_path_get_basename(device->sysfsdev);
    g_autofree char *sysfsdev = double_commas(device->sysfsdev);
    g_autoptr(GString) text = g_string_new(device->driver);

    if (device->pci) {
        g_string_append_printf(text, ",host=%s", address);
    } else {
        g_string_append_printf(text, ",sysfsdev=%s", sysfsdev);
    }
    if (!device->id) {
        g_string_append_printf(text, ",id=%s", id);
    }
    g_string_append_printf(text, ",iommufd=%s,fd=%d", iommufd, fd);
    if (device->options) {
        g_string_append_printf(text, ",%s", device->options);
    }
    return g_strdup(text->str);
}

char **qemu_arguments(const Run *run)
{
    GPtrArray *args = g_ptr_array_new();
    guint iommufds = 0, hostdevs = 0;
    g_autofree char *iommufd = free_id(run, "iommufd", &iommufds);

    for (char **arg = run->qemu; *arg; arg++) {
        g_ptr_array_add(args, g_strdup(*arg));
    }
    g_ptr_array_add(args, g_strdup("-object"));
    g_ptr_array_add(args, g_strdup_printf("iommufd,id=%s,fd=%d", iommufd,
                                          FIRST_FD));
    for (guint i = 0; i < run->devices->len; i++) {
        g_autofree char *id = free_id(run, "hostdev", &hostdevs);

        g_ptr_array_add(args, g_strdup("-device"));
        g_ptr_array_add(args, device_option(run->devices->pdata[i],
                                            FIRST_FD + 1 + i, iommufd, id));
    }
    g_ptr_array_add(args, NULL);
    return (char **)g_ptr_array_free(args, false);
}

/* As bash and ksh take it; a terminal is not to obey it */
static char *quote_octal(const char *arg)
{
    GString *text = g_string_new("$'");

    for (; *arg; arg++) {
        if (g_ascii_isprint(*arg) && !strchr("'\\", *arg)) {
            g_string_append_c(text, *arg);
        } else {
            g_string_append_printf(text, "\\%03o", (unsigned char)*arg);
        }
    }
    g_string_append_c(text, '\'');
    return g_string_free(text, false);
}

/* Quotes only what has to be, so that people can read it */
static char *quote(const char *arg)
{
    size_t plain = strspn(arg, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS
                          "%+,-./:=@_");
    g_autofree char *safe = output_safe(arg);

    if (*arg && !arg[plain]) {
        return g_strdup(arg);
    }
    return g_str_equal(arg, safe) ? g_shell_quote(arg) : quote_octal(arg);
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
