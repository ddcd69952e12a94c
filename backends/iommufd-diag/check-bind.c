/*
 * Checks of binding a device to an iommufd
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "checks.h"

IOMMUFDHostDevice *facts_device(const Facts *facts,
                                const IOMMUFDDevice *device)
{
    return device->sysfsdev ?
           iommufd_host_device(facts->host, device->sysfsdev) :
           host_device_of_fd(facts->host, device->fd);
}

const char *group_of(const Facts *facts)
{
    return facts->device && facts->device->group ? facts->device->group :
           "(unknown)";
}

const IOMMUFDDevice *peer_in_group(const Facts *facts)
{
    const IOMMUFDFailure *failure = facts->failure;

    if (!failure || !facts->device || !facts->device->group) {
        return NULL;
    }
    for (size_t i = 0; i < failure->n_others; i++) {
        const IOMMUFDHostDevice *other = facts_device(facts,
                                                      &failure->others[i]);

        if (other && !g_strcmp0(other->group, facts->device->group)) {
            return &failure->others[i];
        }
    }
    return NULL;
}

/*
 * Descriptors
 */

IOMMUFDFinding *check_device_fd(const Facts *facts)
{
    int fd = facts->failure->device->fd;
    int iommufd = facts->failure->iommufd;
    g_autofree char *what = NULL;
    g_autofree char *other = NULL;

    switch (fd_kind(facts->host, fd, &what)) {
    case FD_CLOSED:
        return finding_fd_closed_device(facts->err, fd);
    case FD_VFIO_DEVICE:
    case FD_UNKNOWN:
        return NULL;
    case FD_VFIO_GROUP:
        return finding_fd_group_device(facts->err, fd, what);
    case FD_VFIO_LEGACY_DEVICE:
        return finding_fd_legacy_device_device(facts->err, fd, what);
    case FD_IOMMU:
        if (fd_kind(facts->host, iommufd, &other) == FD_VFIO_DEVICE) {
            return finding_fd_swapped_device(facts->err, fd, what, iommufd,
                                             other);
        }
        /* fall through */
    default:
        return finding_fd_wrong_kind_device(facts->err, fd, what);
    }
}

IOMMUFDFinding *check_bind_iommufd(const Facts *facts)
{
    const char *id = facts->failure->id;
    int fd = facts->failure->iommufd;
    g_autofree char *what = NULL;

    if (fd < 0) {
        return finding_fd_closed_none(facts->err, id);
    }
    if (facts->err != EBADF && facts->err != EBADFD) {
        return NULL;
    }
    switch (fd_kind(facts->host, fd, &what)) {
    case FD_CLOSED:
        return finding_fd_closed_iommufd(facts->err, fd, id);
    case FD_IOMMU:
    case FD_UNKNOWN:
        return NULL;
    default:
        return finding_fd_wrong_kind_iommufd(facts->err, fd, id, what);
    }
}

/*
 * EINVAL: the device is in use, or the firmware uses it
 */

IOMMUFDFinding *check_bind_twice(const Facts *facts)
{
    return facts->failure->already_bound ?
           finding_fd_already_bound_device(facts->err,
                                           facts->failure->device->fd,
                                           facts->who) : NULL;
}

IOMMUFDFinding *check_bind_busy(const Facts *facts)
{
    const IOMMUFDHostDevice *device = facts->device;
    const IOMMUFDFailure *failure = facts->failure;
    const char *holder;

    if (!device) {
        return NULL;
    }
    for (size_t i = 0; failure && i < failure->n_others; i++) {
        const IOMMUFDDevice *other = &failure->others[i];

        if (facts_device(facts, other) == device) {
            /* By path both have the same name */
            return finding_device_busy_same_vm(facts->err, facts->who,
                                               other->id ?: other->name);
        }
    }
    /* PCI counts who uses the device; a node may be open without a use */
    if (!device->vfio || !device->has_devt ||
        (device->has_enable && !device->enable)) {
        return NULL;
    }
    holder = host_holder(facts->host, device->devt);
    if (holder) {
        /* Who has passed a descriptor may have kept it */
        return device->has_enable && !(failure && facts->by_fd) ?
               finding_device_busy_process(facts->err, facts->who, holder) :
               finding_device_busy_open(facts->err, facts->who, holder);
    }
    /* The group's interface enables it, too, and some drivers leave it so */
    return failure && device->has_enable && !host_sees_all(facts->host) ?
           finding_device_busy_unseen(facts->err, facts->who) : NULL;
}

IOMMUFDFinding *check_bind_firmware(const Facts *facts)
{
    g_autoptr(GArray) regions = NULL;
    g_autoptr(GPtrArray) members = NULL;
    g_autofree char *whose = NULL;

    if (!facts->device || !facts->physical) {
        return NULL;
    }
    regions = device_reserved_regions(facts->device);
    members = iommufd_device_group(facts->device);
    /* The kernel shows the regions of a group */
    whose = g_strdup_printf("%s%s", facts->who, members && members->len == 1 ?
                            "" : " or another one of its IOMMU group");
    for (guint i = 0; i < regions->len; i++) {
        const ReservedRegion *region = &g_array_index(regions, ReservedRegion,
                                                      i);

        if (g_str_equal(region->type, "direct")) {
            return finding_firmware_reserved_memory_rmrr(facts->err,
                                                         region->start,
                                                         region->last, whose);
        }
    }
    return NULL;
}

/*
 * EBUSY: the group is in use
 */

IOMMUFDFinding *check_bind_group_open(const Facts *facts)
{
    const IOMMUFDDevice *peer = peer_in_group(facts);
    const char *holder;
    dev_t devt;

    if (peer && !peer->iommufd) {
        return finding_group_open_legacy_same_vm(facts->err, facts->who,
                                                 group_of(facts), peer->name);
    }
    if (!facts->device || !facts->physical ||
        !device_group_devt(facts->device, &devt)) {
        return NULL;
    }
    holder = host_holder(facts->host, devt);
    return holder ?
           finding_group_open_legacy_process(facts->err, group_of(facts),
                                             facts->who, holder) : NULL;
}

IOMMUFDFinding *check_bind_group_busy(const Facts *facts)
{
    const char *group = facts->device ? facts->device->group : NULL;
    g_autofree char *node = group ? g_build_filename("sys/class/vfio", group,
                                                     NULL) : NULL;

    /* A confined program may see the group's device and not its number */
    return node && !host_sees_all(facts->host) &&
           dir_seen(facts->host->dir, node) != IOMMUFD_SEEN_NO ?
           finding_group_open_legacy_unseen(facts->err, group, facts->who) :
           finding_dma_owner_busy_group(facts->err, group_of(facts),
                                        facts->who);
}

/*
 * EPERM: interrupts, and the other devices of the group
 */

IOMMUFDFinding *check_bind_mediated(const Facts *facts)
{
    const IOMMUFDHostDevice *device = facts->device;

    if (!device || !iommufd_device_is_mediated(device)) {
        return NULL;
    }
    return !g_strcmp0(device->driver, "vfio_ap_mdev") ?
           finding_device_open_failed_matrix(facts->err, device->driver,
                                             facts->who) :
           finding_device_open_failed_mdev(facts->err, device->driver ?:
                                           "of the mediated device",
                                           facts->who);
}

/* The members of the IOMMU group that ordinary host drivers use */
static GPtrArray *host_members(const Facts *facts)
{
    g_autoptr(GPtrArray) members = iommufd_device_group(facts->device);
    GPtrArray *found = g_ptr_array_new();

    for (guint i = 0; members && i < members->len; i++) {
        IOMMUFDHostDevice *member = members->pdata[i];

        /* not itself, if it is not bound yet, nor drivers that do no DMA */
        if (member != facts->device && member->driver && !member->planned &&
            !g_str_equal(member->driver, "pci-stub") &&
            !g_str_equal(member->driver, "pcieport") &&
            !iommufd_device_has_vfio_driver(member)) {
            g_ptr_array_add(found, member);
        }
    }
    return found;
}

static char *shown_members(const GPtrArray *members)
{
    GString *shown = g_string_new(NULL);

    for (guint i = 0; i < members->len; i++) {
        const IOMMUFDHostDevice *member = members->pdata[i];
        IOMMUFDSeen in_use;
        g_autofree char *use = iommufd_device_use(member, &in_use);

        if (in_use == IOMMUFD_SEEN_UNKNOWN) {
            g_clear_pointer(&use, g_free);
        }
        g_string_append_printf(shown, "%s%s (%s%s%s)", i ? ", " : "",
                               member->name, member->driver, use ? ", " : "",
                               use ?: "");
    }
    return g_string_free(shown, false);
}

bool group_is_host_own(const Facts *facts)
{
    g_autoptr(GPtrArray) members = host_members(facts);
    IOMMUFDSeen in_use;

    g_free(iommufd_device_use(facts->device, &in_use));
    for (guint i = 0; i < members->len && in_use != IOMMUFD_SEEN_YES; i++) {
        g_free(iommufd_device_use(members->pdata[i], &in_use));
    }
    return in_use == IOMMUFD_SEEN_YES;
}

/* The host's own are not given away, and the others can be */
static char *members_cure(const Facts *facts, const GPtrArray *members)
{
    GString *cure = g_string_new(NULL);
    g_autoptr(GPtrArray) unknown = g_ptr_array_new();
    g_autofree char *shown = NULL;
    bool own = group_is_host_own(facts);

    for (guint i = 0; i < members->len; i++) {
        const IOMMUFDHostDevice *member = members->pdata[i];
        IOMMUFDSeen in_use;
        g_autofree char *use = iommufd_device_use(member, &in_use);

        if (in_use == IOMMUFD_SEEN_YES) {
            g_string_append_printf(cure, "%s (%s) is the host's own, it %s: "
                                   "the device to be assigned needs another "
                                   "slot.\n",
                                   member->name, member->driver, use);
        } else if (own) {
            /* Nothing is to be taken from the host for that */
            continue;
        } else if (in_use == IOMMUFD_SEEN_NO) {
            g_autofree char *typed = bind_commands(facts, member);

            g_string_append(cure, typed);
        } else {
            g_ptr_array_add(unknown, member->name);
        }
    }
    if (unknown->len) {
        shown = join_some(unknown);
        g_string_append_printf(cure, "Whether the host uses %s cannot be "
                               "judged: bind to a VFIO driver only what it "
                               "does not need.", shown);
    }
    return g_string_free(cure, false);
}

bool interrupts_not_isolated(const IOMMUFDInterrupts *interrupts)
{
    return ((interrupts->known && !interrupts->isolated) ||
            interrupts->gicv2m) && !interrupts->allow_unsafe;
}

IOMMUFDFinding *check_bind_interrupts(const Facts *facts)
{
    const IOMMUFDInterrupts *interrupts =
        iommufd_host_interrupts(facts->host);
    g_autofree char *whose = g_strconcat("the ", facts->who, NULL);
    g_autoptr(GPtrArray) members = NULL;
    g_autofree char *shown = NULL;
    g_autofree char *besides = NULL;

    if (!facts->physical || !interrupts_not_isolated(interrupts)) {
        return NULL;
    }
    if (facts->failure && facts->device) {
        members = host_members(facts);
        shown = shown_members(members);
        besides = members->len ?
                  g_strconcat("; besides, its IOMMU group is used by host "
                              "drivers: ", shown, NULL) : NULL;
    }
    return interrupts_finding(facts->host, facts->err, whose, besides ?: "",
                              interrupts->parameter == IOMMUFD_SEEN_UNKNOWN);
}

IOMMUFDFinding *check_bind_members(const Facts *facts)
{
    g_autoptr(GPtrArray) members = NULL;
    g_autofree char *shown = NULL;
    g_autofree char *cure = NULL;

    if (!facts->device || !facts->physical) {
        return NULL;
    }
    members = host_members(facts);
    if (!members->len) {
        return NULL;
    }
    shown = shown_members(members);
    cure = members_cure(facts, members);
    return finding_group_host_driver_members(facts->err, facts->who,
                                             group_of(facts), shown, cure);
}

IOMMUFDFinding *check_bind_other_vm(const Facts *facts)
{
    const IOMMUFDDevice *peer = peer_in_group(facts);
    g_autoptr(GPtrArray) members = NULL;

    if (peer && g_strcmp0(peer->iommufd, facts->failure->id)) {
        return finding_group_other_owner_same_vm(facts->err, facts->who,
            group_of(facts), peer->name,
            peer->iommufd ?: "the legacy container", facts->failure->id);
    }
    if (!facts->device || !facts->physical) {
        return NULL;
    }
    members = iommufd_device_group(facts->device);
    for (guint i = 0; members && i < members->len; i++) {
        const IOMMUFDHostDevice *member = members->pdata[i];
        const char *holder;

        if (member == facts->device || !member->has_devt ||
            !member->has_enable || !member->enable) {
            continue;
        }
        holder = host_holder(facts->host, member->devt);
        if (holder) {
            return finding_group_other_owner_process(facts->err, facts->who,
                                                     group_of(facts),
                                                     member->name, holder);
        }
        if (facts->failure && !host_sees_all(facts->host)) {
            return finding_group_other_owner_unseen(facts->err, facts->who,
                                                    group_of(facts),
                                                    member->name);
        }
    }
    return NULL;
}

/* Before anything is tried, that a device is enabled is no more than a hint */
IOMMUFDFinding *check_bind_enabled(const Facts *facts)
{
    const IOMMUFDHostDevice *device = facts->device;
    g_autoptr(GPtrArray) members = NULL;

    if (host_sees_all(facts->host)) {
        return NULL;
    }
    if (device->has_devt && device->has_enable && device->enable) {
        return finding_device_busy_enabled(0, facts->who);
    }
    members = facts->physical ? iommufd_device_group(device) : NULL;
    for (guint i = 0; members && i < members->len; i++) {
        const IOMMUFDHostDevice *member = members->pdata[i];

        if (member != device && member->has_devt && member->has_enable &&
            member->enable) {
            return finding_group_other_owner_enabled(0, facts->who,
                                                     group_of(facts),
                                                     member->name);
        }
    }
    return NULL;
}

/* What was seen is not the cause, and not all can be seen */
IOMMUFDFinding *check_bind_permission(const Facts *facts)
{
    g_autofree char *candidates =
        g_strdup_printf("probably %sanother device of IOMMU group %s has a "
                        "host driver or another owner",
                        iommufd_host_interrupts(facts->host)->isolated ? "" :
                        "interrupt remapping is off, or ", group_of(facts));

    return finding_unknown_bind_refused(facts->err, facts->who, candidates);
}

char *shown_bind(const Facts *facts)
{
    return g_strdup("nothing seen in the way");
}

/*
 * EACCES: tokens and security modules
 */

/* Before anything is tried, a virtual function needs to be told */
IOMMUFDFinding *check_bind_token(const Facts *facts)
{
    Dir dir = facts->device ? device_dir(facts->device) : (Dir) { };
    g_autofree char *pf = NULL;

    if (!facts->device ||
        dir_seen(dir, "physfn/vfio-dev") != IOMMUFD_SEEN_YES) {
        return NULL;
    }
    pf = dir_link(dir, "physfn");
    if (!facts->failure) {
        /* Stable kernels may have it as well */
        return host_kernel_before(facts->host, 6, 17) ?
               finding_vf_token_required_maybe(0, facts->who, pf ?: "?") :
               finding_vf_token_required_check(0, facts->who, pf ?: "?");
    }
    return facts->failure->has_token ?
           finding_vf_token_required_other(facts->err, facts->who, pf ?: "?") :
           finding_vf_token_required_none(facts->err, facts->who, pf ?: "?");
}

IOMMUFDFinding *check_bind_access(const Facts *facts)
{
    bool no_vf = facts->device &&
        dir_seen(device_dir(facts->device), "physfn") == IOMMUFD_SEEN_NO &&
        dir_seen(device_dir(facts->device), "sriov_totalvfs") ==
        IOMMUFD_SEEN_NO;

    return no_vf ? finding_ioctl_denied_bind(facts->err, facts->who) :
           finding_unknown_access_refused(facts->err, facts->who,
                                          "probably by a security module, or "
                                          "because the VF token is missing or "
                                          "wrong");
}

/*
 * The rest
 */

IOMMUFDFinding *check_bind_gone(const Facts *facts)
{
    return facts->device && facts->device->vfio_dev == IOMMUFD_SEEN_NO ?
           finding_device_gone_fact(facts->err, facts->who) :
           finding_device_gone_maybe(facts->err, facts->who);
}

IOMMUFDFinding *check_bind_memory(const Facts *facts)
{
    return finding_out_of_memory_bind(facts->err, facts->who);
}

IOMMUFDFinding *check_bind_open(const Facts *facts)
{
    const char *driver = facts->device ? facts->device->driver : NULL;
    bool mediated = facts->device &&
                    iommufd_device_is_mediated(facts->device);

    if (!g_strcmp0(driver, "vfio_ap_mdev") && !facts->failure->kvm &&
        facts->err == EINVAL) {
        return finding_needs_kvm_ap(facts->err, driver, facts->who);
    }
    if (!g_strcmp0(driver, "vfio_ccw_mdev") && facts->err == EINVAL) {
        return host_sees_all(facts->host) ?
               finding_device_open_failed_subchannel(facts->err, facts->who) :
               finding_device_open_failed_use(facts->err, facts->who);
    }
    if (facts->err == EAGAIN) {
        return finding_device_open_failed_again(facts->err, facts->who);
    }
    /* Where a use cannot be seen, it is as likely, and so is the firmware's */
    if (facts->err == EINVAL && !mediated &&
        !(facts->device && facts->device->has_enable)) {
        g_autoptr(GArray) regions = facts->device ?
            device_reserved_regions(facts->device) : NULL;

        return finding_unknown_in_use(facts->err, facts->who,
            regions && regions->len ?
            "it is probably in use, or its driver has failed" :
            "it is probably in use, firmware uses memory through it (RMRR), "
            "or its driver has failed");
    }
    return driver ? finding_device_open_failed_driver(facts->err, driver,
                                                      facts->who) : NULL;
}
