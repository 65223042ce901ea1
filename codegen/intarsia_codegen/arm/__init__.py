# SPDX-License-Identifier: Apache-2.0
"""Building blocks of the kernels for Arm's DSP extension (Armv7E-M, Armv8-M).

Layers share code: assembler loops take their sizes and pointers at run time, and C drivers take a constant
that describes the layer. A layer itself is a few lines of C with its constants.

No pointer to a function is ever called: pieces of assembler reach each other by jumps, so that the deepest
path of calls, and with it the stack, can be read from the machine code.
"""
