/*
 * Facts about a host
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/sysmacros.h>
#include <sys/resource.h>
#include "facts.h"

#define KIB 1024
#define CAP_DAC_OVERRIDE_BIT 1

static void host_device_free(void *opaque)
{
    IOMMUFDHostDevice *device = opaque;

    g_free(device->path);
    g_free(device->real);
    g_free(device->name);
    g_free(device->bus);
    g_free(device->api);
    g_free(device->driver);
    g_free(device->override);
    g_free(device->vfio);
    g_free(device->group);
    g_free(device->planned);
    g_free(device);
}

IOMMUFDHost *iommufd_host_new(const char *root)
{
    IOMMUFDHost *host = g_new0(IOMMUFDHost, 1);

    host->root = g_strdup(root);
    host->dir = (Dir) { host->root, "/" };
    host->devices = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                          host_device_free);
    host->groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                         (GDestroyNotify)g_ptr_array_unref);
    return host;
}

void iommufd_host_free(IOMMUFDHost *host)
{
    if (host) {
        g_hash_table_unref(host->groups);
        g_hash_table_unref(host->devices);
        g_clear_pointer(&host->options, g_hash_table_unref);
        g_clear_pointer(&host->holders, g_hash_table_unref);
        g_clear_pointer(&host->aliases, g_ptr_array_unref);
        host_uses_free(host->uses);
        g_strfreev(host->cmdline);
        g_free(host->release);
        g_free(host->locked);
        g_free(host->root);
        g_free(host);
    }
}

bool iommufd_host_find(IOMMUFDHost *host, const char *path,
                       IOMMUFDLineMatch *match, void *opaque)
{
    return dir_find(host->dir, path, match, opaque, NULL);
}

bool host_has_sysfs(IOMMUFDHost *host)
{
    g_autofree char *bus = dir_full(host->dir, "sys/bus");

    return !access(bus, F_OK) || errno != ENOENT;
}

/*
 * The kernel
 */

const char *host_release(IOMMUFDHost *host)
{
    if (!host->release) {
        host->release = dir_attr(host->dir, "proc/sys/kernel/osrelease") ?:
                        g_strdup("");
    }
    return *host->release ? host->release : NULL;
}

bool host_kernel_before(IOMMUFDHost *host, unsigned int major,
                        unsigned int minor)
{
    const char *release = host_release(host);
    unsigned int have_major, have_minor;

    return release &&
           sscanf(release, "%u.%u", &have_major, &have_minor) == 2 &&
           (have_major < major ||
            (have_major == major && have_minor < minor));
}

static const char *const kernel_configs[] = {
    "boot/config-@",
    "usr/lib/modules/@/config",
    "lib/modules/@/config",
    "usr/lib/modules/@/build/.config",
};

char *filled(const char *format, const char *value)
{
    g_auto(GStrv) parts = g_strsplit(format, "@", 2);

    return g_strjoinv(value, parts);
}

char *host_kernel_file(IOMMUFDHost *host, const char *format)
{
    const char *release = host_release(host);

    return release && !strchr(release, '/') ? filled(format, release) : NULL;
}

/* Goes on to the end */
static bool note_option(const char *line, void *opaque)
{
    const char *value = strchr(line, '=');

    if (value && g_str_has_prefix(line, "CONFIG_") &&
        (strstr(line, "VFIO") || strstr(line, "IOMMUFD"))) {
        g_hash_table_insert(opaque, g_strndup(line, value - line),
                            GINT_TO_POINTER(value[1]));
    }
    return false;
}

char host_option(IOMMUFDHost *host, const char *option)
{
    if (!host->options) {
        host->options = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                              NULL);
        host->options_known = dir_find(host->dir, "proc/config.gz",
                                       note_option, host->options, NULL);
        for (size_t i = 0; !host->options_known &&
                           i < G_N_ELEMENTS(kernel_configs); i++) {
            g_autofree char *file = host_kernel_file(host, kernel_configs[i]);

            host->options_known = file && dir_find(host->dir, file,
                                                   note_option, host->options,
                                                   NULL);
        }
    }
    return !host->options_known ? 0 :
           GPOINTER_TO_INT(g_hash_table_lookup(host->options, option)) ?: 'n';
}

bool host_ships_module(IOMMUFDHost *host, const char *module)
{
    static const char *const files[] = {
        "usr/lib/modules/@/modules.dep",
        "lib/modules/@/modules.dep",
    };
    g_autofree char *name = g_strdup_printf("/%s.ko", module);

    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *file = host_kernel_file(host, files[i]);
        g_autofree char *line = NULL;

        if (file && dir_find_line(host->dir, file, name, &line) && line) {
            return true;
        }
    }
    return false;
}

const char *host_started_with(IOMMUFDHost *host, const char *key,
                              const char *value)
{
    const char *found = NULL;

    if (!host->cmdline) {
        g_autofree char *line = dir_text(host->dir, "proc/cmdline");

        host->cmdline = g_strsplit_set(line ?: "", "\n ", -1);
    }
    for (char **word = host->cmdline; *word; word++) {
        const char *values = strchr(*word, '=');
        g_auto(GStrv) list = NULL;

        if (!values || strncmp(*word, key, values - *word) ||
            key[values - *word]) {
            continue;
        }
        list = g_strsplit(values + 1, ",", -1);
        for (char **one = list; *one; one++) {
            /* The last of those that exclude each other counts */
            found = g_str_equal(*one, value) ? *word :
                    g_str_equal(*one, "on") || g_str_equal(*one, "off") ? NULL :
                    found;
        }
    }
    return found;
}

/* Firmware says whose it is, and processors of x86 say so of themselves */
bool host_is_vm(IOMMUFDHost *host)
{
    static const char *const vendors[] = {
        "QEMU", "KVM", "Red Hat", "VMware, Inc.", "innotek GmbH", "Xen",
        "OpenStack Foundation", NULL,
    };
    g_autofree char *vendor = dir_attr(host->dir,
                                       "sys/class/dmi/id/sys_vendor");
    g_autofree char *product = dir_attr(host->dir,
                                        "sys/class/dmi/id/product_name");
    g_autofree char *board =
        dir_attr(host->dir, "sys/firmware/devicetree/base/compatible");
    g_autofree char *flags = NULL;

    if ((vendor && g_strv_contains(vendors, vendor)) ||
        !g_strcmp0(product, "Virtual Machine") ||
        !g_strcmp0(board, "linux,dummy-virt")) {
        return true;
    }
    dir_find_line(host->dir, "proc/cpuinfo", " hypervisor", &flags);
    /* Where Xen runs, so does its host */
    return flags && dir_seen(host->dir, "proc/xen/capabilities") !=
           IOMMUFD_SEEN_YES;
}

static IOMMUFDSeen read_iommufd(IOMMUFDHost *host)
{
    g_autofree char *line = NULL;
    unsigned int min;

    if (dir_devt(host->dir, "sys/class/misc/iommu/dev",
                 &host->iommufd_devt)) {
        return IOMMUFD_SEEN_YES;
    }
    if (dir_find_line(host->dir, "proc/misc", " iommu\n", &line)) {
        if (line && sscanf(line, "%u", &min) == 1) {
            host->iommufd_devt = makedev(10, min);
            return IOMMUFD_SEEN_YES;
        }
        return IOMMUFD_SEEN_NO;
    }
    return dir_seen(host->dir, "sys/class/misc") == IOMMUFD_SEEN_YES ?
           dir_seen(host->dir, "sys/class/misc/iommu/dev") :
           IOMMUFD_SEEN_UNKNOWN;
}

IOMMUFDSeen host_iommufd(IOMMUFDHost *host, dev_t *devt)
{
    if (!host->iommufd_read) {
        host->iommufd = read_iommufd(host);
        host->iommufd_read = true;
    }
    *devt = host->iommufd_devt;
    return host->iommufd;
}

/*
 * Interrupts
 */

/*
 * x86 has an IO-APIC, whose name starts with IR- if it remaps.  Arm has an
 * ITS, which tells devices apart, or a GICv2m, which does not.
 */
typedef struct Controllers {
    bool remaps;
    bool io_apic;
    bool its;
    bool gic;
    bool gicv2m;
} Controllers;

/* Goes on to the end */
static bool note_controller(const char *line, void *opaque)
{
    Controllers *seen = opaque;

    seen->remaps |= !!strstr(line, " IR-");
    seen->io_apic |= !!strstr(line, "IO-APIC");
    seen->its |= !!strstr(line, " ITS-");
    /* before Linux 6.11 the latter is just called MSI */
    seen->gic |= !!strstr(line, " GICv");
    seen->gicv2m |= strstr(line, " GICv2m") || strstr(line, " MSI ");
    return false;
}

const IOMMUFDInterrupts *iommufd_host_interrupts(IOMMUFDHost *host)
{
    IOMMUFDInterrupts *interrupts = &host->interrupts;

    if (!host->interrupts_read) {
        const char *path =
            "sys/module/iommufd/parameters/allow_unsafe_interrupts";
        g_autofree char *parameter = dir_attr(host->dir, path);
        Controllers seen = { };

        host->interrupts_read = true;
        interrupts->parameter = parameter ? IOMMUFD_SEEN_YES :
                                dir_seen(host->dir, path) == IOMMUFD_SEEN_NO ?
                                IOMMUFD_SEEN_NO : IOMMUFD_SEEN_UNKNOWN;
        interrupts->allow_unsafe = !g_strcmp0(parameter, "Y");
        dir_find(host->dir, "proc/interrupts", note_controller, &seen, NULL);
        /* With both it depends on the device */
        seen.gicv2m &= seen.gic;
        interrupts->isolated = seen.remaps || (seen.its && !seen.gicv2m);
        host->has_its = seen.its;
        interrupts->known = seen.io_apic || interrupts->isolated;
        interrupts->gicv2m = seen.gicv2m && !seen.its && !interrupts->known;
    }
    return interrupts;
}

/*
 * Memory
 */

uint64_t status_number(const char *status, const char *key, int base,
                       uint64_t unknown)
{
    const char *found = status ? strstr(status, key) : NULL;

    while (found && found != status && found[-1] != '\n') {
        found = strstr(found + 1, key);
    }
    return found ? g_ascii_strtoull(found + strlen(key), NULL, base) : unknown;
}

/* The text that /proc has, where a security module hides that */
static char *own_limit(void)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_MEMLOCK, &limit) ||
           limit.rlim_cur == RLIM_INFINITY ? NULL :
           g_strdup_printf("%" PRIu64, (uint64_t)limit.rlim_cur);
}

const Locked *host_locked(IOMMUFDHost *host)
{
    g_autofree char *limit = NULL;
    g_autofree char *uid_map = NULL;
    g_autofree char *status = NULL;
    unsigned int inside = 0, outside = 0, count = UINT_MAX;
    uint64_t caps;
    bool initial;

    if (host->locked) {
        return host->locked;
    }
    limit = dir_value(host->dir, "proc/self/limits", "Max locked memory");
    if (!limit && g_str_equal(host->root, "/")) {
        limit = own_limit();
    }
    status = dir_text(host->dir, "proc/self/status");
    caps = status_number(status, "CapEff:", 16, UINT64_MAX);
    uid_map = dir_attr(host->dir, "proc/self/uid_map");
    if (uid_map) {
        sscanf(uid_map, "%u %u %u", &inside, &outside, &count);
    }
    initial = !inside && !outside && count == UINT_MAX;
    if (caps == UINT64_MAX && geteuid()) {
        caps = 0;
    }
    host->locked = g_new0(Locked, 1);
    *host->locked = (Locked) {
        .limit = limit && g_ascii_isdigit(*limit) ?
                 g_ascii_strtoull(limit, NULL, 10) : UINT64_MAX,
        .has_ipc_lock = caps & (1ULL << CAP_IPC_LOCK_BIT),
        .initial_userns = initial,
        .overrides_modes = initial && (caps & (1ULL << CAP_DAC_OVERRIDE_BIT)),
        .uid = status_number(status, "Uid:", 10, UINT64_MAX),
        .pinned = status_number(status, "VmPin:", 10, 0) * KIB,
        .locked = status_number(status, "VmLck:", 10, 0) * KIB,
    };
    return host->locked;
}

void iommufd_host_assume_guest(IOMMUFDHost *host, uid_t uid, uint64_t memory)
{
    host->has_guest = true;
    host->guest_uid = uid;
    host->guest_memory = memory;
}

Cgroup host_cgroup(IOMMUFDHost *host)
{
    g_autofree char *group = dir_value(host->dir, "proc/self/cgroup", "0::");
    g_autofree char *path = NULL;
    char *cache[2];
    uint64_t used = 0;
    Cgroup cgroup = { };
    Dir dir;

    if (!group || strstr(group, "..")) {
        return cgroup;
    }
    path = g_build_filename("sys/fs/cgroup", group, NULL);
    dir = (Dir) { host->root, path };
    cgroup.known = dir_number(dir, "memory.max", &cgroup.limit);
    cgroup.left = UINT64_MAX;
    cache[0] = dir_value(dir, "memory.stat", "inactive_file");
    cache[1] = dir_value(dir, "memory.stat", "active_file");
    if (cgroup.known && dir_number(dir, "memory.current", &used) &&
        cache[0] && cache[1]) {
        /* What the kernel can give back at once is not in the way */
        used -= MIN(used, g_ascii_strtoull(cache[0], NULL, 10) +
                          g_ascii_strtoull(cache[1], NULL, 10));
        cgroup.left = cgroup.limit > used ? cgroup.limit - used : 0;
    }
    g_free(cache[0]);
    g_free(cache[1]);
    return cgroup;
}

bool host_available(IOMMUFDHost *host, uint64_t *bytes)
{
    g_autofree char *text = dir_value(host->dir, "proc/meminfo",
                                      "MemAvailable:");

    *bytes = text ? g_ascii_strtoull(text, NULL, 10) * KIB : 0;
    return text;
}

/*
 * What is hidden
 */

GPtrArray *iommufd_host_unseen(IOMMUFDHost *host)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *fds = dir_full(host->dir, "proc/1/fd");

    if (access(fds, R_OK | X_OK) && errno == EACCES) {
        g_ptr_array_add(lines, g_strdup("which files the processes of other "
                                        "users have open, so not all that "
                                        "use a device or group"));
    }
    if (host_option(host, "CONFIG_IOMMUFD")) {
        return lines;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(kernel_configs); i++) {
        g_autofree char *file = host_kernel_file(host, kernel_configs[i]);
        g_autofree char *full = dir_full(host->dir, file ?: "");

        if (file && access(full, R_OK) && errno == EACCES) {
            g_ptr_array_add(lines, g_strdup_printf("the configuration of the "
                                                   "kernel, /%s", file));
            break;
        }
    }
    return lines;
}
