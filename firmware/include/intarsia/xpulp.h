// SPDX-License-Identifier: Apache-2.0
/* Statements in assembler for C on CV32E40P (CORE-V ISA extensions 1.0, and halves of Xf16), with
 * instructions that compilers of today do not know. All are strings. */
#ifndef INTARSIA_XPULP_H
#define INTARSIA_XPULP_H

/* Repeats the next `length` instructions, three or more, `count` times without branches. They have
 * to be followed by ITR_LOOP_END. Aligned while the linker may still move code, which then keeps it
 * aligned. */
#define ITR_LOOP(count, length)                                                                    \
  ".balign 4\n\t.option push\n\t.option norvc\n\t.option norelax\n\t"                              \
  ".insn i 0x2b, 4, x14, " count ", " #length " + 1\n\t"
#define ITR_LOOP_END ".option pop"

/* rd = the word at base, which then moves on by the register `step`. */
#define ITR_LOAD_WORD(rd, base, step) ".insn r 0x2b, 3, 0x02, " rd ", " base ", " step "\n\t"

/* The integer rd += the sum of four products of signed bytes. */
#define ITR_ADD_DOT(rd, a, b) ".insn r 0x7b, 1, 0x54, " rd ", " a ", " b "\n\t"

/* The greatest, or the least, of each pair of signed bytes. */
#define ITR_GREATEST_BYTES(rd, a, b) ".insn r 0x7b, 1, 0x18, " rd ", " a ", " b "\n\t"
#define ITR_LEAST_BYTES(rd, a, b) ".insn r 0x7b, 1, 0x10, " rd ", " a ", " b "\n\t"

/* The float rd += a * b, where a and b are the lower halves of registers; one rounding. */
#define ITR_MULTIPLY_ADD_HALVES(rd, a, b) ".insn r 0x53, 7, 0x2a, " rd ", " a ", " b "\n\t"

#endif
