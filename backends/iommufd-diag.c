/*
 * Why IOMMUFD device assignment fails on a host
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <zlib.h>
#include "system/iommufd-diag.h"

#define IOMMU_NODE "/dev/iommu"

/* sysfs attributes fit a page; configurations and module lists are longer */
#define ATTR_MAX  4096
#define TEXT_MAX  (8 * 1024 * 1024)

static const char *const cause_names[] = {
    [IOMMUFD_CAUSE_UNKNOWN] = "unknown",
    [IOMMUFD_CAUSE_KERNEL_WITHOUT_IOMMUFD] = "kernel-without-iommufd",
    [IOMMUFD_CAUSE_MODULE_NOT_LOADED] = "module-not-loaded",
    [IOMMUFD_CAUSE_NODE_MISSING] = "node-missing",
    [IOMMUFD_CAUSE_NODE_STALE] = "node-stale",
    [IOMMUFD_CAUSE_NODE_WRONG_TYPE] = "node-wrong-type",
    [IOMMUFD_CAUSE_NODE_PERMISSION] = "node-permission",
    [IOMMUFD_CAUSE_NODE_DENIED] = "node-denied",
    [IOMMUFD_CAUSE_NODE_UNREADY] = "node-unready",
    [IOMMUFD_CAUSE_FD_CLOSED] = "fd-closed",
    [IOMMUFD_CAUSE_FD_WRONG_KIND] = "fd-wrong-kind",
    [IOMMUFD_CAUSE_FD_LIMIT] = "fd-limit",
    [IOMMUFD_CAUSE_DEVICE_MISSING] = "device-missing",
    [IOMMUFD_CAUSE_DEVICE_NOT_BOUND] = "device-not-bound",
    [IOMMUFD_CAUSE_DRIVER_NOT_VFIO] = "driver-not-vfio",
    [IOMMUFD_CAUSE_DRIVER_WITHOUT_VFIO_DEV] = "driver-without-vfio-dev",
    [IOMMUFD_CAUSE_VFIO_DEV_EMPTY] = "vfio-dev-empty",
    [IOMMUFD_CAUSE_KERNEL_WITHOUT_CDEV] = "kernel-without-cdev",
    [IOMMUFD_CAUSE_NOIOMMU] = "noiommu",
    [IOMMUFD_CAUSE_SYSFS_UNREADABLE] = "sysfs-unreadable",
    [IOMMUFD_CAUSE_SYSFS_MALFORMED] = "sysfs-malformed",
};
G_STATIC_ASSERT(G_N_ELEMENTS(cause_names) == IOMMUFD_CAUSE__MAX);

const char *iommufd_cause_name(IOMMUFDCause cause)
{
    g_assert(cause < IOMMUFD_CAUSE__MAX);
    return cause_names[cause];
}

void iommufd_finding_free(IOMMUFDFinding *finding)
{
    if (finding) {
        g_free(finding->message);
        g_free(finding->remedy);
        g_free(finding);
    }
}

/* @remedy is taken over; the text of @err ends the message */
static IOMMUFDFinding * G_GNUC_PRINTF(4, 5)
finding_new(IOMMUFDCause cause, int err, char *remedy, const char *fmt, ...)
{
    IOMMUFDFinding *finding = g_new0(IOMMUFDFinding, 1);
    g_autofree char *fact = NULL;
    va_list ap;

    va_start(ap, fmt);
    fact = g_strdup_vprintf(fmt, ap);
    va_end(ap);

    finding->cause = cause;
    finding->message = g_strdup_printf("%s: %s", fact, g_strerror(err));
    finding->remedy = remedy;
    return finding;
}

/*
 * Reading the host
 */

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

/* A short attribute without its line end, NULL with errno if unreadable */
static char *read_attr(const char *root, const char *path)
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
    return g_strdup(g_strchomp(text));
}

static bool read_devt(const char *root, const char *path, dev_t *devt)
{
    g_autofree char *text = read_attr(root, path);
    unsigned int maj, min;

    if (!text || sscanf(text, "%u:%u", &maj, &min) != 2) {
        return false;
    }
    *devt = makedev(maj, min);
    return true;
}

/* The last component of what a link points to, NULL if there is no link */
static char *read_link_name(const char *root, const char *path)
{
    g_autofree char *full = g_build_filename(root, path, NULL);
    g_autofree char *target = g_file_read_link(full, NULL);

    return target ? g_path_get_basename(target) : NULL;
}

static bool exists(const char *root, const char *path)
{
    g_autofree char *full = g_build_filename(root, path, NULL);

    return access(full, F_OK) == 0;
}

/*
 * Look through a text file, compressed or not, for the first line that
 * contains @needle.  Returns whether the file could be read; *@line is NULL
 * if no line has it.
 */
static bool find_line(const char *root, const char *path, const char *needle,
                      char **line)
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
        if (strstr(buf, needle)) {
            *line = g_strdup(g_strchomp(buf));
            break;
        }
    }
    gzclose(gz);
    return seen > 0;
}

static char *kernel_release(const char *root)
{
    return read_attr(root, "proc/sys/kernel/osrelease");
}

/*
 * The value of a kernel option: 'y', 'm', 'n', or 0 if no configuration of
 * the running kernel can be read.
 */
static char kernel_option(const char *root, const char *release,
                          const char *option)
{
    g_autofree char *boot = g_strdup_printf("boot/config-%s", release);
    g_autofree char *modules = g_strdup_printf("usr/lib/modules/%s/config",
                                               release);
    const char *files[] = { "proc/config.gz", boot, modules };
    g_autofree char *assignment = g_strdup_printf("%s=", option);

    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *line = NULL;

        if (find_line(root, files[i], assignment, &line)) {
            return line && g_str_has_prefix(line, assignment) ?
                   line[strlen(assignment)] : 'n';
        }
    }
    return 0;
}

static bool module_shipped(const char *root, const char *release,
                           const char *module)
{
    g_autofree char *dep = g_strdup_printf("usr/lib/modules/%s/modules.dep",
                                           release);
    g_autofree char *name = g_strdup_printf("/%s.ko", module);
    g_autofree char *line = NULL;

    find_line(root, dep, name, &line);
    return line != NULL;
}

/* The number of the running kernel's /dev/iommu, if it has one */
static bool iommu_devt(const char *root, dev_t *devt)
{
    g_autofree char *line = NULL;
    unsigned int min;

    if (read_devt(root, "sys/class/misc/iommu/dev", devt)) {
        return true;
    }
    if (find_line(root, "proc/misc", " iommu\n", &line) && line &&
        sscanf(line, "%u", &min) == 1) {
        *devt = makedev(10, min);
        return true;
    }
    return false;
}

/*
 * Device nodes
 */

static char *why_no_iommufd(const char *root, IOMMUFDCause *cause,
                            char **remedy)
{
    g_autofree char *release = kernel_release(root);
    char option = 0;

    if (release) {
        option = kernel_option(root, release, "CONFIG_IOMMUFD");
        if (option == 'm' || (!option && module_shipped(root, release,
                                                        "iommufd"))) {
            *cause = IOMMUFD_CAUSE_MODULE_NOT_LOADED;
            *remedy = g_strdup("Load the module: modprobe iommufd\n");
            return g_strdup("the iommufd module (CONFIG_IOMMUFD=m) is not "
                            "loaded");
        }
    }

    *remedy = g_strdup("Use a kernel with CONFIG_IOMMUFD and "
                       "CONFIG_VFIO_DEVICE_CDEV; if it has iommufd as a "
                       "module, load it: modprobe iommufd\n"
                       "Without iommufd= the device uses the legacy VFIO "
                       "container.\n");
    if (option == 'n') {
        *cause = IOMMUFD_CAUSE_KERNEL_WITHOUT_IOMMUFD;
        return g_strdup_printf("Linux %s is built without CONFIG_IOMMUFD",
                               release);
    }
    *cause = IOMMUFD_CAUSE_UNKNOWN;
    if (option == 'y') {
        return g_strdup_printf("Linux %s has CONFIG_IOMMUFD=y but did not "
                               "start iommufd", release);
    }
    return g_strdup("the kernel probably lacks CONFIG_IOMMUFD");
}

static const char *file_type(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return "a directory";
    case S_IFREG:
        return "a regular file";
    case S_IFIFO:
        return "a FIFO";
    case S_IFSOCK:
        return "a socket";
    case S_IFBLK:
        return "a block device";
    default:
        return "a character device";
    }
}

/* Would the mode bits alone let this process read and write? */
static bool mode_allows(const struct stat *st)
{
    g_autofree gid_t *groups = NULL;
    int n;

    if (geteuid() == 0) {
        return true;
    }
    if (st->st_uid == geteuid()) {
        return (st->st_mode & 0600) == 0600;
    }
    n = getgroups(0, NULL);
    if (n > 0) {
        groups = g_new(gid_t, n);
        n = getgroups(n, groups);
    }
    for (int i = -1; i < n; i++) {
        if (st->st_gid == (i < 0 ? getegid() : groups[i])) {
            return (st->st_mode & 0060) == 0060;
        }
    }
    return (st->st_mode & 0006) == 0006;
}

static IOMMUFDFinding *diag_denied(const char *full, const char *path,
                                   const struct stat *st, int err)
{
    struct statvfs vfs;

    if (err == EACCES && !mode_allows(st)) {
        return finding_new(IOMMUFD_CAUSE_NODE_PERMISSION, err,
            g_strdup_printf("Give the user that runs QEMU read and write "
                            "access to %s, for example with a udev rule.\n",
                            path),
            "%s has owner %u:%u and mode %04o, which does not let user %u "
            "(group %u) read and write it", path, st->st_uid, st->st_gid,
            st->st_mode & 07777, geteuid(), getegid());
    }
    if (err == EACCES && !statvfs(full, &vfs) && (vfs.f_flag & ST_NODEV)) {
        return finding_new(IOMMUFD_CAUSE_NODE_DENIED, err,
            g_strdup("Mount that file system without nodev.\n"),
            "%s is on a file system that is mounted nodev", path);
    }
    if (err == EPERM) {
        return finding_new(IOMMUFD_CAUSE_NODE_DENIED, err,
            g_strdup_printf("Allow the device in the container or service "
                            "(--device %s, DeviceAllow=%s rw).\n",
                            path, path),
            "%s is probably refused by the device cgroup (character device "
            "%u:%u)", path, major(st->st_rdev), minor(st->st_rdev));
    }
    return finding_new(IOMMUFD_CAUSE_NODE_DENIED, err,
        g_strdup("Look for a denial in the audit log.\n"),
        "%s is refused although its mode allows access, probably by a "
        "security module", path);
}

/*
 * Why @path could not be opened, or is not what it should be.  @devt is the
 * number that the kernel gives the device, 0 if unknown.  Returns NULL if
 * the node looks right and @err says nothing.
 */
static IOMMUFDFinding *diag_node(const char *root, const char *path,
                                 dev_t devt, int err)
{
    g_autofree char *full = g_build_filename(root, path, NULL);
    struct stat st;

    if (stat(full, &st)) {
        if (errno != ENOENT || !devt) {
            return finding_new(IOMMUFD_CAUSE_UNKNOWN, errno, NULL,
                               "%s cannot be looked up", path);
        }
        return finding_new(IOMMUFD_CAUSE_NODE_MISSING, ENOENT,
            g_strdup_printf("If QEMU runs in a container or mount "
                            "namespace, pass the node in (--device %s); "
                            "otherwise check udev.\n", path),
            "%s does not exist here, but the kernel provides it as character "
            "device %u:%u", path, major(devt), minor(devt));
    }
    if (!S_ISCHR(st.st_mode)) {
        return finding_new(IOMMUFD_CAUSE_NODE_WRONG_TYPE, err,
            g_strdup_printf("Remove it and create the device node; container "
                            "runtimes leave %s behind when the node is "
                            "missing on the host.\n", file_type(st.st_mode)),
            "%s is %s, not a character device", path, file_type(st.st_mode));
    }
    if (devt && st.st_rdev != devt) {
        return finding_new(IOMMUFD_CAUSE_NODE_STALE, err,
            g_strdup_printf("Replace the node: rm %s; mknod %s c %u %u\n",
                            path, path, major(devt), minor(devt)),
            "%s is a stale node: it is character device %u:%u, the kernel "
            "has the device as %u:%u", path, major(st.st_rdev),
            minor(st.st_rdev), major(devt), minor(devt));
    }

    switch (err) {
    case EACCES:
    case EPERM:
        return diag_denied(full, path, &st, err);
    case EMFILE:
    case ENFILE:
        return finding_new(IOMMUFD_CAUSE_FD_LIMIT, err,
            g_strdup("Raise the limit of open files (ulimit -n, "
                     "LimitNOFILE=, fs.file-max).\n"),
            "%s cannot be opened, no more files can be open", path);
    case ENODEV:
    case ENXIO:
        return finding_new(IOMMUFD_CAUSE_NODE_UNREADY, err, NULL,
            "%s has no device behind it (character device %u:%u)", path,
            major(st.st_rdev), minor(st.st_rdev));
    default:
        return NULL;
    }
}

IOMMUFDFinding *iommufd_diag_iommu_open(const char *root, int err)
{
    dev_t devt = 0;
    IOMMUFDFinding *finding;

    if (!iommu_devt(root, &devt) &&
        (err == ENOENT || err == ENODEV || err == ENXIO)) {
        IOMMUFDCause cause;
        char *remedy;
        g_autofree char *why = why_no_iommufd(root, &cause, &remedy);

        return finding_new(cause, err, remedy, err == ENOENT ?
                           IOMMU_NODE " does not exist, %s" :
                           IOMMU_NODE " has no device behind it, %s", why);
    }

    finding = diag_node(root, IOMMU_NODE, devt, err);
    return finding ?: finding_new(IOMMUFD_CAUSE_UNKNOWN, err, NULL,
                                  IOMMU_NODE " cannot be opened");
}

IOMMUFDFinding *iommufd_diag_iommu_fd(const char *root, int fd, bool passed,
                                      int err)
{
    g_autofree char *link = g_strdup_printf("%s/proc/self/fd/%d", root, fd);
    g_autofree char *target = g_file_read_link(link, NULL);
    dev_t devt = 0;
    struct stat st;

    if (fstat(fd, &st)) {
        return finding_new(IOMMUFD_CAUSE_FD_CLOSED, errno,
            g_strdup("Open /dev/iommu without O_CLOEXEC in the process that "
                     "starts QEMU, or send it with getfd.\n"),
            "fd %d is not open in this process", fd);
    }
    iommu_devt(root, &devt);
    if (!passed) {
        IOMMUFDFinding *finding = diag_node(root, IOMMU_NODE, devt, err);

        return finding ?: finding_new(IOMMUFD_CAUSE_UNKNOWN, err, NULL,
                                      IOMMU_NODE " does not answer like an "
                                      "iommufd");
    }
    if (devt && S_ISCHR(st.st_mode) && st.st_rdev == devt) {
        return finding_new(IOMMUFD_CAUSE_UNKNOWN, err, NULL,
                           "fd %d is " IOMMU_NODE ", but does not answer "
                           "like an iommufd", fd);
    }
    return finding_new(IOMMUFD_CAUSE_FD_WRONG_KIND, err,
        g_strdup("Pass a descriptor of /dev/iommu to the iommufd object and "
                 "one of /dev/vfio/devices/vfioN to each device.\n"),
        "fd %d is %s, not an iommufd", fd,
        target ?: file_type(st.st_mode));
}

/*
 * From a device to its node
 */

static IOMMUFDFinding *diag_no_vfio_dev(const char *root, const char *sysfsdev,
                                        const char *vfio_dev, int err)
{
    g_autofree char *driver_link = g_build_filename(sysfsdev, "driver", NULL);
    g_autofree char *driver = read_link_name(root, driver_link);
    g_autofree char *name = g_path_get_basename(sysfsdev);
    g_autofree char *remedy = NULL;

    if (strstr(sysfsdev, "/pci")) {
        remedy = g_strdup_printf("Bind it to vfio-pci, for example: "
                                 "driverctl set-override %s vfio-pci\n", name);
    }

    if (!driver) {
        return finding_new(IOMMUFD_CAUSE_DEVICE_NOT_BOUND, err,
                           g_steal_pointer(&remedy),
                           "device is not bound to a VFIO driver, nor to any "
                           "other: %s", vfio_dev);
    }
    if (!strstr(driver, "vfio")) {
        return finding_new(IOMMUFD_CAUSE_DRIVER_NOT_VFIO, err,
                           g_steal_pointer(&remedy),
                           "device is bound to host driver '%s', not to a "
                           "VFIO driver: %s", driver, vfio_dev);
    }
    if (!exists(root, "sys/class/vfio-dev")) {
        return finding_new(IOMMUFD_CAUSE_KERNEL_WITHOUT_CDEV, err,
            g_strdup("Use Linux 6.6 or newer with CONFIG_IOMMUFD and "
                     "CONFIG_VFIO_DEVICE_CDEV, or leave out iommufd=.\n"),
            "this kernel's VFIO has no device nodes: %s", vfio_dev);
    }
    return finding_new(IOMMUFD_CAUSE_DRIVER_WITHOUT_VFIO_DEV, err, NULL,
                       "driver '%s' has no VFIO device for it, it is probably "
                       "being unbound: %s", driver, vfio_dev);
}

static IOMMUFDFinding *diag_no_dev_attr(const char *root, const char *sysfsdev,
                                        const char *attr)
{
    g_autofree char *group_attr = g_build_filename(sysfsdev, "iommu_group",
                                                   "name", NULL);
    g_autofree char *group = read_attr(root, group_attr);
    g_autofree char *release = kernel_release(root);
    const char *option = "CONFIG_VFIO_DEVICE_CDEV";
    char *remedy;

    if (!g_strcmp0(group, "vfio-noiommu")) {
        return finding_new(IOMMUFD_CAUSE_NOIOMMU, ENOENT,
            g_strdup("Enable the IOMMU in the firmware and on the kernel "
                     "command line.\n"),
            "device is in VFIO no-IOMMU mode, which iommufd cannot use: %s",
            attr);
    }

    remedy = g_strdup("Use a kernel with CONFIG_IOMMUFD and "
                      "CONFIG_VFIO_DEVICE_CDEV, or leave out iommufd= to use "
                      "the legacy VFIO container.\n");
    if (release && kernel_option(root, release, option) == 'n') {
        if (kernel_option(root, release, "CONFIG_IOMMUFD") == 'n') {
            option = "CONFIG_IOMMUFD, which VFIO device nodes need";
        }
        return finding_new(IOMMUFD_CAUSE_KERNEL_WITHOUT_CDEV, ENOENT, remedy,
                           "Linux %s is built without %s: %s", release,
                           option, attr);
    }
    return finding_new(IOMMUFD_CAUSE_KERNEL_WITHOUT_CDEV, ENOENT, remedy,
                       "the kernel probably lacks %s: %s", option, attr);
}

/* The name of the first vfioN in a vfio-dev directory, NULL if none */
static char *vfio_dev_name(DIR *dir)
{
    struct dirent *entry;

    while ((entry = readdir(dir))) {
        if (g_str_has_prefix(entry->d_name, "vfio")) {
            return g_strdup(entry->d_name);
        }
    }
    return NULL;
}

IOMMUFDFinding *iommufd_diag_device_node(const char *root,
                                         const char *sysfsdev, int err)
{
    g_autofree char *vfio_dev = g_build_filename(sysfsdev, "vfio-dev", NULL);
    g_autofree char *full = g_build_filename(root, vfio_dev, NULL);
    g_autofree char *name = NULL;
    g_autofree char *attr = NULL;
    g_autofree char *node = NULL;
    IOMMUFDFinding *finding;
    dev_t devt = 0;
    DIR *dir;

    if (!exists(root, sysfsdev)) {
        return finding_new(IOMMUFD_CAUSE_DEVICE_MISSING, errno, NULL,
                           "no such host device: %s", sysfsdev);
    }

    dir = opendir(full);
    if (!dir) {
        if (errno == ENOENT) {
            return diag_no_vfio_dev(root, sysfsdev, vfio_dev, errno);
        }
        return finding_new(IOMMUFD_CAUSE_SYSFS_UNREADABLE, errno, NULL,
                           "cannot read %s", vfio_dev);
    }
    name = vfio_dev_name(dir);
    closedir(dir);
    if (!name) {
        return finding_new(IOMMUFD_CAUSE_VFIO_DEV_EMPTY, ENOENT, NULL,
                           "the device's driver has registered no VFIO "
                           "device: %s", vfio_dev);
    }

    attr = g_build_filename(vfio_dev, name, "dev", NULL);
    if (!read_devt(root, attr, &devt)) {
        g_autofree char *text = read_attr(root, attr);
        g_autofree char *shown = NULL;

        if (!text && errno == ENOENT) {
            return diag_no_dev_attr(root, sysfsdev, attr);
        }
        if (!text) {
            return finding_new(IOMMUFD_CAUSE_SYSFS_UNREADABLE, errno, NULL,
                               "cannot read %s", attr);
        }
        if (strlen(text) > 32) {
            text[32] = '\0';
        }
        shown = g_strescape(text, NULL);
        return finding_new(IOMMUFD_CAUSE_SYSFS_MALFORMED, EINVAL, NULL,
                           "%s contains '%s', not MAJOR:MINOR", attr, shown);
    }

    node = g_build_filename("/dev/vfio/devices", name, NULL);
    finding = diag_node(root, node, devt, err);
    return finding ?: finding_new(IOMMUFD_CAUSE_UNKNOWN, err, NULL,
                                  "%s cannot be opened", node);
}
