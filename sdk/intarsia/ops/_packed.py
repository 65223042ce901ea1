# SPDX-License-Identifier: Apache-2.0
"""What operators share where feature maps are int8, int4 or int2: runs, tables of all codes, layouts."""

from __future__ import annotations

import math

import numpy as np

from intarsia.dtypes import NARROW, DType
from intarsia.fixedpoint import Int64Array, multiply_by_quantized_multiplier, quantize_multiplier
from intarsia.ir import Graph, Node, Tensor
from intarsia.kernelcall import Constant, KernelCall

_LARGEST_SHIFT = 22  # a difference of two codes has at most 9 bits with its sign


def any_packed(*tensors: Tensor) -> bool:
    return any(tensor.dtype.is_packed for tensor in tensors)


def all_codes(dtype: DType) -> Int64Array:
    """Every code in the order of the bits that hold it: 0 and up, then the negative ones."""
    fields = np.arange(1 << dtype.bits, dtype=np.int64)
    return np.where(fields > dtype.range[1], fields - (1 << dtype.bits), fields)


def look_up(table: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Entries of a table in the order of `all_codes` for int8 codes."""
    found: np.ndarray = table[codes.view(np.uint8) & np.uint8(len(table) - 1)]
    return found


def requantized(codes: Int64Array, source: Tensor, output: Tensor) -> Int64Array:
    """Codes of one tensor as codes of another (TFLite Requantize), not limited to its range yet."""
    factor = quantize_multiplier(source.scale / output.scale)
    return multiply_by_quantized_multiplier(codes - source.zero_point, *factor) + output.zero_point


def requantization_reason(source: Tensor, output: Tensor) -> str | None:
    """Why codes of one tensor cannot become those of another, or None."""
    for tensor in (source, output):
        if tensor.dtype not in NARROW:
            return f"{source.dtype.name} with {output.dtype.name}"
        if tensor.quant is None or tensor.quant.per_channel or tensor.scale <= 0:
            return f"'{tensor.name}' needs one positive scale"
        low, high = tensor.dtype.range
        if not low <= tensor.zero_point <= high:
            return f"the zero point {tensor.zero_point} of '{tensor.name}' is not {tensor.dtype.name}"
    if quantize_multiplier(source.scale / output.scale)[1] > _LARGEST_SHIFT:
        return "the output scale is too small for the input scale"
    return None


def requantization_table(source: Tensor, output: Tensor) -> np.ndarray:
    """int8 output code for each code of the source, in the order of `all_codes`."""
    codes = requantized(all_codes(source.dtype), source, output)
    return np.clip(codes, *output.dtype.range).astype(np.int8)


def joined_runs(*tensors: Tensor) -> tuple[int, int]:
    """Number and elements of the runs of tensors of one shape; runs of whole bytes are joined to one."""
    shape = tensors[0].shape
    count = shape[-1] if shape else 1
    if all(count * tensor.dtype.bits % 8 == 0 for tensor in tensors):
        return 1, math.prod(shape)
    return math.prod(shape[:-1]), count


def lookup_call(node: Node, graph: Graph, table: np.ndarray) -> KernelCall:
    """A call of the table kernel for packed types."""
    source, output = graph.required(node, 0), graph.output(node)
    runs, count = joined_runs(source, output)
    return KernelCall(
        "lookup",
        "lookup_packed",
        {"runs": runs, "count": count, "in_bits": source.dtype.bits, "out_bits": output.dtype.bits},
        node.inputs[:1],
        node.outputs,
        constants=(Constant("table", table),),
        inplace=((0, 0),) if output.dtype.bits <= source.dtype.bits else (),
    )


def same_bytes(source: Tensor, output: Tensor) -> bool:
    """Whether two shapes of the same elements lie in memory alike."""
    ends = [t.shape[-1] if t.shape else 1 for t in (source, output)]
    return ends[0] == ends[1] or all(end * source.dtype.bits % 8 == 0 for end in ends)


def nested_runs(
    source: Tensor, output: Tensor
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] | None:
    """Extents and strides (of the source, of the output, in places for elements) of a walk over both shapes of the same
    elements; None where runs of neither are parts of runs of the other."""
    dtype = source.dtype
    a, b = (t.shape[-1] if t.shape else 1 for t in (source, output))
    if a and b % a == 0:
        extents = (source.elements // b, b // a, a)
        return extents, (b // a * dtype.slots(a), dtype.slots(a), 1), (dtype.slots(b), a, 1)
    if b and a % b == 0:
        extents = (source.elements // a, a // b, b)
        return extents, (dtype.slots(a), b, 1), (a // b * dtype.slots(b), dtype.slots(b), 1)
    return None
