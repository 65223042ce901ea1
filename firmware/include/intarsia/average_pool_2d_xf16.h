// SPDX-License-Identifier: Apache-2.0
/* The body of average_pool_2d for real values on CV32E40P with floats: four channels at a time,
 * cells added in float in the order of portable C. A source that includes this defines ITR_HALF
 * (see intarsia/real.h), ITR_PARAMS and ITR_FUNCTION. */
#include "intarsia/average_pool_2d.h"
#include "intarsia/real.h"
#include "intarsia/window.h"
#include "intarsia/xpulp.h"

enum { LANES = 4 };

/* Adds `count` cells of four channels, `step` bytes apart. */
static void add_cells(const itr_real *cell, int32_t step, int32_t count, float sums[LANES]) {
  float s0 = sums[0];
  float s1 = sums[1];
  float s2 = sums[2];
  float s3 = sums[3];
  uint32_t a;
  uint32_t b;
  // clang-format off
#if ITR_HALF
  const uint32_t one = 0x3c00;
  __asm__(ITR_LOOP("%[count]", 8)
          "lw %[b], 4(%[cell])\n\t"
          ITR_LOAD_WORD("%[a]", "%[cell]", "%[step]")
          ITR_MULTIPLY_ADD_HALVES("%[s2]", "%[b]", "%[one]")
          ITR_MULTIPLY_ADD_HALVES("%[s0]", "%[a]", "%[one]")
          "srli %[b], %[b], 16\n\t"
          "srli %[a], %[a], 16\n\t"
          ITR_MULTIPLY_ADD_HALVES("%[s3]", "%[b]", "%[one]")
          ITR_MULTIPLY_ADD_HALVES("%[s1]", "%[a]", "%[one]")
          ITR_LOOP_END
          : [s0] "+r"(s0), [s1] "+r"(s1), [s2] "+r"(s2), [s3] "+r"(s3), [cell] "+r"(cell),
            [a] "=&r"(a), [b] "=&r"(b)
          : [count] "r"(count), [step] "r"(step), [one] "r"(one)
          : "memory");
#else
  uint32_t c;
  uint32_t d;
  __asm__(ITR_LOOP("%[count]", 8)
          "lw %[b], 4(%[cell])\n\t"
          "lw %[c], 8(%[cell])\n\t"
          "lw %[d], 12(%[cell])\n\t"
          ITR_LOAD_WORD("%[a]", "%[cell]", "%[step]")
          "fadd.s %[s1], %[s1], %[b]\n\t"
          "fadd.s %[s2], %[s2], %[c]\n\t"
          "fadd.s %[s3], %[s3], %[d]\n\t"
          "fadd.s %[s0], %[s0], %[a]\n\t"
          ITR_LOOP_END
          : [s0] "+r"(s0), [s1] "+r"(s1), [s2] "+r"(s2), [s3] "+r"(s3), [cell] "+r"(cell),
            [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c), [d] "=&r"(d)
          : [count] "r"(count), [step] "r"(step)
          : "memory");
#endif
  // clang-format on
  sums[0] = s0;
  sums[1] = s1;
  sums[2] = s2;
  sums[3] = s3;
}

/* The sums of `lanes` channels, four or one. */
static void add_window(const itr_real *x, int32_t height, int32_t width, int32_t row, int32_t step,
                       int32_t lanes, float sums[LANES]) {
  for (int32_t i = 0; i < lanes; i++) {
    sums[i] = 0;
  }
  for (int32_t ky = 0; ky < height; ky++, x += row) {
    if (lanes == LANES) {
      add_cells(x, step * (int32_t)sizeof *x, width, sums);
      continue;
    }
    for (int32_t kx = 0; kx < width; kx++) {
      sums[0] += itr_real_get(x[kx * step]);
    }
  }
}

void ITR_FUNCTION(const ITR_PARAMS *p, const itr_real *in, itr_real *out) {
  for (int32_t n = 0; n < p->batch; n++) {
    const itr_real *image = in + n * p->in_h * p->in_w * p->in_c;
    for (int32_t y = 0; y < p->out_h; y++) {
      const int32_t top = y * p->stride_h - p->pad_top;
      const itr_taps rows = itr_taps_inside(top, p->kernel_h, 1, p->in_h);
      for (int32_t x = 0; x < p->out_w; x++) {
        const int32_t left = x * p->stride_w - p->pad_left;
        const itr_taps columns = itr_taps_inside(left, p->kernel_w, 1, p->in_w);
        const int32_t height = rows.last - rows.first;
        const int32_t width = columns.last - columns.first;
        const itr_real *corner =
            image + ((top + rows.first) * p->in_w + left + columns.first) * p->in_c;
        for (int32_t lanes, c = 0; c < p->in_c; c += lanes, corner += lanes) {
          float sums[LANES];
          lanes = p->in_c - c < LANES ? 1 : LANES;
          add_window(corner, height, width, p->in_w * p->in_c, p->in_c, lanes, sums);
          for (int32_t i = 0; i < lanes; i++) {
            const float average = sums[i] / (float)(height * width);
            *out++ = itr_real_put(average < p->minimum   ? p->minimum
                                  : average > p->maximum ? p->maximum
                                                         : average);
          }
        }
      }
    }
  }
}
