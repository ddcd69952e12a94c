/*
 * Which VFIO driver a device is for
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <fnmatch.h>
#include "facts.h"

#define ALIAS "alias vfio_pci:"

/* One of many in the file: the pattern, and the name of the module */
static bool note_alias(const char *line, void *opaque)
{
    if (g_str_has_prefix(line, ALIAS)) {
        g_ptr_array_add(opaque, g_strchomp(g_strdup(line + strlen(ALIAS))));
    }
    return false;
}

static GPtrArray *vfio_aliases(IOMMUFDHost *host)
{
    static const char *const files[] = {
        "lib/modules/@/modules.alias",
        "usr/lib/modules/@/modules.alias",
    };

    if (!host->aliases) {
        host->aliases = g_ptr_array_new_with_free_func(g_free);
        for (size_t i = 0; !host->aliases->len && i < G_N_ELEMENTS(files);
             i++) {
            g_autofree char *file = host_kernel_file(host, files[i]);

            if (file) {
                dir_find(host->dir, file, note_alias, host->aliases, NULL);
            }
        }
    }
    return host->aliases;
}

static size_t count_stars(const char *text)
{
    size_t n = 0;

    for (; *text; text++) {
        n += *text == '*';
    }
    return n;
}

/* Of all that match, the alias with the fewest wildcards tells the most */
static char *module_of(const IOMMUFDHostDevice *device)
{
    g_autofree char *modalias = dir_attr(device_dir(device), "modalias");
    GPtrArray *aliases = vfio_aliases(device->host);
    size_t fewest = SIZE_MAX;
    char *module = NULL;

    if (!modalias || !g_str_has_prefix(modalias, "pci:")) {
        return NULL;
    }
    for (guint i = 0; i < aliases->len; i++) {
        g_auto(GStrv) words = g_strsplit(aliases->pdata[i], " ", 0);
        size_t stars = *words ? count_stars(words[0]) : SIZE_MAX;

        if (g_strv_length(words) == 2 && stars < fewest &&
            !strchr(words[1], '/') &&
            !fnmatch(words[0], modalias + strlen("pci:"), 0)) {
            fewest = stars;
            g_free(module);
            module = g_strescape(words[1], NULL);
        }
    }
    return module;
}

/* Most are called as their module is */
static char *driver_of(IOMMUFDHost *host, const char *module)
{
    g_autofree char *path = g_build_filename("sys/module", module, "drivers",
                                             NULL);
    g_autoptr(GPtrArray) names = dir_list(host->dir, path);

    for (guint i = 0; names && i < names->len; i++) {
        const char *name = names->pdata[i];

        if (g_str_has_prefix(name, "pci:")) {
            return g_strescape(name + strlen("pci:"), NULL);
        }
    }
    return g_strdup(g_str_equal(module, "vfio_pci") ? "vfio-pci" :
                    g_str_equal(module, "xe_vfio_pci") ? "xe-vfio-pci" :
                    module);
}

char *iommufd_device_vfio_driver(const IOMMUFDHostDevice *device,
                                 char **module)
{
    g_autofree char *name = module_of(device) ?: g_strdup("vfio_pci");
    char *driver = driver_of(device->host, name);

    if (module) {
        *module = g_steal_pointer(&name);
    }
    return driver;
}

void iommufd_device_plan(IOMMUFDHostDevice *device, const char *driver)
{
    g_free(device->planned);
    device->planned = g_strdup(driver);
}
