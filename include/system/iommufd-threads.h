/*
 * Threads that map guest memory
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef SYSTEM_IOMMUFD_THREADS_H
#define SYSTEM_IOMMUFD_THREADS_H

#include "system/iommufd.h"

/* Of the property "map-threads" */
#define IOMMUFD_MOST_MAP_THREADS 256

/**
 * iommufd_threads_init_props: add the properties "map-threads" and
 * "map-context"
 * @klass: the class of iommufd objects
 */
void iommufd_threads_init_props(ObjectClass *klass);

/**
 * iommufd_threads_run: run a function in the threads that an object has
 * @be: the object
 * @most: so many threads are enough
 * @run: the function, which may not use what the BQL protects
 * @opaque: what it gets
 *
 * Returns when it has returned everywhere.  How many threads there were, of
 * which one is the caller's, unless they have a context.  Where threads cannot
 * be started there are fewer.
 */
unsigned iommufd_threads_run(const IOMMUFDBackend *be, unsigned most,
                             void *(*run)(void *), void *opaque);

#endif
