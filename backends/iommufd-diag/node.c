/*
 * Why /dev/iommu and VFIO device nodes cannot be opened, and what descriptors
 * are
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include "internal.h"

#define IOMMU_NODE "/dev/iommu"

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
    case S_IFCHR:
        return "a character device";
    default:
        return "a kernel object";
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

static IOMMUFDFinding *node_denied(const char *root, const char *full,
                                   const char *path, const struct stat *st,
                                   int err)
{
    g_autofree char *label = NULL;
    IOMMUFDFinding *finding;
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
        return finding_new(IOMMUFD_CAUSE_NODE_NODEV, err,
            g_strdup("Mount that file system without nodev.\n"),
            "%s is on a file system that is mounted nodev", path);
    }
    if (err == EPERM) {
        return finding_new(IOMMUFD_CAUSE_NODE_CGROUP, err,
            g_strdup_printf("Allow the device in the container or service "
                            "(--device %s, DeviceAllow=%s rw).\n",
                            path, path),
            "%s is probably refused by the device cgroup (character device "
            "%u:%u)", path, major(st->st_rdev), minor(st->st_rdev));
    }
    finding = finding_new(IOMMUFD_CAUSE_NODE_DENIED, err,
        g_strdup("Look for a denial in the audit log.\n"),
        "%s is refused although its mode allows access, probably by a "
        "security module", path);
    label = host_attr(root, "proc/self/attr/current");
    if (label && *label) {
        finding_saw(finding, "security context %s", label);
    }
    return finding;
}

static IOMMUFDFinding *node_missing(const char *full, const char *path,
                                    dev_t devt, int err)
{
    g_autofree char *target = NULL;

    if (err == ENOENT) {
        target = g_file_read_link(full, NULL);
        if (target) {
            g_autofree char *shown = g_strescape(target, NULL);

            return finding_new(IOMMUFD_CAUSE_NODE_MISSING, err,
                g_strdup("Remove the link and create the device node.\n"),
                "%s is a link to %s, which does not exist", path, shown);
        }
    }
    if (err == ENOENT && devt) {
        return finding_new(IOMMUFD_CAUSE_NODE_MISSING, err,
            g_strdup_printf("If QEMU runs in a container or mount "
                            "namespace, pass the node in (--device %s); "
                            "otherwise check udev.\n", path),
            "%s does not exist here, but the kernel provides it as character "
            "device %u:%u", path, major(devt), minor(devt));
    }
    return finding_new(err == ENOENT ? IOMMUFD_CAUSE_NODE_MISSING :
                       IOMMUFD_CAUSE_UNKNOWN, err, NULL,
                       "%s cannot be looked up", path);
}

IOMMUFDFinding *node_no_more_files(const char *what, int err)
{
    return finding_new(IOMMUFD_CAUSE_FD_LIMIT, err,
        g_strdup("Raise the limit of open files (ulimit -n, LimitNOFILE=, "
                 "fs.file-max).\n"),
        "%s cannot be opened, no more files can be open", what);
}

IOMMUFDFinding *node_finding(const char *root, const char *path, dev_t devt,
                             int err)
{
    g_autofree char *full = g_build_filename(root, path, NULL);
    struct stat st;

    if (stat(full, &st)) {
        return node_missing(full, path, devt, errno);
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
        return node_denied(root, full, path, &st, err);
    case EMFILE:
    case ENFILE:
        return node_no_more_files(path, err);
    case ENOMEM:
        return finding_new(IOMMUFD_CAUSE_OUT_OF_MEMORY, err,
            g_strdup("Look at memory.max and memory.events of the control "
                     "group.\n"),
            "%s cannot be opened, the kernel is out of memory for it", path);
    case ENODEV:
    case ENXIO:
        return finding_new(IOMMUFD_CAUSE_NODE_UNREADY, err,
            g_strdup("The device went away after its driver had been looked "
                     "at: bind it again.\n"),
            "%s has no device behind it (character device %u:%u)", path,
            major(st.st_rdev), minor(st.st_rdev));
    default:
        return NULL;
    }
}

bool node_usable(const char *root, const char *path, dev_t devt, int wrong)
{
    g_autofree char *full = g_build_filename(root, path, NULL);
    struct statvfs vfs;
    struct stat st;

    if (stat(full, &st)) {
        return false;
    }
    if (S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        return false;
    }
    if (!S_ISCHR(st.st_mode) || (devt && st.st_rdev != devt)) {
        errno = wrong;
        return false;
    }
    /* asks the device cgroup and security modules too */
    if (faccessat(AT_FDCWD, full, R_OK | W_OK, AT_EACCESS)) {
        return false;
    }
    if (!statvfs(full, &vfs) && (vfs.f_flag & ST_NODEV)) {
        errno = EACCES;
        return false;
    }
    return true;
}

/*
 * /dev/iommu
 */

static char *why_no_iommufd(const char *root, IOMMUFDCause *cause,
                            char **remedy)
{
    char option = host_kernel_option(root, "CONFIG_IOMMUFD");
    g_autofree char *release = NULL;

    if (option == 'm' || (!option && host_module_shipped(root, "iommufd"))) {
        *cause = IOMMUFD_CAUSE_MODULE_NOT_LOADED;
        *remedy = g_strdup("Load the module: modprobe iommufd\n");
        return g_strdup("the iommufd module (CONFIG_IOMMUFD=m) is not "
                        "loaded");
    }

    *remedy = g_strdup("Use a kernel with CONFIG_IOMMUFD and "
                       "CONFIG_VFIO_DEVICE_CDEV; if it has iommufd as a "
                       "module, load it: modprobe iommufd\n"
                       "Without iommufd= the device uses the legacy VFIO "
                       "container.\n");
    release = host_kernel_release(root);
    if (option == 'n') {
        *cause = IOMMUFD_CAUSE_KERNEL_WITHOUT_IOMMUFD;
        return g_strdup_printf("Linux %s is built without CONFIG_IOMMUFD",
                               release ?: "here");
    }
    if (option == 'y') {
        *cause = IOMMUFD_CAUSE_UNKNOWN;
        return g_strdup_printf("Linux %s has CONFIG_IOMMUFD=y but did not "
                               "start iommufd", release ?: "here");
    }
    *cause = IOMMUFD_CAUSE_KERNEL_WITHOUT_IOMMUFD;
    return g_strdup("the kernel probably lacks CONFIG_IOMMUFD");
}

IOMMUFDFinding *iommufd_diag_iommu_open(const char *root, int err)
{
    IOMMUFDFinding *finding;
    dev_t devt = 0;

    if (!host_iommu_devt(root, &devt) &&
        (err == ENOENT || err == ENODEV || err == ENXIO)) {
        IOMMUFDCause cause;
        char *remedy;
        g_autofree char *why = why_no_iommufd(root, &cause, &remedy);

        finding = finding_new(cause, err, remedy, err == ENOENT ?
                              IOMMU_NODE " does not exist, %s" :
                              IOMMU_NODE " has no device behind it, %s", why);
        finding_saw(finding, "/proc/misc and /sys/class/misc have no iommu");
        return finding;
    }

    finding = node_finding(root, IOMMU_NODE, devt, err) ?:
              finding_new(IOMMUFD_CAUSE_UNKNOWN, err, NULL,
                          IOMMU_NODE " cannot be opened");
    if (devt) {
        finding_saw(finding, "the kernel's iommufd is character device %u:%u",
                    major(devt), minor(devt));
    }
    return finding;
}

/*
 * Descriptors
 */

/* By sysfs, which does not depend on where a node is; else by the path */
static FdKind char_kind(const char *root, dev_t rdev, const char *path)
{
    g_autofree char *link = g_strdup_printf("sys/dev/char/%u:%u",
                                            major(rdev), minor(rdev));
    g_autofree char *full = g_build_filename(root, link, NULL);
    g_autofree char *sysfs = g_file_read_link(full, NULL);
    dev_t devt;

    if (host_iommu_devt(root, &devt) && rdev == devt) {
        return FD_IOMMU;
    }
    if (sysfs) {
        return strstr(sysfs, "/vfio-dev/") ? FD_VFIO_DEVICE :
               g_str_has_suffix(sysfs, "/misc/vfio") ? FD_VFIO_CONTAINER :
               strstr(sysfs, "/virtual/vfio/") ? FD_VFIO_GROUP : FD_OTHER;
    }
    return g_str_has_prefix(path, "/dev/vfio/devices/") ? FD_VFIO_DEVICE :
           g_str_equal(path, "/dev/vfio/vfio") ? FD_VFIO_CONTAINER :
           g_str_has_prefix(path, "/dev/vfio/") ? FD_VFIO_GROUP : FD_OTHER;
}

FdKind fd_kind(const char *root, int fd, char **what)
{
    static const char *const kinds[] = {
        [FD_IOMMU] = "an iommufd",
        [FD_VFIO_DEVICE] = "a VFIO device node",
        [FD_VFIO_GROUP] = "a VFIO group",
        [FD_VFIO_CONTAINER] = "the legacy VFIO container",
        [FD_VFIO_LEGACY_DEVICE] = "a device of the legacy VFIO group "
                                  "interface",
    };
    g_autofree char *link = g_strdup_printf("%s/proc/self/fd/%d", root, fd);
    g_autofree char *target = g_file_read_link(link, NULL);
    g_autofree char *shown = target ? g_strescape(target, NULL) : NULL;
    FdKind kind = FD_OTHER;
    struct stat st;

    *what = NULL;
    if (fstat(fd, &st)) {
        return FD_CLOSED;
    }
    if (S_ISCHR(st.st_mode)) {
        kind = char_kind(root, st.st_rdev, target ?: "");
    } else if (!g_strcmp0(target, "anon_inode:[vfio-device]")) {
        kind = FD_VFIO_LEGACY_DEVICE;
    }
    if (kind == FD_OTHER) {
        *what = g_strdup(shown ?: file_type(st.st_mode));
    } else if (shown) {
        *what = g_strdup_printf("%s, %s", shown, kinds[kind]);
    } else {
        *what = g_strdup(kinds[kind]);
    }
    return kind;
}

IOMMUFDFinding *iommufd_diag_iommu_fd(const char *root, int fd, bool passed,
                                      int err)
{
    g_autofree char *what = NULL;
    FdKind kind = fd_kind(root, fd, &what);
    IOMMUFDFinding *finding;
    dev_t devt = 0;

    if (kind == FD_CLOSED) {
        return finding_new(IOMMUFD_CAUSE_FD_CLOSED, EBADF,
            g_strdup("Open /dev/iommu without O_CLOEXEC in the process that "
                     "starts QEMU, or send it with getfd.\n"),
            "fd %d is not open in this process", fd);
    }
    if (!passed) {
        host_iommu_devt(root, &devt);
        finding = node_finding(root, IOMMU_NODE, devt, err);
        return finding ?: finding_new(IOMMUFD_CAUSE_UNKNOWN, err, NULL,
                                      IOMMU_NODE " does not answer like an "
                                      "iommufd");
    }
    if (kind == FD_IOMMU) {
        return finding_new(IOMMUFD_CAUSE_UNKNOWN, err, NULL,
                           "fd %d is " IOMMU_NODE ", but does not answer "
                           "like an iommufd", fd);
    }
    return finding_new(kind == FD_VFIO_DEVICE ? IOMMUFD_CAUSE_FD_SWAPPED :
                       IOMMUFD_CAUSE_FD_WRONG_KIND, err,
        g_strdup("Pass a descriptor of /dev/iommu to the iommufd object and "
                 "one of /dev/vfio/devices/vfioN to each device.\n"),
        "fd %d is %s, not an iommufd", fd, what);
}
