/*
 * The entry of a libFuzzer target
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

/* Run the code under test on one input; the result is 0 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
