# SPDX-License-Identifier: Apache-2.0
"""What a tensor of a file must hold to, whatever its operators are."""

from __future__ import annotations

import math
from collections.abc import Sequence

from intarsia.dtypes import BY_BITS
from intarsia.ir import Quantization, Tensor

MAX_ELEMENTS = 1 << 28
"""Largest tensor that is taken, in elements: 256 Mi, far above what any board holds."""
MAX_RANK = 8


def size_fault(shape: Sequence[int]) -> str | None:
    """Why a shape is not taken, or None; its data need not be read before."""
    if len(shape) > MAX_RANK:
        return f"has {len(shape)} dimensions; up to {MAX_RANK} are supported"
    if math.prod(max(extent, 1) for extent in shape) > MAX_ELEMENTS:
        return f"has shape {list(shape)}: too large"
    return None


def fault(tensor: Tensor) -> str | None:
    """Why a tensor is not taken, or None: size, scales, zero points, widths of codes."""
    quant = tensor.quant
    if quant is None or (reason := size_fault(tensor.shape)):
        return size_fault(tensor.shape) if quant is None else reason
    return _scale_fault(tensor, quant) or _code_fault(tensor, quant) or _width_fault(tensor, quant)


def _scale_fault(tensor: Tensor, quant: Quantization) -> str | None:
    if len(quant.zero_point) != len(quant.scale):
        return f"has {len(quant.scale)} scales and {len(quant.zero_point)} zero points"
    if not all(math.isfinite(scale) and scale >= 0 for scale in quant.scale):
        return "has a scale that is not a finite non-negative number"
    if not quant.per_channel:
        return None
    if not 0 <= quant.axis < len(tensor.shape) or tensor.shape[quant.axis] != len(quant.scale):
        return f"of shape {list(tensor.shape)} has {len(quant.scale)} scales along axis {quant.axis}"
    return None if tensor.is_constant else "is a feature map with a scale per channel"


def _code_fault(tensor: Tensor, quant: Quantization) -> str | None:
    """Zero points that are no codes, and feature maps without a scale."""
    if not tensor.dtype.is_integer:
        return None
    low, high = tensor.dtype.range
    for zero_point in quant.zero_point:
        if not low <= zero_point <= high:
            return f"is {tensor.dtype.name} with a zero point of {zero_point}"
    return None if tensor.is_constant or quant.scale[0] else "is a quantized feature map with a scale of 0"


def _width_fault(tensor: Tensor, quant: Quantization) -> str | None:
    """Widths that do not go with the tensor, and codes that are wider."""
    if not quant.bits:
        return None
    if tensor.data is None or tensor.shape[:1] != (len(quant.bits),) or not BY_BITS.keys() >= set(quant.bits):
        return f"has codes of {len(quant.bits)} widths"
    for bits, codes in zip(quant.bits, tensor.data, strict=True):
        low, high = BY_BITS[bits].range
        if codes.size and not low <= codes.min() <= codes.max() <= high:
            return f"has codes beyond {bits} bits"
    return None
