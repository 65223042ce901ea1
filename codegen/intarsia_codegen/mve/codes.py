# SPDX-License-Identifier: Apache-2.0
"""Packed codes on Helium."""

from __future__ import annotations

from intarsia_codegen.mve.sources import shared
from intarsia_codegen.packed.codes import Codes

MVE = Codes(
    word="mve",
    definitions=shared("itr_mve_codes.c"),
    unpacking=8 / 32,
    packing=6 / 32,
    last=10 / 16,
    together=32,
    run=25,
)
"""As compiled: VST2 and VLD2 put pairs of codes apart, VST4 and VLD4 fours."""
