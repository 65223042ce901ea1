# SPDX-License-Identifier: Apache-2.0
"""Weights and biases: constants of ONNX rearranged, real or as codes that a DEQUANTIZE turns into real values.

What reads codes through a DEQUANTIZE becomes an integer layer later (`integers`), or is folded back to real values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from intarsia import dtypes
from intarsia.importers.onnx.builder import Builder
from intarsia.importers.onnx.values import Known
from intarsia.ir import Attrs, Node, Quantization, Tensor


def transposed(known: Known, order: Sequence[int]) -> Known:
    """With its axes in another order."""
    quant = known.quant
    if quant is not None and quant.per_channel:
        quant = replace(quant, axis=tuple(order).index(quant.axis))
    return Known(known.name, np.ascontiguousarray(known.data.transpose(order)), quant)


def taken(known: Known, index: np.ndarray | slice, axis: int) -> Known:
    """Some slices along an axis, with their scales."""
    where = [slice(None)] * known.data.ndim
    data = known.data[(*where[:axis], index)]
    quant = known.quant
    if quant is not None and quant.per_channel and quant.axis == axis:
        scale, zero = np.array(quant.scale)[index], np.array(quant.zero_point)[index]
        quant = replace(quant, scale=tuple(map(float, scale)), zero_point=tuple(map(int, zero)))
    return Known(known.name, data, quant)


def shaped(known: Known, shape: Sequence[int], axis: int) -> Known:
    """With another shape, in which the axis of its scales per channel is `axis`."""
    quant = known.quant
    if quant is not None and quant.per_channel:
        quant = replace(quant, axis=axis)
    return Known(known.name, known.data.reshape(shape), quant)


def place(builder: Builder, known: Known) -> int:
    """A constant tensor of real values; codes get a DEQUANTIZE."""
    if known.quant is None:
        return builder.constant(known.real().astype(np.float32), name=known.name)
    return dequantized(builder, builder.constant(*_signed(known), name=known.name))


def _signed(known: Known) -> tuple[np.ndarray, Quantization]:
    """Codes and quantization with int8 in place of uint8."""
    assert known.quant is not None
    if known.data.dtype != np.uint8:
        return known.data, known.quant
    zero = tuple(z - 128 for z in known.quant.zero_point)
    return (known.data ^ np.uint8(0x80)).view(np.int8), replace(known.quant, zero_point=zero)


def dequantized(builder: Builder, codes: int) -> int:
    """The real values of a tensor of codes."""
    tensor = builder.tensors[codes]
    name = f"{tensor.name}/float"
    real = builder.add(Tensor(name, tensor.shape, dtypes.FLOAT32))
    builder.nodes.append(Node("DEQUANTIZE", (codes,), (real,), Attrs(), name))
    return real
