# SPDX-License-Identifier: Apache-2.0
"""The rule of calls that round once, ties away from zero (FULLY_CONNECTED under the rule `litert`)."""

from __future__ import annotations

import numpy as np

from intarsia.fixedpoint import Int64Array
from intarsia.kernelcall import KernelCall
from intarsia_codegen.requantization import Rule


def codes_of(call: KernelCall, channels: int) -> Rule:
    """`itr_scale_away` of the kernel's header, offset and clamped."""
    multiplier = np.broadcast_to(call.constant("multiplier").astype(np.int64), channels)
    shift = np.broadcast_to(call.constant("shift").astype(np.int64), channels)
    limits = call.integer("minimum"), call.integer("maximum")

    def codes(sums: Int64Array) -> Int64Array:
        magnitude = (np.abs(sums) * multiplier + (np.int64(1) << (shift - 1))) >> shift
        scaled = np.sign(sums) * np.minimum(magnitude, 1 << 30)
        clipped: Int64Array = np.clip(scaled + call.integer("out_zero"), *limits)
        return clipped

    return codes
