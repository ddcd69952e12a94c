/*
 * Checks of /dev/iommu, of device nodes, and of passed descriptors
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include "checks.h"

#define IOMMU_NODE "/dev/iommu"

/*
 * Any device node
 */

static bool in_group(gid_t group)
{
    g_autofree gid_t *groups = g_new(gid_t, NGROUPS_MAX);
    int n = getgroups(NGROUPS_MAX, groups);

    while (n > 0 && groups[n - 1] != group) {
        n--;
    }
    return n > 0 || group == getegid();
}

/* Would the mode bits alone let this process read and write? */
static bool mode_allows(const struct stat *st)
{
    mode_t bits = st->st_uid == geteuid() ? 0600 :
                  in_group(st->st_gid) ? 0060 : 0006;

    return (st->st_mode & bits) == bits;
}

/* Now, with the package acl, and whenever the node is made */
static char *permission_commands(const char *path)
{
    return g_strdup_printf("Let that user open it, as root and until it is "
                           "made again: setfacl -m u:%u:rw %s\n"
                           "For good: echo '%s, GROUP=\"%u\", MODE=\"0660\"' "
                           ">> /etc/udev/rules.d/70-iommufd.rules\n",
                           geteuid(), path, g_str_equal(path, IOMMU_NODE) ?
                           "KERNEL==\"iommu\", SUBSYSTEM==\"misc\"" :
                           "SUBSYSTEM==\"vfio-dev\"", getegid());
}

static IOMMUFDFinding *node_denied(const Facts *facts, const char *full,
                                   const char *path, const struct stat *st,
                                   int err)
{
    g_autofree char *label = NULL;
    g_autofree char *context = NULL;
    struct statvfs vfs;

    if (err == EPERM) {
        return finding_node_cgroup_device(err, path, major(st->st_rdev),
                                          minor(st->st_rdev));
    }
    /* A user namespace has no rights on the nodes of users outside of it */
    if (!mode_allows(st) && !(host_locked(facts->host)->overrides_modes)) {
        g_autofree char *user = user_shown(geteuid());
        g_autofree char *cure = host_locked(facts->host)->initial_userns ?
                                permission_commands(path) : NULL;

        return finding_node_permission_mode(err, path, st->st_uid, st->st_gid,
                                            st->st_mode & 07777, user,
                                            getegid(), cure ?: "");
    }
    if (!statvfs(full, &vfs) && (vfs.f_flag & ST_NODEV)) {
        return finding_node_nodev_mount(err, path);
    }
    label = dir_attr(facts->host->dir, "proc/self/attr/current");
    context = label && *label ? g_strdup_printf(" (context %s)", label) : NULL;
    return finding_node_denied_module(err, path, context ?: "");
}

static IOMMUFDFinding *node_missing(const Facts *facts, const char *full,
                                    const char *path, dev_t devt, int err)
{
    g_autofree char *target = NULL;

    if (err != ENOENT) {
        return finding_node_denied_lookup(err, path);
    }
    target = g_file_read_link(full, NULL);
    if (target) {
        return finding_node_missing_link(err, path, target);
    }
    if (devt) {
        return finding_node_missing_here(err, path, major(devt), minor(devt));
    }
    /* A device that is looked for is there; the kernel's own may not be */
    return !g_str_equal(path, IOMMU_NODE) ||
           host_iommufd(facts->host, &devt) == IOMMUFD_SEEN_YES ?
           finding_node_missing_provided(err, path) :
           finding_node_missing_unseen(err, path, "CONFIG_IOMMUFD");
}

IOMMUFDFinding *node_finding(const Facts *facts, const char *path, dev_t devt,
                             int err)
{
    g_autofree char *full = dir_full(facts->host->dir, path);
    struct stat st;

    if (stat(full, &st)) {
        return node_missing(facts, full, path, devt, errno);
    }
    if (!S_ISCHR(st.st_mode)) {
        return finding_node_wrong_type_file(err, path, file_type(st.st_mode));
    }
    if (devt && st.st_rdev != devt) {
        return finding_node_stale_number(err, path, major(st.st_rdev),
                                         minor(st.st_rdev), major(devt),
                                         minor(devt));
    }

    switch (err) {
    case EACCES:
    case EPERM:
        return node_denied(facts, full, path, &st, err);
    case ENODEV:
    case ENXIO:
        return finding_node_unready_gone(err, path, major(st.st_rdev),
                                         minor(st.st_rdev));
    case ENOMEM:
        return finding_out_of_memory_node(err, path);
    default:
        return NULL;
    }
}

int node_errno(const Facts *facts, const char *path, dev_t devt, bool *wrong)
{
    g_autofree char *full = dir_full(facts->host->dir, path);
    struct statvfs vfs;
    struct stat st;

    *wrong = false;
    if (stat(full, &st)) {
        return errno;
    }
    if (!S_ISCHR(st.st_mode) || (devt && st.st_rdev != devt)) {
        *wrong = true;
        return 0;
    }
    /* asks the device cgroup and security modules too */
    if (faccessat(AT_FDCWD, full, R_OK | W_OK, AT_EACCESS)) {
        return errno;
    }
    return !statvfs(full, &vfs) && (vfs.f_flag & ST_NODEV) ? EACCES : 0;
}

/* Then nothing can be read here either */
IOMMUFDFinding *check_open_limit(const Facts *facts)
{
    const char *what = facts->failure->stage == IOMMUFD_STAGE_OPEN ?
                       IOMMU_NODE : "the VFIO device node";

    return facts->err == EMFILE ? finding_fd_limit_process(EMFILE, what) :
           facts->err == ENFILE ? finding_fd_limit_host(ENFILE, what) : NULL;
}

/*
 * /dev/iommu
 */

/* Nothing is at the path, or nothing is behind it, as far as is known */
static const char *iommu_node_missing(const Facts *facts)
{
    int err = facts->err;

    if (!err) {
        err = dir_seen(facts->host->dir, IOMMU_NODE) == IOMMUFD_SEEN_NO ?
              ENOENT : ENODEV;
    }
    return err == ENOENT ? "does not exist" :
           err == ENODEV || err == ENXIO ? "has no device behind it" : NULL;
}

IOMMUFDFinding *check_iommufd(const Facts *facts)
{
    IOMMUFDHost *host = facts->host;
    const char *missing = iommu_node_missing(facts);
    const char *release = host_release(host) ?: "here";
    dev_t devt;
    IOMMUFDSeen seen = host_iommufd(host, &devt);
    char option;

    if (seen == IOMMUFD_SEEN_YES || !missing) {
        return NULL;
    }
    option = host_option(host, "CONFIG_IOMMUFD");
    if (option == 'n') {
        return finding_kernel_without_iommufd_built(facts->err, IOMMU_NODE,
                                                    missing, release);
    }
    if (seen == IOMMUFD_SEEN_UNKNOWN) {
        /* what is to be said of the node says so */
        return facts->err ? NULL :
               finding_node_missing_unseen(0, IOMMU_NODE, "CONFIG_IOMMUFD");
    }
    if (option == 'm' || (!option && host_ships_module(host, "iommufd"))) {
        return finding_module_not_loaded_iommufd(facts->err, IOMMU_NODE,
                                                 missing);
    }
    return option == 'y' ?
           finding_unknown_iommufd_not_started(facts->err, IOMMU_NODE, missing,
                                               release) :
           finding_kernel_without_iommufd_maybe(facts->err, IOMMU_NODE,
                                                missing);
}

char *shown_iommufd(const Facts *facts)
{
    dev_t devt;

    host_iommufd(facts->host, &devt);
    return g_strdup_printf("the kernel provides it as character device %u:%u%s",
                           major(devt), minor(devt),
                           host_option(facts->host, "CONFIG_IOMMUFD") == 'm' ?
                           ", from a module" : "");
}

IOMMUFDFinding *check_iommu_node(const Facts *facts)
{
    bool wrong = true;
    int err = facts->err;
    dev_t devt;

    host_iommufd(facts->host, &devt);
    if (!facts->failure) {
        err = node_errno(facts, IOMMU_NODE, devt, &wrong);
    }
    return err || wrong ? node_finding(facts, IOMMU_NODE, devt, err) : NULL;
}

char *shown_iommu_node(const Facts *facts)
{
    g_autofree char *user = user_shown(geteuid());

    return g_strdup_printf("%s can read and write " IOMMU_NODE, user);
}

/*
 * A descriptor that was passed to an iommufd object
 */

IOMMUFDFinding *check_object_fd(const Facts *facts)
{
    int fd = facts->failure->iommufd;
    g_autofree char *what = NULL;

    switch (fd_kind(facts->host, fd, &what)) {
    case FD_CLOSED:
        return finding_fd_closed_object(EBADF, fd);
    case FD_IOMMU:
        /* It answers to anybody who may ask */
        return facts->err == EACCES || facts->err == EPERM ?
               finding_ioctl_denied_object(facts->err, fd, what) : NULL;
    case FD_VFIO_DEVICE:
        return finding_fd_swapped_object(facts->err, fd, what);
    case FD_UNKNOWN:
        if (facts->err == EACCES || facts->err == EPERM) {
            return finding_ioctl_denied_object(facts->err, fd, what);
        }
        /* fall through */
    default:
        return finding_fd_wrong_kind_object(facts->err, fd, what);
    }
}
