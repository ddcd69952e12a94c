/*
 * A VFIO device and an iommufd that are not there
 *
 * Preloaded into QEMU, this answers the ioctls of both as a kernel with one
 * simple PCI device would, on whatever descriptor they are done, except for
 * those that IOMMUFD_SHIM names: "NR=ERRNO" lets an ioctl fail, "NR=ERRNO@N"
 * only its Nth call.  NR 0 stands for reading the configuration space, and
 * "flags=N" and "regions=N" are what the device says it is.  The IOMMU maps
 * pages of "alignment=N", and nothing from "hole=N" up to "hole-end=N".
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>
#include "../lab/ioctl.h"

#define CONFIG_SIZE   256
#define REGION_SHIFT  40
#define IOMMUFD_NR    0x80
#define NR_CONFIG     0

static bool bound;
/* What has been given out: of devices, IOASes and HWPTs alike */
static uint32_t last_id;
/* vendor, device, no capability; a network card without BARs */
static unsigned char config[CONFIG_SIZE] = {
    0xf4, 0x1a, 0x00, 0x10, [0x0b] = 0x02, [0x3d] = 0x01,
};

static const char *find(const char *name)
{
    const char *plan = getenv("IOMMUFD_SHIM");
    const char *found = plan ? strstr(plan, name) : NULL;

    return found ? found + strlen(name) : NULL;
}

static unsigned int number(const char *name, unsigned int otherwise)
{
    const char *value = find(name);
    unsigned int result = otherwise;

    if (value) {
        sscanf(value, "%i", (int *)&result);
    }
    return result;
}

/* The errno with which this call is to fail, 0 if it is not */
static int planned(unsigned int nr)
{
    static unsigned int calls[256];
    char name[16];
    const char *value;
    unsigned int nth = 0;
    int error = 0;

    snprintf(name, sizeof(name), " %u=", nr);
    value = find(name);
    calls[nr]++;
    if (!value || sscanf(value, "%d@%u", &error, &nth) < 1) {
        return 0;
    }
    return nth && nth != calls[nr] ? 0 : error;
}

static int fail(int error)
{
    errno = error;
    return -1;
}

static int device_ioctl(unsigned int nr, void *arg)
{
    struct vfio_device_bind_iommufd *bind = arg;
    struct vfio_device_info *info = arg;
    struct vfio_region_info *region = arg;
    struct vfio_irq_info *irq = arg;

    switch (nr) {
    case _IOC_NR(VFIO_DEVICE_BIND_IOMMUFD):
        bound = true;
        bind->out_devid = ++last_id;
        return 0;
    case _IOC_NR(VFIO_DEVICE_GET_INFO):
        if (!bound) {
            return fail(EINVAL);
        }
        info->flags = number(" flags=",
                             VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET);
        info->num_regions = number(" regions=", VFIO_PCI_NUM_REGIONS);
        info->num_irqs = VFIO_PCI_NUM_IRQS;
        return 0;
    case _IOC_NR(VFIO_DEVICE_GET_REGION_INFO):
        region->argsz = sizeof(*region);
        region->flags = VFIO_REGION_INFO_FLAG_READ |
                        VFIO_REGION_INFO_FLAG_WRITE;
        region->size = region->index == VFIO_PCI_CONFIG_REGION_INDEX ?
                       CONFIG_SIZE : 0;
        region->offset = (uint64_t)region->index << REGION_SHIFT;
        return 0;
    case _IOC_NR(VFIO_DEVICE_GET_IRQ_INFO):
        if (irq->index > VFIO_PCI_MSIX_IRQ_INDEX) {
            return fail(EINVAL);
        }
        irq->flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE;
        irq->count = irq->index == VFIO_PCI_INTX_IRQ_INDEX;
        return 0;
    case _IOC_NR(VFIO_DEVICE_ATTACH_IOMMUFD_PT):
    case _IOC_NR(VFIO_DEVICE_DETACH_IOMMUFD_PT):
    case _IOC_NR(VFIO_DEVICE_SET_IRQS):
    case _IOC_NR(VFIO_DEVICE_RESET):
        return 0;
    default:
        return fail(ENOTTY);
    }
}

static int iova_ranges(struct iommu_ioas_iova_ranges *ranges)
{
    struct iommu_iova_range *range =
        (struct iommu_iova_range *)(uintptr_t)ranges->allowed_iovas;
    unsigned int hole = number(" hole=", 0);
    unsigned int wanted = hole ? 2 : 1;
    bool fits = ranges->num_iovas >= wanted;

    ranges->out_iova_alignment = number(" alignment=", 4096);
    ranges->num_iovas = wanted;
    if (!fits) {
        return fail(EMSGSIZE);
    }
    range[0] = (struct iommu_iova_range) { .last = (1ULL << 48) - 1 };
    if (hole) {
        range[1] = range[0];
        range[0].last = hole - 1;
        range[1].start = number(" hole-end=", 0);
    }
    return 0;
}

static int iommufd_ioctl(unsigned int nr, void *arg)
{
    struct iommu_ioas_alloc *ioas = arg;
    struct iommu_hwpt_alloc *hwpt = arg;
    struct iommu_hw_info *hw = arg;
    struct iommu_ioas_unmap *unmap = arg;

    switch (nr) {
    case IOMMUFD_CMD_IOAS_ALLOC:
        ioas->out_ioas_id = ++last_id;
        return 0;
    case IOMMUFD_CMD_HWPT_ALLOC:
        hwpt->out_hwpt_id = ++last_id;
        return 0;
    case IOMMUFD_CMD_GET_HW_INFO:
        hw->out_data_type = IOMMU_HW_INFO_TYPE_NONE;
        hw->data_len = 0;
        hw->out_capabilities = 0;
        return 0;
    case IOMMUFD_CMD_IOAS_IOVA_RANGES:
        return iova_ranges(arg);
    case IOMMUFD_CMD_IOAS_UNMAP:
        unmap->length = 4096;
        return 0;
    case IOMMUFD_CMD_IOAS_MAP:
    case IOMMUFD_CMD_IOAS_MAP_FILE:
    case IOMMUFD_CMD_IOAS_CHANGE_PROCESS:
    case IOMMUFD_CMD_DESTROY:
    case IOMMUFD_CMD_OPTION:
        return 0;
    default:
        return fail(ENOTTY);
    }
}

static int on_ioctl(int fd, unsigned long request, void *arg)
{
    unsigned int nr = _IOC_NR(request);
    int error;

    if (_IOC_TYPE(request) != VFIO_TYPE) {
        return next_ioctl(fd, request, arg);
    }
    error = planned(nr);
    if (error) {
        return fail(error);
    }
    return nr < IOMMUFD_NR ? device_ioctl(nr, arg) : iommufd_ioctl(nr, arg);
}

/* The device has no region but its configuration space */
static bool is_config(off64_t offset, size_t size)
{
    off64_t start = (off64_t)VFIO_PCI_CONFIG_REGION_INDEX << REGION_SHIFT;

    return offset >= start && offset - start + size <= CONFIG_SIZE;
}

ssize_t pread64(int fd, void *buf, size_t size, off64_t offset)
{
    static ssize_t (*next)(int fd, void *buf, size_t size, off64_t offset);
    int error;

    if (!is_config(offset, size)) {
        if (!next) {
            next = (ssize_t (*)(int, void *, size_t, off64_t))
                dlsym(RTLD_NEXT, "pread64");
        }
        return next(fd, buf, size, offset);
    }
    error = planned(NR_CONFIG);
    if (error) {
        return fail(error);
    }
    memcpy(buf, config + (offset & (CONFIG_SIZE - 1)), size);
    return size;
}

/* What a compiler that knows the size of the buffer calls instead */
ssize_t __pread64_chk(int fd, void *buf, size_t size, off64_t offset,
                      size_t buf_size)
{
    return pread64(fd, buf, size, offset);
}

ssize_t pwrite64(int fd, const void *buf, size_t size, off64_t offset)
{
    static ssize_t (*next)(int fd, const void *buf, size_t size,
                           off64_t offset);

    if (!is_config(offset, size)) {
        if (!next) {
            next = (ssize_t (*)(int, const void *, size_t, off64_t))
                dlsym(RTLD_NEXT, "pwrite64");
        }
        return next(fd, buf, size, offset);
    }
    memcpy(config + (offset & (CONFIG_SIZE - 1)), buf, size);
    return size;
}
