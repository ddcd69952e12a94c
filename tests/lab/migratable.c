/*
 * Preloaded into QEMU, this says of VFIO devices that their state can be
 * migrated.  They have none: nothing is to be read from one that was stopped,
 * and one that is resumed takes nothing.  While the file exists that
 * MIGRATABLE_FAILS names, setting a state fails, for those devices that QEMU
 * can reset, as it then does.
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>
#include <linux/vfio.h>
#include "ioctl.h"

static bool can_be_reset(int fd)
{
    struct vfio_device_info info = { .argsz = sizeof(info) };

    return !next_ioctl(fd, VFIO_DEVICE_GET_INFO, &info) &&
           info.flags & VFIO_DEVICE_FLAGS_RESET;
}

static int set_state(int fd, struct vfio_device_feature_mig_state *state)
{
    if (!access(getenv("MIGRATABLE_FAILS"), F_OK) && can_be_reset(fd)) {
        errno = EIO;
        return -1;
    }
    state->data_fd = -1;
    if (state->device_state == VFIO_DEVICE_STATE_STOP_COPY ||
        state->device_state == VFIO_DEVICE_STATE_RESUMING) {
        state->data_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    }
    return 0;
}

static int on_ioctl(int fd, unsigned long request, void *arg)
{
    struct vfio_device_feature_mig_data_size *size;
    struct vfio_device_feature_migration *migration;
    struct vfio_device_feature *feature = arg;

    if (request == VFIO_DEVICE_FEATURE) {
        switch (feature->flags) {
        case VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_MIGRATION:
            migration = (void *)feature->data;
            migration->flags = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P;
            return 0;
        case VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_MIG_DATA_SIZE:
            size = (void *)feature->data;
            size->stop_copy_length = 1;
            return 0;
        case VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE:
            return set_state(fd, (void *)feature->data);
        default:
            break;
        }
    }
    return next_ioctl(fd, request, arg);
}
