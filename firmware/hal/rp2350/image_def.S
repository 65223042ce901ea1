// SPDX-License-Identifier: Apache-2.0
// The block by which the boot ROM of the RP2350 recognises an image; it must lie in the first 4 KB.
// Source: RP2350 Datasheet 5.9.1 (blocks), 5.9.3 (IMAGE_DEF, ENTRY_POINT), 5.9.5 (minimum blocks).
#define MARKER_START 0xFFFFDED3
#define MARKER_END 0xAB123579
#define ITEM_IMAGE_TYPE 0x42
#define ITEM_ENTRY_POINT 0x44
#define ITEM_LAST 0xFF
#define TYPE_EXECUTABLE_RP2350 0x1001
#define TYPE_SECURE_ARM 0x0020
#define TYPE_RISCV 0x0100

  .section .boot_block, "a", %progbits
  .balign 4
  .globl itr_image_def
itr_image_def:
  .4byte MARKER_START
#if defined(__riscv)
  .byte ITEM_IMAGE_TYPE, 1
  .2byte TYPE_EXECUTABLE_RP2350 | TYPE_RISCV
  .byte ITEM_ENTRY_POINT, 3, 0, 0
  .4byte itr_reset
  .4byte itr_stack_top
  .byte ITEM_LAST, 4, 0, 0
#else
  // The ROM takes stack and entry from the vector table at the start of the image.
  .byte ITEM_IMAGE_TYPE, 1
  .2byte TYPE_EXECUTABLE_RP2350 | TYPE_SECURE_ARM
  .byte ITEM_LAST, 1, 0, 0
#endif
  .4byte 0 // the next block is this one: there are no others
  .4byte MARKER_END

  .section .note.GNU-stack, "", %progbits
