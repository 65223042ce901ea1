# SPDX-License-Identifier: Apache-2.0
"""Packed codes on RISC-V vectors."""

from __future__ import annotations

from intarsia_codegen.packed.codes import Codes
from intarsia_codegen.rvv.sources import shared

RVV_CODES = Codes(
    word="rvv",
    definitions=shared("itr_rvv_codes.c"),
    unpacking=11 / 128,
    packing=11 / 128,
    last=12,
    together=2,
    run=30,
)
"""With vectors of 128 bits: segment loads and stores put the codes of a byte apart."""
