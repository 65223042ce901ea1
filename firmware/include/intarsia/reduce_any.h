// SPDX-License-Identifier: Apache-2.0
/* REDUCE_ANY of [kept_0][reduced_0][kept_1][reduced_1][kept_2] over the reduced axes, giving
 * [kept_0][kept_1][kept_2]: whether any of them is true. `out` may not overlap `in`. */
#ifndef INTARSIA_REDUCE_ANY_H
#define INTARSIA_REDUCE_ANY_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
  int32_t kept_0, reduced_0, kept_1, reduced_1, kept_2;
} itr_reduce_any_b8_params;

void itr_reduce_any_b8__scalar(const itr_reduce_any_b8_params *p, const bool *in, bool *out);

#endif
