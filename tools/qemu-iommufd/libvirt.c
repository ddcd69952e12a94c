/*
 * A domain of libvirt, as far as its host devices go
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "libvirt.h"

/* Much more than any domain has: bytes, and those of a path in it */
#define XML_MAX      (4 * 1024 * 1024)
#define PATH_LEN_MAX 1024

/*
 * Reading
 */

/**
 * struct Reader - where in a domain the parser is
 * @domain: what was read
 * @path: the elements that are open, such as "/domain/devices/emulator"
 * @unit: of the memory whose text follows
 * @all_iommufd: the domain has all its devices assigned through iommufd
 * @hostdev: the device that is open, NULL if it is none of those
 * @mediated: it is a mediated device
 */
typedef struct Reader {
    Domain *domain;
    GString *path;
    char *unit;
    bool all_iommufd;
    Hostdev *hostdev;
    bool mediated;
} Reader;

static void hostdev_free(void *opaque)
{
    Hostdev *hostdev = opaque;

    if (hostdev) {
        g_free(hostdev->name);
        g_free(hostdev->driver);
        g_free(hostdev);
    }
}

static const char *attribute(const char **names, const char **values,
                             const char *name)
{
    for (; *names; names++, values++) {
        if (g_str_equal(*names, name)) {
            return *values;
        }
    }
    return NULL;
}

static bool is_yes(const char **names, const char **values, const char *name)
{
    return !g_strcmp0(attribute(names, values, name), "yes");
}

static bool path_is(const Reader *reader, const char *path)
{
    return g_str_equal(reader->path->str, path);
}

/* <hostdev type='pci'>, <hostdev type='mdev'>, <interface type='hostdev'> */
static void open_hostdev(Reader *reader, const char **names,
                         const char **values, const char *pci)
{
    const char *type = attribute(names, values, "type");

    reader->mediated = !g_strcmp0(type, "mdev");
    if (reader->mediated || !g_strcmp0(type, pci)) {
        reader->hostdev = g_new0(Hostdev, 1);
        reader->hostdev->managed = !reader->mediated &&
                                   is_yes(names, values, "managed");
    }
}

static void read_driver(Hostdev *hostdev, const char **names,
                        const char **values)
{
    g_free(hostdev->driver);
    hostdev->driver = g_strdup(attribute(names, values, "model"));
    hostdev->has_iommufd = attribute(names, values, "iommufd");
    hostdev->iommufd = is_yes(names, values, "iommufd");
}

static unsigned int number_of(const char **names, const char **values,
                              const char *name)
{
    return g_ascii_strtoull(attribute(names, values, name) ?: "0", NULL, 0);
}

static void read_source(Reader *reader, const char **names,
                        const char **values)
{
    Hostdev *hostdev = reader->hostdev;

    g_free(hostdev->name);
    hostdev->name = reader->mediated ?
        g_strdup(attribute(names, values, "uuid")) :
        g_strdup_printf("%04x:%02x:%02x.%x",
                        number_of(names, values, "domain"),
                        number_of(names, values, "bus"),
                        number_of(names, values, "slot"),
                        number_of(names, values, "function"));
}

static void start_element(GMarkupParseContext *context, const char *element,
                          const char **names, const char **values,
                          gpointer opaque, GError **error)
{
    Reader *reader = opaque;
    GString *path = reader->path;

    g_string_append_printf(path, "/%s", element);
    if (path->len > PATH_LEN_MAX) {
        g_set_error(error, G_MARKUP_ERROR, G_MARKUP_ERROR_INVALID_CONTENT,
                    "too many elements in each other");
    } else if (path_is(reader, "/domain/memory") ||
               path_is(reader, "/domain/memtune/hard_limit")) {
        g_free(reader->unit);
        reader->unit = g_strdup(attribute(names, values, "unit"));
    } else if (path_is(reader, "/domain/iommufd")) {
        reader->all_iommufd = is_yes(names, values, "enabled");
    } else if (path_is(reader, "/domain/devices/hostdev")) {
        open_hostdev(reader, names, values, "pci");
    } else if (path_is(reader, "/domain/devices/interface")) {
        open_hostdev(reader, names, values, "hostdev");
    } else if (reader->hostdev && g_str_has_suffix(path->str, "/driver")) {
        read_driver(reader->hostdev, names, values);
    } else if (reader->hostdev &&
               g_str_has_suffix(path->str, "/source/address")) {
        read_source(reader, names, values);
    }
}

static void end_element(GMarkupParseContext *context, const char *element,
                        gpointer opaque, GError **error)
{
    Reader *reader = opaque;

    if (reader->hostdev && (path_is(reader, "/domain/devices/hostdev") ||
                            path_is(reader, "/domain/devices/interface"))) {
        if (reader->hostdev->name) {
            g_ptr_array_add(reader->domain->hostdevs, reader->hostdev);
        } else {
            hostdev_free(reader->hostdev);
        }
        reader->hostdev = NULL;
    }
    g_string_truncate(reader->path, reader->path->len - strlen(element) - 1);
}

/* Bytes, 0 if it is no amount of memory that libvirt knows */
static uint64_t scaled(const char *text, const char *unit)
{
    static const struct {
        const char *name;
        uint64_t bytes;
    } units[] = {
        { "b", 1 }, { "bytes", 1 },
        { "KB", 1000 }, { "k", 1ULL << 10 }, { "KiB", 1ULL << 10 },
        { "MB", 1000000 }, { "M", 1ULL << 20 }, { "MiB", 1ULL << 20 },
        { "GB", 1000000000 }, { "G", 1ULL << 30 }, { "GiB", 1ULL << 30 },
        { "TB", 1000000000000 }, { "T", 1ULL << 40 }, { "TiB", 1ULL << 40 },
    };
    uint64_t number = g_ascii_strtoull(text, NULL, 10);

    for (size_t i = 0; i < G_N_ELEMENTS(units); i++) {
        if (!g_ascii_strcasecmp(unit ?: "KiB", units[i].name)) {
            return number > UINT64_MAX / units[i].bytes ? 0 :
                   number * units[i].bytes;
        }
    }
    return 0;
}

static void read_text(GMarkupParseContext *context, const char *text,
                      gsize len, gpointer opaque, GError **error)
{
    Reader *reader = opaque;
    Domain *domain = reader->domain;

    if (path_is(reader, "/domain/name")) {
        g_free(domain->name);
        domain->name = g_strdup(text);
    } else if (path_is(reader, "/domain/devices/emulator")) {
        g_free(domain->emulator);
        domain->emulator = g_strstrip(g_strdup(text));
    } else if (path_is(reader, "/domain/memory")) {
        domain->memory = scaled(text, reader->unit);
    } else if (path_is(reader, "/domain/memtune/hard_limit")) {
        domain->hard_limit = scaled(text, reader->unit);
    }
}

static const GMarkupParser parser = {
    .start_element = start_element,
    .end_element = end_element,
    .text = read_text,
};

/* What virsh dumpxml writes into a pipe */
static char *read_stdin(gsize *len, GError **error)
{
    g_autofree char *text = g_malloc(XML_MAX);
    ssize_t n;

    *len = 0;
    do {
        n = read(STDIN_FILENO, text + *len, XML_MAX - *len);
        *len += MAX(n, 0);
    } while (n > 0 || (n < 0 && errno == EINTR));
    if (n < 0 || *len == XML_MAX) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                    "standard input: %s", n < 0 ? g_strerror(errno) :
                    "it is too long for a domain");
        return NULL;
    }
    return g_steal_pointer(&text);
}

static char *read_file(const char *file, gsize *len, GError **error)
{
    struct stat st;
    char *text = NULL;

    if (g_str_equal(file, "-")) {
        return read_stdin(len, error);
    }
    /* No pipe, on which this would wait */
    if (!stat(file, &st) && (!S_ISREG(st.st_mode) || st.st_size > XML_MAX)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "'%s' is not the file of a domain", file);
        return NULL;
    }
    g_file_get_contents(file, &text, len, error);
    return text;
}

Domain *domain_read(const char *file, char **complaint)
{
    g_autoptr(GError) error = NULL;
    gsize len = 0;
    g_autofree char *text = read_file(file, &len, &error);
    g_autoptr(GString) path = g_string_new(NULL);
    Domain *domain = g_new0(Domain, 1);
    Reader reader = { .domain = domain, .path = path };
    GMarkupParseContext *context;

    domain->hostdevs = g_ptr_array_new_with_free_func(hostdev_free);
    context = g_markup_parse_context_new(&parser, 0, &reader, NULL);
    if (text && g_markup_parse_context_parse(context, text, len, &error)) {
        g_markup_parse_context_end_parse(context, &error);
    }
    g_markup_parse_context_free(context);
    hostdev_free(reader.hostdev);
    g_free(reader.unit);

    if (error) {
        *complaint = g_strdup_printf("--libvirt: %s", error->message);
    } else if (!domain->name) {
        *complaint = g_strdup_printf("--libvirt: '%s' is not a domain of "
                                     "libvirt", g_str_equal(file, "-") ?
                                     "standard input" : file);
    }
    if (*complaint) {
        domain_free(domain);
        return NULL;
    }
    for (guint i = 0; i < domain->hostdevs->len; i++) {
        Hostdev *hostdev = domain->hostdevs->pdata[i];

        if (!hostdev->has_iommufd) {
            hostdev->iommufd = reader.all_iommufd;
        }
    }
    return domain;
}

void domain_free(Domain *domain)
{
    if (domain) {
        g_free(domain->name);
        g_free(domain->emulator);
        g_ptr_array_unref(domain->hostdevs);
        g_free(domain);
    }
}

/*
 * Checking
 */

/* Takes the text over, or does nothing without one */
static void add_result(GPtrArray *results, const char *check,
                       IOMMUFDVerdict verdict, char *text)
{
    if (text) {
        iommufd_results_add(results, check, verdict, text, NULL);
    }
}

/* Those that libvirt gives to QEMU the old way */
static char *legacy_hostdevs(const Domain *domain)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autofree char *joined = NULL;

    for (guint i = 0; i < domain->hostdevs->len; i++) {
        const Hostdev *hostdev = domain->hostdevs->pdata[i];

        if (!hostdev->iommufd) {
            g_ptr_array_add(names, hostdev->name);
        }
    }
    if (!domain->hostdevs->len) {
        return g_strdup("the domain names no device of the host by its "
                        "address; those from a network's pool are chosen when "
                        "it starts");
    }
    if (!names->len) {
        return NULL;
    }
    g_ptr_array_add(names, NULL);
    joined = g_strjoinv(", ", (char **)names->pdata);
    return g_strdup_printf("assigned through the legacy container, as "
                           "neither <driver iommufd='yes'/> nor <iommufd "
                           "enabled='yes'/> is set: %s", joined);
}

static bool is_on(const char *line, void *opaque)
{
    *(bool *)opaque = *line == 'Y';
    return true;
}

/* What the profiles of libvirt do not name */
static char *confined_emulator(const Domain *domain, IOMMUFDHost *host)
{
    const char *emulator = domain->emulator;
    bool enabled = false;

    iommufd_host_find(host, "sys/module/apparmor/parameters/enabled", is_on,
                      &enabled);
    if (!emulator || !enabled ||
        g_str_has_prefix(emulator, "/usr/bin/") ||
        g_str_has_prefix(emulator, "/usr/libexec/")) {
        return NULL;
    }
    return g_strdup_printf("AppArmor is on, and libvirt's profiles probably "
                           "deny %s: they allow /usr/bin/qemu-system-* and "
                           "/usr/libexec/qemu-kvm, and what is added in "
                           "/etc/apparmor.d/local", emulator);
}

static char *low_limit(const Domain *domain)
{
    g_autofree char *limit = g_format_size_full(domain->hard_limit,
                                                G_FORMAT_SIZE_IEC_UNITS);
    g_autofree char *memory = g_format_size_full(domain->memory,
                                                 G_FORMAT_SIZE_IEC_UNITS);

    return domain->hard_limit && domain->hard_limit < domain->memory &&
           domain->hostdevs->len ?
           g_strdup_printf("the hard_limit of <memtune>, %s, is less than the "
                           "guest's memory, %s, all of which is locked for "
                           "DMA", limit, memory) : NULL;
}

GPtrArray *domain_check(const Domain *domain, IOMMUFDHost *host)
{
    GPtrArray *results = iommufd_results_new();

    if (domain) {
        add_result(results, "hostdevs", IOMMUFD_VERDICT_WARN,
                   legacy_hostdevs(domain));
        add_result(results, "emulator", IOMMUFD_VERDICT_WARN,
                   confined_emulator(domain, host));
        add_result(results, "memory-limit", IOMMUFD_VERDICT_FAIL,
                   low_limit(domain));
    }
    return results;
}
