# SPDX-License-Identifier: Apache-2.0
"""Packed codes on Xpulp."""

from __future__ import annotations

from intarsia_codegen.packed.codes import Codes
from intarsia_codegen.xpulp.sources import shared

XPULP_CODES = Codes(
    word="xpulp",
    definitions=shared("itr_xpulp_codes.c", "itr_xpulp_codes.S", "itr_xpulp.inc"),
    unpacking=10 / 8,
    packing=10 / 8,
    last=14,
    together=8,
    run=70,
)
"""Of 4 bits: 9 instructions for 8 codes, and a load that is waited for; 2 bits take a little less."""
