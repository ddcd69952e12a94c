/*
 * What a container has mapped in its IOAS
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VFIO_IOMMUFD_MAPS_H
#define HW_VFIO_IOMMUFD_MAPS_H

#include "exec/hwaddr.h"
#include "system/iommufd.h"

/*
 * To map memory the kernel pins it, page by page, which is most of the time
 * in which a VM with devices starts.  So large memory is mapped in chunks, by
 * several threads; and what stays as it is while the memory of the machine
 * changes around it stays mapped.  Firmware of a PC changes the first MiB
 * several times, and each time all memory above it is in a section that was
 * not there before.
 *
 * The kernel unmaps only whole mappings, so what is to stay has to be a
 * mapping of its own.
 *
 * What it exports of a device's memory it unmaps by itself while the device
 * is reset or does not decode its addresses, and it stays unmapped then.
 */
typedef struct VFIOIOMMUFDMaps VFIOIOMMUFDMaps;

/**
 * struct VFIOIOMMUFDMemory - memory that is to be mapped
 * @iova: the first I/O virtual address
 * @size: bytes
 * @fd: the file that it is mapped by, -1 if it is by address
 * @start: offset in the file, or the address in this process
 * @readonly: devices can only read it
 * @device: the region if it is the memory of a device, not RAM, or else NULL
 */
typedef struct VFIOIOMMUFDMemory {
    hwaddr iova;
    uint64_t size;
    int fd;
    uint64_t start;
    bool readonly;
    MemoryRegion *device;
} VFIOIOMMUFDMemory;

/**
 * vfio_iommufd_maps_new: begin to keep an account of mappings
 * @be: the iommufd, which lives longer
 * @ioas_id: the IOAS in it, where nothing is mapped yet
 *
 * Returns: what vfio_iommufd_maps_free() frees.
 */
VFIOIOMMUFDMaps *vfio_iommufd_maps_new(IOMMUFDBackend *be, uint32_t ioas_id);

/**
 * vfio_iommufd_maps_free: forget mappings, which stay
 * @maps: the account, or NULL
 */
void vfio_iommufd_maps_free(VFIOIOMMUFDMaps *maps);

/**
 * vfio_iommufd_maps_begin: the memory of the machine changes from now on
 * @maps: the account
 *
 * What is unmapped until vfio_iommufd_maps_commit() stays in the IOAS until
 * something else takes its place, or until then.
 */
void vfio_iommufd_maps_begin(VFIOIOMMUFDMaps *maps);

/**
 * vfio_iommufd_maps_commit: the memory of the machine is as it will be
 * @maps: the account
 */
void vfio_iommufd_maps_commit(VFIOIOMMUFDMaps *maps);

/**
 * vfio_iommufd_maps_add: map memory
 * @maps: the account
 * @memory: what is to be mapped
 *
 * Returns: 0, or a negative errno, the one of the lowest address that cannot
 * be mapped.  Then nothing of it is.
 */
int vfio_iommufd_maps_add(VFIOIOMMUFDMaps *maps,
                          const VFIOIOMMUFDMemory *memory);

/**
 * vfio_iommufd_maps_remove: unmap memory
 * @maps: the account
 * @iova: the first I/O virtual address
 * @size: bytes, or UINT64_MAX for everything
 *
 * Returns: 0, also where nothing is mapped, or a negative errno.
 */
int vfio_iommufd_maps_remove(VFIOIOMMUFDMaps *maps, hwaddr iova,
                             uint64_t size);

/**
 * vfio_iommufd_maps_set_aside: unmap the memory of devices until the machine
 * runs again
 * @be: the iommufd, with all its IOASes
 *
 * The kernel hands no such mappings to another process.
 */
void vfio_iommufd_maps_set_aside(IOMMUFDBackend *be);

/**
 * vfio_iommufd_maps_set_aside_own: unmap the memory of a device where it makes
 * no difference
 * @maps: the account of an IOAS that no other device uses
 * @device: the device
 *
 * If there is no memory of other devices in the IOAS, the device can reach
 * only its own.  It is mapped again when the machine runs or its memory
 * changes.
 */
void vfio_iommufd_maps_set_aside_own(VFIOIOMMUFDMaps *maps,
                                     const Object *device);

/**
 * vfio_iommufd_maps_put_back: map what was set aside, in all IOASes
 *
 * It is done without this when the machine begins to run.
 */
void vfio_iommufd_maps_put_back(void);

/**
 * vfio_iommufd_maps_lose: unmap memory that a device does not decode any more
 * @device: whose memory it is
 *
 * That is what is left of it: what a vIOMMU has mapped, or all of it if the
 * device was reset.  The kernel has unmapped it already.
 */
void vfio_iommufd_maps_lose(const Object *device);

/**
 * vfio_iommufd_maps_regain: map again what a device has lost
 * @device: which decodes its memory again
 */
void vfio_iommufd_maps_regain(const Object *device);

/**
 * vfio_iommufd_maps_forget: unmap memory of a device for good
 * @device_memory: its region, which is about to go
 *
 * A guest can leave it mapped by a vIOMMU.
 */
void vfio_iommufd_maps_forget(const MemoryRegion *device_memory);

/**
 * vfio_iommufd_maps_has: can devices reach memory of a device?
 * @device_memory: its region
 *
 * Returns: true if it is mapped in at least one IOAS.
 */
bool vfio_iommufd_maps_has(const MemoryRegion *device_memory);

#endif
