/*
 * What `check` has to say, for programs
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <json-glib/json-glib.h>
#include "check.h"
#include "commands.h"

/* Version of docs/interop/qemu-iommufd-check.schema.json */
#define SCHEMA_VERSION 1

/* JSON is UTF-8, which names in the file system need not be */
static void add_text(JsonBuilder *json, const char *text)
{
    g_autofree char *safe = g_utf8_validate(text, -1, NULL) ? NULL :
                            output_safe(text);

    json_builder_add_string_value(json, safe ?: text);
}

/* Left out if there is no value */
static void add_member(JsonBuilder *json, const char *name, const char *value)
{
    if (value) {
        json_builder_set_member_name(json, name);
        add_text(json, value);
    }
}

static void add_checks(JsonBuilder *json, const GPtrArray *checks)
{
    add_member(json, "result", check_verdict(iommufd_results_verdict(checks)));
    json_builder_set_member_name(json, "checks");
    json_builder_begin_array(json);
    for (guint i = 0; i < checks->len; i++) {
        const IOMMUFDResult *check = checks->pdata[i];
        const IOMMUFDFinding *finding = check->finding;

        json_builder_begin_object(json);
        add_member(json, "name", check->check);
        add_member(json, "result", check_verdict(check->verdict));
        add_member(json, "message", check_message(check));
        if (finding) {
            add_member(json, "cause", iommufd_cause_name(finding->cause));
            add_member(json, "remedy", finding->remedy);
        }
        json_builder_end_object(json);
    }
    json_builder_end_array(json);
}

static void add_group(JsonBuilder *json, const IOMMUFDHostDevice *device)
{
    g_autoptr(GPtrArray) members = iommufd_device_group(device);

    if (!device->group || !members) {
        return;
    }
    json_builder_set_member_name(json, "iommu-group");
    json_builder_begin_object(json);
    add_member(json, "name", device->group);
    json_builder_set_member_name(json, "members");
    json_builder_begin_array(json);
    for (guint i = 0; i < members->len; i++) {
        const IOMMUFDHostDevice *member = members->pdata[i];

        json_builder_begin_object(json);
        add_member(json, "name", member->name);
        add_member(json, "driver", member->driver);
        json_builder_end_object(json);
    }
    json_builder_end_array(json);
    json_builder_end_object(json);
}

static void add_device(JsonBuilder *json, const CheckDevice *device)
{
    g_autofree char *description = pci_name_full(device);

    json_builder_begin_object(json);
    add_member(json, "name", device->name);
    add_member(json, "path", device->facts->path);
    add_member(json, "pci-id", device->pci_id);
    add_member(json, "description", description);
    add_member(json, "driver", device->facts->driver);
    add_member(json, "vfio-device", device->facts->vfio);
    add_group(json, device->facts);
    add_checks(json, device->checks);
    json_builder_end_object(json);
}

void check_print_json(const Report *report)
{
    g_autoptr(JsonBuilder) json = json_builder_new();
    g_autoptr(JsonNode) root = NULL;
    g_autofree char *text = NULL;

    json_builder_begin_object(json);
    json_builder_set_member_name(json, "version");
    json_builder_add_int_value(json, SCHEMA_VERSION);
    json_builder_set_member_name(json, "ready");
    json_builder_add_boolean_value(json, report->ready);

    json_builder_set_member_name(json, "host");
    json_builder_begin_object(json);
    add_checks(json, report->checks);
    json_builder_end_object(json);

    if (report->domain) {
        json_builder_set_member_name(json, "domain");
        json_builder_begin_object(json);
        add_member(json, "name", report->domain->name);
        add_checks(json, report->domain_checks);
        json_builder_end_object(json);
    }

    json_builder_set_member_name(json, "devices");
    json_builder_begin_array(json);
    for (guint i = 0; i < report->devices->len; i++) {
        add_device(json, report->devices->pdata[i]);
    }
    json_builder_end_array(json);

    json_builder_set_member_name(json, "unseen");
    json_builder_begin_array(json);
    for (guint i = 0; i < report->unseen->len; i++) {
        add_text(json, report->unseen->pdata[i]);
    }
    json_builder_end_array(json);
    json_builder_end_object(json);

    root = json_builder_get_root(json);
    text = json_to_string(root, true);
    output_text(text);
    output_text("\n");
}
