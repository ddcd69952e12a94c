/*
 * Facts about a host, its devices and the descriptors of this process
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BACKENDS_IOMMUFD_DIAG_FACTS_H
#define BACKENDS_IOMMUFD_DIAG_FACTS_H

#include "path.h"

/*
 * host.c: what is read is kept
 */

#define CAP_IPC_LOCK_BIT 14

/* Limits of this process, and what it has pinned; all in bytes */
typedef struct Locked {
    /* UINT64_MAX without a limit or if it is not known */
    uint64_t limit;
    bool has_ipc_lock;
    /* of files, outside of user namespaces */
    bool overrides_modes;
    /* the user namespace that the kernel takes capabilities from */
    bool initial_userns;
    uint64_t uid;
    uint64_t pinned;
    uint64_t locked;
} Locked;

/* The memory of this process's control group; known if it has a limit */
typedef struct Cgroup {
    bool known;
    uint64_t limit;
    uint64_t left;
} Cgroup;

/* use.c: what the host uses its devices for */
typedef struct HostUses HostUses;

struct IOMMUFDHost {
    char *root;
    /* the directory "/" */
    Dir dir;
    /* until when processes may be looked through, 0 before the first look */
    int64_t time_limit;
    int64_t deadline;
    /* a step of QEMU has failed: what is not about that is not looked for */
    bool diagnoses;
    /* by the real path of the device, or by the path if it is not known */
    GHashTable *devices;
    /* from the number of an IOMMU group to its members */
    GHashTable *groups;
    char *release;
    /* the words that the kernel was started with, NULL if not read yet */
    char **cmdline;
    /* values of the options with VFIO or IOMMUFD in the name, or NULL */
    GHashTable *options;
    bool options_known;
    bool iommufd_read;
    IOMMUFDSeen iommufd;
    dev_t iommufd_devt;
    bool interrupts_read;
    IOMMUFDInterrupts interrupts;
    bool has_its;
    Locked *locked;
    /* from a dev_t (as gint64) to the process that has it open */
    GHashTable *holders;
    /* the look at what processes have open, and at whose they are, saw all */
    bool all_processes;
    bool all_users;
    /* what follows "alias vfio_pci:" in modules.alias */
    GPtrArray *aliases;
    HostUses *uses;
    /* the kernel may be asked who has a disk */
    bool asks_kernel;
    /* QEMU will run as this user, for a guest with this memory */
    bool has_guest;
    uid_t guest_uid;
    uint64_t guest_memory;
};

/* False only if there is none, rather than one that cannot be read */
bool host_has_sysfs(IOMMUFDHost *host);
const char *host_release(IOMMUFDHost *host);
/* Is the kernel older than this?  False if its version is not known. */
bool host_kernel_before(IOMMUFDHost *host, unsigned int major,
                        unsigned int minor);
/* 'y', 'm', 'n', or 0 if no configuration of the kernel can be read */
char host_option(IOMMUFDHost *host, const char *option);
/* The text with the value in place of @ */
char *filled(const char *format, const char *value);
/* A path with the kernel's release in place of @; NULL if it cannot be */
char *host_kernel_file(IOMMUFDHost *host, const char *format);
/* Is it a virtual machine itself, as far as it shows? */
bool host_is_vm(IOMMUFDHost *host);
/*
 * The word with @value for @key that the kernel was started with, among others
 * perhaps, such as "intel_iommu=sm_on,off"; NULL if there is none
 */
const char *host_started_with(IOMMUFDHost *host, const char *key,
                              const char *value);
bool host_ships_module(IOMMUFDHost *host, const char *module);
/* Has the kernel an iommufd?  If so, *@devt is its number. */
IOMMUFDSeen host_iommufd(IOMMUFDHost *host, dev_t *devt);
const Locked *host_locked(IOMMUFDHost *host);
/* A number in the status of a process, @unknown if that does not show it */
uint64_t status_number(const char *status, const char *key, int base,
                       uint64_t unknown);
Cgroup host_cgroup(IOMMUFDHost *host);
/* MemAvailable in bytes, false if it is not known */
bool host_available(IOMMUFDHost *host, uint64_t *bytes);

/*
 * boot.c
 */

/*
 * A remedy: a word that the kernel is to be started with, or without.  With
 * what to type where the boot loader is known.
 */
char *host_boot_with(IOMMUFDHost *host, const char *word);
char *host_boot_without(IOMMUFDHost *host, const char *word);

/*
 * processes.c: looking through all processes, for a limited time
 */

/*
 * Another process that has the character device @devt open, as "process 12
 * (NAME)", or NULL; the string is the host's
 */
const char *host_holder(IOMMUFDHost *host, dev_t devt);
/* The same of a block device */
const char *host_disk_holder(IOMMUFDHost *host, dev_t devt);
/* Has the last look seen all processes, with what they have open? */
bool host_sees_all(IOMMUFDHost *host);
/* What other processes of the user have pinned, as far as it is seen */
uint64_t host_pinned_by_others(IOMMUFDHost *host);
/* Has that look seen all processes? */
bool host_sees_all_users(IOMMUFDHost *host);

/*
 * device.c
 */

Dir device_dir(const IOMMUFDHostDevice *device);
/* The device whose VFIO device node is open at @fd, or NULL */
IOMMUFDHostDevice *host_device_of_fd(IOMMUFDHost *host, int fd);
/* The number of the node of its group, for the legacy container */
bool device_group_devt(const IOMMUFDHostDevice *device, dev_t *devt);
/* The drivers with vfio in the name, of all buses: their directories */
GPtrArray *host_vfio_drivers(IOMMUFDHost *host);

/* It keeps other drivers away, and uses the device for nothing */
bool driver_is_stub(const char *driver);

/* I/O addresses that are no memory for a device, both ends included */
typedef struct ReservedRegion {
    uint64_t start;
    uint64_t last;
    /* as the kernel calls it */
    char type[20];
} ReservedRegion;

/* An array of #ReservedRegion: those of the device's IOMMU group */
GArray *device_reserved_regions(const IOMMUFDHostDevice *device);
char *reserved_region_shown(const ReservedRegion *region);

/*
 * use.c
 */

void host_uses_free(HostUses *uses);
/* Does it connect others?  vfio-pci takes none of these. */
bool device_is_bridge(const IOMMUFDHostDevice *device);

/*
 * descriptor.c
 */

typedef enum FdKind {
    FD_CLOSED,
    FD_IOMMU,
    FD_VFIO_DEVICE,
    FD_VFIO_GROUP,
    FD_VFIO_CONTAINER,
    FD_VFIO_LEGACY_DEVICE,
    FD_OTHER,
    /* a character device that nothing readable tells more of */
    FD_UNKNOWN,
} FdKind;

/* What a descriptor of this process is; *@what is a noun phrase, or NULL */
FdKind fd_kind(IOMMUFDHost *host, int fd, char **what);
const char *file_type(mode_t mode);

#endif
