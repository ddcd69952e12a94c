/*
 * The names of VFIO's parts that differ between the bases
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VFIO_IOMMUFD_COMPAT_H
#define HW_VFIO_IOMMUFD_COMPAT_H

#if QEMU_VERSION_MAJOR > 10 || QEMU_VERSION_MINOR > 0
#include "hw/vfio/vfio-device.h"
#include "hw/vfio/vfio-container.h"
#include "hw/vfio/vfio-container-legacy.h"
#include "system/address-spaces.h"
#include "system/ramblock.h"
typedef VFIOContainer VFIOAnyContainer;
typedef VFIOLegacyContainer VFIOAnyLegacyContainer;
#define vfio_any_dma_map vfio_container_dma_map
#define vfio_any_dma_unmap(bcontainer, iova, size) \
    vfio_container_dma_unmap(bcontainer, iova, size, NULL, false)
#else /* QEMU 10.0, where VFIOContainer is the legacy one */
#include "hw/vfio/vfio-common.h"
#include "exec/address-spaces.h"
#include "exec/ramblock.h"
typedef VFIOContainerBase VFIOAnyContainer;
typedef VFIOContainer VFIOAnyLegacyContainer;
#define vfio_any_dma_map(bcontainer, iova, size, vaddr, readonly, mr) \
    vfio_container_dma_map(bcontainer, iova, size, vaddr, readonly)
#define vfio_any_dma_unmap(bcontainer, iova, size) \
    vfio_container_dma_unmap(bcontainer, iova, size, NULL)
#endif

#endif
