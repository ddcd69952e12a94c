/*
 * The table of checks
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "checks.h"

#define HOST     IOMMUFD_STAGE_HOST
#define OPEN     IOMMUFD_STAGE_OPEN
#define NODE     IOMMUFD_STAGE_NODE
#define BIND     IOMMUFD_STAGE_BIND
#define MAP      IOMMUFD_STAGE_MAP

/**
 * struct Check - one row
 * @stage: a failure of this stage runs the check; HOST for none
 * @err: only if its errno is this one; 0 for any
 * @func: the check
 * @name: what qemu-iommufd check calls it, NULL if it makes no sense before
 *     something has failed.  Rows that follow each other with one name are
 *     one check, with as many findings as there are.
 * @shown: what is said there of a check that finds nothing, or NULL
 * @verdict: what a finding is there
 * @needs: a check that must have passed there
 */
typedef struct Check {
    IOMMUFDStage stage;
    int err;
    CheckFunc *func;
    const char *name;
    ShownFunc *shown;
    IOMMUFDVerdict verdict;
    const char *needs;
} Check;

#define WARN IOMMUFD_VERDICT_WARN
#define FAIL IOMMUFD_VERDICT_FAIL

/* The order is that of the kernel, which ends a step at the first obstacle */
static const Check host_checks[] = {
    { HOST, 0, NULL, "kernel", shown_kernel },
    { HOST, 0, check_sysfs, "sysfs", NULL, FAIL },
    { OPEN, 0, check_open_limit },
    { OPEN, 0, check_iommufd, "iommufd", shown_iommufd, FAIL },
    { OPEN, 0, check_iommu_node, "iommu-node", shown_iommu_node, FAIL,
      "iommufd" },
    { HOST, 0, check_vfio_drivers, "vfio", shown_vfio_drivers, WARN,
      "sysfs" },
    { HOST, 0, check_device_nodes, "device-nodes", NULL, FAIL },
    { HOST, 0, check_device_nodes_known, "device-nodes", shown_device_nodes,
      WARN },
    { HOST, 0, check_host_iommu, "iommu", shown_host_iommu, FAIL, "sysfs" },
    { HOST, 0, check_host_interrupts, "interrupts", NULL, FAIL, "iommu" },
    { HOST, 0, check_unsafe_interrupts, "interrupts", shown_host_interrupts,
      WARN, "iommu" },
    { HOST, 0, check_guest_memory, "locked-memory", NULL, FAIL },
    { HOST, 0, check_memory_limit, "locked-memory", shown_memory_limit,
      WARN },
    { HOST, 0, NULL, "control-group", shown_control_group },
    { HOST, 0, NULL, "hugepages", shown_huge_pages },
};

static const Check device_checks[] = {
    { IOMMUFD_STAGE_OBJECT_FD, 0, check_object_fd },

    { NODE, 0, check_open_limit },
    { NODE, 0, check_device_there, "device", NULL, FAIL },
    { HOST, 0, check_device_kind, "device", shown_device, FAIL },
    { HOST, 0, check_device_reset, "reset", shown_device_reset, WARN,
      "device" },
    { NODE, 0, check_device_iommu, "iommu-group", NULL, FAIL, "device" },
    { HOST, 0, check_device_group, "iommu-group", shown_device_group, FAIL,
      "device" },
    { NODE, 0, check_device_driver, "driver", shown_device_driver, FAIL,
      "iommu-group" },
    { NODE, 0, check_device_number, "device-node", NULL, FAIL, "driver" },
    { NODE, 0, check_device_node, "device-node", shown_device_node, FAIL,
      "driver" },

    { IOMMUFD_STAGE_DEVICE_FD, 0, check_device_fd },
    /* KVM compares what it is given with what it has been given before */
    { IOMMUFD_STAGE_DEVICE_FD, EEXIST, check_bind_twice },

    { BIND, 0, check_device_fd },
    { BIND, 0, check_bind_iommufd },
    { BIND, EINVAL, check_bind_twice },
    { BIND, EINVAL, check_bind_busy, "bind", NULL, FAIL, "iommu-group" },
    { BIND, EINVAL, check_bind_firmware, "bind", NULL, FAIL, "iommu-group" },
    { BIND, EBUSY, check_bind_group_open, "bind", NULL, FAIL, "iommu-group" },
    { BIND, EBUSY, check_bind_group_busy },
    { BIND, EPERM, check_bind_mediated },
    { BIND, EPERM, check_bind_interrupts, "bind", NULL, FAIL, "iommu-group" },
    { BIND, EPERM, check_bind_members, "bind", NULL, FAIL, "iommu-group" },
    { BIND, EPERM, check_bind_other_vm, "bind", NULL, FAIL, "iommu-group" },
    { HOST, 0, check_bind_enabled, "bind", shown_bind, WARN, "driver" },
    { BIND, EPERM, check_bind_permission },
    { BIND, EACCES, check_bind_token, "vf-token", NULL, WARN, "iommu-group" },
    { BIND, EACCES, check_bind_access },
    { BIND, ENODEV, check_bind_gone },
    { BIND, ENOMEM, check_bind_memory },
    { BIND, 0, check_bind_open },

    { IOMMUFD_STAGE_IOAS, ENOMEM, check_ioas_memory },
    { IOMMUFD_STAGE_HW_INFO, ENOMEM, check_hw_info_memory },
    { IOMMUFD_STAGE_HW_INFO, EOPNOTSUPP, check_hw_info },
    { IOMMUFD_STAGE_HWPT, ENOMEM, check_page_table_memory },
    { IOMMUFD_STAGE_HWPT, EADDRINUSE, check_page_table_overlap },
    { IOMMUFD_STAGE_HWPT, 0, check_hwpt },
    { IOMMUFD_STAGE_ATTACH, ENOMEM, check_page_table_memory },
    { IOMMUFD_STAGE_ATTACH, EADDRINUSE, check_page_table_overlap },
    { IOMMUFD_STAGE_ATTACH, 0, check_attach },

    { MAP, EINVAL, check_map_address },
    { MAP, 0, check_map_bar },
    { MAP, ENOMEM, check_map_limit },
    { MAP, ENOMEM, check_map_huge_pages },
    { MAP, ENOMEM, check_map_memory },
    { MAP, EFAULT, check_map_huge_pages },
    { MAP, EFAULT, check_map_backing },
    { MAP, EOPNOTSUPP, check_map_backing },
    { MAP, 0, check_map_rest },
};

/*
 * After a failure: up to the first finding
 */

static IOMMUFDFinding *run_stage(const Facts *facts, const Check *checks,
                                 size_t n)
{
    IOMMUFDFinding *finding = NULL;

    for (size_t i = 0; i < n && !finding; i++) {
        if (checks[i].stage == facts->failure->stage && checks[i].func &&
            (!checks[i].err || checks[i].err == facts->err)) {
            finding = checks[i].func(facts);
        }
    }
    return finding;
}

IOMMUFDFinding *iommufd_diagnose(const char *root,
                                 const IOMMUFDFailure *failure)
{
    g_autoptr(IOMMUFDHost) host = iommufd_host_new(root);
    g_autofree char *who = NULL;
    IOMMUFDFinding *finding;
    Facts facts = {
        .host = host,
        .failure = failure,
        .err = failure->err,
        .physical = true,
    };

    host->time_limit = failure->time_limit;
    host->diagnoses = true;
    if (failure->device) {
        facts.device = facts_device(&facts, failure->device);
    }
    facts.by_fd = failure->device && !failure->device->sysfsdev;
    /* A device that came as a descriptor is named */
    if (facts.device && facts.by_fd) {
        who = g_strdup_printf("device %s", facts.device->name);
    }
    facts.who = who ?: "device";

    finding = run_stage(&facts, host_checks, G_N_ELEMENTS(host_checks));
    /* Of a device, what belongs to that stage looks at nothing that failed */
    return finding || failure->stage == HOST ? finding :
           run_stage(&facts, device_checks, G_N_ELEMENTS(device_checks));
}

/*
 * Before anything is tried: all of them
 */

static void result_free(void *opaque)
{
    IOMMUFDResult *result = opaque;

    iommufd_finding_free(result->finding);
    g_free(result->text);
    g_free(result);
}

GPtrArray *iommufd_results_new(void)
{
    return g_ptr_array_new_with_free_func(result_free);
}

void iommufd_results_add(GPtrArray *results, const char *check,
                         IOMMUFDVerdict verdict, char *text,
                         IOMMUFDFinding *finding)
{
    IOMMUFDResult *result = g_new0(IOMMUFDResult, 1);

    *result = (IOMMUFDResult) { check, verdict, text, finding };
    g_ptr_array_add(results, result);
}

static bool has_result(const GPtrArray *results, const char *check)
{
    const IOMMUFDResult *last = results->len ?
                                results->pdata[results->len - 1] : NULL;

    return last && g_str_equal(last->check, check);
}

static GPtrArray *run_all(const Facts *facts, const Check *checks, size_t n)
{
    GPtrArray *results = iommufd_results_new();
    /* what has failed, or needs what has failed */
    g_autoptr(GPtrArray) failed = g_ptr_array_new();

    for (size_t i = 0; i < n; i++) {
        const Check *check = &checks[i];
        IOMMUFDFinding *finding;
        char *text = NULL;

        if (!check->name) {
            continue;
        }
        if (check->needs && g_ptr_array_find_with_equal_func(failed,
                                                             check->needs,
                                                             g_str_equal,
                                                             NULL)) {
            g_ptr_array_add(failed, (char *)check->name);
            if (check->shown && !has_result(results, check->name)) {
                text = g_strdup_printf("not checked, since %s has failed",
                                       check->needs);
                iommufd_results_add(results, check->name,
                                    IOMMUFD_VERDICT_SKIP, text, NULL);
            }
            continue;
        }
        finding = check->func && !(check->verdict == WARN &&
                                   has_result(results, check->name)) ?
                  check->func(facts) : NULL;
        if (finding) {
            iommufd_results_add(results, check->name, check->verdict, NULL,
                                finding);
            if (check->verdict == FAIL) {
                g_ptr_array_add(failed, (char *)check->name);
            }
        } else if (check->shown && !has_result(results, check->name)) {
            text = check->shown(facts);
        }
        if (text) {
            iommufd_results_add(results, check->name, IOMMUFD_VERDICT_PASS,
                                printable(text, ""), NULL);
            g_free(text);
        }
    }
    return results;
}

GPtrArray *iommufd_check_host(IOMMUFDHost *host, bool physical)
{
    const Facts facts = { .host = host, .physical = physical };
    GPtrArray *results = run_all(&facts, host_checks,
                                 G_N_ELEMENTS(host_checks));

    for (guint i = 0; i < results->len; i++) {
        IOMMUFDResult *result = results->pdata[i];

        /* Mediated devices need no IOMMU */
        if ((g_str_equal(result->check, "iommu") ||
             g_str_equal(result->check, "interrupts")) && !physical &&
            result->verdict == IOMMUFD_VERDICT_FAIL) {
            result->verdict = IOMMUFD_VERDICT_WARN;
        }
    }
    return results;
}

GPtrArray *iommufd_check_device(IOMMUFDHostDevice *device)
{
    const Facts facts = {
        .host = device->host,
        .device = device,
        .who = "device",
        .physical = !iommufd_device_is_mediated(device),
    };

    return run_all(&facts, device_checks, G_N_ELEMENTS(device_checks));
}

IOMMUFDVerdict iommufd_results_verdict(const GPtrArray *results)
{
    IOMMUFDVerdict worst = IOMMUFD_VERDICT_PASS;

    for (guint i = 0; i < results->len; i++) {
        const IOMMUFDResult *result = results->pdata[i];

        worst = MAX(worst, result->verdict);
    }
    return worst;
}
