# SPDX-License-Identifier: Apache-2.0
"""FULLY_CONNECTED int8 that rounds once, for Arm's DSP extension: the same code, proved for another rule."""

from __future__ import annotations

import numpy as np

from intarsia.fixedpoint import Int64Array
from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm.matrix import choose
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.kernels.fully_connected_s8_s8__dsp import of_weights


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """The kernel, or None when a unit has no proved short form."""
    units = call.integer("units")
    multiplier = np.broadcast_to(call.constant("multiplier").astype(np.int64), units)
    shift = np.broadcast_to(call.constant("shift").astype(np.int64), units)
    limits = call.integer("minimum"), call.integer("maximum")

    def codes(sums: Int64Array) -> Int64Array:
        """itr_scale_away of the kernel's header, offset and clamped."""
        magnitude = (np.abs(sums) * multiplier + (np.int64(1) << (shift - 1))) >> shift
        scaled = np.sign(sums) * np.minimum(magnitude, 1 << 30)
        clipped: Int64Array = np.clip(scaled + call.integer("out_zero"), *limits)
        return clipped

    weights = choose(call, call.constant("weights"), codes, None)
    return of_weights(name, weights, call.integer("batch"))
