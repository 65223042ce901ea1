# SPDX-License-Identifier: Apache-2.0
"""Pieces that several operators share: paddings, fused activations, quantized limits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from intarsia.ir import Tensor

Activation = Literal["NONE", "RELU", "RELU_N1_TO_1", "RELU6", "RELU_0_TO_1"]
"""Fused activations; no model file has the last."""
PaddingMode = Literal["SAME", "VALID", "EXPLICIT"]
IndexType = Literal["int32", "int64"]
"""Element types of indices and extents that operators give."""
ACTIVATIONS: tuple[Activation, ...] = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6")
PADDINGS: tuple[PaddingMode, ...] = ("SAME", "VALID")
SENSIBLE_REACH = 256
"""Cells that a window or a stride may span however small the input is; else up to twice the input."""
EXPLICIT: Literal["EXPLICIT"] = "EXPLICIT"
"""Padding of a layer of a patch, given cell by cell; no model file has it."""

_FLOAT_LIMITS = {
    "NONE": (-math.inf, math.inf),
    "RELU": (0.0, math.inf),
    "RELU_N1_TO_1": (-1.0, 1.0),
    "RELU6": (0.0, 6.0),
    "RELU_0_TO_1": (0.0, 1.0),
}


def activation_name(code: int) -> Activation:
    """Name of a fused activation code of the schema. Raises ValueError for those no kernel has."""
    if not 0 <= code < len(ACTIVATIONS):
        raise ValueError(f"fused activation {code} is not supported")
    return ACTIVATIONS[code]


def padding_name(code: int) -> PaddingMode:
    """Name of a padding code of the schema. Raises ValueError when it is unknown."""
    if not 0 <= code < len(PADDINGS):
        raise ValueError(f"padding {code} is not supported")
    return PADDINGS[code]


def float_limits(activation: str) -> tuple[float, float]:
    return _FLOAT_LIMITS[activation]


def quantized_limits(activation: str, output: Tensor) -> tuple[int, int]:
    """Clamp limits in output codes (TFLite CalculateActivationRangeQuantized: rounded half away from zero)."""
    low, high = output.dtype.range
    real_low, real_high = _FLOAT_LIMITS[activation]

    def code(real: float) -> int:
        value = float(np.float32(real) / np.float32(output.scale))
        return output.zero_point + int(math.copysign(math.floor(abs(value) + 0.5), value))

    if math.isfinite(real_low):
        low = max(low, code(real_low))
    if math.isfinite(real_high):
        high = min(high, code(real_high))
    return low, high


@dataclass(frozen=True)
class Window:
    """Output extent and leading padding of one spatial axis (TFLite ComputePadding: the rest goes behind)."""

    out: int
    before: int

    @staticmethod
    def of(size: int, kernel: int, stride: int, dilation: int, padding: str) -> Window:
        """Raises ValueError when a VALID window does not fit, or a parameter is not positive or beyond all measure."""
        if min(size, kernel, stride, dilation) < 1:
            raise ValueError("sizes, strides and dilations must be positive")
        effective = (kernel - 1) * dilation + 1
        if max(effective, stride) > max(2 * size, SENSIBLE_REACH):
            raise ValueError(f"windows of {effective} cells, {stride} apart, over an input of {size}")
        if padding == "SAME":
            out = -(-size // stride)
            return Window(out, max((out - 1) * stride + effective - size, 0) // 2)
        if size < effective:
            raise ValueError(f"a window of {effective} does not fit an input of {size}")
        return Window((size - effective) // stride + 1, 0)

    @staticmethod
    def bordered(size: int, kernel: int, stride: int, dilation: int, pads: tuple[int, ...]) -> Window:
        """With borders of `pads` cells before and behind; raises ValueError as `of` does."""
        before, behind = pads
        return Window(Window.of(size + before + behind, kernel, stride, dilation, "VALID").out, before)


def schema() -> Any:
    """The TFLite schema module, loaded late because it is large."""
    from ai_edge_litert import schema_py_generated

    return schema_py_generated
