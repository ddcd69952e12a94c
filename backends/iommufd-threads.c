/*
 * Threads that map guest memory
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "qemu/thread-context.h"
#include "system/iommufd-threads.h"

/* More of them wait for each other in the kernel */
#define MOST_DEFAULT_THREADS 8

static unsigned map_threads(const IOMMUFDBackend *be)
{
    return be->map_threads ?: MIN(g_get_num_processors(),
                                  MOST_DEFAULT_THREADS);
}

/* Those of a context, which says where they run */
static void run_in_context(ThreadContext *context, unsigned threads,
                           void *(*run)(void *), void *opaque)
{
    g_autofree QemuThread *started = g_new(QemuThread, threads);

    for (unsigned i = 0; i < threads; i++) {
        thread_context_create_thread(context, &started[i], "iommufd-map", run,
                                     opaque, QEMU_THREAD_JOINABLE);
    }
    for (unsigned i = 0; i < threads; i++) {
        qemu_thread_join(&started[i]);
    }
}

unsigned iommufd_threads_run(const IOMMUFDBackend *be, unsigned most,
                             void *(*run)(void *), void *opaque)
{
    /* How many CPUs there are is read in a file, not for each BAR */
    unsigned threads = most < 2 ? 1 : MIN(map_threads(be), most);
    g_autofree GThread **started = g_new0(GThread *, threads);
    unsigned n = 1;
    sigset_t all, before;

    if (be->map_context && most > 1) {
        run_in_context(be->map_context, threads, run, opaque);
        return threads;
    }
    if (threads < 2) {
        run(opaque);
        return 1;
    }
    /* Signals are for the threads that QEMU has made for them */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    /* qemu_thread_create() would end QEMU where no thread can be started */
    while (n < threads &&
           (started[n] = g_thread_try_new("iommufd-map", run, opaque, NULL))) {
        n++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    run(opaque);
    for (unsigned i = 1; i < n; i++) {
        g_thread_join(started[i]);
    }
    return n;
}

/*
 * Properties
 */

static void get_threads(Object *obj, Visitor *v, const char *name,
                        void *opaque, Error **errp)
{
    uint32_t value = map_threads(IOMMUFD_BACKEND(obj));

    visit_type_uint32(v, name, &value, errp);
}

static void set_threads(Object *obj, Visitor *v, const char *name,
                        void *opaque, Error **errp)
{
    uint32_t value;

    if (!visit_type_uint32(v, name, &value, errp)) {
        return;
    }
    if (!value || value > IOMMUFD_MOST_MAP_THREADS) {
        error_setg(errp, "%s=%" PRIu32 " is not a number of threads from 1 to "
                   "%d", name, value, IOMMUFD_MOST_MAP_THREADS);
        return;
    }
    IOMMUFD_BACKEND(obj)->map_threads = value;
}

void iommufd_threads_init_props(ObjectClass *klass)
{
    object_class_property_add(klass, "map-threads", "uint32", get_threads,
                              set_threads, NULL, NULL);
    object_class_property_set_description(klass, "map-threads",
                                          "How many threads map large pieces "
                                          "of guest memory");
    object_class_property_add_link(klass, "map-context", TYPE_THREAD_CONTEXT,
                                   offsetof(IOMMUFDBackend, map_context),
                                   object_property_allow_set_link,
                                   OBJ_PROP_LINK_STRONG);
    object_class_property_set_description(klass, "map-context",
                                          "Context to create these threads "
                                          "in");
}
