// SPDX-License-Identifier: Apache-2.0
/* Where the linker puts what Intarsia emits. Sizes are read back from these section names. */
#ifndef INTARSIA_SECTION_H
#define INTARSIA_SECTION_H

/* Weights, biases and requantization constants. */
#define ITR_WEIGHTS(symbol) __attribute__((section(".rodata.itr_weights." #symbol), aligned(16)))

/* The arena of a model: not initialised, 16-byte aligned. Define ITR_ARENA_SECTION to place it
 * elsewhere. */
#ifndef ITR_ARENA_SECTION
#define ITR_ARENA_SECTION ".bss.itr_arena"
#endif
#define ITR_ARENA __attribute__((section(ITR_ARENA_SECTION), aligned(16)))

/* What a model keeps between inferences. */
#ifndef ITR_STATE_SECTION
#define ITR_STATE_SECTION ".bss.itr_state"
#endif
#define ITR_STATE __attribute__((section(ITR_STATE_SECTION), aligned(16)))

/* An input image outside the arena: in the measuring firmware of a model that reads it patch by
 * patch. */
#ifndef ITR_IMAGE_SECTION
#define ITR_IMAGE_SECTION ".bss.itr_image"
#endif
#define ITR_IMAGE __attribute__((section(ITR_IMAGE_SECTION), aligned(16)))

#endif
