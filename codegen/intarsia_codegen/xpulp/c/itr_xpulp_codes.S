/* SPDX-License-Identifier: Apache-2.0 */
/* Packed codes to bytes and back, in whole words of packed ones: see itr_xpulp_codes.c.
 *
 * void itr_xpulp_unpack_4(const uint8_t *in, int32_t words, int8_t *out), and itr_xpulp_unpack_2:
 * a byte of codes goes to every byte that gets one of them, each is moved to the top, then down with its sign.
 *
 * void itr_xpulp_pack_4(const int8_t *in, int32_t words, uint8_t *out), and itr_xpulp_pack_2. */
#include "itr_xpulp.inc"

#define SHIFTS a4
#define LOW a3
#define FACTORS a4

.macro begin name
  .section .text.\name, "ax", %progbits
  .balign 4
  .global \name
  .type \name, %function
\name:
.endm

begin itr_xpulp_unpack_4
  li a5, 0x01010000
  li a6, 0x03030202
  li SHIFTS, 0x00040004
  cv_setup 0, a1, 9
  cv_lw t0, a0, 4
  cv_shuffle_b t1, t0, a5
  cv_shuffle_b t2, t0, a6
  cv_sll_b t1, t1, SHIFTS
  cv_sll_b t2, t2, SHIFTS
  cv_srai_b t1, t1, 2
  cv_srai_b t2, t2, 2
  cv_sw t1, a2, 4
  cv_sw t2, a2, 4
  ret
  .size itr_xpulp_unpack_4, . - itr_xpulp_unpack_4

begin itr_xpulp_unpack_2
  li a5, 0x01010101
  li a6, 0x02020202
  li a7, 0x03030303
  li SHIFTS, 0x00020406
  cv_setup 0, a1, 17
  cv_lw t0, a0, 4
  cv_shuffle_b t1, t0, zero
  cv_shuffle_b t2, t0, a5
  cv_shuffle_b t3, t0, a6
  cv_shuffle_b t4, t0, a7
  cv_sll_b t1, t1, SHIFTS
  cv_sll_b t2, t2, SHIFTS
  cv_sll_b t3, t3, SHIFTS
  cv_sll_b t4, t4, SHIFTS
  cv_srai_b t1, t1, 3
  cv_srai_b t2, t2, 3
  cv_srai_b t3, t3, 3
  cv_srai_b t4, t4, 3
  cv_sw t1, a2, 4
  cv_sw t2, a2, 4
  cv_sw t3, a2, 4
  cv_sw t4, a2, 4
  ret
  .size itr_xpulp_unpack_2, . - itr_xpulp_unpack_2

/* Codes at even places stay below, those at odd places go above them. */
begin itr_xpulp_pack_4
  li a5, 0x06040200
  li a6, 0x07050301
  li LOW, 0x0f0f0f0f
  cv_setup 0, a1, 9
  cv_lw t0, a0, 4
  cv_lw t1, a0, 4
  mv t2, t0
  cv_shuffle2_b t0, t1, a5
  cv_shuffle2_b t2, t1, a6
  and t0, t0, LOW
  cv_slli_b t2, t2, 2
  or t0, t0, t2
  cv_sw t0, a2, 4
  ret
  .size itr_xpulp_pack_4, . - itr_xpulp_pack_4

/* The dot product with 1, 4, 16 and 64 puts four codes in a byte. */
begin itr_xpulp_pack_2
  li LOW, 0x03030303
  li FACTORS, 0x40100401
  cv_setup 0, a1, 16
  cv_lw t0, a0, 4
  cv_lw t1, a0, 4
  cv_lw t2, a0, 4
  cv_lw t3, a0, 4
  and t0, t0, LOW
  and t1, t1, LOW
  and t2, t2, LOW
  and t3, t3, LOW
  cv_dotup_b t0, t0, FACTORS
  cv_dotup_b t1, t1, FACTORS
  cv_dotup_b t2, t2, FACTORS
  cv_dotup_b t3, t3, FACTORS
  cv_sb t0, a2, 1
  cv_sb t1, a2, 1
  cv_sb t2, a2, 1
  cv_sb t3, a2, 1
  ret
  .size itr_xpulp_pack_2, . - itr_xpulp_pack_2

  .section .note.GNU-stack, "", %progbits
