// SPDX-License-Identifier: Apache-2.0
/* Weights of matrix products (itr_mve_gemm.h) that are packed in flash. */
#ifndef ITR_MVE_GROUPS_H
#define ITR_MVE_GROUPS_H

#include <stdint.h>

/* Unpacks a group of `blocks` blocks of four channels: each has `before` bytes that stay as they
 * are, `products` weights of 4 or 2 bits, `after` bytes. Byte j of 16 has weight j in its lowest
 * bits, weight j + 16 in the next ones. Returns what follows the group. */
const int8_t *itr_mve_unpack_blocks(int8_t *out, const int8_t *in, int32_t blocks, int32_t bits,
                                    int32_t before, int32_t products, int32_t after);

#endif
