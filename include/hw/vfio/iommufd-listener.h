/*
 * When the memory of the machine changes
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_VFIO_IOMMUFD_LISTENER_H
#define HW_VFIO_IOMMUFD_LISTENER_H

#include "hw/vfio/iommufd-compat.h"

/**
 * vfio_iommufd_listen: let iommufd containers know when a change of the
 * machine's memory begins and ends
 * @vioc: their class; with QEMU 10.0 @listener is that of a container
 */
#if QEMU_VERSION_MAJOR > 10 || QEMU_VERSION_MINOR > 0
void vfio_iommufd_listen(VFIOIOMMUClass *vioc);
#else
void vfio_iommufd_listen(MemoryListener *listener);
#endif

#endif
