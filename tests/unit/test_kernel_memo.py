# SPDX-License-Identifier: Apache-2.0
"""Kernels that are generated once and found again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from intarsia.kernelcall import Constant, KernelCall
from intarsia_codegen import memo
from intarsia_codegen.lower import lower
from intarsia_codegen.program import Program
from support import small

ISA = "dsp"


def _calls(program: Program) -> list[KernelCall]:
    return [k.call for layer in program.layers for k in layer.kernels if k.call.op == "conv_2d"]


def test_equal_calls_have_the_same_kernels() -> None:
    first, second = (_calls(lower(small.int8_graph(), [ISA, "scalar"]))[1] for _ in range(2))
    assert first is not second
    kernels = memo.candidates(first, ISA, "layer")
    assert kernels
    assert memo.candidates(second, ISA, "layer") is kernels
    assert memo.candidates(second, ISA, "other") is not kernels


def test_whatever_a_kernel_is_made_of_counts() -> None:
    call = _calls(lower(small.int8_graph(), [ISA, "scalar"]))[1]
    kernels = memo.candidates(call, ISA, "layer")
    params = {**call.params, "in_zero": call.integer("in_zero") ^ 1}
    changed = [
        replace(call, params=params),
        replace(call, variants=(call.params, params)),
        replace(call, constants=tuple(map(_negated, call.constants))),
    ]
    for other in changed:
        found = memo.candidates(other, ISA, "layer")
        assert [k.sources for k in found] != [k.sources for k in kernels]


def _negated(constant: Constant) -> Constant:
    if constant.name != "weights":
        return constant
    return replace(constant, data=np.negative(np.maximum(constant.data, -127)))
