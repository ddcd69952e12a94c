/*
 * Is a host ready to assign devices through IOMMUFD?
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/sysmacros.h>
#include "internal.h"

#define IOMMU_NODE "/dev/iommu"
#define NODE_DIR   "/dev/vfio/devices"

#define KIB 1024

/* Below it hardly any guest fits */
#define LOCKED_WARN (1024 * 1024 * 1024ULL)

struct IOMMUFDSurvey {
    char *root;
    HostFacts facts;
};

IOMMUFDSurvey *iommufd_survey_new(const char *root)
{
    IOMMUFDSurvey *survey = g_new0(IOMMUFDSurvey, 1);

    survey->root = g_strdup(root);
    survey->facts.interrupts = iommufd_interrupts(root);
    survey->facts.holders = host_holders(root);
    return survey;
}

void iommufd_survey_free(IOMMUFDSurvey *survey)
{
    if (survey) {
        g_hash_table_unref(survey->facts.holders);
        g_free(survey->root);
        g_free(survey);
    }
}

/*
 * Checks
 */

static void check_free(void *opaque)
{
    IOMMUFDCheck *check = opaque;

    iommufd_finding_free(check->finding);
    g_free(check->text);
    g_free(check);
}

static GPtrArray *checks_new(void)
{
    return g_ptr_array_new_with_free_func(check_free);
}

static void add(GPtrArray *checks, const char *name, IOMMUFDVerdict verdict,
                const char *fmt, ...) G_GNUC_PRINTF(4, 5);

static void add(GPtrArray *checks, const char *name, IOMMUFDVerdict verdict,
                const char *fmt, ...)
{
    IOMMUFDCheck *check = g_new0(IOMMUFDCheck, 1);
    va_list ap;

    check->name = name;
    check->verdict = verdict;
    va_start(ap, fmt);
    check->text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    g_ptr_array_add(checks, check);
}

/* Takes the finding over */
static void add_finding(GPtrArray *checks, const char *name,
                        IOMMUFDVerdict verdict, IOMMUFDFinding *finding)
{
    IOMMUFDCheck *check = g_new0(IOMMUFDCheck, 1);

    check->name = name;
    check->verdict = verdict;
    check->finding = finding;
    g_ptr_array_add(checks, check);
}

IOMMUFDVerdict iommufd_survey_verdict(const GPtrArray *checks)
{
    IOMMUFDVerdict worst = IOMMUFD_VERDICT_PASS;

    for (guint i = 0; i < checks->len; i++) {
        const IOMMUFDCheck *check = checks->pdata[i];

        worst = MAX(worst, check->verdict);
    }
    return worst;
}

/* The names, at most a few of them */
static char *join_some(const GPtrArray *names)
{
    GString *text = g_string_new(NULL);
    guint most = 6;

    for (guint i = 0; i < MIN(names->len, most); i++) {
        g_autofree char *shown = g_strescape(names->pdata[i], NULL);

        g_string_append_printf(text, "%s%s", i ? ", " : "", shown);
    }
    if (names->len > most) {
        g_string_append_printf(text, " and %u more", names->len - most);
    }
    return g_string_free(text, false);
}

/* Sizes of memory mostly are whole numbers, in some unit */
static char *size_shown(uint64_t bytes)
{
    static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
    size_t unit = 0;

    while (unit + 1 < G_N_ELEMENTS(units) && bytes >= KIB &&
           (bytes % KIB == 0 || bytes >= 100 * KIB)) {
        bytes /= KIB;
        unit++;
    }
    return g_strdup_printf("%" PRIu64 " %s", bytes, units[unit]);
}

static bool has_line(const char *root, const char *path, const char *needle)
{
    g_autofree char *line = NULL;

    host_find_line(root, path, needle, &line);
    return line;
}

/*
 * The host
 */

static void check_kernel(const char *root, GPtrArray *checks)
{
    g_autofree char *release = host_kernel_release(root);

    if (release) {
        add(checks, "kernel", IOMMUFD_VERDICT_PASS, "Linux %s", release);
    } else {
        add(checks, "kernel", IOMMUFD_VERDICT_WARN,
            "its version cannot be read from /proc");
    }
}

static void check_sysfs(const char *root, GPtrArray *checks)
{
    if (!host_exists(root, "/sys/bus")) {
        add_finding(checks, "sysfs", IOMMUFD_VERDICT_FAIL,
            finding_new(IOMMUFD_CAUSE_SYSFS_MISSING, 0,
                        g_strdup("Mount sysfs on /sys.\n"),
                        "sysfs is not visible here: /sys"));
    }
}

static void check_iommufd(const char *root, GPtrArray *checks)
{
    bool node = host_exists(root, IOMMU_NODE);
    dev_t devt;

    if (!host_iommu_devt(root, &devt)) {
        add_finding(checks, "iommufd", IOMMUFD_VERDICT_FAIL,
                    iommufd_diag_iommu_open(root, node ? ENODEV : ENOENT));
        return;
    }
    add(checks, "iommufd", IOMMUFD_VERDICT_PASS,
        "the kernel provides it as character device %u:%u%s", major(devt),
        minor(devt), host_kernel_option(root, "CONFIG_IOMMUFD") == 'm' ?
        ", from a module" : "");

    if (node_usable(root, IOMMU_NODE, devt, ENOTTY)) {
        add(checks, "iommu-node", IOMMUFD_VERDICT_PASS,
            "user %u can read and write " IOMMU_NODE, geteuid());
    } else {
        add_finding(checks, "iommu-node", IOMMUFD_VERDICT_FAIL,
                    iommufd_diag_iommu_open(root, errno));
    }
}

/* The drivers with vfio in the name, of all buses */
static GPtrArray *vfio_drivers(const char *root)
{
    GPtrArray *found = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) buses = host_list(root, "/sys/bus");

    for (guint i = 0; buses && i < buses->len; i++) {
        g_autofree char *dir = g_build_filename("/sys/bus", buses->pdata[i],
                                                "drivers", NULL);
        g_autoptr(GPtrArray) drivers = host_list(root, dir);

        for (guint j = 0; drivers && j < drivers->len; j++) {
            if (strstr(drivers->pdata[j], "vfio")) {
                g_ptr_array_add(found, g_build_filename(dir,
                                                        drivers->pdata[j],
                                                        NULL));
            }
        }
    }
    return found;
}

static void check_vfio(const char *root, GPtrArray *checks)
{
    g_autoptr(GPtrArray) drivers = vfio_drivers(root);
    char option = host_kernel_option(root, "CONFIG_VFIO_PCI");
    g_autofree char *shown = NULL;

    for (guint i = 0; i < drivers->len; i++) {
        char *path = drivers->pdata[i];

        drivers->pdata[i] = g_path_get_basename(path);
        g_free(path);
    }
    if (drivers->len) {
        shown = join_some(drivers);
        add(checks, "vfio", IOMMUFD_VERDICT_PASS, "drivers: %s", shown);
    } else if (option == 'n') {
        add_finding(checks, "vfio", IOMMUFD_VERDICT_WARN,
            finding_new(IOMMUFD_CAUSE_MODULE_NOT_LOADED, 0,
                        g_strdup("PCI devices need a kernel with "
                                 "CONFIG_VFIO_PCI.\n"),
                        "no VFIO driver is loaded, and the kernel is built "
                        "without CONFIG_VFIO_PCI"));
    } else {
        add_finding(checks, "vfio", IOMMUFD_VERDICT_WARN,
            finding_new(IOMMUFD_CAUSE_MODULE_NOT_LOADED, 0,
                        g_strdup("Load the one that the device needs: "
                                 "modprobe vfio-pci\n"),
                        "no VFIO driver is loaded"));
    }
}

/* Does the kernel show that VFIO devices have nodes? */
static bool cdev_seen(const char *root)
{
    g_autoptr(GPtrArray) names = host_list(root, "/sys/class/vfio-dev");

    for (guint i = 0; names && i < names->len; i++) {
        g_autofree char *attr = g_build_filename("/sys/class/vfio-dev",
                                                 names->pdata[i], "dev",
                                                 NULL);

        if (host_exists(root, attr)) {
            return true;
        }
    }
    return has_line(root, "proc/devices", " vfio-dev\n");
}

static void check_cdev(const char *root, GPtrArray *checks)
{
    char option = host_kernel_option(root, "CONFIG_VFIO_DEVICE_CDEV");
    bool loaded = host_exists(root, "/sys/class/vfio-dev") &&
                  host_exists(root, "/proc/devices");

    if (cdev_seen(root)) {
        add(checks, "device-nodes", IOMMUFD_VERDICT_PASS,
            "the kernel provides VFIO device nodes");
    } else if (option == 'y') {
        add(checks, "device-nodes", IOMMUFD_VERDICT_PASS,
            "the kernel is built with CONFIG_VFIO_DEVICE_CDEV");
    } else if (host_kernel_option(root, "CONFIG_IOMMUFD") == 'n' &&
               !host_kernel_before(root, 6, 6)) {
        /* has been said already, and is the reason */
    } else if (option == 'n' || loaded || host_kernel_before(root, 6, 6)) {
        add_finding(checks, "device-nodes", IOMMUFD_VERDICT_FAIL,
                    device_no_cdev(root, NODE_DIR));
    } else {
        add(checks, "device-nodes", IOMMUFD_VERDICT_WARN,
            "not known before vfio is loaded, no configuration of the kernel "
            "can be read");
    }
}

static void check_iommu(const IOMMUFDSurvey *survey, bool physical,
                        GPtrArray *checks)
{
    IOMMUFDVerdict bad = physical ? IOMMUFD_VERDICT_FAIL :
                         IOMMUFD_VERDICT_WARN;
    g_autoptr(GPtrArray) iommus = host_list(survey->root, "/sys/class/iommu");
    const IOMMUFDInterrupts *interrupts = &survey->facts.interrupts;
    g_autofree char *shown = NULL;
    IOMMUFDFinding *finding;

    if (!iommus || !iommus->len) {
        add_finding(checks, "iommu", bad,
                    device_no_iommu(survey->root, NULL));
        return;
    }
    shown = join_some(iommus);
    add(checks, "iommu", IOMMUFD_VERDICT_PASS, "%s", shown);

    finding = iommufd_forecast_interrupts(interrupts);
    if (finding) {
        add_finding(checks, "interrupts", bad, finding);
    } else if (interrupts->isolated) {
        add(checks, "interrupts", IOMMUFD_VERDICT_PASS,
            "interrupt remapping is on");
    } else if (interrupts->known) {
        add(checks, "interrupts", IOMMUFD_VERDICT_WARN,
            "interrupt remapping is off, and "
            "iommufd.allow_unsafe_interrupts=1 accepts that");
    }
}

static void check_memory(const char *root, GPtrArray *checks)
{
    Locked locked = locked_memory(root);
    g_autofree char *size = locked.limit == UINT64_MAX ? NULL :
                            size_shown(locked.limit);
    g_autofree char *max = cgroup_limit(root);

    if (locked.has_ipc_lock && locked.initial_userns) {
        add(checks, "locked-memory", IOMMUFD_VERDICT_PASS,
            "no limit for user %u (CAP_IPC_LOCK)", geteuid());
    } else if (!size) {
        add(checks, "locked-memory", IOMMUFD_VERDICT_PASS, "no limit");
    } else if (locked.limit >= LOCKED_WARN) {
        add(checks, "locked-memory", IOMMUFD_VERDICT_PASS,
            "user %u may lock %s", geteuid(), size);
    } else {
        add_finding(checks, "locked-memory", IOMMUFD_VERDICT_WARN,
            finding_new(IOMMUFD_CAUSE_LOCKED_MEMORY_LIMIT, 0,
                g_strdup("All of the guest's memory is locked. Raise the "
                         "limit for QEMU: ulimit -l, or LimitMEMLOCK=; "
                         "libvirt does so itself.\n"),
                "the limit of locked memory (RLIMIT_MEMLOCK) is %s for user "
                "%u%s", size, geteuid(), locked.has_ipc_lock ?
                ", and CAP_IPC_LOCK in a user namespace does not lift it" :
                ""));
    }
    if (max) {
        g_autofree char *shown = size_shown(g_ascii_strtoull(max, NULL, 10));

        add(checks, "control-group", IOMMUFD_VERDICT_PASS,
            "the control group is limited to %s of memory", shown);
    }
}

static void check_hugepages(const char *root, GPtrArray *checks)
{
    const char *dir = "/sys/kernel/mm/hugepages";
    g_autoptr(GPtrArray) sizes = host_list(root, dir);
    g_autoptr(GString) text = g_string_new(NULL);
    uint64_t kib, total, available;

    for (guint i = 0; sizes && i < sizes->len; i++) {
        g_autofree char *path = g_build_filename(dir, sizes->pdata[i], NULL);
        g_autofree char *size = NULL;

        if (sscanf(sizes->pdata[i], "hugepages-%" SCNu64 "kB", &kib) != 1 ||
            !host_number_of(root, path, "nr_hugepages", &total) || !total ||
            !host_number_of(root, path, "free_hugepages", &available)) {
            continue;
        }
        size = size_shown(kib * KIB);
        g_string_append_printf(text, "%s%" PRIu64 " of %" PRIu64 " free, "
                               "%s each", text->len ? "; " : "", available,
                               total, size);
    }
    add(checks, "hugepages", IOMMUFD_VERDICT_PASS, "%s",
        text->len ? text->str : "none reserved");
}

GPtrArray *iommufd_survey_host(const IOMMUFDSurvey *survey, bool physical)
{
    GPtrArray *checks = checks_new();

    check_kernel(survey->root, checks);
    check_sysfs(survey->root, checks);
    check_iommufd(survey->root, checks);
    check_vfio(survey->root, checks);
    check_cdev(survey->root, checks);
    check_iommu(survey, physical, checks);
    check_memory(survey->root, checks);
    check_hugepages(survey->root, checks);
    return checks;
}

GPtrArray *iommufd_survey_unseen(const IOMMUFDSurvey *survey)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *fds = g_build_filename(survey->root, "proc/1/fd", NULL);
    g_autofree char *config = host_kernel_config_denied(survey->root);

    if (access(fds, R_OK | X_OK) && errno == EACCES) {
        g_ptr_array_add(lines, g_strdup("which files the processes of other "
                                        "users have open, so not all that "
                                        "use a device or group"));
    }
    if (config && !host_kernel_option(survey->root, "CONFIG_IOMMUFD")) {
        g_ptr_array_add(lines, g_strdup_printf("the configuration of the "
                                               "kernel, %s", config));
    }
    return lines;
}

/*
 * Devices
 */

char *iommufd_survey_bus_path(const char *root, const char *path)
{
    g_autofree char *real = host_resolve(root, path);
    g_autofree char *bus = NULL;
    g_autofree char *name = NULL;
    g_autofree char *listed = NULL;

    if (!real) {
        return NULL;
    }
    bus = host_link_of(root, real, "subsystem");
    name = g_path_get_basename(real);
    listed = bus ? g_build_filename("/sys/bus", bus, "devices", name, NULL) :
             NULL;
    return listed && host_exists(root, listed) ? g_steal_pointer(&listed) :
           g_steal_pointer(&real);
}

/* Takes the path over, which may be NULL */
static void add_device(GPtrArray *paths, GHashTable *seen, char *path)
{
    if (path && g_hash_table_add(seen, g_strdup(path))) {
        g_ptr_array_add(paths, path);
    } else {
        g_free(path);
    }
}

/* The links to devices in a driver's directory lead to sys/devices */
static void add_devices_of_driver(const char *root, const char *driver,
                                  GPtrArray *paths, GHashTable *seen)
{
    g_autoptr(GPtrArray) names = host_list(root, driver);

    for (guint i = 0; names && i < names->len; i++) {
        g_autofree char *path = g_build_filename(driver, names->pdata[i],
                                                 NULL);

        if (!g_str_equal(names->pdata[i], "module") &&
            host_has(root, path, "driver")) {
            add_device(paths, seen, iommufd_survey_bus_path(root, path));
        }
    }
}

GPtrArray *iommufd_survey_devices(const IOMMUFDSurvey *survey)
{
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash,
                                                       g_str_equal, g_free,
                                                       NULL);
    g_autoptr(GPtrArray) drivers = vfio_drivers(survey->root);
    g_autoptr(GPtrArray) names = host_list(survey->root,
                                           "/sys/class/vfio-dev");
    g_autoptr(GPtrArray) mdevs = host_list(survey->root,
                                           "/sys/bus/mdev/devices");

    for (guint i = 0; i < drivers->len; i++) {
        add_devices_of_driver(survey->root, drivers->pdata[i], paths, seen);
    }
    for (guint i = 0; mdevs && i < mdevs->len; i++) {
        add_device(paths, seen, g_build_filename("/sys/bus/mdev/devices",
                                                 mdevs->pdata[i], NULL));
    }
    /* drivers without vfio in the name */
    for (guint i = 0; names && i < names->len; i++) {
        g_autofree char *link = g_build_filename("/sys/class/vfio-dev",
                                                 names->pdata[i], "device",
                                                 NULL);

        add_device(paths, seen, iommufd_survey_bus_path(survey->root, link));
    }
    return paths;
}

static void member_free(void *opaque)
{
    IOMMUFDMember *member = opaque;

    g_free(member->name);
    g_free(member->driver);
    g_free(member);
}

GPtrArray *iommufd_survey_group(const IOMMUFDSurvey *survey,
                                const char *sysfsdev, char **group)
{
    g_autofree char *dir = g_build_filename(sysfsdev, "iommu_group/devices",
                                            NULL);
    g_autoptr(GPtrArray) names = host_list(survey->root, dir);
    GPtrArray *members;

    *group = host_link_of(survey->root, sysfsdev, "iommu_group");
    if (!*group) {
        return NULL;
    }
    members = g_ptr_array_new_with_free_func(member_free);
    for (guint i = 0; names && i < names->len; i++) {
        g_autofree char *path = g_build_filename(dir, names->pdata[i], NULL);
        IOMMUFDMember *member = g_new0(IOMMUFDMember, 1);

        member->name = g_strescape(names->pdata[i], NULL);
        member->driver = host_link_of(survey->root, path, "driver");
        g_ptr_array_add(members, member);
    }
    return members;
}

/* Returns false if there is no device to look at any further */
static bool check_device(const char *root, const char *sysfsdev,
                         GPtrArray *checks)
{
    g_autofree char *bus = host_link_of(root, sysfsdev, "subsystem");
    uint64_t vendor, device;

    if (!bus) {
        IOMMUFDFinding *finding = iommufd_diag_device_node(root, sysfsdev,
                                                           ENOENT);

        if (!host_exists(root, sysfsdev) ||
            finding->cause == IOMMUFD_CAUSE_NOT_A_DEVICE) {
            add_finding(checks, "device", IOMMUFD_VERDICT_FAIL, finding);
            return false;
        }
        iommufd_finding_free(finding);
    }
    if (host_number_of(root, sysfsdev, "vendor", &vendor) &&
        host_number_of(root, sysfsdev, "device", &device)) {
        add(checks, "device", IOMMUFD_VERDICT_PASS,
            "PCI device %04" PRIx64 ":%04" PRIx64, vendor, device);
    } else {
        add(checks, "device", IOMMUFD_VERDICT_PASS, "%s%s",
            bus ? "device on bus " : "device in sysfs", bus ?: "");
    }
    return true;
}

/* Returns false if the device can never be bound to an iommufd */
static bool check_group(const IOMMUFDSurvey *survey, const char *sysfsdev,
                        GPtrArray *checks)
{
    g_autofree char *name = g_path_get_basename(sysfsdev);
    g_autofree char *group = NULL;
    g_autoptr(GPtrArray) members = iommufd_survey_group(survey, sysfsdev,
                                                        &group);
    g_autoptr(GPtrArray) others = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *shown = NULL;

    if (!members) {
        if (iommufd_diag_is_mediated(survey->root, sysfsdev)) {
            return true;
        }
        add_finding(checks, "iommu-group", IOMMUFD_VERDICT_FAIL,
                    device_no_iommu(survey->root, sysfsdev));
        return false;
    }
    for (guint i = 0; i < members->len; i++) {
        IOMMUFDMember *member = members->pdata[i];

        if (!g_str_equal(member->name, name)) {
            g_ptr_array_add(others, g_strdup_printf("%s (%s)", member->name,
                                                    member->driver ?:
                                                    "no driver"));
        }
    }
    shown = join_some(others);
    add(checks, "iommu-group", IOMMUFD_VERDICT_PASS, "group %s, %s%s", group,
        others->len ? "shared with " : "not shared", shown);
    return true;
}

/* Returns true if the device has a VFIO device, bound or not */
static bool check_driver(const char *root, const char *sysfsdev,
                         GPtrArray *checks)
{
    g_autofree char *driver = host_link_of(root, sysfsdev, "driver");
    g_autofree char *name = device_vfio_name(root, sysfsdev);

    if (!name) {
        IOMMUFDFinding *finding = iommufd_diag_device_node(root, sysfsdev,
                                                           ENOENT);

        if (finding->cause == IOMMUFD_CAUSE_NO_IOMMU) {
            /* has been said already */
            iommufd_finding_free(finding);
        } else {
            add_finding(checks, "driver", IOMMUFD_VERDICT_FAIL, finding);
        }
        return false;
    }
    add(checks, "driver", IOMMUFD_VERDICT_PASS, "bound to %s (%s)",
        driver ?: "no driver", name);
    return true;
}

static void check_device_node(const char *root, const char *sysfsdev,
                              GPtrArray *checks)
{
    g_autofree char *name = device_vfio_name(root, sysfsdev);
    g_autofree char *node = g_build_filename(NODE_DIR, name, NULL);
    dev_t devt;

    if (device_node_devt(root, sysfsdev, &devt) &&
        node_usable(root, node, devt, ENODEV)) {
        add(checks, "device-node", IOMMUFD_VERDICT_PASS,
            "user %u can read and write %s", geteuid(), node);
    } else {
        add_finding(checks, "device-node", IOMMUFD_VERDICT_FAIL,
                    iommufd_diag_device_node(root, sysfsdev, errno));
    }
}

static void check_bind(const IOMMUFDSurvey *survey, const char *sysfsdev,
                       GPtrArray *checks)
{
    g_autoptr(GPtrArray) findings = bind_forecast(survey->root,
                                                  &survey->facts, sysfsdev);
    IOMMUFDFinding *token = bind_needs_token(survey->root, sysfsdev);

    for (guint i = 0; i < findings->len; i++) {
        add_finding(checks, "bind", IOMMUFD_VERDICT_FAIL,
                    g_steal_pointer(&findings->pdata[i]));
    }
    if (!findings->len) {
        add(checks, "bind", IOMMUFD_VERDICT_PASS, "nothing seen in the way");
    }
    if (token) {
        add_finding(checks, "vf-token", IOMMUFD_VERDICT_WARN, token);
    }
}

GPtrArray *iommufd_survey_device(const IOMMUFDSurvey *survey,
                                 const char *sysfsdev)
{
    GPtrArray *checks = checks_new();
    bool grouped;

    if (!check_device(survey->root, sysfsdev, checks)) {
        return checks;
    }
    grouped = check_group(survey, sysfsdev, checks);
    if (check_driver(survey->root, sysfsdev, checks)) {
        check_device_node(survey->root, sysfsdev, checks);
    }
    if (grouped) {
        check_bind(survey, sysfsdev, checks);
    }
    return checks;
}
