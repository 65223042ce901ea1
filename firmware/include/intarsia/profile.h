// SPDX-License-Identifier: Apache-2.0
// Layer marks: ITR_MARK(0) before the first layer, ITR_MARK(i + 1) after layer i, each time it
// runs.
#ifndef INTARSIA_PROFILE_H
#define INTARSIA_PROFILE_H

#include <stdint.h>

#ifndef ITR_PROFILE
#define ITR_PROFILE 0
#endif

#if ITR_PROFILE
void itr_profile_mark(uint32_t index);

// The barrier keeps the last mark of a function from becoming a tail call, which would put the
// function's own return into the layer.
#define ITR_MARK(index)                                                                            \
  do {                                                                                             \
    itr_profile_mark(index);                                                                       \
    __asm__ volatile("" ::: "memory");                                                             \
  } while (0)
#else
#define ITR_MARK(index) ((void)0)
#endif

#endif
