# SPDX-License-Identifier: Apache-2.0
"""FULLY_CONNECTED int8, rounded once, for Helium (mve/dense.py), where two roundings are proved equal."""

from __future__ import annotations

import numpy as np

from intarsia.kernelcall import KernelCall
from intarsia.ops._convolution import accumulator_range
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.mve import denselayer
from intarsia_codegen.mve.requantize import single_rounding


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """None when weights have a zero point or the vector form cannot be proved equal."""
    if call.integer("weights_zero") != 0:
        return None
    kernel = call.constant("weights").astype(np.int64)
    low, high = accumulator_range(kernel, call.constant("bias").astype(np.int64), call.integer("in_zero"))
    bounds = [(int(a), int(b)) for a, b in zip(low, high, strict=True)]
    requant = single_rounding(call, bounds)
    return None if requant is None else denselayer.generate(call, name, requant)
