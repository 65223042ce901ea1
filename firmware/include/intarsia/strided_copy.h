// SPDX-License-Identifier: Apache-2.0
/* Copies a box of up to six dimensions between two feature maps, each walked with strides of its
 * own.
 *
 * `out[out_offset + sum(i_d * out_stride_d)] = in[in_offset + sum(i_d * in_stride_d)]` for all i_d
 * < extent_d, the last dimension innermost; offsets and strides count elements and strides may be
 * negative. Every extent is at least 1. `out` may not overlap `in`. */
#ifndef INTARSIA_STRIDED_COPY_H
#define INTARSIA_STRIDED_COPY_H

#include <stdbool.h>
#include <stdint.h>

#define ITR_COPY_DIMENSIONS 6
#define ITR_COPY_INNER (ITR_COPY_DIMENSIONS - 1)

typedef struct {
  int32_t extent[ITR_COPY_DIMENSIONS];
  int32_t in_stride[ITR_COPY_DIMENSIONS];
  int32_t out_stride[ITR_COPY_DIMENSIONS];
  int32_t in_offset, out_offset;
} itr_strided_copy_params;

typedef itr_strided_copy_params itr_strided_copy_x8_params;
typedef itr_strided_copy_params itr_strided_copy_x16_params;
typedef itr_strided_copy_params itr_strided_copy_x32_params;
typedef itr_strided_copy_params itr_strided_lookup_s8_params;

/* For elements of 8, 4 or 2 bits (intarsia/packed.h): offsets and strides count places for
 * elements, those behind the last element of a run included, so that every run starts at a byte. */
typedef struct {
  itr_strided_copy_params walk;
  int32_t bits;
} itr_strided_copy_packed_params;

typedef struct {
  itr_strided_copy_params walk;
  int32_t in_bits, out_bits;
} itr_strided_lookup_packed_params;

/* Where the innermost run starts, and the position of the outer dimensions. */
typedef struct {
  int32_t index[ITR_COPY_INNER];
  int32_t in, out;
} itr_copy_walk;

static inline itr_copy_walk itr_copy_start(const itr_strided_copy_params *p) {
  itr_copy_walk walk = {{0}, p->in_offset, p->out_offset};
  return walk;
}

/* Moves to the next run; false after the last. */
static inline bool itr_copy_next(const itr_strided_copy_params *p, itr_copy_walk *walk) {
  for (int32_t d = ITR_COPY_INNER - 1; d >= 0; d--) {
    walk->in += p->in_stride[d];
    walk->out += p->out_stride[d];
    if (++walk->index[d] < p->extent[d]) {
      return true;
    }
    walk->in -= p->in_stride[d] * p->extent[d];
    walk->out -= p->out_stride[d] * p->extent[d];
    walk->index[d] = 0;
  }
  return false;
}

/* Whether the innermost run is contiguous on both sides. */
static inline bool itr_copy_contiguous(const itr_strided_copy_params *p) {
  return p->in_stride[ITR_COPY_INNER] == 1 && p->out_stride[ITR_COPY_INNER] == 1;
}

/* Elements of one, two and four bytes, of any type. */
void itr_strided_copy_x8__scalar(const itr_strided_copy_x8_params *p, const void *in, void *out);
void itr_strided_copy_x8__rvv(const itr_strided_copy_x8_params *p, const void *in, void *out);
void itr_strided_copy_x16__scalar(const itr_strided_copy_x16_params *p, const void *in, void *out);
void itr_strided_copy_x32__scalar(const itr_strided_copy_x32_params *p, const void *in, void *out);

/* Writes table[byte of in] instead of in: 256 entries in the order 0..127, -128..-1. */
void itr_strided_lookup_s8__scalar(const itr_strided_lookup_s8_params *p, const int8_t *in,
                                   const int8_t *table, int8_t *out);

void itr_strided_copy_packed__scalar(const itr_strided_copy_packed_params *p, const void *in,
                                     void *out);

/* Writes what the table has for a code by its lowest in_bits bits. */
void itr_strided_lookup_packed__scalar(const itr_strided_lookup_packed_params *p, const void *in,
                                       const int8_t *table, void *out);

#endif
