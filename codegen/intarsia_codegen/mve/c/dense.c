// SPDX-License-Identifier: Apache-2.0
#include <arm_mve.h>

#include "itr_mve_dense.h"
#include "itr_mve_requantize.h"

/* Sixteen columns of four units: 9 instructions for 64 products, none for pointers. */
#define STEP                                                                                       \
  "vldrb.u8 q0, [%[x]], #16\n\t"                                                                   \
  "vldrb.u8 q1, [%[w]], #64\n\t"                                                                   \
  "vmlava.s8 %[a0], q0, q1\n\t"                                                                    \
  "vldrb.u8 q2, [%[w], #-48]\n\t"                                                                  \
  "vmlava.s8 %[a1], q0, q2\n\t"                                                                    \
  "vldrb.u8 q1, [%[w], #-32]\n\t"                                                                  \
  "vmlava.s8 %[a2], q0, q1\n\t"                                                                    \
  "vldrb.u8 q2, [%[w], #-16]\n\t"                                                                  \
  "vmlava.s8 %[a3], q0, q2\n\t"

void ITR_FUNCTION(const int8_t *in, int8_t *out, const itr_mve_dense *s);

void ITR_FUNCTION(const int8_t *in, int8_t *out, const itr_mve_dense *s) {
  const itr_mve_limits to = s->to;
  const int8_t *w = s->weights;
  const int32_t steps = s->columns / 16;
  const int32_t turns = (steps + 1) / 2;
  int32_t left = s->units;
  do {
    const itr_mve_vectors c = itr_mve_load(w);
    int32_t a0 = itr_mve_start(w, 0);
    int32_t a1 = itr_mve_start(w, 1);
    int32_t a2 = itr_mve_start(w, 2);
    int32_t a3 = itr_mve_start(w, 3);
    const int8_t *x = in;
    w += ITR_MVE_VECTOR_BYTES;
    /* Two steps a turn; of an odd number the first turn makes one. */
    __asm__(
        "dls lr, %[turns]\n\t"
        "tst %[steps], #1\n\t"
        "bne 2f\n\t"
        "1:\n\t" STEP "2:\n\t" STEP "le lr, 1b"
        : [x] "+r"(x), [w] "+r"(w), [a0] "+Te"(a0), [a1] "+Te"(a1), [a2] "+Te"(a2), [a3] "+Te"(a3)
        : [turns] "r"(turns), [steps] "r"(steps)
        : "q0", "q1", "q2", "lr", "cc", "memory");
    const int32x4_t v = itr_mve_requantize_started((int32x4_t){a0, a1, a2, a3}, c, to.zero);
    vstrbq_p_s32(out, itr_mve_clamp(v, to), vctp32q((uint32_t)left));
    left -= 4;
    out += 4;
  } while (left > 0);
}
