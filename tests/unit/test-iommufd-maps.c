/*
 * Tests of what is mapped in an IOAS, when, and by how many threads
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/vfs.h>
#include <linux/magic.h>
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
#include "qemu/thread-context.h"
#include "qemu/units.h"
#include "system/runstate.h"

#define IOAS 7
#define MEMORY_FD 1001
#define VA (512 * GiB)
/* QEMU 10.0 maps nothing by file */
#define BY_FILE (QEMU_VERSION_MAJOR > 10 || QEMU_VERSION_MINOR > 0)

/*
 * The kernel: mappings that do not overlap, of which only whole ones go
 */

static GMutex lock;
static GCond changed;
/* VFIOIOMMUFDMemory, ascending */
static GArray *mapped;
static GHashTable *mappers;
/* Bytes that were pinned, and how often it was called to map and to unmap */
static uint64_t pinned;
static unsigned calls, unmaps;
/* The first IOVA that cannot be mapped, and why */
static uint64_t fail_from;
static int fail_with;
/* Until so many are in the call at a time, which ends after a while */
static unsigned wait_for, inside;

static int map(VFIOIOMMUFDMemory memory)
{
    gint64 deadline = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;
    hwaddr last = memory.iova + memory.size - 1;
    unsigned i;

    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);
    g_hash_table_add(mappers, g_thread_self());
    calls++;
    inside++;
    g_cond_broadcast(&changed);
    while (inside < wait_for && g_cond_wait_until(&changed, &lock, deadline)) {
        /* the others come */
    }
    wait_for = 0;
    inside--;
    if (last > fail_from) {
        /* only the first one that fails says why */
        return memory.iova > fail_from ? -EIO : -fail_with;
    }
    for (i = 0; i < mapped->len; i++) {
        VFIOIOMMUFDMemory *other = &g_array_index(mapped, VFIOIOMMUFDMemory, i);

        if (other->iova > last) {
            break;
        }
        if (other->iova + other->size - 1 >= memory.iova) {
            return -EEXIST;
        }
    }
    g_array_insert_val(mapped, i, memory);
    pinned += memory.size;
    return 0;
}

int iommufd_backend_map_dma(IOMMUFDBackend *be, uint32_t ioas_id, hwaddr iova,
                            uint64_t size, void *vaddr, bool readonly)
{
    g_assert_cmpint(ioas_id, ==, IOAS);
    return map((VFIOIOMMUFDMemory) {
        iova, size, -1, (uintptr_t)vaddr, readonly,
    });
}

#if BY_FILE
int iommufd_backend_map_file_dma(IOMMUFDBackend *be, uint32_t ioas_id,
                                 hwaddr iova, uint64_t size, int mfd,
                                 unsigned long start, bool readonly)
{
    g_assert_cmpint(ioas_id, ==, IOAS);
    return map((VFIOIOMMUFDMemory) { iova, size, mfd, start, readonly });
}
#endif

int iommufd_backend_unmap_dma(IOMMUFDBackend *be, uint32_t ioas_id,
                              hwaddr iova, uint64_t size)
{
    hwaddr last = size > UINT64_MAX - iova ? UINT64_MAX : iova + size - 1;

    g_assert_cmpint(ioas_id, ==, IOAS);
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);
    unmaps++;
    for (unsigned i = 0; i < mapped->len;) {
        VFIOIOMMUFDMemory *memory = &g_array_index(mapped, VFIOIOMMUFDMemory,
                                                   i);

        if (memory->iova + memory->size - 1 < iova || memory->iova > last) {
            i++;
            continue;
        }
        /* it would refuse that */
        g_assert_cmphex(memory->iova, >=, iova);
        g_assert_cmphex(memory->iova + memory->size - 1, <=, last);
        g_array_remove_index(mapped, i);
    }
    return 0;
}

/*
 * QEMU
 */

static uint64_t page;
static unsigned in_context;
static bool incoming;

bool cpr_is_incoming(void)
{
    return incoming;
}

RAMBlock *qemu_ram_block_from_host(void *ptr, bool round_offset,
                                   ram_addr_t *offset)
{
    return (RAMBlock *)&page;
}

size_t qemu_ram_pagesize(RAMBlock *block)
{
    return page;
}

/* Of the file system in which the memory is */
int fstatfs(int fd, struct statfs *fs)
{
    g_assert_cmpint(fd, ==, MEMORY_FD);
    *fs = (struct statfs) {
        .f_type = page > qemu_real_host_page_size() ? HUGETLBFS_MAGIC :
                  TMPFS_MAGIC,
        .f_bsize = page,
    };
    return 0;
}

void thread_context_create_thread(ThreadContext *tc, QemuThread *thread,
                                  const char *name,
                                  void *(*start_routine)(void *), void *arg,
                                  int mode)
{
    in_context++;
    qemu_thread_create(thread, name, start_routine, arg, mode);
}

/* The machine */
static bool migrating;

bool migration_is_running(void)
{
    return migrating;
}

static VMChangeStateHandler *when_it_runs;
static void *maps_when_it_runs;

VMChangeStateEntry *
qemu_add_vm_change_state_handler(VMChangeStateHandler *cb, void *opaque)
{
    when_it_runs = cb;
    maps_when_it_runs = opaque;
    return opaque;
}

void qemu_del_vm_change_state_handler(VMChangeStateEntry *e)
{
    g_assert(e == maps_when_it_runs);
    when_it_runs = NULL;
}

/* Memory of two devices, each at an address of its own */
static MemoryRegion bars[2];
static Object owners[2];

#if BY_FILE
/* Their descriptors, or why there are none */
static int dma_bufs[2];

int vfio_bar_dma_buf(MemoryRegion *mr)
{
    return dma_bufs[mr - bars];
}
#endif

void *memory_region_get_ram_ptr(MemoryRegion *mr)
{
    return (void *)(uintptr_t)(VA + (mr - bars + 1) * TiB);
}

const char *memory_region_name(const MemoryRegion *mr)
{
    return mr == bars ? "BAR of one" : "BAR of other";
}

Object *memory_region_owner(MemoryRegion *mr)
{
    return &owners[mr - bars];
}

/*
 * What all tests begin and end with
 */

typedef struct {
    IOMMUFDBackend be;
    VFIOIOMMUFDMaps *maps;
} Fixture;

static void begin(Fixture *f, unsigned threads, uint64_t page_size)
{
    *f = (Fixture) { .be = { .map_threads = threads } };
    f->maps = vfio_iommufd_maps_new(&f->be, IOAS);
    mapped = g_array_new(false, false, sizeof(VFIOIOMMUFDMemory));
    mappers = g_hash_table_new(NULL, NULL);
    pinned = calls = in_context = wait_for = 0;
    fail_from = UINT64_MAX;
    page = page_size;
}

static void end(Fixture *f)
{
    vfio_iommufd_maps_free(f->maps);
    g_array_unref(mapped);
    g_hash_table_unref(mappers);
}

/* At address VA there is what the guest has at 0 */
static int add_from(Fixture *f, hwaddr iova, hwaddr last, uint64_t va,
                    bool readonly)
{
    return vfio_iommufd_maps_add(f->maps, &(VFIOIOMMUFDMemory) {
        iova, last - iova + 1, -1, va, readonly,
    });
}

static void add(Fixture *f, hwaddr iova, hwaddr last)
{
    g_assert_cmpint(add_from(f, iova, last, VA + iova, false), ==, 0);
}

static void drop(Fixture *f, hwaddr iova, hwaddr last)
{
    g_assert_cmpint(vfio_iommufd_maps_remove(f->maps, iova, last - iova + 1),
                    ==, 0);
}

/* All of a range is mapped to what is at VA, and nothing else up to there */
static void check_mapped(hwaddr iova, hwaddr last, uint64_t va)
{
    for (unsigned i = 0; i < mapped->len; i++) {
        VFIOIOMMUFDMemory *memory = &g_array_index(mapped, VFIOIOMMUFDMemory,
                                                   i);

        if (memory->iova > last || memory->iova + memory->size - 1 < iova) {
            continue;
        }
        g_assert_cmphex(memory->iova, ==, iova);
        g_assert_cmphex(memory->start, ==, va);
        va += memory->size;
        iova += memory->size;
    }
    g_assert_cmphex(iova, ==, last + 1);
}

static void check_bytes(uint64_t bytes)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < mapped->len; i++) {
        sum += g_array_index(mapped, VFIOIOMMUFDMemory, i).size;
    }
    g_assert_cmphex(sum, ==, bytes);
}

/*
 * Tests
 */

static void test_chunks(void)
{
    static const struct {
        uint64_t iova, size, page, chunk;
        unsigned chunks;
    } cases[] = {
        /* what is small */
        { MiB, 127 * MiB, 4 * KiB, 127 * MiB, 1 },
        { 0, 127 * MiB, 4 * KiB, 126 * MiB, 2 },
        { 0, 127 * MiB, 2 * MiB, 125 * MiB, 2 },
        /* not aligned at either end */
        { MiB, 255 * MiB, 4 * KiB, 64 * MiB, 4 },
        { 0, 2 * GiB - 4 * KiB, 4 * KiB, 64 * MiB, 33 },
        { 4 * GiB, 16 * GiB, 2 * MiB, 512 * MiB, 32 },
        { 4 * GiB, 512 * GiB, 2 * MiB, GiB, 512 },
        /* no page is split */
        { 4 * GiB, 4 * GiB, GiB, GiB, 4 },
        { GiB, GiB, GiB, GiB, 1 },
        { 16 * GiB, 64 * GiB, 16 * GiB, 16 * GiB, 4 },
    };

    for (int i = 0; i < ARRAY_SIZE(cases) * 3; i++) {
        uint64_t iova = cases[i / 3].iova, size = cases[i / 3].size;
        uint64_t chunk = cases[i / 3].chunk;
        Fixture f;

        begin(&f, 1 + i % 3, cases[i / 3].page);
        vfio_iommufd_maps_begin(f.maps);
        add(&f, iova, iova + size - 1);
        vfio_iommufd_maps_commit(f.maps);
        check_mapped(iova, iova + size - 1, VA + iova);
        check_bytes(size);
        g_assert_cmpint(mapped->len, ==, cases[i / 3].chunks);
        for (unsigned n = 0; n < mapped->len; n++) {
            VFIOIOMMUFDMemory *memory = &g_array_index(mapped,
                                                       VFIOIOMMUFDMemory, n);

            /* Large pages of the IOMMU are in one piece */
            g_assert_true(memory->iova % chunk == 0 ||
                          memory->iova <= MAX(MiB, page));
            g_assert_cmphex(memory->size, <=, chunk);
            /* and those of the memory, of which two could be lost */
            g_assert_true(n == 0 || memory->start % page == 0);
        }
        g_assert_cmpint(g_hash_table_size(mappers), <=, 1 + i % 3);
        end(&f);
    }
}

/* Where addresses do not fit to pages, no page is in two pieces either */
static void test_not_aligned(void)
{
    Fixture f;

    begin(&f, 2, 2 * MiB);
    vfio_iommufd_maps_begin(f.maps);
    g_assert_cmpint(add_from(&f, 0, GiB - 1, VA + MiB, false), ==, 0);
    vfio_iommufd_maps_commit(f.maps);
    g_assert_cmpint(mapped->len, ==, 1);
    check_bytes(GiB);
    end(&f);
}

/* They are in the kernel at the same time, the caller's as well */
static void test_threads(void)
{
    Fixture f;

    begin(&f, 3, 4 * KiB);
    wait_for = 3;
    add(&f, 0, GiB - 1);
    g_assert_cmpint(g_hash_table_size(mappers), ==, 3);
    g_assert_true(g_hash_table_contains(mappers, g_thread_self()));
    g_assert_cmpint(in_context, ==, 0);
    end(&f);
}

static void test_context(void)
{
    Fixture f;

    begin(&f, 3, 4 * KiB);
    f.be.map_context = (ThreadContext *)&page;
    wait_for = 3;
    add(&f, 0, GiB - 1);
    g_assert_cmpint(in_context, ==, 3);
    g_assert_cmpint(g_hash_table_size(mappers), ==, 3);
    /* Where that one runs, the context does not say */
    g_assert_false(g_hash_table_contains(mappers, g_thread_self()));
    end(&f);

    /* also if one is enough */
    begin(&f, 1, 4 * KiB);
    f.be.map_context = (ThreadContext *)&page;
    add(&f, 0, GiB - 1);
    g_assert_cmpint(in_context, ==, 1);
    g_assert_false(g_hash_table_contains(mappers, g_thread_self()));
    end(&f);
}

static void test_failure(void)
{
    static const int errs[] = { ENOMEM, EFAULT, EPERM };

    for (int i = 0; i < ARRAY_SIZE(errs); i++) {
        for (uint64_t from = 0; from < GiB; from += 100 * MiB) {
            Fixture f;

            begin(&f, 4, 4 * KiB);
            vfio_iommufd_maps_begin(f.maps);
            fail_from = from;
            fail_with = errs[i];
            wait_for = 4;
            g_assert_cmpint(add_from(&f, 0, GiB - 1, VA, false), ==, -errs[i]);
            check_bytes(0);
            /* no thread goes on after that */
            g_assert_cmpint(calls, <=, from / (64 * MiB) + 2 * 4);
            /* and the next one can */
            fail_from = UINT64_MAX;
            add(&f, 0, GiB - 1);
            vfio_iommufd_maps_commit(f.maps);
            check_mapped(0, GiB - 1, VA);
            end(&f);
        }
    }
}

/* What firmware of a PC does: nothing above the first MiB is pinned again */
static void test_firmware(void)
{
    const uint64_t rom = 64 * GiB;
    const hwaddr last = 2 * GiB - 1;
    Fixture f;

    begin(&f, 2, 4 * KiB);
    vfio_iommufd_maps_begin(f.maps);
    add(&f, 0, last);
    vfio_iommufd_maps_commit(f.maps);
    g_assert_cmphex(pinned, ==, last + 1);

    vfio_iommufd_maps_begin(f.maps);
    drop(&f, 0, last);
    add(&f, 0, 0xbffff);
    g_assert_cmpint(add_from(&f, 0xc0000, 0xfffff, rom, true), ==, 0);
    add(&f, MiB, last);
    vfio_iommufd_maps_commit(f.maps);
    check_mapped(0, 0xbffff, VA);
    check_mapped(0xc0000, 0xfffff, rom);
    check_mapped(MiB, last, VA + MiB);
    check_bytes(last + 1);
    g_assert_cmphex(pinned, ==, last + 1 + MiB);

    /* ends below 1 MiB */
    vfio_iommufd_maps_begin(f.maps);
    drop(&f, 0, 0xbffff);
    drop(&f, 0xc0000, 0xfffff);
    drop(&f, MiB, last);
    add(&f, 0, 0xd7fff);
    g_assert_cmpint(add_from(&f, 0xd8000, 0xeffff, rom + 0x18000, true), ==, 0);
    add(&f, 0xf0000, last);
    vfio_iommufd_maps_commit(f.maps);
    check_mapped(0, 0xd7fff, VA);
    check_mapped(0xd8000, 0xeffff, rom + 0x18000);
    check_mapped(0xf0000, last, VA + 0xf0000);
    check_bytes(last + 1);
    g_assert_cmphex(pinned, <=, last + 1 + 2 * MiB);

    /* and as at first */
    vfio_iommufd_maps_begin(f.maps);
    drop(&f, 0, 0xd7fff);
    drop(&f, 0xd8000, 0xeffff);
    drop(&f, 0xf0000, last);
    add(&f, 0, last);
    vfio_iommufd_maps_commit(f.maps);
    check_mapped(0, last, VA);
    check_bytes(last + 1);
    g_assert_cmphex(pinned, <=, last + 1 + 3 * MiB);

    /* The top goes to the firmware: one chunk is mapped anew */
    vfio_iommufd_maps_begin(f.maps);
    drop(&f, 0, last);
    add(&f, 0, last - 8 * MiB);
    vfio_iommufd_maps_commit(f.maps);
    check_mapped(0, last - 8 * MiB, VA);
    check_bytes(last + 1 - 8 * MiB);
    g_assert_cmphex(pinned, <=, last + 1 + 3 * MiB + 64 * MiB);

    vfio_iommufd_maps_begin(f.maps);
    drop(&f, 0, last - 8 * MiB);
    vfio_iommufd_maps_commit(f.maps);
    check_bytes(0);
    end(&f);
}

/* Of what looks the same, what has changed is mapped anew */
static void test_other_memory(void)
{
    for (int i = 0; i < 5; i++) {
        VFIOIOMMUFDMemory memory = {
            4 * GiB, GiB, BY_FILE ? MEMORY_FD : -1, 0, false,
        };
        Fixture f;

        if (i == 1 && !BY_FILE) {
            continue;
        }
        begin(&f, 2, 4 * KiB);
        vfio_iommufd_maps_begin(f.maps);
        g_assert_cmpint(vfio_iommufd_maps_add(f.maps, &memory), ==, 0);
        vfio_iommufd_maps_commit(f.maps);
        vfio_iommufd_maps_begin(f.maps);
        drop(&f, 4 * GiB, 5 * GiB - 1);
        /* it is there until then */
        check_bytes(GiB);
        switch (i) {
        case 1:
            memory.fd = -1;
            break;
        case 2:
            memory.start = 4 * KiB;
            break;
        case 3:
            memory.readonly = true;
            break;
        case 4:
            memory.iova += 4 * KiB;
            break;
        }
        g_assert_cmpint(vfio_iommufd_maps_add(f.maps, &memory), ==, 0);
        vfio_iommufd_maps_commit(f.maps);
        check_mapped(memory.iova, memory.iova + GiB - 1, memory.start);
        check_bytes(GiB);
        g_assert_cmphex(pinned, ==, i ? 2 * GiB : GiB);
        g_assert_cmpint(g_array_index(mapped, VFIOIOMMUFDMemory, 0).fd, ==,
                        memory.fd);
        g_assert_cmpint(g_array_index(mapped, VFIOIOMMUFDMemory, 3).readonly,
                        ==, memory.readonly);
        end(&f);
    }
}

/* A failure takes what was kept for it */
static void test_failure_after_change(void)
{
    Fixture f;

    begin(&f, 2, 4 * KiB);
    vfio_iommufd_maps_begin(f.maps);
    add(&f, 0, GiB - 1);
    vfio_iommufd_maps_commit(f.maps);
    vfio_iommufd_maps_begin(f.maps);
    drop(&f, 0, GiB - 1);
    fail_from = GiB;
    fail_with = ENOMEM;
    g_assert_cmpint(add_from(&f, 0, 2 * GiB - 1, VA, false), ==, -ENOMEM);
    check_bytes(GiB);
    vfio_iommufd_maps_commit(f.maps);
    check_bytes(0);
    end(&f);
}

/* virtio-mem and a vIOMMU map and unmap at any time */
static void test_at_any_time(void)
{
    Fixture f;

    begin(&f, 1, 4 * KiB);
    add(&f, GiB, GiB + 4095);
    vfio_iommufd_maps_begin(f.maps);
    add(&f, 4 * GiB, 4 * GiB + 2 * MiB - 1);
    add(&f, 4 * GiB + 2 * MiB, 4 * GiB + 4 * MiB - 1);
    vfio_iommufd_maps_commit(f.maps);
    drop(&f, 4 * GiB, 4 * GiB + 2 * MiB - 1);
    check_bytes(2 * MiB + 4096);
    add(&f, 4 * GiB, 4 * GiB + 2 * MiB - 1);
    check_bytes(4 * MiB + 4096);

    /* It is not known as a whole, so it goes at once */
    vfio_iommufd_maps_begin(f.maps);
    drop(&f, 4 * GiB, 5 * GiB - 1);
    check_bytes(4096);
    vfio_iommufd_maps_commit(f.maps);

    /* Everything */
    vfio_iommufd_maps_begin(f.maps);
    add(&f, 4 * GiB, 5 * GiB - 1);
    g_assert_cmpint(vfio_iommufd_maps_remove(f.maps, 0, UINT64_MAX), ==, 0);
    check_bytes(0);
    add(&f, 4 * GiB, 5 * GiB - 1);
    vfio_iommufd_maps_commit(f.maps);
    check_bytes(GiB);
    end(&f);
}

/* A vIOMMU's addresses go up to the last one there is */
static void test_last_address(void)
{
    const uint64_t size = 256 * MiB, iova = 0 - size;
    Fixture f;

    begin(&f, 2, 4 * KiB);
    add(&f, iova, UINT64_MAX);
    check_bytes(size);
    drop(&f, iova, UINT64_MAX);
    check_bytes(0);

    vfio_iommufd_maps_begin(f.maps);
    add(&f, iova, UINT64_MAX);
    vfio_iommufd_maps_commit(f.maps);
    check_bytes(size);
    pinned = 0;
    vfio_iommufd_maps_begin(f.maps);
    drop(&f, iova, UINT64_MAX);
    check_bytes(size);
    add(&f, iova, UINT64_MAX);
    vfio_iommufd_maps_commit(f.maps);
    check_bytes(size);
    g_assert_cmphex(pinned, ==, 0);
    vfio_iommufd_maps_begin(f.maps);
    drop(&f, iova, UINT64_MAX);
    vfio_iommufd_maps_commit(f.maps);
    check_bytes(0);
    end(&f);
}

/* In the target of a CPR restart it is mapped, and goes later */
static void test_cpr(void)
{
    Fixture f;

    begin(&f, 2, 4 * KiB);
    vfio_iommufd_maps_begin(f.maps);
    add(&f, 0, GiB - 1);
    vfio_iommufd_maps_commit(f.maps);
    vfio_iommufd_maps_free(f.maps);
    f.maps = vfio_iommufd_maps_new(&f.be, IOAS);
    incoming = true;
    vfio_iommufd_maps_begin(f.maps);
    add(&f, 0, GiB - 1);
    vfio_iommufd_maps_commit(f.maps);
    g_assert_cmphex(pinned, ==, GiB);
    incoming = false;
    vfio_iommufd_maps_begin(f.maps);
    drop(&f, 0, GiB - 1);
    add(&f, MiB, GiB - 1);
    vfio_iommufd_maps_commit(f.maps);
    check_mapped(MiB, GiB - 1, VA + MiB);
    check_bytes(GiB - MiB);
    end(&f);
}

/* Random changes of a machine, each time compared with what it is then */
static void test_random(void)
{
    enum { BLOCKS = 24, SIZE = 8 * MiB };
    g_autoptr(GRand) rand = g_rand_new_with_seed(g_test_rand_int());
    /* what is there: nothing, RAM, the same read-only, or something else */
    int now[BLOCKS + 1] = { 0 };
    Fixture f;

    begin(&f, 3, 4 * KiB);
    for (int round = 0; round < 300; round++) {
        int next[BLOCKS + 1];

        memcpy(next, now, sizeof(now));
        for (int n = g_rand_int_range(rand, 1, 4); n; n--) {
            int from = g_rand_int_range(rand, 0, BLOCKS);
            int to = g_rand_int_range(rand, from, BLOCKS);
            int what = g_rand_int_range(rand, 0, 4);

            for (int i = from; i <= to; i++) {
                next[i] = what;
            }
        }
        next[BLOCKS] = now[BLOCKS] = -1;
        vfio_iommufd_maps_begin(f.maps);
        for (int pass = 0; pass < 2; pass++) {
            const int *blocks = pass ? next : now;
            const int *others = pass ? now : next;

            for (int i = 0, j; i < BLOCKS; i = j) {
                bool same = true;

                for (j = i; blocks[j] == blocks[i]; j++) {
                    same &= others[j] == blocks[j];
                }
                /* A section that is as it was does not change */
                same &= others[j] != others[i] &&
                        (i == 0 || others[i - 1] != others[i]);
                if (!blocks[i] || same) {
                    continue;
                }
                if (!pass) {
                    drop(&f, (uint64_t)i * SIZE, (uint64_t)j * SIZE - 1);
                    continue;
                }
                g_assert_cmpint(add_from(&f, (uint64_t)i * SIZE,
                                         (uint64_t)j * SIZE - 1,
                                         VA * (blocks[i] == 3 ? 2 : 1) +
                                         (uint64_t)i * SIZE, blocks[i] == 2),
                                ==, 0);
            }
        }
        vfio_iommufd_maps_commit(f.maps);
        memcpy(now, next, sizeof(now));

        uint64_t bytes = 0;
        for (int i = 0; i < BLOCKS; i++) {
            bytes += now[i] ? SIZE : 0;
        }
        check_bytes(bytes);
        for (unsigned n = 0; n < mapped->len; n++) {
            VFIOIOMMUFDMemory *memory = &g_array_index(mapped,
                                                       VFIOIOMMUFDMemory, n);
            hwaddr last = memory->iova + memory->size - 1;

            for (int i = memory->iova / SIZE; i <= last / SIZE; i++) {
                g_assert_cmphex(memory->start - memory->iova, ==,
                                VA * (now[i] == 3 ? 2 : 1));
                g_assert_cmpint(memory->readonly, ==, now[i] == 2);
            }
        }
    }
    end(&f);
}

#if BY_FILE

/* Adds 64 KiB of the memory of a device, from an offset on */
static int add_bar(Fixture *f, hwaddr iova, int bar, uint64_t offset)
{
    return vfio_iommufd_maps_add(f->maps, &(VFIOIOMMUFDMemory) {
        iova, 64 * KiB, -1,
        (uintptr_t)memory_region_get_ram_ptr(&bars[bar]) + offset, false,
        &bars[bar],
    });
}

static void check_bar(unsigned n, hwaddr iova, int fd, uint64_t offset)
{
    const VFIOIOMMUFDMemory *memory = &g_array_index(mapped, VFIOIOMMUFDMemory,
                                                     n);

    g_assert_cmpuint(n, <, mapped->len);
    g_assert_cmphex(memory->iova, ==, iova);
    g_assert_cmphex(memory->size, ==, 64 * KiB);
    g_assert_cmpint(memory->fd, ==, fd);
    g_assert_cmphex(memory->start, ==, offset);
}

/* The guest has reset a device: the kernel has unmapped its memory */
static void reset_device(const Object *device)
{
    vfio_iommufd_maps_lose(device);
    vfio_iommufd_maps_regain(device);
}

/* What a device reaches by the file that the kernel exports */
static void test_device_memory(void)
{
    Fixture f;

    begin(&f, 4, 4 * KiB);
    dma_bufs[0] = 70;
    vfio_iommufd_maps_begin(f.maps);
    add(&f, 0, 256 * MiB - 1);
    vfio_iommufd_maps_commit(f.maps);

    /* in the place of what goes at the same time, and not as RAM of a file */
    vfio_iommufd_maps_begin(f.maps);
    drop(&f, 0, 256 * MiB - 1);
    g_assert_cmpint(add_bar(&f, 16 * MiB, 0, 0x3000), ==, 0);
    vfio_iommufd_maps_commit(f.maps);
    check_bytes(64 * KiB);
    check_bar(0, 16 * MiB, 70, 0x3000);
    g_assert_true(vfio_iommufd_maps_has(&bars[0]));
    g_assert_false(vfio_iommufd_maps_has(&bars[1]));

    /* it comes back at once: the kernel may have unmapped it in between */
    calls = 0;
    vfio_iommufd_maps_begin(f.maps);
    drop(&f, 16 * MiB, 16 * MiB + 64 * KiB - 1);
    g_assert_cmpuint(mapped->len, ==, 0);
    g_assert_false(vfio_iommufd_maps_has(&bars[0]));
    g_assert_cmpint(add_bar(&f, 16 * MiB, 0, 0x3000), ==, 0);
    vfio_iommufd_maps_commit(f.maps);
    g_assert_cmpuint(calls, ==, 1);

    /* by a vIOMMU, which unmaps what it likes */
    g_assert_cmpint(add_bar(&f, 32 * MiB, 0, 0), ==, 0);
    g_assert_cmpint(vfio_iommufd_maps_remove(f.maps, 0, UINT64_MAX), ==, 0);
    check_bytes(0);
    g_assert_false(vfio_iommufd_maps_has(&bars[0]));
    /* also from the middle to the end of all addresses */
    g_assert_cmpint(add_bar(&f, 32 * MiB, 0, 0), ==, 0);
    g_assert_cmpint(vfio_iommufd_maps_remove(f.maps, 16 * MiB,
                                             0 - 16ULL * MiB), ==, 0);
    check_bytes(0);
    g_assert_false(vfio_iommufd_maps_has(&bars[0]));
    /* or only the last of them, which then do not come back */
    g_assert_cmpint(add_bar(&f, 0 - 64ULL * KiB, 0, 0), ==, 0);
    g_assert_cmpint(add_bar(&f, 0, 0, 0), ==, 0);
    drop(&f, 0 - 64ULL * KiB, UINT64_MAX);
    reset_device(&owners[0]);
    check_bytes(64 * KiB);
    check_bar(0, 0, 70, 0);
    end(&f);
}

/* The kernel has no limit, and the guest can map it as often as it likes */
static void test_many(void)
{
    Fixture f;
    int ret = 0;

    begin(&f, 1, 4 * KiB);
    dma_bufs[0] = 70;
    while (!ret && calls < 100000) {
        /* from the end, as the list of what is mapped is searched */
        ret = add_bar(&f, (100000 - calls) * 64 * KiB, 0, 0);
    }
    g_assert_cmpint(ret, ==, -ENOSPC);
    g_assert_cmpuint(calls, ==, 65536);
    end(&f);
}

/* A device that is being loaded does not decode it yet */
static void test_not_decoded_yet(void)
{
    Fixture f;

    begin(&f, 1, 4 * KiB);
    dma_bufs[0] = 70;
    fail_from = 0;
    fail_with = ENODEV;
    g_assert_cmpint(add_bar(&f, 0, 0, 0), ==, 0);
    g_assert_false(vfio_iommufd_maps_has(&bars[0]));
    fail_from = UINT64_MAX;
    vfio_iommufd_maps_regain(&owners[0]);
    check_bar(0, 0, 70, 0);
    drop(&f, 0, 64 * KiB - 1);
    check_bytes(0);
    end(&f);
}

static void test_not_exported(void)
{
    Fixture f;

    begin(&f, 1, 4 * KiB);
    dma_bufs[0] = -ENOTTY;
    g_assert_cmpint(add_bar(&f, 0, 0, 0), ==, -ENOTTY);
    dma_bufs[0] = -ECANCELED;
    g_assert_cmpint(add_bar(&f, 0, 0, 0), ==, 0);
    g_assert_cmpuint(calls, ==, 0);
    /* what is of no assigned device is mapped as ever */
    dma_bufs[0] = -ENOENT;
    g_assert_cmpint(add_bar(&f, 0, 0, 0), ==, 0);
    check_bar(0, 0, -1, VA + TiB);
    g_assert_false(vfio_iommufd_maps_has(&bars[0]));
    /* and what the kernel does not map is not in the account */
    dma_bufs[1] = 71;
    fail_from = 0;
    fail_with = ENOMEM;
    g_assert_cmpint(add_bar(&f, MiB, 1, 0), ==, -EIO);
    g_assert_false(vfio_iommufd_maps_has(&bars[1]));
    end(&f);
}

/* Two devices have memory, the first one twice */
static void begin_with_bars(Fixture *f)
{
    begin(f, 1, 4 * KiB);
    dma_bufs[0] = 70;
    dma_bufs[1] = 71;
    g_assert_cmpint(add_bar(f, 0, 0, 0), ==, 0);
    g_assert_cmpint(add_bar(f, MiB, 1, 0), ==, 0);
    g_assert_cmpint(add_bar(f, 2 * MiB, 0, 64 * KiB), ==, 0);
}

/* The guest resets one of two devices */
static void test_reset(void)
{
    Fixture f;

    begin_with_bars(&f);
    calls = 0;
    reset_device(&owners[0]);
    g_assert_cmpuint(calls, ==, 2);
    check_bar(0, 0, 70, 0);
    check_bar(1, MiB, 71, 0);
    check_bar(2, 2 * MiB, 70, 64 * KiB);

    /* what cannot be mapped is tried again with the next access */
    fail_from = 0;
    fail_with = ENODEV;
    reset_device(&owners[1]);
    g_assert_false(vfio_iommufd_maps_has(&bars[1]));
    fail_from = UINT64_MAX;
    vfio_iommufd_maps_regain(&owners[1]);
    check_bar(1, MiB, 71, 0);
    g_assert_true(vfio_iommufd_maps_has(&bars[1]));
    end(&f);
}

/* With a vIOMMU it stays while the device does not decode it */
static void test_not_decoded(void)
{
    Fixture f;

    begin_with_bars(&f);
    vfio_iommufd_maps_lose(&owners[0]);
    check_bytes(64 * KiB);
    g_assert_false(vfio_iommufd_maps_has(&bars[0]));
    g_assert_true(vfio_iommufd_maps_has(&bars[1]));
    /* again, and what is not there is not unmapped again */
    unmaps = 0;
    vfio_iommufd_maps_lose(&owners[0]);
    g_assert_cmpuint(unmaps, ==, 0);

    /* a machine that runs again does not change it */
    vfio_iommufd_maps_set_aside(&f.be);
    when_it_runs(maps_when_it_runs, true, RUN_STATE_RUNNING);
    check_bytes(64 * KiB);
    /* while it does not, the device gets it back later */
    vfio_iommufd_maps_set_aside(&f.be);
    vfio_iommufd_maps_regain(&owners[0]);
    check_bytes(0);
    when_it_runs(maps_when_it_runs, true, RUN_STATE_RUNNING);
    check_bytes(3 * 64 * KiB);
    calls = 0;
    vfio_iommufd_maps_regain(&owners[0]);
    g_assert_cmpuint(calls, ==, 0);

    /* unplugged, although the guest has it mapped */
    vfio_iommufd_maps_forget(&bars[0]);
    check_bytes(64 * KiB);
    g_assert_cmpint(vfio_iommufd_maps_remove(f.maps, 0, 64 * KiB), ==, 0);
    vfio_iommufd_maps_regain(&owners[0]);
    check_bytes(64 * KiB);
    end(&f);
}

/* The kernel hands no such mapping to another process */
static void test_device_memory_cpr(void)
{
    Fixture f;

    begin(&f, 1, 4 * KiB);
    dma_bufs[0] = 70;
    dma_bufs[1] = 71;
    vfio_iommufd_maps_begin(f.maps);
    add(&f, 0, 64 * MiB - 1);
    vfio_iommufd_maps_commit(f.maps);
    g_assert_cmpint(add_bar(&f, GiB, 0, 0), ==, 0);
    calls = 0;

    /* the old one: it does not happen, and the guest goes on */
    vfio_iommufd_maps_set_aside(&(IOMMUFDBackend) {});
    check_bytes(64 * MiB + 64 * KiB);
    vfio_iommufd_maps_set_aside(&f.be);
    check_bytes(64 * MiB);
    g_assert_false(vfio_iommufd_maps_has(&bars[0]));
    g_assert_cmpint(add_bar(&f, 2 * GiB, 1, 0), ==, 0);
    reset_device(&owners[0]);
    when_it_runs(maps_when_it_runs, false, RUN_STATE_PAUSED);
    g_assert_cmpuint(calls, ==, 0);
    when_it_runs(maps_when_it_runs, true, RUN_STATE_RUNNING);
    g_assert_cmpuint(calls, ==, 2);
    check_bytes(64 * MiB + 2 * 64 * KiB);
    when_it_runs(maps_when_it_runs, true, RUN_STATE_RUNNING);
    g_assert_cmpuint(calls, ==, 2);

    /* before the machine stops only what no other device can reach */
    vfio_iommufd_maps_set_aside_own(f.maps, &owners[0]);
    check_bytes(64 * MiB + 2 * 64 * KiB);
    drop(&f, 2 * GiB, 2 * GiB + 64 * KiB - 1);
    vfio_iommufd_maps_set_aside_own(f.maps, &owners[1]);
    check_bytes(64 * MiB + 64 * KiB);
    vfio_iommufd_maps_set_aside_own(f.maps, &owners[0]);
    check_bytes(64 * MiB);
    /* and if it never does, until CPR has failed */
    vfio_iommufd_maps_put_back();
    check_bytes(64 * MiB + 64 * KiB);
    vfio_iommufd_maps_put_back();
    check_bytes(64 * MiB + 64 * KiB);
    /* or, if nobody says so, until another device comes */
    vfio_iommufd_maps_set_aside_own(f.maps, &owners[0]);
    check_bytes(64 * MiB);
    vfio_iommufd_maps_begin(f.maps);
    g_assert_cmpint(add_bar(&f, 2 * GiB, 1, 0), ==, 0);
    vfio_iommufd_maps_commit(f.maps);
    check_bytes(64 * MiB + 2 * 64 * KiB);
    drop(&f, 2 * GiB, 2 * GiB + 64 * KiB - 1);
    /* not while the new one still looks */
    vfio_iommufd_maps_set_aside_own(f.maps, &owners[0]);
    migrating = true;
    vfio_iommufd_maps_begin(f.maps);
    vfio_iommufd_maps_commit(f.maps);
    check_bytes(64 * MiB);
    migrating = false;
    /* what cannot be put back is tried again with the next access */
    fail_from = GiB;
    fail_with = ENOMEM;
    vfio_iommufd_maps_put_back();
    check_bytes(64 * MiB);
    fail_from = UINT64_MAX;
    vfio_iommufd_maps_regain(&owners[0]);
    check_bytes(64 * MiB + 64 * KiB);
    /* once it is stopped it does not come back */
    vfio_iommufd_maps_set_aside(&f.be);
    vfio_iommufd_maps_begin(f.maps);
    vfio_iommufd_maps_commit(f.maps);
    check_bytes(64 * MiB);
    end(&f);

    /* the new one */
    begin(&f, 1, 4 * KiB);
    incoming = true;
    g_assert_cmpint(add_bar(&f, GiB, 0, 0), ==, 0);
    g_assert_cmpint(add_bar(&f, 2 * GiB, 1, 0), ==, 0);
    /* QEMU loads where it is, and has put it elsewhere before */
    drop(&f, GiB, GiB + 64 * KiB - 1);
    g_assert_cmpint(add_bar(&f, 3 * GiB, 0, 0), ==, 0);
    g_assert_cmpuint(calls, ==, 0);
    /* it runs before CPR has ended */
    when_it_runs(maps_when_it_runs, true, RUN_STATE_RUNNING);
    incoming = false;
    check_bar(0, 2 * GiB, 71, 0);
    check_bar(1, 3 * GiB, 70, 0);
    g_assert_cmpuint(mapped->len, ==, 2);
    end(&f);
}

#endif

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/iommufd-maps/chunks", test_chunks);
    g_test_add_func("/iommufd-maps/not-aligned", test_not_aligned);
    g_test_add_func("/iommufd-maps/threads", test_threads);
    g_test_add_func("/iommufd-maps/context", test_context);
    g_test_add_func("/iommufd-maps/failure", test_failure);
    g_test_add_func("/iommufd-maps/firmware", test_firmware);
    g_test_add_func("/iommufd-maps/other-memory", test_other_memory);
    g_test_add_func("/iommufd-maps/failure-after-change",
                    test_failure_after_change);
    g_test_add_func("/iommufd-maps/at-any-time", test_at_any_time);
    g_test_add_func("/iommufd-maps/last-address", test_last_address);
    g_test_add_func("/iommufd-maps/cpr", test_cpr);
    g_test_add_func("/iommufd-maps/random", test_random);
#if BY_FILE
    g_test_add_func("/iommufd-maps/device-memory", test_device_memory);
    g_test_add_func("/iommufd-maps/many", test_many);
    g_test_add_func("/iommufd-maps/not-decoded-yet", test_not_decoded_yet);
    g_test_add_func("/iommufd-maps/not-exported", test_not_exported);
    g_test_add_func("/iommufd-maps/reset", test_reset);
    g_test_add_func("/iommufd-maps/not-decoded", test_not_decoded);
    g_test_add_func("/iommufd-maps/device-memory-cpr", test_device_memory_cpr);
#endif
    return g_test_run();
}
