# SPDX-License-Identifier: Apache-2.0
"""ADD as a linear form of codes, in assembler: (a * a_factor + b * b_factor + constant) >> right, clamped."""

from __future__ import annotations

from intarsia_codegen.generated import SourceFile
from intarsia_codegen.xpulp import assembler


def cycles(*, limits: bool) -> int:
    """Of an element."""
    return len(_body(limits))


def name(*, limits: bool) -> str:
    return f"itr_xpulp_add_{'limits' if limits else 'full'}"


def source(*, limits: bool) -> SourceFile:
    """The function for limits of the layer, or for those of int8."""
    fields = {4: "a4", 8: "a5", 12: "a6", 16: "a7", **({20: "t0", 24: "t1"} if limits else {}), 0: "t2"}
    loads = [f"lw {register}, {place}(a3)" for place, register in fields.items()]
    comment = "See itr_xpulp_add.h. a4, a5: factors; a6: constant; a7: shift; t0, t1: limits."
    lines = [*loads, *assembler.loop(0, "t2", _body(limits)), "ret"]
    return assembler.function(name(limits=limits), comment, lines)


def _body(limits: bool) -> list[str]:
    clamp = ["cv_max t5, t5, t0", "cv_min t5, t5, t1"] if limits else ["cv_clip t5, t5, 8"]
    return [
        "cv_lb t3, a0, 1",
        "cv_lb t4, a1, 1",
        "mul t5, t3, a4",
        "cv_mac t5, t4, a5",
        "cv_addnr t5, a6, a7",
        *clamp,
        "cv_sb t5, a2, 1",
    ]
