/*
 * Test what is counted as mapped in the IOASes of an iommufd object
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "system/iommufd-mappings.h"

#define PAGE 0x1000ULL
#define IOAS 2

static void check_sum(IOMMUFDBackend *be, uint32_t ioas_id, uint64_t count,
                      uint64_t bytes)
{
    uint64_t found_count, found_bytes;

    iommufd_mappings_sum(be, ioas_id, &found_count, &found_bytes);
    g_assert_cmpuint(found_count, ==, count);
    g_assert_cmpuint(found_bytes, ==, bytes);
}

static void test_one_by_one(void)
{
    IOMMUFDBackend be = {};

    check_sum(&be, IOAS, 0, 0);
    iommufd_mappings_add(&be, IOAS, 0, PAGE, 0);
    iommufd_mappings_add(&be, IOAS, 4 * PAGE, 2 * PAGE, 0);
    check_sum(&be, IOAS, 2, 3 * PAGE);
    iommufd_mappings_remove(&be, IOAS, 4 * PAGE, 2 * PAGE, 0);
    check_sum(&be, IOAS, 1, PAGE);
    iommufd_mappings_free(&be, IOAS);
}

/* As the IOMMU model of a guest does it */
static void test_one_unmap_for_many(void)
{
    IOMMUFDBackend be = {};

    for (int i = 0; i < 8; i++) {
        iommufd_mappings_add(&be, IOAS, i * 2 * PAGE, PAGE, 0);
    }
    iommufd_mappings_remove(&be, IOAS, PAGE, 7 * PAGE, 0);
    check_sum(&be, IOAS, 5, 5 * PAGE);
    iommufd_mappings_remove(&be, IOAS, 0, UINT64_MAX, 0);
    check_sum(&be, IOAS, 0, 0);
    iommufd_mappings_free(&be, IOAS);
}

/* The kernel does not split a mapping, and stops there */
static void test_part_of_a_mapping(void)
{
    IOMMUFDBackend be = {};

    iommufd_mappings_add(&be, IOAS, 0, PAGE, 0);
    iommufd_mappings_add(&be, IOAS, PAGE, 2 * PAGE, 0);
    iommufd_mappings_add(&be, IOAS, 3 * PAGE, PAGE, 0);
    iommufd_mappings_remove(&be, IOAS, 2 * PAGE, 2 * PAGE, 0);
    check_sum(&be, IOAS, 3, 4 * PAGE);
    iommufd_mappings_remove(&be, IOAS, 0, 2 * PAGE, 0);
    check_sum(&be, IOAS, 2, 3 * PAGE);
    iommufd_mappings_free(&be, IOAS);
}

static void test_last_page(void)
{
    IOMMUFDBackend be = {};

    iommufd_mappings_add(&be, IOAS, UINT64_MAX - PAGE + 1, PAGE, 0);
    check_sum(&be, IOAS, 1, PAGE);
    iommufd_mappings_remove(&be, IOAS, UINT64_MAX - PAGE + 1, PAGE, 0);
    check_sum(&be, IOAS, 0, 0);
    iommufd_mappings_free(&be, IOAS);
}

/* Each IOAS has its own, and iommufd gives a freed ID away again */
static void test_ioas(void)
{
    IOMMUFDBackend be = {};

    iommufd_mappings_add(&be, IOAS, 0, PAGE, 0);
    iommufd_mappings_add(&be, IOAS + 1, 0, 2 * PAGE, 0);
    iommufd_mappings_remove(&be, IOAS + 2, 0, UINT64_MAX, 0);
    iommufd_mappings_free(&be, IOAS + 2);
    check_sum(&be, IOAS, 1, PAGE);
    check_sum(&be, IOAS + 1, 1, 2 * PAGE);
    iommufd_mappings_free(&be, IOAS);
    check_sum(&be, IOAS, 0, 0);
    check_sum(&be, IOAS + 1, 1, 2 * PAGE);
    iommufd_mappings_free(&be, IOAS + 1);
    g_assert_true(QLIST_EMPTY(&be.ioas_list));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    g_test_add_func("/iommufd/mappings/one-by-one", test_one_by_one);
    g_test_add_func("/iommufd/mappings/one-unmap-for-many",
                    test_one_unmap_for_many);
    g_test_add_func("/iommufd/mappings/part", test_part_of_a_mapping);
    g_test_add_func("/iommufd/mappings/last-page", test_last_page);
    g_test_add_func("/iommufd/mappings/ioas", test_ioas);

    return g_test_run();
}
