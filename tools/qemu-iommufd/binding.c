/*
 * Devices that are bound to a VFIO driver while QEMU runs
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "commands.h"
#include "run.h"

#define ROOT    "/"
#define DEVICES "/sys/bus/pci/devices/"
#define DRIVERS "/sys/bus/pci/drivers/"

static bool is_gone(const char *address)
{
    g_autofree char *path = g_strconcat(DEVICES, address, NULL);

    return access(path, F_OK) && errno == ENOENT;
}

/* One that is removed while it is in use goes when it has been closed */
static bool is_about_to_go(const char *address)
{
    for (int i = 0; i < 100 && !is_gone(address); i++) {
        g_usleep(G_USEC_PER_SEC / 100);
    }
    return is_gone(address);
}

/* Prints no error for a device that is gone */
static bool write_attr(const char *address, const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) >= 0;
    int err = errno;

    if (!ok && !((err == ENOENT || err == ENODEV) &&
                 is_about_to_go(address))) {
        run_error(err, "%s: cannot write '%s' to %s", address,
                  *text == '\n' ? "" : text, path);
    }
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

static bool write_override(const char *address, const char *driver)
{
    g_autofree char *path = g_strconcat(DEVICES, address, "/driver_override",
                                        NULL);

    return write_attr(address, path, driver ?: "\n");
}

/* What a driver does with a device: "bind" or "unbind" */
static bool write_driver(const char *address, const char *driver,
                         const char *what)
{
    g_autofree char *path = g_build_filename(DRIVERS, driver, what, NULL);

    return write_attr(address, path, address);
}

/*
 * Before anything is changed
 */

/* As it is for the host: what an earlier run has left behind is not */
static char *modalias_of(const char *address)
{
    g_autofree char *path = g_strconcat(DEVICES, address, "/modalias", NULL);
    char *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) ? g_strchomp(text) :
           g_strdup("");
}

static void note_host_state(Record *record, const IOMMUFDHostDevice *facts)
{
    const char *left = record->written ? record->vfio_driver : NULL;

    if (!left || (facts->driver && !g_str_equal(facts->driver, left))) {
        g_free(record->driver);
        record->driver = g_strdup(facts->driver);
    }
    if (!left || g_strcmp0(facts->override, left)) {
        g_free(record->override);
        record->override = g_strdup(facts->override);
    }
    g_free(record->modalias);
    record->modalias = modalias_of(record->address);
}

/* Why the planned driver would not take the device, NULL if it would */
static const IOMMUFDResult *refusal(const GPtrArray *results)
{
    for (guint i = 0; i < results->len; i++) {
        const IOMMUFDResult *result = results->pdata[i];

        if (result->verdict == IOMMUFD_VERDICT_FAIL &&
            g_str_equal(result->check, "driver")) {
            return result;
        }
    }
    return NULL;
}

static bool host_consents(const RunDevice *device, IOMMUFDHostDevice *facts,
                          bool force)
{
    const char *holder = iommufd_device_holder(facts);
    IOMMUFDSeen in_use;
    g_autofree char *use = iommufd_device_use(facts, &in_use);
    g_autoptr(GPtrArray) results = NULL;
    const IOMMUFDResult *refused;

    /* Not even by force, as the kernel would wait until it is closed */
    if (holder) {
        run_error(0, "%s is in use by %s", device->name, holder);
        return false;
    }
    if (in_use == IOMMUFD_SEEN_NO || force) {
        return true;
    }
    results = iommufd_check_device(facts);
    refused = refusal(results);
    run_error(0, "%s %s%s", device->name, use,
              refused ? "" : "; --force takes it away from the host");
    if (refused) {
        run_finding(device->name, refused->finding);
    }
    return false;
}

/* By its name, or by what it is built on */
static bool is_vfio_driver(const char *driver)
{
    g_autofree char *link = g_build_filename(DRIVERS, driver, "module", NULL);
    g_autofree char *target = g_file_read_link(link, NULL);
    g_autofree char *module = g_path_get_basename(target ?: driver);
    g_autofree char *holder = g_build_filename("/sys/module/vfio_pci_core/"
                                               "holders", module, NULL);

    return strstr(driver, "vfio") || !access(holder, F_OK);
}

static bool plan(const Run *run, RunDevice *device, IOMMUFDHostDevice *facts)
{
    g_autofree char *driver = NULL;
    bool taken = iommufd_device_has_vfio_driver(facts);

    if (taken && (!run->bind_driver ||
                  g_str_equal(facts->driver, run->bind_driver))) {
        device->record = record_open(facts->name, false);
        return device->record || errno == ENOENT;
    }
    driver = run->bind_driver ? g_strdup(run->bind_driver) :
             iommufd_device_vfio_driver(facts, NULL);
    iommufd_device_plan(facts, driver);
    if (!host_consents(device, facts, run->force)) {
        return false;
    }
    device->record = record_open(facts->name, true);
    if (!device->record) {
        return false;
    }
    note_host_state(device->record, facts);
    g_free(device->record->vfio_driver);
    device->record->vfio_driver = g_strdup(driver);
    device->vfio_driver = g_steal_pointer(&driver);
    return true;
}

bool binding_plan(Run *run, IOMMUFDHost *host)
{
    bool ok = true;

    if (run->bind_driver && !is_vfio_driver(run->bind_driver)) {
        run_error(0, "%s is not a VFIO driver, or it is not loaded",
                  run->bind_driver);
        return false;
    }
    iommufd_host_ask_kernel(host);
    for (guint i = 0; i < run->devices->len; i++) {
        RunDevice *device = run->devices->pdata[i];

        if (device->pci) {
            ok &= plan(run, device, iommufd_host_device(host,
                                                        device->sysfsdev));
        }
    }
    return ok;
}

/*
 * Changing drivers
 */

static bool bind(const Record *record)
{
    const char *address = record->address;
    g_autoptr(IOMMUFDHost) host = iommufd_host_new(ROOT);
    g_autofree char *path = g_strconcat(DEVICES, address, NULL);
    const IOMMUFDHostDevice *facts = iommufd_host_device(host, path);
    /* A driver that has gone since has given the device up */
    bool ok = write_override(address, record->vfio_driver) &&
              (!facts->driver || write_driver(address, facts->driver,
                                              "unbind")) &&
              write_driver(address, record->vfio_driver, "bind");

    if (!ok && is_gone(address)) {
        run_error(0, "%s has been removed from the host", address);
    }
    return ok;
}

bool binding_bind(Run *run)
{
    for (guint i = 0; i < run->devices->len; i++) {
        RunDevice *device = run->devices->pdata[i];

        if (device->vfio_driver &&
            (!record_write(device->record) || !bind(device->record))) {
            binding_restore(run);
            return false;
        }
    }
    return true;
}

/*
 * Giving back
 */

bool binding_give_back(Record *record)
{
    const char *address = record->address;
    g_autoptr(IOMMUFDHost) host = iommufd_host_new(ROOT);
    g_autofree char *path = g_strconcat(DEVICES, address, NULL);
    const IOMMUFDHostDevice *facts = iommufd_host_device(host, path);
    bool taken = !g_strcmp0(facts->driver, record->vfio_driver);
    bool ours = !g_strcmp0(facts->override, record->vfio_driver);
    const char *holder = taken ? iommufd_device_holder(facts) : NULL;
    g_autofree char *modalias = modalias_of(address);
    bool ok = true;

    /*
     * A card that was put in the place of it was never taken.  A record of an
     * older qemu-iommufd does not tell.
     */
    if (*modalias && record->modalias &&
        !g_str_equal(modalias, record->modalias)) {
        record->written = false;
        return true;
    }
    /* The kernel would wait until it closes the device node */
    if (holder) {
        run_error(0, "%s is still in use by %s", address, holder);
        return false;
    }
    /* Without one, as it would keep the former driver away */
    if (ours) {
        ok = write_override(address, NULL);
    }
    if (ok && taken) {
        ok = write_driver(address, record->vfio_driver, "unbind");
    }
    if (ok && (taken || !facts->driver) && facts->real && record->driver) {
        ok = write_driver(address, record->driver, "bind");
    }
    if (ok && (ours || !facts->override) && facts->real && record->override) {
        ok = write_override(address, record->override);
    }
    record->written = !ok && !is_gone(address);
    return !record->written;
}

void binding_unlock(Run *run)
{
    for (guint i = 0; i < run->devices->len; i++) {
        RunDevice *device = run->devices->pdata[i];

        if (device->record && !device->record->written) {
            record_remove(device->record);
        }
        g_clear_pointer(&device->record, record_close);
    }
}

bool binding_restore(Run *run)
{
    bool ok = true;

    for (guint i = 0; i < run->devices->len; i++) {
        RunDevice *device = run->devices->pdata[i];

        if (device->record && device->record->written &&
            !binding_give_back(device->record)) {
            run_error(0, "%s is not given back; try again with qemu-iommufd "
                      "restore %s", device->name, device->record->address);
            ok = false;
        }
    }
    binding_unlock(run);
    return ok;
}
