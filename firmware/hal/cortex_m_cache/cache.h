// SPDX-License-Identifier: Apache-2.0
#ifndef INTARSIA_HAL_CACHE_H
#define INTARSIA_HAL_CACHE_H

// Invalidates and switches on both level-1 caches.
void itr_caches_on(void);

#endif
