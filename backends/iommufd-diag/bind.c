/*
 * Why a VFIO device cannot be bound to an iommufd, or gets no page tables
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "internal.h"

#define FD_REMEDY "Pass a descriptor of /dev/iommu to the iommufd object and " \
                  "one of /dev/vfio/devices/vfioN to each device.\n"

/* A device and what is derived from it, for the time of one look */
typedef struct Look {
    const char *root;
    const IOMMUFDDevice *device;
    /* NULL to look for them */
    const HostFacts *facts;
    int err;
    /* NULL if not known */
    char *sysfsdev;
    char *driver;
    char *group;
    /* subject of the messages */
    char *who;
} Look;

static void look_begin(Look *look, const char *root,
                       const IOMMUFDDevice *device, int err)
{
    g_autofree char *name = NULL;

    *look = (Look) { .root = root, .device = device, .err = err };
    look->sysfsdev = iommufd_diag_sysfsdev(root, device->sysfsdev, device->fd);
    if (look->sysfsdev) {
        look->driver = host_link_of(root, look->sysfsdev, "driver");
        look->group = host_link_of(root, look->sysfsdev, "iommu_group");
    }
    if (!device->sysfsdev && look->sysfsdev) {
        name = g_path_get_basename(look->sysfsdev);
        look->who = g_strdup_printf("device %s", name);
    } else {
        look->who = g_strdup("device");
    }
}

static void look_end(Look *look)
{
    g_free(look->sysfsdev);
    g_free(look->driver);
    g_free(look->group);
    g_free(look->who);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Look, look_end)

static char *holder_of(const Look *look, dev_t devt, bool *self)
{
    gint64 key = devt;

    return look->facts ?
           g_strdup(g_hash_table_lookup(look->facts->holders, &key)) :
           host_holder(look->root, devt, self);
}

static bool same_device(const Look *look, const char *sysfsdev)
{
    g_autofree char *a = host_resolve(look->root, look->sysfsdev);
    g_autofree char *b = host_resolve(look->root, sysfsdev);

    return a && !g_strcmp0(a, b);
}

/* A device of the VM in the same IOMMU group, NULL if there is none */
static const IOMMUFDPeer *peer_in_group(const Look *look)
{
    for (size_t i = 0; look->group && i < look->device->n_peers; i++) {
        const IOMMUFDPeer *peer = &look->device->peers[i];
        g_autofree char *path = iommufd_diag_sysfsdev(look->root,
                                                      peer->sysfsdev,
                                                      peer->fd);
        g_autofree char *group = path ?
            host_link_of(look->root, path, "iommu_group") : NULL;

        if (!g_strcmp0(group, look->group)) {
            return peer;
        }
    }
    return NULL;
}

/*
 * Descriptors that are not what they should be
 */

static IOMMUFDFinding *bad_device_fd(const Look *look)
{
    const IOMMUFDDevice *device = look->device;
    g_autofree char *what = NULL;
    g_autofree char *other = NULL;
    FdKind kind = fd_kind(look->root, device->fd, &what);

    switch (kind) {
    case FD_CLOSED:
        return finding_new(IOMMUFD_CAUSE_FD_CLOSED, look->err,
            g_strdup("Open the device node without O_CLOEXEC in the process "
                     "that starts QEMU, or send it with getfd.\n"),
            "fd %d of the device is not open in this process", device->fd);
    case FD_IOMMU:
        if (fd_kind(look->root, device->iommufd, &other) == FD_VFIO_DEVICE) {
            return finding_new(IOMMUFD_CAUSE_FD_SWAPPED, look->err,
                g_strdup("Exchange the two descriptors.\n"),
                "fd %d of the device is %s, and fd %d of the iommufd object "
                "is %s: they are swapped", device->fd, what, device->iommufd,
                other);
        }
        break;
    case FD_VFIO_GROUP:
        return finding_new(IOMMUFD_CAUSE_FD_GROUP, look->err,
            g_strdup(FD_REMEDY),
            "fd %d is %s, not a VFIO device node", device->fd, what);
    case FD_VFIO_LEGACY_DEVICE:
        return finding_new(IOMMUFD_CAUSE_FD_LEGACY_DEVICE, look->err,
            g_strdup("Open /dev/vfio/devices/vfioN instead.\n"),
            "fd %d is %s, which iommufd cannot use", device->fd, what);
    case FD_VFIO_DEVICE:
        return NULL;
    default:
        break;
    }
    return finding_new(IOMMUFD_CAUSE_FD_WRONG_KIND, look->err,
        g_strdup(FD_REMEDY),
        "fd %d is %s, not a VFIO device node", device->fd, what);
}

static IOMMUFDFinding *bad_iommufd(const Look *look)
{
    const IOMMUFDDevice *device = look->device;
    g_autofree char *what = NULL;
    FdKind kind;

    if (device->iommufd < 0) {
        return finding_new(IOMMUFD_CAUSE_FD_CLOSED, look->err, NULL,
                           "iommufd object '%s' has no descriptor",
                           device->id);
    }
    kind = fd_kind(look->root, device->iommufd, &what);
    if (kind == FD_CLOSED) {
        return finding_new(IOMMUFD_CAUSE_FD_CLOSED, look->err,
            g_strdup(FD_REMEDY),
            "fd %d of iommufd object '%s' is not open in this process",
            device->iommufd, device->id);
    }
    if (kind == FD_IOMMU) {
        return NULL;
    }
    return finding_new(IOMMUFD_CAUSE_FD_WRONG_KIND, look->err,
        g_strdup(FD_REMEDY),
        "fd %d of iommufd object '%s' is %s, not an iommufd",
        device->iommufd, device->id, what);
}

/*
 * The device is in use
 */

static IOMMUFDFinding *busy_device(const Look *look)
{
    g_autofree char *holder = NULL;
    uint64_t enabled = 0;
    bool counts;
    dev_t devt;

    for (size_t i = 0; i < look->device->n_peers; i++) {
        const IOMMUFDPeer *peer = &look->device->peers[i];
        g_autofree char *path = iommufd_diag_sysfsdev(look->root,
                                                      peer->sysfsdev,
                                                      peer->fd);

        if (path && same_device(look, path)) {
            return finding_new(IOMMUFD_CAUSE_DEVICE_BUSY, look->err,
                g_strdup("A host device can be given to a VM only once.\n"),
                "%s is already assigned to this VM as '%s'", look->who,
                peer->name);
        }
    }
    /* PCI counts who uses the device; a node may be open without a use */
    counts = host_number_of(look->root, look->sysfsdev, "enable", &enabled);
    if (counts && !enabled) {
        return NULL;
    }
    if (device_node_devt(look->root, look->sysfsdev, &devt)) {
        holder = holder_of(look, devt, NULL);
    }
    if (holder) {
        return finding_new(IOMMUFD_CAUSE_DEVICE_BUSY, look->err,
            g_strdup("End that process, or assign another device.\n"),
            "%s is already in use, %s has its device node open", look->who,
            holder);
    }
    if (enabled) {
        return finding_new(IOMMUFD_CAUSE_DEVICE_BUSY, look->err,
            g_strdup("As root, see who has it open: fuser -v "
                     "/dev/vfio/devices/vfio*\n"),
            "%s is already in use, probably by a process that cannot be seen "
            "from here", look->who);
    }
    return NULL;
}

#define LEGACY_REMEDY "All devices of an IOMMU group must be used through " \
                      "the same interface: give each of them iommufd=.\n"

static bool legacy_group_devt(const Look *look, dev_t *devt)
{
    g_autofree char *attr = g_build_filename("/sys/class/vfio",
                                             look->group ?: "?", "dev", NULL);

    return host_devt(look->root, attr, devt);
}

/* Somebody is seen to have the group open */
static IOMMUFDFinding *legacy_holder(const Look *look)
{
    const char *group = look->group ?: "?";
    g_autofree char *holder = NULL;
    bool self = false;
    dev_t devt;

    if (legacy_group_devt(look, &devt)) {
        holder = holder_of(look, devt, &self);
    }
    if (!holder) {
        return NULL;
    }
    return finding_new(IOMMUFD_CAUSE_GROUP_OPEN_LEGACY, look->err,
        g_strdup(LEGACY_REMEDY),
        "IOMMU group %s of the %s is open through the legacy interface, %s "
        "has /dev/vfio/%s open", group, look->who,
        self ? "this process" : holder, group);
}

static IOMMUFDFinding *busy_group(const Look *look)
{
    const IOMMUFDPeer *peer = peer_in_group(look);
    const char *group = look->group ?: "?";
    IOMMUFDFinding *finding;
    dev_t devt;

    if (peer && !peer->iommufd) {
        return finding_new(IOMMUFD_CAUSE_GROUP_OPEN_LEGACY, look->err,
            g_strdup(LEGACY_REMEDY),
            "%s is in IOMMU group %s, which device '%s' of this VM has open "
            "through the legacy interface (it has no iommufd=)", look->who,
            group, peer->name);
    }
    finding = legacy_holder(look);
    if (finding) {
        return finding;
    }
    if (legacy_group_devt(look, &devt) && geteuid() != 0) {
        return finding_new(IOMMUFD_CAUSE_GROUP_OPEN_LEGACY, look->err,
            g_strdup_printf("As root, see who has it open: fuser -v "
                            "/dev/vfio/%s\n", group),
            "IOMMU group %s of the %s is probably open through the legacy "
            "interface (/dev/vfio/%s) in a process that cannot be seen from "
            "here", group, look->who, group);
    }
    return finding_new(IOMMUFD_CAUSE_DMA_OWNER_BUSY, look->err,
        g_strdup("Unbind the host drivers of that group; a use that has "
                 "ended may take a moment to let go.\n"),
        "the DMA of IOMMU group %s of the %s is in use by the host", group,
        look->who);
}

/*
 * Permission: the IOMMU group and interrupts
 */

/* x86 has an IO-APIC, whose name starts with IR- if it remaps */
static bool match_remapping(const char *line, void *opaque)
{
    bool *known = opaque;

    *known |= !!strstr(line, "IO-APIC");
    return strstr(line, " IR-");
}

IOMMUFDInterrupts iommufd_interrupts(const char *root)
{
    g_autofree char *parameter = host_attr(root,
        "sys/module/iommufd/parameters/allow_unsafe_interrupts");
    IOMMUFDInterrupts interrupts = {
        .parameter_known = parameter,
        .allow_unsafe = !g_strcmp0(parameter, "Y"),
    };
    g_autofree char *remapped = NULL;

    host_find(root, "proc/interrupts", match_remapping, &interrupts.known,
              &remapped);
    interrupts.isolated = remapped;
    return interrupts;
}

static bool not_isolated(const IOMMUFDInterrupts *interrupts)
{
    return interrupts->known && !interrupts->isolated &&
           !interrupts->allow_unsafe;
}

/* @members are other reasons, or NULL */
static IOMMUFDFinding *no_isolation(int err, const char *whose,
                                    const char *members)
{
    return finding_new(IOMMUFD_CAUSE_NO_INTERRUPT_ISOLATION, err,
        g_strdup("Enable interrupt remapping (VT-d or x2APIC in the "
                 "firmware, no intremap=off), or accept that the device can "
                 "send any interrupt to the host: "
                 "iommufd.allow_unsafe_interrupts=1 (vfio_iommu_type1's "
                 "parameter does not count here).\n"),
        "the host does not isolate the interrupts of %s, interrupt remapping "
        "is off%s%s", whose, members ? "; besides, its IOMMU group is used by "
        "host drivers: " : "", members ?: "");
}

IOMMUFDFinding *
iommufd_forecast_interrupts(const IOMMUFDInterrupts *interrupts)
{
    return not_isolated(interrupts) ? no_isolation(0, "devices", NULL) : NULL;
}

/* The members of the IOMMU group that ordinary host drivers use */
static char *host_members(const Look *look)
{
    g_autofree char *dir = g_build_filename(look->sysfsdev,
                                            "iommu_group/devices", NULL);
    g_autoptr(GPtrArray) names = host_list(look->root, dir);
    GString *members = g_string_new(NULL);

    for (guint i = 0; names && i < names->len; i++) {
        g_autofree char *path = g_build_filename(dir, names->pdata[i], NULL);
        g_autofree char *driver = host_link_of(look->root, path, "driver");
        g_autofree char *use = NULL;
        bool in_use;

        /* itself, if it is not bound yet */
        if (!driver || device_driver_is_stub(driver) ||
            same_device(look, path) ||
            g_str_equal(driver, "pcieport") ||
            host_has(look->root, path, "vfio-dev")) {
            continue;
        }
        use = device_host_use(look->root, path, &in_use);
        g_string_append_printf(members, "%s%s (%s%s%s)",
                               members->len ? ", " : "",
                               (char *)names->pdata[i], driver,
                               use ? ", " : "", use ?: "");
    }
    return g_string_free(members, !members->len);
}

/* A member of the group that a process has open */
static char *vfio_member_holder(const Look *look)
{
    g_autofree char *dir = g_build_filename(look->sysfsdev,
                                            "iommu_group/devices", NULL);
    g_autoptr(GPtrArray) names = host_list(look->root, dir);

    for (guint i = 0; names && i < names->len; i++) {
        g_autofree char *path = g_build_filename(dir, names->pdata[i], NULL);
        g_autofree char *holder = NULL;
        uint64_t enabled;
        dev_t devt;

        if (same_device(look, path) ||
            !device_node_devt(look->root, path, &devt) ||
            (host_number_of(look->root, path, "enable", &enabled) &&
             !enabled)) {
            continue;
        }
        holder = holder_of(look, devt, NULL);
        return g_strdup_printf("%s, in use by %s", (char *)names->pdata[i],
                               holder ?: "a process that cannot be seen from "
                                         "here");
    }
    return NULL;
}

static IOMMUFDFinding *shared_with_host(const Look *look, const char *members)
{
    return finding_new(IOMMUFD_CAUSE_GROUP_HOST_DRIVER, look->err,
        g_strdup("Unbind them or bind them to vfio-pci too: a group is "
                 "assigned as a whole.\n"),
        "%s shares IOMMU group %s with devices that host drivers use: %s",
        look->who, look->group ?: "?", members);
}

static IOMMUFDFinding *shared_with_vm(const Look *look)
{
    g_autofree char *holder = vfio_member_holder(look);

    return holder ? finding_new(IOMMUFD_CAUSE_GROUP_OTHER_OWNER, look->err,
        g_strdup("A group is assigned to one VM as a whole.\n"),
        "%s shares IOMMU group %s with %s", look->who, look->group ?: "?",
        holder) : NULL;
}

static IOMMUFDFinding *not_permitted(const Look *look)
{
    const IOMMUFDPeer *peer = peer_in_group(look);
    g_autofree char *members = host_members(look);
    IOMMUFDInterrupts interrupts;
    IOMMUFDFinding *finding;

    if (iommufd_diag_is_mediated(look->root, look->sysfsdev)) {
        return finding_new(IOMMUFD_CAUSE_DEVICE_OPEN_FAILED, look->err, NULL,
            "driver '%s' does not open the %s%s", look->driver ?: "?",
            look->who, !g_strcmp0(look->driver, "vfio_ap_mdev") ?
            ", this VM already has a crypto matrix" : "");
    }
    interrupts = iommufd_interrupts(look->root);
    if (not_isolated(&interrupts)) {
        g_autofree char *whose = g_strconcat("the ", look->who, NULL);

        return no_isolation(look->err, whose, members);
    }
    if (members) {
        return shared_with_host(look, members);
    }
    if (peer && g_strcmp0(peer->iommufd, look->device->id)) {
        return finding_new(IOMMUFD_CAUSE_GROUP_OTHER_OWNER, look->err,
            g_strdup("Give both devices the same iommufd=.\n"),
            "%s shares IOMMU group %s with device '%s' of this VM, which uses "
            "%s instead of iommufd object '%s'", look->who, look->group,
            peer->name, peer->iommufd ?: "the legacy container",
            look->device->id);
    }
    finding = shared_with_vm(look);
    return finding ?: finding_new(IOMMUFD_CAUSE_UNKNOWN, look->err,
        g_strdup("Read the kernel log.\n"),
        "the kernel does not let the %s be bound to an iommufd", look->who);
}

static bool is_vf_of_vfio_pf(const Look *look)
{
    g_autofree char *pf = g_build_filename(look->sysfsdev, "physfn", NULL);

    return host_has(look->root, pf, "vfio-dev");
}

static IOMMUFDFinding *no_token(const Look *look)
{
    g_autofree char *pf = host_link_of(look->root, look->sysfsdev, "physfn");

    return is_vf_of_vfio_pf(look) ?
        finding_new(IOMMUFD_CAUSE_VF_TOKEN_REQUIRED, look->err,
            g_strdup("Give the token of the physical function: "
                     "vf-token=UUID\n"),
            "%s is a virtual function whose physical function %s is used "
            "through VFIO, %s", look->who, pf ?: "?",
            look->device->has_token ?
            "with another token than vf-token= gives" :
            look->err ? "and no VF token was given" :
            "so it needs a VF token") : NULL;
}

static IOMMUFDFinding *access_denied(const Look *look)
{
    IOMMUFDFinding *finding = no_token(look);

    return finding ?: finding_new(IOMMUFD_CAUSE_IOCTL_DENIED, look->err,
        g_strdup("Look for a denial in the audit log.\n"),
        "binding the %s to an iommufd is refused, probably by a security "
        "module", look->who);
}

/*
 * Arguments, which covers much in this ioctl
 */

static IOMMUFDFinding *firmware_reserved(const Look *look)
{
    g_autoptr(GArray) regions = device_reserved_regions(look->root,
                                                        look->sysfsdev);

    for (guint i = 0; i < regions->len; i++) {
        const ReservedRegion *region = &g_array_index(regions, ReservedRegion,
                                                      i);

        if (g_str_equal(region->type, "direct")) {
            return finding_new(IOMMUFD_CAUSE_FIRMWARE_RESERVED_MEMORY,
                look->err,
                g_strdup("Disable the firmware feature that uses it "
                         "(management controllers, shared memory), or use "
                         "another slot.\n"),
                "the firmware uses memory 0x%" PRIx64 "-0x%" PRIx64 " through "
                "the %s (RMRR), the kernel does not give such a device away",
                region->start, region->last, look->who);
        }
    }
    return NULL;
}

static IOMMUFDFinding *open_failed(const Look *look)
{
    const char *driver = look->driver ?: "?";

    if (!g_strcmp0(look->driver, "vfio_ap_mdev") && !look->device->kvm) {
        return finding_new(IOMMUFD_CAUSE_NEEDS_KVM, look->err,
            g_strdup("Start QEMU with -accel kvm.\n"),
            "driver '%s' opens the %s only for a VM with KVM", driver,
            look->who);
    }
    if (!g_strcmp0(look->driver, "vfio_ccw_mdev")) {
        return finding_new(IOMMUFD_CAUSE_DEVICE_OPEN_FAILED, look->err,
            g_strdup("Check its channel paths: lscss\n"),
            "the subchannel of the %s is probably not operational",
            look->who);
    }
    if (look->err == EAGAIN) {
        return finding_new(IOMMUFD_CAUSE_DEVICE_OPEN_FAILED, look->err,
            g_strdup("Try it again.\n"),
            "the %s is just being reset or unbound", look->who);
    }
    return finding_new(IOMMUFD_CAUSE_DEVICE_OPEN_FAILED, look->err,
        g_strdup("Read the kernel log.\n"),
        "driver '%s' probably cannot open the %s", driver, look->who);
}

static IOMMUFDFinding *invalid(const Look *look)
{
    IOMMUFDFinding *finding;

    if (look->device->already_bound) {
        return finding_new(IOMMUFD_CAUSE_FD_ALREADY_BOUND, look->err,
            g_strdup("Open the device node again for each use.\n"),
            "fd %d of the %s is already bound to an iommufd",
            look->device->fd, look->who);
    }
    if (!look->sysfsdev) {
        return open_failed(look);
    }
    finding = busy_device(look) ?: firmware_reserved(look);
    return finding ?: open_failed(look);
}

IOMMUFDFinding *iommufd_diag_device_fd(const char *root,
                                       const IOMMUFDDevice *device, int err)
{
    g_auto(Look) look = { 0 };

    look_begin(&look, root, device, err);
    return bad_device_fd(&look);
}

IOMMUFDFinding *iommufd_diag_bind(const char *root,
                                  const IOMMUFDDevice *device, int err)
{
    g_auto(Look) look = { 0 };
    IOMMUFDFinding *finding;

    look_begin(&look, root, device, err);
    finding = bad_device_fd(&look) ?: bad_iommufd(&look);
    if (finding) {
        return finding;
    }
    switch (err) {
    case EINVAL:
        return invalid(&look);
    case EBUSY:
        return busy_group(&look);
    case EPERM:
        if (look.sysfsdev) {
            return not_permitted(&look);
        }
        break;
    case EACCES:
        if (look.sysfsdev) {
            return access_denied(&look);
        }
        break;
    case ENODEV:
        return finding_new(IOMMUFD_CAUSE_DEVICE_GONE, err,
            g_strdup("Bind it to its VFIO driver again.\n"),
            "the %s was unbound or removed meanwhile", look.who);
    case ENOMEM:
        return finding_new(IOMMUFD_CAUSE_OUT_OF_MEMORY, err,
            g_strdup("Look at memory.max and memory.events of the control "
                     "group.\n"),
            "the kernel is out of memory for binding the %s to an iommufd",
            look.who);
    default:
        break;
    }
    return open_failed(&look);
}

/*
 * Before it is tried
 */

static void forecast(GPtrArray *findings, IOMMUFDFinding *finding)
{
    if (finding) {
        g_ptr_array_add(findings, finding);
    }
}

GPtrArray *bind_forecast(const char *root, const HostFacts *facts,
                         const char *sysfsdev)
{
    IOMMUFDDevice device = { .sysfsdev = sysfsdev, .fd = -1, .iommufd = -1 };
    GPtrArray *findings =
        g_ptr_array_new_with_free_func((GDestroyNotify)iommufd_finding_free);
    g_autofree char *members = NULL;
    IOMMUFDInterrupts interrupts;
    g_auto(Look) look = { 0 };

    look_begin(&look, root, &device, EINVAL);
    look.facts = facts;
    if (host_has(root, sysfsdev, "vfio-dev")) {
        forecast(findings, busy_device(&look));
    }
    if (iommufd_diag_is_mediated(root, sysfsdev)) {
        return findings;
    }
    forecast(findings, firmware_reserved(&look));

    look.err = EBUSY;
    forecast(findings, legacy_holder(&look));

    look.err = EPERM;
    members = host_members(&look);
    interrupts = facts ? facts->interrupts : iommufd_interrupts(root);
    if (not_isolated(&interrupts)) {
        forecast(findings, no_isolation(EPERM, "the device", members));
    } else if (members) {
        forecast(findings, shared_with_host(&look, members));
    }
    forecast(findings, shared_with_vm(&look));
    return findings;
}

GPtrArray *iommufd_forecast_bind(const char *root, const char *sysfsdev)
{
    return bind_forecast(root, NULL, sysfsdev);
}

IOMMUFDFinding *bind_needs_token(const char *root, const char *sysfsdev)
{
    IOMMUFDDevice device = { .sysfsdev = sysfsdev, .fd = -1, .iommufd = -1 };
    g_auto(Look) look = { 0 };

    look_begin(&look, root, &device, 0);
    return no_token(&look);
}

/*
 * Page tables
 */

static IOMMUFDFinding *unsupported(const Look *look, const char *what)
{
    g_autofree char *iommu = look->sysfsdev ?
        host_link_of(look->root, look->sysfsdev, "iommu") : NULL;

    return finding_new(IOMMUFD_CAUSE_HWPT_UNSUPPORTED, look->err,
        g_strdup("Leave out iommufd= to use the legacy VFIO container.\n"),
        "the host's IOMMU %s%s%s for the %s", iommu ?: "",
        iommu ? " " : "", what, look->who);
}

/* Ranges of the group that must not be translated, as START-END (TYPE) */
static char *reserved_ranges(const Look *look)
{
    g_autoptr(GArray) regions = device_reserved_regions(look->root,
                                                        look->sysfsdev);
    GString *ranges = g_string_new(NULL);

    for (guint i = 0; i < regions->len; i++) {
        const ReservedRegion *region = &g_array_index(regions, ReservedRegion,
                                                      i);
        g_autofree char *shown = reserved_region_shown(region);

        if (!g_str_equal(region->type, "direct-relaxable")) {
            g_string_append_printf(ranges, "%s%s", ranges->len ? ", " : "",
                                   shown);
        }
    }
    return g_string_free(ranges, !ranges->len);
}

static IOMMUFDFinding *overlap(const Look *look)
{
    g_autofree char *ranges = look->sysfsdev ? reserved_ranges(look) : NULL;

    return finding_new(IOMMUFD_CAUSE_RESERVED_REGION, look->err, NULL,
        "memory that is already mapped lies where the IOMMU of the %s "
        "cannot map%s%s", look->who, ranges ? ", it reserves " : "",
        ranges ?: "");
}

static IOMMUFDFinding *attach_failed(const Look *look)
{
    const IOMMUFDPeer *peer = peer_in_group(look);

    switch (look->err) {
    case EINVAL:
        if (peer) {
            return finding_new(IOMMUFD_CAUSE_GROUP_TWO_ADDRESS_SPACES,
                look->err,
                g_strdup("Put both behind one PCI bridge of the guest, or "
                         "assign only one of them.\n"),
                "%s and '%s' share IOMMU group %s of the host, but the "
                "guest's IOMMU puts them into different address spaces",
                look->who, peer->name, look->group);
        }
        break;
    case EBUSY:
        return finding_new(IOMMUFD_CAUSE_DMA_OWNER_BUSY, look->err, NULL,
            "the DMA of IOMMU group %s of the %s is in use by the host",
            look->group ?: "?", look->who);
    case ENOSPC:
        return finding_new(IOMMUFD_CAUSE_NO_DOMAIN_IDS, look->err,
            g_strdup("Assign fewer devices behind this IOMMU.\n"),
            "the host's IOMMU has no free domain id for the %s", look->who);
    case ENOENT:
        return finding_new(IOMMUFD_CAUSE_PAGE_TABLE_UNKNOWN, look->err, NULL,
            "iommufd object '%s' does not know the page table for the %s",
            look->device->id, look->who);
    default:
        break;
    }
    return finding_new(IOMMUFD_CAUSE_UNKNOWN, look->err,
        g_strdup("Read the kernel log.\n"),
        "the kernel does not attach the %s to its page tables", look->who);
}

IOMMUFDFinding *iommufd_diag_attach(const char *root, IOMMUFDStep step,
                                    const IOMMUFDDevice *device, int err)
{
    g_auto(Look) look = { 0 };

    look_begin(&look, root, device, err);
    if (err == ENOMEM) {
        return finding_new(IOMMUFD_CAUSE_OUT_OF_MEMORY, err,
            g_strdup("Look at memory.max and memory.events of the control "
                     "group, and at the limit of locked memory.\n"),
            "the kernel is out of memory for page tables of the %s",
            look.who);
    }
    if (err == EADDRINUSE) {
        return overlap(&look);
    }
    switch (step) {
    case IOMMUFD_STEP_HW_INFO:
        return unsupported(&look, "gives no information");
    case IOMMUFD_STEP_HWPT_ALLOC:
        if (err == EINVAL) {
            return finding_new(IOMMUFD_CAUSE_ALIGNMENT, err, NULL,
                "the smallest page of the IOMMU of the %s is probably larger "
                "than the host's page (%zu bytes)", look.who,
                (size_t)qemu_real_host_page_size());
        }
        return unsupported(&look, "has no page tables for user space");
    case IOMMUFD_STEP_ATTACH:
        return attach_failed(&look);
    case IOMMUFD_STEP_IOAS_ALLOC:
        break;
    }
    return finding_new(IOMMUFD_CAUSE_UNKNOWN, err, NULL,
                       "iommufd object '%s' does not allocate an IOAS",
                       device->id);
}
