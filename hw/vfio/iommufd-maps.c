/*
 * What a container has mapped in its IOAS
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "exec/cpu-common.h"
#if QEMU_VERSION_MAJOR > 10 || QEMU_VERSION_MINOR > 0
#include "hw/vfio/bar-dma-buf.h"
#include "system/memory.h"
#else
#include "exec/memory.h"
#endif
#include "hw/vfio/iommufd-maps.h"
#include "migration/cpr.h"
#include "migration/misc.h"
#include "qemu/atomic.h"
#include "qemu/error-report.h"
#include "qemu/host-utils.h"
#include "qemu/mmap-alloc.h"
#include "qemu/units.h"
#include "system/iommufd-threads.h"
#include "system/runstate.h"
#include "trace.h"

/* What takes far longer to map than a thread to start */
#define SMALLEST_CHUNK (64 * MiB)
/* No IOMMU has larger pages */
#define LARGEST_CHUNK GiB
/* Some take longer than others, so there are several for each thread */
#define CHUNKS 32
/* What firmware of a PC changes is below */
#define LEGACY_END MiB
/* Mapping what is smaller costs no more than an account of it */
#define SMALLEST_KEPT (16 * MiB)
/* A guest can map a BAR any number of times, and no memory limit counts it */
#define MOST_PIECES 65536

/* A mapping */
typedef struct Piece {
    VFIOIOMMUFDMemory memory;
    /* is no longer in the memory of the machine */
    bool stale;
    /* memory of a device that is in the machine, but not mapped now */
    bool absent;
    /* and that is as the device does not decode it, or it could not be */
    bool lost;
    /* while it is being mapped: the result, 1 if it was not tried yet */
    int ret;
} Piece;

struct VFIOIOMMUFDMaps {
    IOMMUFDBackend *be;
    uint32_t ioas_id;
    /*
     * What was mapped between begin and commit, and is not unmapped yet, and
     * all memory of devices.  What else a vIOMMU or virtio-mem maps is not
     * among it: it is small, and many.
     */
    GSequence *pieces;
    /* is any of them stale? */
    bool stale;
    bool changing;
    /* is memory of devices absent that they decode? */
    bool aside;
    /* and more of it waits until the machine runs, too */
    bool waits;
    VMChangeStateEntry *running;
    QLIST_ENTRY(VFIOIOMMUFDMaps) next;
};

static QLIST_HEAD(, VFIOIOMMUFDMaps) all_maps =
    QLIST_HEAD_INITIALIZER(all_maps);

/* Memory can end with the last address there is */
static hwaddr last_of(const VFIOIOMMUFDMemory *memory)
{
    return memory->iova + memory->size - 1;
}

static int compare(gconstpointer a, gconstpointer b, gpointer opaque)
{
    hwaddr x = ((const Piece *)a)->memory.iova;
    hwaddr y = ((const Piece *)b)->memory.iova;

    return x < y ? -1 : x > y;
}

/* The first piece that ends after an address */
static GSequenceIter *first_after(VFIOIOMMUFDMaps *maps, hwaddr iova)
{
    Piece key = { .memory.iova = iova };
    GSequenceIter *i = g_sequence_search(maps->pieces, &key, compare, NULL);
    GSequenceIter *before = g_sequence_iter_prev(i);

    if (!g_sequence_iter_is_begin(i)) {
        const Piece *piece = g_sequence_get(before);

        if (last_of(&piece->memory) >= iova) {
            return before;
        }
    }
    return i;
}

/* The piece at an iterator if it begins up to @last, and the next iterator */
static Piece *next_up_to(GSequenceIter **i, hwaddr last)
{
    Piece *piece;

    if (g_sequence_iter_is_end(*i)) {
        return NULL;
    }
    piece = g_sequence_get(*i);
    if (piece->memory.iova > last) {
        return NULL;
    }
    *i = g_sequence_iter_next(*i);
    return piece;
}

static int unmap(VFIOIOMMUFDMaps *maps, hwaddr iova, uint64_t size)
{
    return iommufd_backend_unmap_dma(maps->be, maps->ioas_id, iova, size);
}

static void unmap_or_report(VFIOIOMMUFDMaps *maps, hwaddr iova, uint64_t size)
{
    int ret = unmap(maps, iova, size);

    trace_vfio_iommufd_maps_unmap(iova, size, ret);
    if (ret) {
        error_report("cannot unmap 0x%" HWADDR_PRIx " to 0x%" HWADDR_PRIx
                     ": %s", iova, iova + size - 1, strerror(-ret));
    }
}

/*
 * Mapping
 */

/* What has to be mapped, in ascending order, and how far that has come */
typedef struct Job {
    VFIOIOMMUFDMaps *maps;
    GPtrArray *pieces;
    unsigned next;
    bool failed;
} Job;

static int map_piece(VFIOIOMMUFDMaps *maps, const VFIOIOMMUFDMemory *memory)
{
#if QEMU_VERSION_MAJOR > 10 || QEMU_VERSION_MINOR > 0
    if (memory->fd >= 0) {
        return iommufd_backend_map_file_dma(maps->be, maps->ioas_id,
                                            memory->iova, memory->size,
                                            memory->fd, memory->start,
                                            memory->readonly);
    }
#endif
    return iommufd_backend_map_dma(maps->be, maps->ioas_id, memory->iova,
                                   memory->size,
                                   (void *)(uintptr_t)memory->start,
                                   memory->readonly);
}

static void *map_pieces(void *opaque)
{
    Job *job = opaque;
    unsigned i;

    /* They are taken in order, so none below one that fails is left out */
    while (!qatomic_read(&job->failed) &&
           (i = qatomic_fetch_inc(&job->next)) < job->pieces->len) {
        Piece *piece = g_ptr_array_index(job->pieces, i);

        piece->ret = map_piece(job->maps, &piece->memory);
        if (piece->ret) {
            qatomic_set(&job->failed, true);
        }
    }
    return NULL;
}

/*
 * Bytes of a page of the memory.  No two pieces have parts of the same: where
 * they are mapped at a time, Linux can lose the huge page that it has reserved
 * for a file.
 */
static uint64_t page_size(const VFIOIOMMUFDMemory *memory)
{
    ram_addr_t offset;
    RAMBlock *block;

    if (memory->fd >= 0) {
        return qemu_fd_getpagesize(memory->fd);
    }
    block = qemu_ram_block_from_host((void *)(uintptr_t)memory->start, false,
                                     &offset);
    return block ? qemu_ram_pagesize(block) : qemu_real_host_page_size();
}

static void add_piece(Job *job, const VFIOIOMMUFDMemory *memory, hwaddr iova,
                      hwaddr end)
{
    Piece *piece = g_new0(Piece, 1);

    piece->memory = *memory;
    piece->memory.iova = iova;
    piece->memory.size = end - iova;
    piece->memory.start += iova - memory->iova;
    piece->ret = 1;
    g_ptr_array_add(job->pieces, piece);
}

/* Adds the part of some memory between two addresses, as pieces */
static void add_gap(Job *job, const VFIOIOMMUFDMemory *memory, hwaddr iova,
                    hwaddr end)
{
    uint64_t page = memory->device ? 1 : page_size(memory);
    hwaddr legacy_end = MAX(LEGACY_END, page);
    uint64_t chunk = MIN(MAX(pow2floor((end - iova) / CHUNKS), SMALLEST_CHUNK),
                         LARGEST_CHUNK);
    bool one = memory->device || (memory->iova - memory->start) & (page - 1);

    if (!one && job->maps->changing && iova < legacy_end &&
        end - 1 >= legacy_end) {
        add_piece(job, memory, iova, legacy_end);
        iova = legacy_end;
    }
    if (!one && end - iova >= 2 * SMALLEST_CHUNK) {
        chunk = MAX(chunk, page);
        /* Large pages of the IOMMU are in one piece */
        for (hwaddr next; end - iova > chunk; iova = next) {
            next = QEMU_ALIGN_DOWN(iova, chunk) + chunk;
            add_piece(job, memory, iova, next);
        }
    }
    add_piece(job, memory, iova, end);
}

/* Is it, at the same addresses, a part of the memory? */
static bool is_part(const VFIOIOMMUFDMemory *part,
                    const VFIOIOMMUFDMemory *memory)
{
    return part->iova >= memory->iova && last_of(part) <= last_of(memory) &&
           part->fd == memory->fd && part->readonly == memory->readonly &&
           part->start - memory->start == part->iova - memory->iova;
}

/*
 * Adds what is not mapped yet of the memory.  What is in its place but not in
 * the machine any more goes, or is taken into @kept.
 */
static void find_gaps(Job *job, const VFIOIOMMUFDMemory *memory,
                      GPtrArray *kept)
{
    VFIOIOMMUFDMaps *maps = job->maps;
    GSequenceIter *i = first_after(maps, memory->iova);
    GSequenceIter *here = i;
    hwaddr iova = memory->iova;
    Piece *piece;

    for (; (piece = next_up_to(&i, last_of(memory))); here = i) {
        if (!piece->stale) {
            /* The kernel says what is wrong with it */
            continue;
        }
        if (!is_part(&piece->memory, memory)) {
            unmap_or_report(maps, piece->memory.iova, piece->memory.size);
            g_sequence_remove(here);
            continue;
        }
        if (piece->memory.iova > iova) {
            add_gap(job, memory, iova, piece->memory.iova);
        }
        iova = last_of(&piece->memory) + 1;
        piece->stale = false;
        g_ptr_array_add(kept, piece);
    }
    if (iova != last_of(memory) + 1) {
        add_gap(job, memory, iova, last_of(memory) + 1);
    }
}

/* After a failure nothing of it is mapped, or will be after the commit */
static void undo(Job *job, GPtrArray *kept)
{
    for (unsigned i = 0; i < job->pieces->len; i++) {
        Piece *piece = g_ptr_array_index(job->pieces, i);

        if (!piece->ret) {
            unmap_or_report(job->maps, piece->memory.iova,
                            piece->memory.size);
        }
        g_free(piece);
    }
    for (unsigned i = 0; i < kept->len; i++) {
        ((Piece *)g_ptr_array_index(kept, i))->stale = true;
    }
    job->maps->stale |= kept->len;
}

static int result(const Job *job)
{
    for (unsigned i = 0; i < job->pieces->len; i++) {
        const Piece *piece = g_ptr_array_index(job->pieces, i);

        if (piece->ret) {
            return piece->ret;
        }
    }
    return 0;
}

/*
 * Memory of devices
 */

static bool is_of(const Piece *piece, const Object *device)
{
    return piece->memory.device &&
           memory_region_owner(piece->memory.device) == device;
}

static void set_piece_aside(VFIOIOMMUFDMaps *maps, Piece *piece)
{
    if (!piece->absent) {
        unmap_or_report(maps, piece->memory.iova, piece->memory.size);
        piece->absent = true;
    }
}

static bool map_again(VFIOIOMMUFDMaps *maps, Piece *piece)
{
    const VFIOIOMMUFDMemory *memory = &piece->memory;
    int ret = map_piece(maps, memory);

    trace_vfio_iommufd_maps_again(memory_region_name(memory->device),
                                  memory->iova, memory->size, ret);
    if (ret) {
        /* as often as the guest wants */
        warn_report_once("other devices cannot reach '%s' by DMA at present, "
                         "mapping it failed: %s",
                         memory_region_name(memory->device), strerror(-ret));
    }
    piece->absent = ret;
    return !ret;
}

static void put_back(VFIOIOMMUFDMaps *maps)
{
    GSequenceIter *i = g_sequence_get_begin_iter(maps->pieces);
    Piece *piece;

    maps->aside = maps->waits = false;
    while ((piece = next_up_to(&i, UINT64_MAX))) {
        if (piece->absent && !piece->lost) {
            piece->lost = !map_again(maps, piece);
        }
    }
}

/*
 * Has the kernel export the memory of a device.  Returns 1 if it has, or it is
 * other memory, 0 if it should not, or a negative errno.
 */
static int export_device_memory(VFIOIOMMUFDMemory *memory)
{
#if QEMU_VERSION_MAJOR > 10 || QEMU_VERSION_MINOR > 0
    int fd = memory->device ? vfio_bar_dma_buf(memory->device) : -ENOENT;

    if (fd >= 0) {
        memory->start -=
            (uintptr_t)memory_region_get_ram_ptr(memory->device);
        memory->fd = fd;
        return 1;
    }
    memory->device = NULL;
    return fd == -ENOENT ? 1 : fd == -ECANCELED ? 0 : fd;
#else
    return 1;
#endif
}

/* Map in pieces what is large, or changes with the memory of the machine */
static int add_pieces(VFIOIOMMUFDMaps *maps, const VFIOIOMMUFDMemory *memory)
{
    g_autoptr(GPtrArray) pieces = g_ptr_array_new();
    g_autoptr(GPtrArray) kept = g_ptr_array_new();
    Job job = { .maps = maps, .pieces = pieces };
    unsigned threads;
    int ret;

    if (!maps->changing) {
        add_gap(&job, memory, memory->iova, last_of(memory) + 1);
    } else {
        find_gaps(&job, memory, kept);
    }
    threads = iommufd_threads_run(maps->be, memory->size < 2 * SMALLEST_CHUNK ?
                                  1 : pieces->len, map_pieces, &job);
    ret = result(&job);
    trace_vfio_iommufd_maps_add(memory->iova, memory->size, pieces->len,
                                kept->len, threads, ret);
    if (ret) {
        undo(&job, kept);
        return ret;
    }
    for (unsigned i = 0; i < pieces->len; i++) {
        Piece *piece = g_ptr_array_index(pieces, i);

        if (memory->device ||
            (maps->changing && memory->size >= SMALLEST_KEPT)) {
            g_sequence_insert_sorted(maps->pieces, piece, compare, NULL);
        } else {
            g_free(piece);
        }
    }
    return 0;
}

static void add_absent(VFIOIOMMUFDMaps *maps, const VFIOIOMMUFDMemory *memory,
                       bool lost)
{
    Piece *piece = g_new0(Piece, 1);

    piece->memory = *memory;
    piece->absent = true;
    piece->lost = lost;
    g_sequence_insert_sorted(maps->pieces, piece, compare, NULL);
}

static int add_device_memory(VFIOIOMMUFDMaps *maps,
                             const VFIOIOMMUFDMemory *memory)
{
    int ret;

    if (g_sequence_get_length(maps->pieces) >= MOST_PIECES) {
        return -ENOSPC;
    }
    if (maps->waits || cpr_is_incoming()) {
        maps->aside = maps->waits = true;
        add_absent(maps, memory, false);
        return 0;
    }
    ret = add_pieces(maps, memory);
    if (ret == -ENODEV) {
        /* It is loaded, and does not decode it yet */
        add_absent(maps, memory, true);
        return 0;
    }
    return ret;
}

int vfio_iommufd_maps_add(VFIOIOMMUFDMaps *maps,
                          const VFIOIOMMUFDMemory *wanted)
{
    VFIOIOMMUFDMemory memory = *wanted;
    int ret = export_device_memory(&memory);

    if (ret <= 0) {
        return ret;
    }
    if (memory.device) {
        return add_device_memory(maps, &memory);
    }
    if (cpr_is_incoming()) {
        /* It is mapped */
        return 0;
    }
#if QEMU_VERSION_MAJOR > 10 || QEMU_VERSION_MINOR > 0
    if (memory.fd >= 0 && maps->be->no_map_file) {
        /* Before what is mapped by address goes */
        return -ENOTTY;
    }
#endif
    if (!maps->changing && memory.size < 2 * SMALLEST_CHUNK) {
        /* As often as the guest wants with a vIOMMU */
        return map_piece(maps, &memory);
    }
    return add_pieces(maps, &memory);
}

/*
 * Unmapping
 */

/*
 * Are there pieces from one end of a range to the other, and all in use?  Of
 * the memory of devices none stays: the kernel may have unmapped it.
 */
static bool is_whole(VFIOIOMMUFDMaps *maps, hwaddr iova, hwaddr last)
{
    GSequenceIter *i = first_after(maps, iova);
    Piece *piece;

    while ((piece = next_up_to(&i, last))) {
        if (piece->memory.iova != iova || piece->stale ||
            piece->memory.device) {
            return false;
        }
        iova = last_of(&piece->memory) + 1;
    }
    return iova == last + 1;
}

/* Takes pieces out of the account; returns true if they are to stay for now */
static bool remove_pieces(VFIOIOMMUFDMaps *maps, hwaddr iova, hwaddr last)
{
    bool later = maps->changing && is_whole(maps, iova, last);
    GSequenceIter *i = first_after(maps, iova);
    GSequenceIter *here = i;
    Piece *piece;

    maps->stale |= later;
    for (; (piece = next_up_to(&i, last)); here = i) {
        if (later) {
            piece->stale = true;
        } else if (piece->memory.iova >= iova &&
                   last_of(&piece->memory) <= last) {
            g_sequence_remove(here);
        }
    }
    return later;
}

int vfio_iommufd_maps_remove(VFIOIOMMUFDMaps *maps, hwaddr iova, uint64_t size)
{
    /* a vIOMMU unmaps up to the end of all addresses */
    hwaddr last = size >= UINT64_MAX - iova ? UINT64_MAX : iova + size - 1;

    if (!g_sequence_is_empty(maps->pieces) &&
        remove_pieces(maps, iova, last)) {
        return 0;
    }
    return unmap(maps, iova, size);
}

void vfio_iommufd_maps_begin(VFIOIOMMUFDMaps *maps)
{
    maps->changing = true;
}

/* Unmaps what has become stale, neighbors at once */
void vfio_iommufd_maps_commit(VFIOIOMMUFDMaps *maps)
{
    GSequenceIter *i = g_sequence_get_begin_iter(maps->pieces);
    GSequenceIter *here = i;
    hwaddr iova = 0;
    uint64_t size = 0;
    Piece *piece;

    maps->changing = false;
    if (maps->aside && !maps->waits && !migration_is_running()) {
        put_back(maps);
    }
    if (!maps->stale) {
        return;
    }
    maps->stale = false;
    for (;; here = i) {
        piece = next_up_to(&i, UINT64_MAX);
        if (piece && !piece->stale) {
            continue;
        }
        if (size && (!piece || piece->memory.iova != iova + size)) {
            unmap_or_report(maps, iova, size);
            size = 0;
        }
        if (!piece) {
            break;
        }
        iova = size ? iova : piece->memory.iova;
        size += piece->memory.size;
        g_sequence_remove(here);
    }
}

/*
 * Memory of devices that was mapped
 */

static void machine_runs(void *opaque, bool running, RunState state)
{
    VFIOIOMMUFDMaps *maps = opaque;

    if (running && maps->aside) {
        put_back(maps);
    }
}

static bool has_memory_of_others(VFIOIOMMUFDMaps *maps, const Object *device)
{
    GSequenceIter *i = g_sequence_get_begin_iter(maps->pieces);
    Piece *piece;

    while ((piece = next_up_to(&i, UINT64_MAX))) {
        if (piece->memory.device && !is_of(piece, device)) {
            return true;
        }
    }
    return false;
}

static void set_aside(VFIOIOMMUFDMaps *maps)
{
    GSequenceIter *i = g_sequence_get_begin_iter(maps->pieces);
    Piece *piece;

    while ((piece = next_up_to(&i, UINT64_MAX))) {
        if (piece->memory.device) {
            set_piece_aside(maps, piece);
            maps->aside = true;
        }
    }
}

void vfio_iommufd_maps_set_aside(IOMMUFDBackend *be)
{
    VFIOIOMMUFDMaps *maps;

    QLIST_FOREACH(maps, &all_maps, next) {
        if (maps->be == be) {
            set_aside(maps);
            maps->waits = maps->aside;
        }
    }
}

void vfio_iommufd_maps_set_aside_own(VFIOIOMMUFDMaps *maps,
                                     const Object *device)
{
    if (!has_memory_of_others(maps, device)) {
        set_aside(maps);
    }
}

void vfio_iommufd_maps_put_back(void)
{
    VFIOIOMMUFDMaps *maps;

    QLIST_FOREACH(maps, &all_maps, next) {
        if (maps->aside) {
            put_back(maps);
        }
    }
}

void vfio_iommufd_maps_lose(const Object *device)
{
    VFIOIOMMUFDMaps *maps;
    GSequenceIter *i;
    Piece *piece;

    QLIST_FOREACH(maps, &all_maps, next) {
        i = g_sequence_get_begin_iter(maps->pieces);
        while ((piece = next_up_to(&i, UINT64_MAX))) {
            if (is_of(piece, device)) {
                set_piece_aside(maps, piece);
                piece->lost = true;
            }
        }
    }
}

void vfio_iommufd_maps_regain(const Object *device)
{
    VFIOIOMMUFDMaps *maps;
    GSequenceIter *i;
    Piece *piece;

    QLIST_FOREACH(maps, &all_maps, next) {
        i = g_sequence_get_begin_iter(maps->pieces);
        while ((piece = next_up_to(&i, UINT64_MAX))) {
            if (is_of(piece, device) && piece->lost) {
                piece->lost = !maps->waits && !map_again(maps, piece);
            }
        }
    }
}

void vfio_iommufd_maps_forget(const MemoryRegion *device_memory)
{
    VFIOIOMMUFDMaps *maps;
    GSequenceIter *i, *here;
    Piece *piece;

    QLIST_FOREACH(maps, &all_maps, next) {
        i = here = g_sequence_get_begin_iter(maps->pieces);
        for (; (piece = next_up_to(&i, UINT64_MAX)); here = i) {
            if (piece->memory.device == device_memory) {
                set_piece_aside(maps, piece);
                g_sequence_remove(here);
            }
        }
    }
}

bool vfio_iommufd_maps_has(const MemoryRegion *device_memory)
{
    VFIOIOMMUFDMaps *maps;
    GSequenceIter *i;
    Piece *piece;

    QLIST_FOREACH(maps, &all_maps, next) {
        i = g_sequence_get_begin_iter(maps->pieces);
        while ((piece = next_up_to(&i, UINT64_MAX))) {
            if (piece->memory.device == device_memory && !piece->absent) {
                return true;
            }
        }
    }
    return false;
}

/*
 * The account
 */

VFIOIOMMUFDMaps *vfio_iommufd_maps_new(IOMMUFDBackend *be, uint32_t ioas_id)
{
    VFIOIOMMUFDMaps *maps = g_new0(VFIOIOMMUFDMaps, 1);

    maps->be = be;
    maps->ioas_id = ioas_id;
    maps->pieces = g_sequence_new(g_free);
    maps->running = qemu_add_vm_change_state_handler(machine_runs, maps);
    QLIST_INSERT_HEAD(&all_maps, maps, next);
    return maps;
}

void vfio_iommufd_maps_free(VFIOIOMMUFDMaps *maps)
{
    if (maps) {
        QLIST_REMOVE(maps, next);
        qemu_del_vm_change_state_handler(maps->running);
        g_sequence_free(maps->pieces);
        g_free(maps);
    }
}
