/*
 * Reading a host below a root directory
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/sysmacros.h>
#include <zlib.h>
#include "internal.h"

/* sysfs attributes fit a page; configurations and module lists are longer */
#define ATTR_MAX    4096
#define SHOWN_MAX   256
#define TEXT_MAX    (8 * 1024 * 1024)
/* More than any directory that is looked at has on a sane host */
#define NAMES_MAX   16384
/* How long the search through all processes may take */
#define SEARCH_MAX  G_USEC_PER_SEC

/* Anything but a regular file (a FIFO, a device) could block or lie */
static int open_regular(const char *root, const char *path)
{
    g_autofree char *full = g_build_filename(root, path, NULL);
    int fd = open(full, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;

    if (fd < 0) {
        return -1;
    }
    if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        close(fd);
        errno = EINVAL;
        return -1;
    }
    return fd;
}

char *host_text(const char *root, const char *path)
{
    g_autofree char *text = g_malloc0(ATTR_MAX + 1);
    int fd = open_regular(root, path);
    ssize_t len;
    int err;

    if (fd < 0) {
        return NULL;
    }
    len = read(fd, text, ATTR_MAX);
    err = errno;
    close(fd);
    if (len < 0) {
        errno = err;
        return NULL;
    }
    return g_steal_pointer(&text);
}

char *host_attr(const char *root, const char *path)
{
    g_autofree char *text = host_text(root, path);

    if (!text) {
        return NULL;
    }
    text[strcspn(text, "\n")] = '\0';
    if (strlen(text) > SHOWN_MAX) {
        text[SHOWN_MAX] = '\0';
    }
    return g_strescape(g_strchomp(text), "\"\\");
}

char *host_attr_of(const char *root, const char *path, const char *name)
{
    g_autofree char *full = g_build_filename(path, name, NULL);

    return host_attr(root, full);
}

bool host_number_of(const char *root, const char *path, const char *name,
                    uint64_t *number)
{
    g_autofree char *text = host_attr_of(root, path, name);
    char *end;

    if (!text) {
        return false;
    }
    errno = 0;
    *number = g_ascii_strtoull(text, &end, 0);
    return !errno && end != text && !*end;
}

bool host_devt(const char *root, const char *path, dev_t *devt)
{
    g_autofree char *text = host_text(root, path);
    unsigned int maj, min;

    if (!text || sscanf(text, "%u:%u", &maj, &min) != 2) {
        return false;
    }
    *devt = makedev(maj, min);
    return true;
}

char *host_link_of(const char *root, const char *path, const char *name)
{
    g_autofree char *full = g_build_filename(root, path, name, NULL);
    g_autofree char *target = g_file_read_link(full, NULL);
    g_autofree char *last = target ? g_path_get_basename(target) : NULL;

    return last ? g_strescape(last, NULL) : NULL;
}

char *host_resolve(const char *root, const char *path)
{
    g_autofree char *full = g_build_filename(root, path, NULL);
    char *real_root = realpath(root, NULL);
    char *real = realpath(full, NULL);
    char *below = NULL;

    if (real_root && real && g_str_has_prefix(real, real_root)) {
        size_t len = strlen(real_root);

        /* only "/" ends in a slash */
        len -= real_root[len - 1] == '/';
        if (real[len] == '/') {
            below = g_strdup(real + len);
        }
    }
    free(real_root);
    free(real);
    return below;
}

bool host_exists(const char *root, const char *path)
{
    g_autofree char *full = g_build_filename(root, path, NULL);

    return access(full, F_OK) == 0;
}

bool host_has(const char *root, const char *path, const char *name)
{
    g_autofree char *full = g_build_filename(path, name, NULL);

    return host_exists(root, full);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

GPtrArray *host_list(const char *root, const char *path)
{
    g_autofree char *full = g_build_filename(root, path, NULL);
    struct dirent *entry;
    GPtrArray *names;
    DIR *dir = opendir(full);

    if (!dir) {
        return NULL;
    }
    names = g_ptr_array_new_with_free_func(g_free);
    while (names->len < NAMES_MAX && (entry = readdir(dir))) {
        if (!g_str_equal(entry->d_name, ".") &&
            !g_str_equal(entry->d_name, "..")) {
            g_ptr_array_add(names, g_strdup(entry->d_name));
        }
    }
    closedir(dir);
    g_ptr_array_sort(names, compare_names);
    return names;
}

bool host_find(const char *root, const char *path, HostMatch *match,
               void *opaque, char **line)
{
    int fd = open_regular(root, path);
    gzFile gz = fd < 0 ? NULL : gzdopen(fd, "r");
    g_autofree char *buf = g_malloc(ATTR_MAX);
    size_t seen = 0;

    *line = NULL;
    if (!gz) {
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    while (seen < TEXT_MAX && gzgets(gz, buf, ATTR_MAX)) {
        seen += strlen(buf) + 1;
        if (match(buf, opaque)) {
            *line = g_strdup(g_strchomp(buf));
            break;
        }
    }
    gzclose(gz);
    return seen > 0;
}

static bool line_has(const char *line, void *needle)
{
    return strstr(line, needle);
}

bool host_find_line(const char *root, const char *path, const char *needle,
                    char **line)
{
    return host_find(root, path, line_has, (void *)needle, line);
}

static bool line_begins(const char *line, void *key)
{
    return g_str_has_prefix(line, key);
}

char *host_value(const char *root, const char *path, const char *key)
{
    g_autofree char *line = NULL;
    const char *value;

    host_find(root, path, line_begins, (void *)key, &line);
    if (!line) {
        return NULL;
    }
    value = line + strlen(key);
    return g_strdup(value + strspn(value, ": \t"));
}

char *host_kernel_release(const char *root)
{
    return host_attr(root, "proc/sys/kernel/osrelease");
}

bool host_kernel_before(const char *root, unsigned int major,
                        unsigned int minor)
{
    g_autofree char *release = host_kernel_release(root);
    unsigned int have_major, have_minor;

    return release &&
           sscanf(release, "%u.%u", &have_major, &have_minor) == 2 &&
           (have_major < major ||
            (have_major == major && have_minor < minor));
}

/* Releases are put into paths */
static char *kernel_file(const char *root, const char *format)
{
    g_autofree char *release = host_kernel_release(root);
    g_auto(GStrv) parts = NULL;

    if (!release || !*release || strchr(release, '/')) {
        return NULL;
    }
    parts = g_strsplit(format, "@", 2);
    return g_strconcat(parts[0], release, parts[1], NULL);
}

static const char *const kernel_configs[] = {
    "boot/config-@",
    "usr/lib/modules/@/config",
    "lib/modules/@/config",
    "usr/lib/modules/@/build/.config",
};

char host_kernel_option(const char *root, const char *option)
{
    g_autofree char *assignment = g_strdup_printf("%s=", option);
    bool found = false;
    g_autofree char *line = NULL;

    found = host_find_line(root, "proc/config.gz", assignment, &line);
    for (size_t i = 0; !found && i < G_N_ELEMENTS(kernel_configs); i++) {
        g_autofree char *file = kernel_file(root, kernel_configs[i]);

        found = file && host_find_line(root, file, assignment, &line);
    }
    if (!found) {
        return 0;
    }
    return line && g_str_has_prefix(line, assignment) ?
           line[strlen(assignment)] : 'n';
}

char *host_kernel_config_denied(const char *root)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kernel_configs); i++) {
        g_autofree char *file = kernel_file(root, kernel_configs[i]);
        g_autofree char *full = g_build_filename(root, file ?: "", NULL);

        if (file && access(full, R_OK) && errno == EACCES) {
            return g_strconcat("/", file, NULL);
        }
    }
    return NULL;
}

bool host_module_shipped(const char *root, const char *module)
{
    static const char *const files[] = {
        "usr/lib/modules/@/modules.dep",
        "lib/modules/@/modules.dep",
    };
    g_autofree char *name = g_strdup_printf("/%s.ko", module);

    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *file = kernel_file(root, files[i]);
        g_autofree char *line = NULL;

        if (file && host_find_line(root, file, name, &line) && line) {
            return true;
        }
    }
    return false;
}

bool host_iommu_devt(const char *root, dev_t *devt)
{
    g_autofree char *line = NULL;
    unsigned int min;

    if (host_devt(root, "sys/class/misc/iommu/dev", devt)) {
        return true;
    }
    if (host_find_line(root, "proc/misc", " iommu\n", &line) && line &&
        sscanf(line, "%u", &min) == 1) {
        *devt = makedev(10, min);
        return true;
    }
    return false;
}

char *iommufd_diag_sysfsdev(const char *root, const char *sysfsdev, int fd)
{
    g_autofree char *link = NULL;
    g_autofree char *node = NULL;
    g_autofree char *vfio_dev = NULL;
    struct stat st;

    if (sysfsdev) {
        return g_strdup(sysfsdev);
    }
    if (fstat(fd, &st) || !S_ISCHR(st.st_mode)) {
        return NULL;
    }
    link = g_strdup_printf("/sys/dev/char/%u:%u", major(st.st_rdev),
                           minor(st.st_rdev));
    node = host_resolve(root, link);
    vfio_dev = node ? g_path_get_dirname(node) : NULL;
    if (!vfio_dev || !g_str_has_suffix(vfio_dev, "/vfio-dev")) {
        return NULL;
    }
    return g_path_get_dirname(vfio_dev);
}

void host_each_process(const char *root, bool own, HostProcess *process,
                       void *opaque)
{
    g_autoptr(GPtrArray) pids = host_list(root, "proc");
    g_autofree char *self = g_strdup_printf("%d", getpid());
    gint64 end = g_get_monotonic_time() + SEARCH_MAX;

    for (guint i = 0; pids && i < pids->len; i++) {
        const char *pid = pids->pdata[i];

        if (!g_ascii_isdigit(*pid) || (!own && g_str_equal(pid, self))) {
            continue;
        }
        if (g_get_monotonic_time() > end || process(root, pid, opaque)) {
            break;
        }
    }
}

/* Returns true to end the search */
typedef bool HolderMatch(dev_t devt, const char *pid, void *opaque);

/* Goes through the character devices that a process has open */
static bool match_process(const char *root, const char *pid,
                          HolderMatch *match, void *opaque)
{
    g_autofree char *path = g_strdup_printf("proc/%s/fd", pid);
    g_autoptr(GPtrArray) fds = host_list(root, path);

    for (guint i = 0; fds && i < fds->len; i++) {
        g_autofree char *link = g_build_filename(root, path, fds->pdata[i],
                                                 NULL);
        g_autofree char *target = g_file_read_link(link, NULL);
        struct stat st;

        /* Other files might be on a server that does not answer */
        if (target && g_str_has_prefix(target, "/dev/") && !stat(link, &st) &&
            S_ISCHR(st.st_mode) && match(st.st_rdev, pid, opaque)) {
            return true;
        }
    }
    return false;
}

static char *process_shown(const char *root, const char *pid)
{
    g_autofree char *dir = g_build_filename("proc", pid, NULL);
    g_autofree char *name = host_attr_of(root, dir, "comm");

    return g_strdup_printf("process %s (%s)", pid, name ?: "?");
}

typedef struct Holder {
    dev_t devt;
    char *pid;
} Holder;

static bool match_holder(dev_t devt, const char *pid, void *opaque)
{
    Holder *holder = opaque;

    if (devt == holder->devt) {
        holder->pid = g_strdup(pid);
    }
    return holder->pid;
}

static bool find_holder(const char *root, const char *pid, void *opaque)
{
    return match_process(root, pid, match_holder, opaque);
}

char *host_holder(const char *root, dev_t devt, bool *self)
{
    Holder holder = { .devt = devt };
    g_autofree char *pid = NULL;

    host_each_process(root, self, find_holder, &holder);
    pid = holder.pid;
    if (!pid) {
        return NULL;
    }
    if (self) {
        *self = atoi(pid) == getpid();
    }
    return process_shown(root, pid);
}

static bool note_holder(dev_t devt, const char *pid, void *opaque)
{
    gint64 key = devt;

    if (!g_hash_table_contains(opaque, &key)) {
        g_hash_table_insert(opaque, g_memdup2(&key, sizeof(key)),
                            g_strdup(pid));
    }
    return false;
}

static bool note_holders(const char *root, const char *pid, void *opaque)
{
    return match_process(root, pid, note_holder, opaque);
}

GHashTable *host_holders(const char *root)
{
    GHashTable *holders = g_hash_table_new_full(g_int64_hash, g_int64_equal,
                                                g_free, g_free);
    GHashTableIter iter;
    gpointer pid;

    host_each_process(root, false, note_holders, holders);
    g_hash_table_iter_init(&iter, holders);
    while (g_hash_table_iter_next(&iter, NULL, &pid)) {
        g_hash_table_iter_replace(&iter, process_shown(root, pid));
    }
    return holders;
}
