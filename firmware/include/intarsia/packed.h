// SPDX-License-Identifier: Apache-2.0
/* Feature maps and weights of 8, 4 and 2 bits. Made by `python -m intarsia_codegen.packedheader`
 * from sdk/intarsia/dtypes.py: change it there.
 *
 * A run is all elements along the innermost axis. Element i lies at bit i * bits of its run,
 * counted from the lowest bit of the first byte, as two's complement. Every run starts at a byte;
 * bits behind its last element mean nothing. */
#ifndef INTARSIA_PACKED_H
#define INTARSIA_PACKED_H

#include <stdint.h>

/* Elements that kernels unpack at once: whole bytes at every width. */
#define ITR_PACKED_BLOCK 32

/* Bytes of a run. */
static inline int32_t itr_packed_bytes(int32_t count, int32_t bits) {
  return (count * bits + 7) >> 3;
}

/* The code in the lowest bits of a field. */
static inline int32_t itr_packed_code(uint32_t field, int32_t bits) {
  return (int32_t)(field << (32 - bits)) >> (32 - bits);
}

/* The lowest bits of a code, as the index into a table of all codes. */
static inline uint32_t itr_packed_field(int32_t code, int32_t bits) {
  return (uint32_t)code & ((1u << bits) - 1u);
}

/* Element i of a run. */
static inline int32_t itr_packed_load(const uint8_t *run, int32_t i, int32_t bits) {
  const int32_t place = i * bits;
  return itr_packed_code((uint32_t)run[place >> 3] >> (place & 7), bits);
}

/* Writes element i of a run and leaves the others. */
static inline void itr_packed_store(uint8_t *run, int32_t i, int32_t bits, int32_t code) {
  const int32_t place = i * bits;
  const uint32_t mask = ((1u << bits) - 1u) << (place & 7);
  const uint32_t field = itr_packed_field(code, bits) << (place & 7);
  run[place >> 3] = (uint8_t)((run[place >> 3] & ~mask) | field);
}

/* Writes element i of a run that is written in ascending order: what lies behind it is lost. */
static inline void itr_packed_append(uint8_t *run, int32_t i, int32_t bits, int32_t code) {
  const int32_t place = i * bits;
  const uint32_t before = (place & 7) == 0 ? 0u : run[place >> 3];
  run[place >> 3] = (uint8_t)(before | (itr_packed_field(code, bits) << (place & 7)));
}

static inline void itr_unpack_s8(const uint8_t *run, int32_t count, int32_t zero, int16_t *out) {
  for (int32_t i = 0; i < count; i++) {
    const uint32_t byte = *run++;
    out[i] = (int16_t)(itr_packed_code(byte, 8) - zero);
  }
}

static inline void itr_packed_dot2_s8(const int16_t *x, const uint8_t *run, const uint8_t *other,
                                      int32_t count, int32_t sums[2]) {
  int32_t a = sums[0];
  int32_t b = sums[1];
  for (int32_t i = 0; i < count; i++) {
    const uint32_t first = *run++;
    const uint32_t second = *other++;
    a += x[i] * itr_packed_code(first, 8);
    b += x[i] * itr_packed_code(second, 8);
  }
  sums[0] = a;
  sums[1] = b;
}

static inline void itr_packed_add_s8(const uint8_t *run, int32_t count, int32_t zero,
                                     const int16_t *factors, int32_t *sums) {
  for (int32_t i = 0; i < count; i++) {
    const uint32_t byte = *run++;
    sums[i] += (itr_packed_code(byte, 8) - zero) * factors[i];
  }
}

static inline void itr_unpack_s4(const uint8_t *run, int32_t count, int32_t zero, int16_t *out) {
  int32_t i = 0;
  for (; i + 1 < count; i += 2) {
    const uint32_t byte = *run++;
    out[i] = (int16_t)(itr_packed_code(byte, 4) - zero);
    out[i + 1] = (int16_t)(itr_packed_code(byte >> 4, 4) - zero);
  }
  if (i < count) {
    const uint32_t byte = *run++;
    out[i] = (int16_t)(itr_packed_code(byte, 4) - zero);
  }
}

static inline void itr_packed_dot2_s4(const int16_t *x, const uint8_t *run, const uint8_t *other,
                                      int32_t count, int32_t sums[2]) {
  int32_t a = sums[0];
  int32_t b = sums[1];
  int32_t i = 0;
  for (; i + 1 < count; i += 2) {
    const uint32_t first = *run++;
    const uint32_t second = *other++;
    a += x[i] * itr_packed_code(first, 4);
    b += x[i] * itr_packed_code(second, 4);
    a += x[i + 1] * itr_packed_code(first >> 4, 4);
    b += x[i + 1] * itr_packed_code(second >> 4, 4);
  }
  if (i < count) {
    const uint32_t first = *run++;
    const uint32_t second = *other++;
    a += x[i] * itr_packed_code(first, 4);
    b += x[i] * itr_packed_code(second, 4);
  }
  sums[0] = a;
  sums[1] = b;
}

static inline void itr_packed_add_s4(const uint8_t *run, int32_t count, int32_t zero,
                                     const int16_t *factors, int32_t *sums) {
  int32_t i = 0;
  for (; i + 1 < count; i += 2) {
    const uint32_t byte = *run++;
    sums[i] += (itr_packed_code(byte, 4) - zero) * factors[i];
    sums[i + 1] += (itr_packed_code(byte >> 4, 4) - zero) * factors[i + 1];
  }
  if (i < count) {
    const uint32_t byte = *run++;
    sums[i] += (itr_packed_code(byte, 4) - zero) * factors[i];
  }
}

static inline void itr_unpack_s2(const uint8_t *run, int32_t count, int32_t zero, int16_t *out) {
  int32_t i = 0;
  for (; i + 3 < count; i += 4) {
    const uint32_t byte = *run++;
    out[i] = (int16_t)(itr_packed_code(byte, 2) - zero);
    out[i + 1] = (int16_t)(itr_packed_code(byte >> 2, 2) - zero);
    out[i + 2] = (int16_t)(itr_packed_code(byte >> 4, 2) - zero);
    out[i + 3] = (int16_t)(itr_packed_code(byte >> 6, 2) - zero);
  }
  if (i < count) {
    const uint32_t byte = *run++;
    out[i] = (int16_t)(itr_packed_code(byte, 2) - zero);
    if (i + 1 < count) {
      out[i + 1] = (int16_t)(itr_packed_code(byte >> 2, 2) - zero);
    }
    if (i + 2 < count) {
      out[i + 2] = (int16_t)(itr_packed_code(byte >> 4, 2) - zero);
    }
  }
}

static inline void itr_packed_dot2_s2(const int16_t *x, const uint8_t *run, const uint8_t *other,
                                      int32_t count, int32_t sums[2]) {
  int32_t a = sums[0];
  int32_t b = sums[1];
  int32_t i = 0;
  for (; i + 3 < count; i += 4) {
    const uint32_t first = *run++;
    const uint32_t second = *other++;
    a += x[i] * itr_packed_code(first, 2);
    b += x[i] * itr_packed_code(second, 2);
    a += x[i + 1] * itr_packed_code(first >> 2, 2);
    b += x[i + 1] * itr_packed_code(second >> 2, 2);
    a += x[i + 2] * itr_packed_code(first >> 4, 2);
    b += x[i + 2] * itr_packed_code(second >> 4, 2);
    a += x[i + 3] * itr_packed_code(first >> 6, 2);
    b += x[i + 3] * itr_packed_code(second >> 6, 2);
  }
  if (i < count) {
    const uint32_t first = *run++;
    const uint32_t second = *other++;
    a += x[i] * itr_packed_code(first, 2);
    b += x[i] * itr_packed_code(second, 2);
    if (i + 1 < count) {
      a += x[i + 1] * itr_packed_code(first >> 2, 2);
      b += x[i + 1] * itr_packed_code(second >> 2, 2);
    }
    if (i + 2 < count) {
      a += x[i + 2] * itr_packed_code(first >> 4, 2);
      b += x[i + 2] * itr_packed_code(second >> 4, 2);
    }
  }
  sums[0] = a;
  sums[1] = b;
}

static inline void itr_packed_add_s2(const uint8_t *run, int32_t count, int32_t zero,
                                     const int16_t *factors, int32_t *sums) {
  int32_t i = 0;
  for (; i + 3 < count; i += 4) {
    const uint32_t byte = *run++;
    sums[i] += (itr_packed_code(byte, 2) - zero) * factors[i];
    sums[i + 1] += (itr_packed_code(byte >> 2, 2) - zero) * factors[i + 1];
    sums[i + 2] += (itr_packed_code(byte >> 4, 2) - zero) * factors[i + 2];
    sums[i + 3] += (itr_packed_code(byte >> 6, 2) - zero) * factors[i + 3];
  }
  if (i < count) {
    const uint32_t byte = *run++;
    sums[i] += (itr_packed_code(byte, 2) - zero) * factors[i];
    if (i + 1 < count) {
      sums[i + 1] += (itr_packed_code(byte >> 2, 2) - zero) * factors[i + 1];
    }
    if (i + 2 < count) {
      sums[i + 2] += (itr_packed_code(byte >> 4, 2) - zero) * factors[i + 2];
    }
  }
}

/* out[i] = element i - zero */
static inline void itr_unpack(const uint8_t *run, int32_t count, int32_t bits, int32_t zero,
                              int16_t *out) {
  if (bits == 4) {
    itr_unpack_s4(run, count, zero, out);
  } else if (bits == 2) {
    itr_unpack_s2(run, count, zero, out);
  } else {
    itr_unpack_s8(run, count, zero, out);
  }
}

/* sums[0] += sum over i of x[i] * element i of run, sums[1] the same for `other`. */
static inline void itr_packed_dot2(const int16_t *x, const uint8_t *run, const uint8_t *other,
                                   int32_t count, int32_t bits, int32_t sums[2]) {
  if (bits == 4) {
    itr_packed_dot2_s4(x, run, other, count, sums);
  } else if (bits == 2) {
    itr_packed_dot2_s2(x, run, other, count, sums);
  } else {
    itr_packed_dot2_s8(x, run, other, count, sums);
  }
}

/* sums[i] += (element i - zero) * factors[i] */
static inline void itr_packed_add(const uint8_t *run, int32_t count, int32_t bits, int32_t zero,
                                  const int16_t *factors, int32_t *sums) {
  if (bits == 4) {
    itr_packed_add_s4(run, count, zero, factors, sums);
  } else if (bits == 2) {
    itr_packed_add_s2(run, count, zero, factors, sums);
  } else {
    itr_packed_add_s8(run, count, zero, factors, sums);
  }
}

#endif
