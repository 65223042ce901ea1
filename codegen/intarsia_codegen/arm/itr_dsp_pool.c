// SPDX-License-Identifier: Apache-2.0
#include "itr_dsp_pool.h"

#include <string.h>

enum { LANES = 4, CELLS_PER_HALF = 255 };

/* Functions that are compiled anew for every width of codes. */
#define ALWAYS static inline __attribute__((always_inline))

/* The part of a window that lies inside the input. */
typedef struct {
  const int8_t *first; /* cell */
  int32_t rows, columns;
} window;

static int32_t least(int32_t a, int32_t b) {
  return a < b ? a : b;
}

static window window_at(const itr_dsp_pool *p, const int8_t *image, int32_t y, int32_t x) {
  const int32_t top = y * p->stride_h - p->pad_top;
  const int32_t left = x * p->stride_w - p->pad_left;
  const int32_t first_row = top < 0 ? 0 : top;
  const int32_t first_column = left < 0 ? 0 : left;
  return (window){image + (first_row * p->in_w + first_column) * p->in_c,
                  least(top + p->kernel_h, p->in_h) - first_row,
                  least(left + p->kernel_w, p->in_w) - first_column};
}

/* Channels c .. c + 3, or the last four. */
static int32_t group_start(const itr_dsp_pool *p, int32_t c) {
  return least(c, p->in_c - LANES);
}

static uint32_t load(const int8_t *cell) {
  uint32_t word;
  memcpy(&word, cell, sizeof word);
  return word;
}

/* The larger of each pair of bytes. */
static uint32_t larger_bytes(uint32_t a, uint32_t b) {
  uint32_t result;
  __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(result) : "r"(a), "r"(b) : "cc");
  return result;
}

/* Adds the halves to four sums and clears them. */
static void flush(int32_t sums[LANES], uint32_t *even, uint32_t *odd) {
  sums[0] += (int16_t)*even;
  sums[1] += (int16_t)*odd;
  sums[2] += (int16_t)(*even >> 16);
  sums[3] += (int16_t)(*odd >> 16);
  *even = 0;
  *odd = 0;
}

static void sum_window(const itr_dsp_pool *p, window w, int32_t sums[LANES]) {
  uint32_t even = 0; /* sums of bytes 0 and 2 */
  uint32_t odd = 0;  /* of bytes 1 and 3 */
  int32_t cells = 0;
  for (int32_t row = 0; row < w.rows; row++) {
    const int8_t *cell = w.first + row * p->in_w * p->in_c;
    const int8_t *end = cell + w.columns * p->in_c;
    if (cells + w.columns > CELLS_PER_HALF) {
      flush(sums, &even, &odd);
      cells = 0;
    }
    cells += w.columns;
    for (; cell != end; cell += p->in_c) {
      const uint32_t word = load(cell);
      __asm__("sxtab16 %0, %0, %1" : "+r"(even) : "r"(word));
      __asm__("sxtab16 %0, %0, %1, ror #8" : "+r"(odd) : "r"(word));
    }
  }
  flush(sums, &even, &odd);
}

static int8_t average(const itr_dsp_pool *p, int32_t sum, int32_t cells) {
  const int32_t total = sum + p->offset * cells;
  const int32_t half = total < 0 ? -(cells / 2) : cells / 2;
  const int32_t code = (total + half) / cells - p->offset;
  return (int8_t)(code < p->minimum ? p->minimum : least(code, p->maximum));
}

void itr_dsp_average_pool(const itr_dsp_pool *layer, const int8_t *in, int8_t *out) {
  for (int32_t n = 0; n < layer->batch; n++) {
    for (int32_t i = 0; i < layer->out_h * layer->out_w; i++) {
      const window whole = window_at(layer, in, i / layer->out_w, i % layer->out_w);
      for (int32_t c = 0; c < layer->in_c; c += LANES) {
        const int32_t channel = group_start(layer, c);
        window w = whole;
        int32_t sums[LANES] = {0};
        w.first += channel;
        sum_window(layer, w, sums);
        for (int32_t k = 0; k < LANES; k++) {
          out[channel + k] = average(layer, sums[k], w.rows * w.columns);
        }
      }
      out += layer->in_c;
    }
    in += layer->in_h * layer->in_w * layer->in_c;
  }
}

/* Sums of codes counted from the lowest one, in halves: of bytes 0 and 2 and of bytes 1 and 3, of
 * the codes that lie `shift` bits above the bottom of their bytes and of the next ones. They are
 * added up in bytes as long as these hold them. */
typedef struct {
  uint32_t even, odd, next_even, next_odd;
} code_sums;

ALWAYS code_sums sum_codes(const itr_dsp_pool *p, window w, int32_t bits, int32_t shift) {
  const uint32_t code = (1u << bits) - 1u;
  const uint32_t field = code * 0x01010101u;
  const uint32_t signs = bits == 4 ? 0x88888888u : 0xaaaaaaaau;
  const int32_t most = (int32_t)(255u / code);
  const int32_t next_row = (p->in_w - w.columns) * p->in_c;
  code_sums sums = {0, 0, 0, 0};
  const int8_t *cell = w.first;
  for (int32_t row = 0; row < w.rows; row++) {
    for (int32_t left = w.columns; left > 0; left -= most) {
      uint32_t first = 0;
      uint32_t second = 0;
      const int8_t *end = cell + least(left, most) * p->in_c;
      for (; cell != end; cell += p->in_c) {
        const uint32_t word = load(cell) ^ signs;
        first += word >> shift & field;
        second += word >> (shift + bits) & field;
      }
      sums.even += first & 0x00ff00ffu;
      sums.odd += first >> 8 & 0x00ff00ffu;
      sums.next_even += second & 0x00ff00ffu;
      sums.next_odd += second >> 8 & 0x00ff00ffu;
    }
    cell += next_row;
  }
  return sums;
}

/* Averages of both sums of a word, 16 bits apart, counted from the lowest code. */
ALWAYS uint32_t average_halves(const itr_dsp_pool *p, uint32_t sums, int32_t cells, int32_t bits) {
  if (cells == p->cells) {
    uint32_t low;
    uint32_t high;
    __asm__("smlabb %0, %1, %2, %3" : "=r"(low) : "r"(sums), "r"(p->factor), "r"(p->term));
    __asm__("smlatb %0, %1, %2, %3" : "=r"(high) : "r"(sums), "r"(p->factor), "r"(p->term));
    __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(low) : "r"(high), "r"(low));
    return low;
  }
  const int32_t lowest = 1 << (bits - 1);
  const int32_t low = average(p, (int32_t)(sums & 0xffffu) - lowest * cells, cells) + lowest;
  const int32_t high = average(p, (int32_t)(sums >> 16) - lowest * cells, cells) + lowest;
  return (uint32_t)low | (uint32_t)high << 16;
}

/* Codes of a layer in the bytes of a word, counted from the lowest code, as it limits them. */
ALWAYS uint32_t limited(const itr_dsp_pool *p, uint32_t codes, int32_t bits) {
  const int32_t lowest = 1 << (bits - 1);
  if (p->maximum - p->minimum == 2 * lowest - 1) {
    return codes;
  }
  const uint32_t lower = (uint32_t)(p->minimum + lowest) * 0x01010101u;
  const uint32_t upper = (uint32_t)(p->maximum + lowest) * 0x01010101u;
  /* The smaller of two bytes is the complement of the larger of their complements. */
  return ~larger_bytes(~larger_bytes(codes, lower), ~upper);
}

/* The packed averages of a word of codes. */
ALWAYS uint32_t average_codes(const itr_dsp_pool *p, window w, int32_t bits) {
  const int32_t cells = w.rows * w.columns;
  uint32_t codes = 0;
  for (int32_t shift = 0; shift < 8; shift += 2 * bits) {
    const code_sums sums = sum_codes(p, w, bits, shift);
    uint32_t first = average_halves(p, sums.even, cells, bits);
    uint32_t next = average_halves(p, sums.next_even, cells, bits);
    first |= average_halves(p, sums.odd, cells, bits) << 8;
    next |= average_halves(p, sums.next_odd, cells, bits) << 8;
    codes |= limited(p, first, bits) << shift | limited(p, next, bits) << (shift + bits);
  }
  return codes ^ (bits == 4 ? 0x88888888u : 0xaaaaaaaau);
}

ALWAYS void average_pool_codes(const itr_dsp_pool *layer, const int8_t *in, int8_t *out,
                               int32_t bits) {
  for (int32_t n = 0; n < layer->batch; n++) {
    for (int32_t i = 0; i < layer->out_h * layer->out_w; i++) {
      const window whole = window_at(layer, in, i / layer->out_w, i % layer->out_w);
      for (int32_t c = 0; c < layer->in_c; c += LANES) {
        const int32_t byte = group_start(layer, c);
        window w = whole;
        w.first += byte;
        const uint32_t codes = average_codes(layer, w, bits);
        memcpy(out + byte, &codes, sizeof codes);
      }
      out += layer->in_c;
    }
    in += layer->in_h * layer->in_w * layer->in_c;
  }
}

void itr_dsp_average_pool_4(const itr_dsp_pool *layer, const int8_t *in, int8_t *out) {
  average_pool_codes(layer, in, out, 4);
}

void itr_dsp_average_pool_2(const itr_dsp_pool *layer, const int8_t *in, int8_t *out) {
  average_pool_codes(layer, in, out, 2);
}

static uint32_t max_window(const itr_dsp_pool *p, window w) {
  uint32_t largest = load(w.first);
  for (int32_t row = 0; row < w.rows; row++) {
    const int8_t *cell = w.first + row * p->in_w * p->in_c;
    for (int32_t i = 0; i < w.columns; i++, cell += p->in_c) {
      largest = larger_bytes(largest, load(cell));
    }
  }
  return largest;
}

void itr_dsp_max_pool(const itr_dsp_pool *layer, const int8_t *in, int8_t *out) {
  const uint32_t minimum = (uint32_t)(layer->minimum & 0xff) * 0x01010101u;
  const uint32_t maximum = (uint32_t)(layer->maximum & 0xff) * 0x01010101u;
  for (int32_t n = 0; n < layer->batch; n++) {
    for (int32_t i = 0; i < layer->out_h * layer->out_w; i++) {
      const window whole = window_at(layer, in, i / layer->out_w, i % layer->out_w);
      for (int32_t c = 0; c < layer->in_c; c += LANES) {
        const int32_t channel = group_start(layer, c);
        window w = whole;
        w.first += channel;
        /* The smaller of two bytes is the complement of the larger of their complements. */
        const uint32_t above = larger_bytes(max_window(layer, w), minimum);
        const uint32_t code = ~larger_bytes(~above, ~maximum);
        memcpy(out + channel, &code, sizeof code);
      }
      out += layer->in_c;
    }
    in += layer->in_h * layer->in_w * layer->in_c;
  }
}

/* The largest codes of `bits` bits that lie `shift` bits below the top of their bytes, and those
 * that lie next below them, at the top of bytes. What lies behind a code in its byte decides
 * between equal codes only. */
ALWAYS void max_codes(const itr_dsp_pool *p, window w, int32_t shift, int32_t bits,
                      uint32_t largest[2]) {
  uint32_t upper = load(w.first) << shift;
  uint32_t lower = upper << bits;
  for (int32_t row = 0; row < w.rows; row++) {
    const int8_t *cell = w.first + row * p->in_w * p->in_c;
    const int8_t *end = cell + w.columns * p->in_c;
    for (; cell != end; cell += p->in_c) {
      const uint32_t word = load(cell) << shift;
      upper = larger_bytes(upper, word);
      lower = larger_bytes(lower, word << bits);
    }
  }
  largest[0] = upper;
  largest[1] = lower;
}

ALWAYS void max_pool_codes(const itr_dsp_pool *layer, const int8_t *in, int8_t *out, int32_t bits) {
  const int32_t rest = 8 - bits;
  const uint32_t top = (0xffu << rest & 0xffu) * 0x01010101u;
  const uint32_t minimum = ((uint32_t)layer->minimum << rest & 0xffu) * 0x01010101u;
  const uint32_t maximum = ((uint32_t)layer->maximum << rest & 0xffu) * 0x01010101u;
  for (int32_t n = 0; n < layer->batch; n++) {
    for (int32_t i = 0; i < layer->out_h * layer->out_w; i++) {
      const window whole = window_at(layer, in, i / layer->out_w, i % layer->out_w);
      for (int32_t c = 0; c < layer->in_c; c += LANES) {
        const int32_t byte = group_start(layer, c);
        window w = whole;
        uint32_t codes = 0;
        w.first += byte;
        for (int32_t shift = 0; shift < 8; shift += 2 * bits) {
          uint32_t largest[2];
          max_codes(layer, w, shift, bits, largest);
          for (int32_t k = 0; k < 2; k++) {
            const uint32_t above = larger_bytes(largest[k], minimum);
            codes |= (~larger_bytes(~above, ~maximum) & top) >> (shift + k * bits);
          }
        }
        memcpy(out + byte, &codes, sizeof codes);
      }
      out += layer->in_c;
    }
    in += layer->in_h * layer->in_w * layer->in_c;
  }
}

void itr_dsp_max_pool_4(const itr_dsp_pool *layer, const int8_t *in, int8_t *out) {
  max_pool_codes(layer, in, out, 4);
}

void itr_dsp_max_pool_2(const itr_dsp_pool *layer, const int8_t *in, int8_t *out) {
  max_pool_codes(layer, in, out, 2);
}
