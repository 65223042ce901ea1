# SPDX-License-Identifier: Apache-2.0
"""Building blocks of kernels for RISC-V cores with the instructions of PULP (Xpulp, as CV32E40P has them).

Packed dot products of four bytes, loads that move their pointer, loops without branches and saturation: what CORE-V
calls Xcvsimd, Xcvmem, Xcvhwlp, Xcvalu and Xcvmac. Compilers of today do not know all of them, so products are written
in assembler, with the instructions encoded by macros (`c/itr_xpulp.h`).
"""
