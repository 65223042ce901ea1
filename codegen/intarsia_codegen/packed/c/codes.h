// SPDX-License-Identifier: Apache-2.0
/* Packed codes to bytes and back. */
#ifndef ITR_WORD_CODES_H
#define ITR_WORD_CODES_H

#include <stdint.h>

/* `runs` runs of `count` codes (intarsia/packed.h) of 4 or 2 bits to int8 without gaps, and back.
 */
void itr_word_unpack(const uint8_t *in, int32_t runs, int32_t count, int32_t bits, int8_t *out);
void itr_word_pack(const int8_t *in, int32_t runs, int32_t count, int32_t bits, uint8_t *out);

#endif
