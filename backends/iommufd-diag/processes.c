/*
 * Looking through all processes of a host
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/sysmacros.h>
#include "facts.h"

#define KIB 1024
/* What the kernel calls the PID namespace in which every process is seen */
#define INITIAL_PID_NAMESPACE "pid:[4026531836]"

typedef struct Walk {
    IOMMUFDHost *host;
    DIR *proc;
    const char *self;
    /* all processes, and what they have, could be seen so far */
    bool all;
} Walk;

/* Returns the next process but this one, NULL at the end or after too long */
static const char *next_process(Walk *walk)
{
    struct dirent *entry;

    while ((entry = readdir(walk->proc))) {
        if (!g_ascii_isdigit(*entry->d_name) ||
            g_str_equal(entry->d_name, walk->self)) {
            continue;
        }
        if (g_get_monotonic_time() > walk->host->deadline) {
            walk->all = false;
            return NULL;
        }
        return entry->d_name;
    }
    return NULL;
}

/* As /proc calls it, which may be that of another PID namespace */
static char *own_pid(IOMMUFDHost *host)
{
    return dir_link(host->dir, "proc/self") ?:
           g_strdup_printf("%d", getpid());
}

static bool walk_begin(Walk *walk, IOMMUFDHost *host, const char *self)
{
    g_autofree char *proc = dir_full(host->dir, "proc");
    g_autofree char *pid_ns = dir_link(host->dir, "proc/self/ns/pid");

    if (!host->deadline) {
        host->deadline = g_get_monotonic_time() +
                         (host->time_limit ?: G_USEC_PER_SEC);
    }
    *walk = (Walk) {
        .host = host,
        .proc = opendir(proc),
        .self = self,
        .all = !g_strcmp0(pid_ns, INITIAL_PID_NAMESPACE),
    };
    return walk->proc;
}

/*
 * Who has a device open
 */

/* The numbers of both kinds of devices are the same */
static gint64 holder_key(dev_t devt, bool block)
{
    return (gint64)devt | (block ? G_MININT64 : 0);
}

/*
 * What a file is, wherever its node is and whatever it is called, is asked of
 * no server: that might not answer.
 */
static bool is_device(Walk *walk, int fds, const char *name, gint64 *key)
{
    struct statx stx;

    if (statx(fds, name, AT_STATX_DONT_SYNC, STATX_TYPE, &stx)) {
        walk->all &= errno == ENOENT;
        return false;
    }
    if (!S_ISCHR(stx.stx_mode) && !S_ISBLK(stx.stx_mode)) {
        return false;
    }
    *key = holder_key(makedev(stx.stx_rdev_major, stx.stx_rdev_minor),
                      S_ISBLK(stx.stx_mode));
    return true;
}

/* Returns false if what the process has open cannot be seen */
static bool note_devices(Walk *walk, const char *pid)
{
    g_autofree char *path = g_build_filename(pid, "fd", NULL);
    int fd = openat(dirfd(walk->proc), path,
                    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *fds = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    unsigned int looks = 0;

    if (!fds) {
        /* it may have ended meanwhile */
        return errno == ENOENT || errno == ESRCH;
    }
    while ((entry = readdir(fds))) {
        gint64 devt;

        if (++looks % 64 == 0 &&
            g_get_monotonic_time() > walk->host->deadline) {
            walk->all = false;
            break;
        }
        if (g_ascii_isdigit(*entry->d_name) &&
            is_device(walk, dirfd(fds), entry->d_name, &devt)) {
            if (!g_hash_table_contains(walk->host->holders, &devt)) {
                g_hash_table_insert(walk->host->holders,
                                    g_memdup2(&devt, sizeof(devt)),
                                    g_strdup(pid));
            }
        }
    }
    closedir(fds);
    return true;
}

static void look_for_holders(IOMMUFDHost *host)
{
    g_autofree char *self = own_pid(host);
    const char *pid;
    Walk walk;

    host->holders = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free,
                                          g_free);
    if (!walk_begin(&walk, host, self)) {
        return;
    }
    while ((pid = next_process(&walk))) {
        walk.all &= note_devices(&walk, pid);
    }
    host->all_processes = walk.all;
    closedir(walk.proc);
}

static const char *holder_of(IOMMUFDHost *host, gint64 key)
{
    g_autofree char *comm = NULL;
    g_autofree char *name = NULL;
    const char *pid;
    char *shown;

    if (!host->holders) {
        look_for_holders(host);
    }
    pid = g_hash_table_lookup(host->holders, &key);
    if (!pid || !g_ascii_isdigit(*pid)) {
        return pid;
    }
    comm = g_build_filename("proc", pid, "comm", NULL);
    name = dir_attr(host->dir, comm);
    shown = g_strdup_printf("process %s (%s)", pid, name ?: "?");
    g_hash_table_insert(host->holders, g_memdup2(&key, sizeof(key)), shown);
    return shown;
}

const char *host_holder(IOMMUFDHost *host, dev_t devt)
{
    return holder_of(host, holder_key(devt, false));
}

const char *host_disk_holder(IOMMUFDHost *host, dev_t devt)
{
    return holder_of(host, holder_key(devt, true));
}

const char *iommufd_device_holder(const IOMMUFDHostDevice *device)
{
    const char *holder = NULL;
    dev_t devt;

    if (device->has_devt) {
        holder = host_holder(device->host, device->devt);
    }
    if (!holder && device_group_devt(device, &devt)) {
        holder = host_holder(device->host, devt);
    }
    /* Some drivers leave it enabled */
    return holder ?: device->enable && !host_sees_all(device->host) ?
           "a process that could not be examined" : NULL;
}

bool host_sees_all(IOMMUFDHost *host)
{
    if (!host->holders) {
        look_for_holders(host);
    }
    return host->all_processes;
}

/*
 * What the processes of a user have pinned
 */

bool host_sees_all_users(IOMMUFDHost *host)
{
    return host->all_users;
}

/* What the process has pinned in KiB, 0 if it does not count for the user */
static uint64_t pinned_by(const char *status, uint64_t uid)
{
    uint64_t caps = status_number(status, "CapEff:", 16, 0);

    return status_number(status, "Uid:", 10, UINT64_MAX) != uid ||
           (caps & (1ULL << CAP_IPC_LOCK_BIT)) ? 0 :
           status_number(status, "VmPin:", 10, 0);
}

uint64_t host_pinned_by_others(IOMMUFDHost *host)
{
    g_autofree char *self = own_pid(host);
    uint64_t uid = host_locked(host)->uid;
    uint64_t kib = 0;
    const char *pid;
    Walk walk;

    if (!walk_begin(&walk, host, self)) {
        return 0;
    }
    while ((pid = next_process(&walk))) {
        g_autofree char *name = g_build_filename("proc", pid, "status", NULL);
        g_autofree char *status = dir_text(host->dir, name);

        if (status) {
            kib += pinned_by(status, uid);
        } else {
            walk.all &= errno == ENOENT || errno == ESRCH;
        }
    }
    host->all_users = walk.all;
    closedir(walk.proc);
    return kib * KIB;
}
