# SPDX-License-Identifier: Apache-2.0
"""Real values to int8 codes without floating-point arithmetic: a search among the values where the code changes.

The bits of a float32, those of negative values inverted but for the sign, are integers in the order of the values. The
code never falls, so the least value of every code describes the operator entirely; eight comparisons find a code. NaN
with the sign bit set is below all values already; NaN without is sent there, since it gives the least code.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from intarsia.kernelcall import KernelCall
from intarsia.ops.quantize import real_codes
from intarsia_codegen import layertext
from intarsia_codegen.carrays import array
from intarsia_codegen.generated import GeneratedKernel, SourceFile

CODES = (-128, 127)
LEAST_KEY, LARGEST_KEY = -(1 << 31), 0x7F800000
"""Of any bits, and of +infinity."""


def values_of(keys: np.ndarray) -> np.ndarray:
    """float32 values of ordered integers."""
    bits = np.where(keys < 0, keys ^ 0x7FFFFFFF, keys).astype(np.int32)
    return bits.view(np.float32)


def thresholds(codes: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """int32 [255]: the least key whose code is at least -127, -126, ...; beyond +infinity for codes never reached."""
    wanted = np.arange(CODES[0] + 1, CODES[1] + 1)
    first = np.full(wanted.shape, LEAST_KEY, np.int64)
    last = np.full(wanted.shape, LARGEST_KEY + 1, np.int64)
    while np.any(first < last):
        middle = (first + last) >> 1
        enough = codes(values_of(np.minimum(middle, LARGEST_KEY))) >= wanted
        enough |= middle > LARGEST_KEY
        first, last = np.where(enough, first, middle + 1), np.where(enough, middle, last)
    return first.astype(np.int32)


def kernel(
    call: KernelCall, name: str, word: str, sources: tuple[SourceFile, ...], cost: float
) -> GeneratedKernel:
    """A kernel that calls `itr_<word>_real_codes` of `sources`, which takes `cost` instructions for an element."""
    scale, zero = call.params["scale"], call.integer("zero")
    assert isinstance(scale, float)
    table = thresholds(lambda values: real_codes(values, scale, zero, CODES))
    signature = f"void {name}(const float *in, int8_t *out)"
    source = layertext.layer(
        name,
        title="QUANTIZE.",
        includes=[f"itr_{word}_real_codes.h"],
        declarations=[],
        definitions=[array(f"{name}_thresholds", table)],
        body=f"  itr_{word}_real_codes(in, out, {name}_thresholds, {call.integer('size')});\n",
        signature=signature,
    )
    return GeneratedKernel(
        function=name,
        prototype=signature + ";",
        sources=(source, *sources),
        cost=round(20 + call.integer("size") * cost),
    )
