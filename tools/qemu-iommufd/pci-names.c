/*
 * What PCI devices are called
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "check.h"

/* hwdata's, and where Debian's pci.ids has it */
static const char *const files[] = {
    "usr/share/hwdata/pci.ids",
    "usr/share/misc/pci.ids",
};

#define ID_LEN 4

/**
 * struct Lookup - one pass over pci.ids
 * @names: from "10de" and "10de:2330" to what they are called, "" if not yet
 * @missing: how many names are
 * @key: the vendor whose devices follow, and room for one of them
 */
typedef struct Lookup {
    GHashTable *names;
    guint missing;
    char key[2 * ID_LEN + 2];
} Lookup;

static bool has_id(const char *line)
{
    return strspn(line, "0123456789abcdef") == ID_LEN &&
           line[ID_LEN] == ' ';
}

static void take_name(Lookup *lookup, const char *line)
{
    const char *known = g_hash_table_lookup(lookup->names, lookup->key);

    if (known && !*known) {
        g_hash_table_insert(lookup->names, g_strdup(lookup->key),
                            g_strstrip(g_strdup(line + ID_LEN)));
        lookup->missing--;
    }
}

/* "10de  VENDOR", "<tab>2330  DEVICE", and with two tabs variants of that */
static bool match_line(const char *line, void *opaque)
{
    Lookup *lookup = opaque;

    if (has_id(line)) {
        g_strlcpy(lookup->key, line, ID_LEN + 1);
        take_name(lookup, line);
    } else if (*line == '\t' && has_id(line + 1) && *lookup->key) {
        lookup->key[ID_LEN] = ':';
        g_strlcpy(lookup->key + ID_LEN + 1, line + 1, ID_LEN + 1);
        take_name(lookup, line + 1);
    } else if (g_ascii_isalpha(*line)) {
        /* the classes are at the end */
        *lookup->key = '\0';
    }
    return !lookup->missing;
}

static char *name_of(const Lookup *lookup, const char *key)
{
    const char *name = g_hash_table_lookup(lookup->names, key);

    return name && *name ? g_strdup(name) : NULL;
}

void pci_names_read(IOMMUFDHost *host, const GPtrArray *devices)
{
    g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash,
                                                        g_str_equal, g_free,
                                                        g_free);
    Lookup lookup = { .names = names };

    for (guint i = 0; i < devices->len; i++) {
        CheckDevice *device = devices->pdata[i];

        if (device->facts->pci_vendor) {
            device->pci_id = g_strdup_printf("%04x:%04x",
                                             device->facts->pci_vendor,
                                             device->facts->pci_device);
            g_hash_table_insert(names, g_strndup(device->pci_id, ID_LEN),
                                g_strdup(""));
            g_hash_table_insert(names, g_strdup(device->pci_id),
                                g_strdup(""));
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        *lookup.key = '\0';
        lookup.missing = g_hash_table_size(names);
        if (!lookup.missing ||
            iommufd_host_find(host, files[i], match_line, &lookup)) {
            break;
        }
    }
    for (guint i = 0; i < devices->len; i++) {
        CheckDevice *device = devices->pdata[i];

        if (device->pci_id) {
            g_autofree char *vendor = g_strndup(device->pci_id, ID_LEN);

            device->vendor = name_of(&lookup, vendor);
            device->product = name_of(&lookup, device->pci_id);
        }
    }
}

/* "Advanced Micro Devices, Inc. [AMD]": what people say is in brackets */
static char *in_brackets(const char *name)
{
    const char *open = strrchr(name, '[');

    return open && g_str_has_suffix(open, "]") && strlen(open) > 2 ?
           g_strndup(open + 1, strlen(open) - 2) : NULL;
}

/* Without the kind of company it is */
static char *short_vendor(const char *vendor)
{
    static const char *const kinds[] = {
        ",", " Corp", " Inc", " Co.", " Co ", " Ltd", " LLC",
    };
    char *name = in_brackets(vendor);

    if (!name) {
        name = g_strdup(vendor);
        for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
            char *kind = strstr(name, kinds[i]);

            if (kind && kind != name) {
                *kind = '\0';
            }
        }
    }
    return name;
}

char *pci_name_short(const CheckDevice *device)
{
    g_autofree char *vendor = NULL;
    g_autofree char *product = NULL;
    g_autofree char *id = NULL;
    const char *words[4] = { };
    int n = 0;

    if (!device->pci_id) {
        return NULL;
    }
    if (device->vendor) {
        words[n++] = vendor = short_vendor(device->vendor);
    }
    if (device->product) {
        words[n++] = product = in_brackets(device->product) ?:
                               g_strdup(device->product);
    }
    words[n++] = id = g_strdup_printf("[%s]", device->pci_id);
    return g_strjoinv(" ", (char **)words);
}

char *pci_name_full(const CheckDevice *device)
{
    return !device->vendor ? NULL : !device->product ?
           g_strdup(device->vendor) :
           g_strconcat(device->vendor, " ", device->product, NULL);
}
