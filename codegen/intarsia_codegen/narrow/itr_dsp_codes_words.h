// SPDX-License-Identifier: Apache-2.0
/* Packed codes of 4 bits by words, in assembler. */
#ifndef ITR_DSP_CODES_WORDS_H
#define ITR_DSP_CODES_WORDS_H

#include <stdint.h>

/* Words of eight codes of 4 bits to int8 and back; words > 0. */
void itr_dsp_unpack_words4(const uint8_t *in, int8_t *out, int32_t words);
void itr_dsp_pack_words4(const int8_t *in, uint8_t *out, int32_t words);

#endif
