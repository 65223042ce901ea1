/* SPDX-License-Identifier: Apache-2.0 */
/* void itr_xpulp_transpose(const int8_t *in, int8_t *out, int32_t channels, int32_t pitch, int32_t pixel_groups,
 *                          int32_t channel_groups)
 * See itr_xpulp_planes.h. Blocks of four pixels by four channels: pairs of pixels are interleaved, then halves of the
 * pairs put together. */
#include "itr_xpulp.inc"

#define INTERLEAVE_LOW a6
#define INTERLEAVE_HIGH a7
#define STEP a2
#define PITCH a3
#define PIXELS t0
#define PLANE_0 t1
#define PLANE_1 t2
#define PLANE_2 t3
#define PLANE_3 t4
#define PAIR_LOW t5
#define OTHER_LOW t6

  .section .text.itr_xpulp_transpose, "ax", %progbits
  .balign 4
  .global itr_xpulp_transpose
  .type itr_xpulp_transpose, %function
itr_xpulp_transpose:
  addi sp, sp, -16
  sw s0, 0(sp)
  sw s1, 4(sp)
  sw s2, 8(sp)
  sw s3, 12(sp)
  li INTERLEAVE_LOW, 0x05010400
  li INTERLEAVE_HIGH, 0x07030602
1:
  mv PIXELS, a0
  mv PLANE_0, a1
  add PLANE_1, PLANE_0, PITCH
  add PLANE_2, PLANE_1, PITCH
  add PLANE_3, PLANE_2, PITCH
  cv_setup 0, a4, 18
  cv_lwr s0, PIXELS, STEP
  cv_lwr s1, PIXELS, STEP
  cv_lwr s2, PIXELS, STEP
  cv_lwr s3, PIXELS, STEP
  mv PAIR_LOW, s0
  mv OTHER_LOW, s2
  cv_shuffle2_b PAIR_LOW, s1, INTERLEAVE_LOW
  cv_shuffle2_b OTHER_LOW, s3, INTERLEAVE_LOW
  cv_shuffle2_b s0, s1, INTERLEAVE_HIGH
  cv_shuffle2_b s2, s3, INTERLEAVE_HIGH
  cv_pack s1, OTHER_LOW, PAIR_LOW
  cv_pack_h s3, OTHER_LOW, PAIR_LOW
  cv_pack PAIR_LOW, s2, s0
  cv_pack_h s0, s2, s0
  cv_sw s1, PLANE_0, 4
  cv_sw s3, PLANE_1, 4
  cv_sw PAIR_LOW, PLANE_2, 4
  cv_sw s0, PLANE_3, 4
  addi a0, a0, 4
  slli t0, PITCH, 2
  add a1, a1, t0
  addi a5, a5, -1
  bnez a5, 1b
  lw s0, 0(sp)
  lw s1, 4(sp)
  lw s2, 8(sp)
  lw s3, 12(sp)
  addi sp, sp, 16
  ret
  .size itr_xpulp_transpose, . - itr_xpulp_transpose

  .section .note.GNU-stack, "", %progbits
