# SPDX-License-Identifier: Apache-2.0
"""ADD of reals in assembler, a word at a time."""

from __future__ import annotations

import numpy as np

from intarsia.kernelcall import KernelCall
from intarsia_codegen import layertext
from intarsia_codegen.ctext import number
from intarsia_codegen.generated import GeneratedKernel, SourceFile
from intarsia_codegen.xf16.form import MAXIMUM, MINIMUM, WORD, Reals
from intarsia_codegen.xf16.sources import shared
from intarsia_codegen.xpulp import assembler

HEADER = "itr_xf16_add.h"


def generate(call: KernelCall, name: str, half: bool) -> GeneratedKernel | None:
    """None where an operand is repeated or constant, for branches of patches and for odd numbers of halves."""
    form = Reals.of(call, half)
    shape, strides = ([int(v) for v in _tuple(call, key)] for key in ("shape", "a_stride"))
    size = int(np.prod(shape)) * form.size
    repeated = 0 in (stride for stride, extent in zip(strides, shape, strict=True) if extent > 1)
    same = call.params["a_stride"] == call.params["b_stride"] and len(call.inputs) == 2
    if call.variants or not same or repeated or size % WORD:
        return None
    function, body = f"itr_xf16_add_{form.name}", _body(form)
    fields: dict[str, int | str] = {
        "words": size // WORD,
        **{k: number(v) for k, v in form.limits(call).items()},
    }
    signature = f"void {name}(const void *a, const void *b, void *out)"
    source = layertext.layer(
        name,
        title="ADD of real values.",
        includes=[HEADER],
        declarations=[f"void {function}(const void *a, const void *b, void *out, const itr_xf16_add *s)"],
        definitions=[layertext.structure("itr_xf16_add", f"{name}_layer", fields)],
        body=f"  {function}(a, b, out, &{name}_layer);\n",
        signature=signature,
    )
    return GeneratedKernel(
        function=name,
        prototype=signature + ";",
        sources=(source, _source(function, body), *shared(HEADER)),
        cost=30 + size // WORD * (len(body) + 1),
        inplace=((0, 0), (1, 0)),
    )


def _source(function: str, body: list[str]) -> SourceFile:
    """The second operand and the result make room for the limits."""
    lines = ["mv t5, a1", "mv t6, a2", "lw t2, 0(a3)", f"lw {MINIMUM}, 4(a3)", f"lw {MAXIMUM}, 8(a3)"]
    return assembler.function(
        function, "See itr_xf16_add.h.", [*lines, *assembler.loop(0, "t2", body), "ret"]
    )


def _body(form: Reals) -> list[str]:
    add = "vfadd_h" if form.half else "fadd.s"
    return ["cv_lw t3, a0, 4", "cv_lw t4, t5, 4", f"{add} t3, t3, t4", *form.clamped("t3"), "cv_sw t3, t6, 4"]


def _tuple(call: KernelCall, name: str) -> tuple[float, ...]:
    values = call.params[name]
    assert isinstance(values, tuple)
    return values
