# SPDX-License-Identifier: Apache-2.0
"""RESIZE_BILINEAR: int8 by the reference's 10-bit fixed point; float32; what was uint8 by float32 weights.

Source rows, columns and their weights depend on shapes alone: they are tables, so no board computes them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intarsia.ir import Graph, Node
from intarsia.kernelcall import Constant, KernelCall, Step
from intarsia.ops._resizing import ResizeAttrs, Resizing, float_scale
from intarsia.ops.base import Values

FRACTION_BITS = 10


@dataclass(frozen=True)
class ResizeBilinearAttrs(ResizeAttrs):
    """`float_weights`: int8 codes were uint8, whose reference interpolates in float32."""

    float_weights: bool = False


@dataclass(frozen=True, eq=False)
class Taps:
    """For each output index of one axis: two source indices [out, 2] and their weights [out, 2]."""

    index: np.ndarray
    weight: np.ndarray

    def constants(self, axis: str) -> tuple[Constant, Constant]:
        dtype = np.float32 if self.weight.dtype == np.float32 else np.int16
        return (
            Constant(f"{axis}_index", self.index.astype(np.int16)),
            Constant(f"{axis}_weight", self.weight.astype(dtype)),
        )


class ResizeBilinear(Resizing):
    name = "RESIZE_BILINEAR"
    unsigned = "float_weights"
    batchwise = True
    attrs = ResizeBilinearAttrs
    options_name = "ResizeBilinearOptionsT"
    types = ("int8", "float32")

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        if reason := super().unsupported(node, graph):
            return reason
        before, after = graph.required(node, 0).shape, self.infer(node, graph)[0]
        for axis, taps in zip((1, 2), self.taps(node, graph), strict=True):
            if taps.index.max() >= before[axis]:
                return (
                    f"{before[axis]} to {after[axis]} along axis {axis}: the reference reads behind the input"
                )
        return None

    def taps(self, node: Node, graph: Graph) -> tuple[Taps, Taps]:
        """Rows and columns."""
        attrs = node.attrs
        assert isinstance(attrs, ResizeBilinearAttrs)
        source = graph.required(node, 0)
        make = _float_taps if source.dtype.is_float or attrs.float_weights else _integer_taps
        before, after = source.shape, self.infer(node, graph)[0]
        rows, columns = (make(before[axis], after[axis], attrs) for axis in (1, 2))
        return rows, columns

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        attrs = node.attrs
        assert isinstance(attrs, ResizeBilinearAttrs)
        x = values[0]
        assert x is not None
        rows, columns = self.taps(node, graph)
        if x.dtype == np.float32:
            return [_interpolate(x, rows, columns)]
        if attrs.float_weights:
            codes = _interpolate(x.astype(np.float32) + np.float32(128), rows, columns) + np.float32(0.5)
            return [(codes.astype(np.int64) - 128).astype(np.int8)]
        total = _interpolate(x.astype(np.int64), rows, columns)
        magnitude = (np.abs(total) + (1 << 2 * FRACTION_BITS - 1)) >> 2 * FRACTION_BITS
        return [(np.sign(total) * magnitude).astype(np.int8)]

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        attrs = node.attrs
        assert isinstance(attrs, ResizeBilinearAttrs)
        source, output = graph.required(node, 0), graph.output(node)
        contract = "resize_bilinear_f32"
        if not source.dtype.is_float:
            contract = "resize_bilinear_u8" if attrs.float_weights else "resize_bilinear_s8"
        rows, columns = self.taps(node, graph)
        params = {
            "batch": source.shape[0],
            "in_h": source.shape[1],
            "in_w": source.shape[2],
            "channels": source.shape[3],
            "out_h": output.shape[1],
            "out_w": output.shape[2],
        }
        constants = (*rows.constants("row"), *columns.constants("column"))
        return [KernelCall("resize_bilinear", contract, params, (node.inputs[0],), node.outputs, constants)]


def _interpolate(x: np.ndarray, rows: Taps, columns: Taps) -> np.ndarray:
    """Weighted sums of four pixels in the reference's order of additions."""

    def part(row: int, column: int) -> np.ndarray:
        pixels = x[:, rows.index[:, row]][:, :, columns.index[:, column]]
        product: np.ndarray = pixels * rows.weight[:, row, None, None] * columns.weight[:, column, None]
        return product

    total: np.ndarray = part(0, 0) + part(1, 0) + part(0, 1) + part(1, 1)
    return total


def _integer_taps(size: int, out: int, attrs: ResizeAttrs) -> Taps:
    """TFLite ComputeInterpolationValuesInteger: 10 fraction bits."""
    scale = ((size << FRACTION_BITS) + out // 2) // out
    if attrs.align_corners and out > 1:
        scale = ((size - 1 << FRACTION_BITS) + (out - 1) // 2) // (out - 1)
    position = np.arange(out, dtype=np.int64) * scale
    if attrs.half_pixel_centers:
        position += scale // 2 - (1 << FRACTION_BITS - 1)
    lower = np.maximum(position >> FRACTION_BITS, 0)
    upper = np.clip(position + (1 << FRACTION_BITS) - 1 >> FRACTION_BITS, 0, size - 1)
    behind = position - (lower << FRACTION_BITS)
    return Taps(np.stack([lower, upper], 1), np.stack([(1 << FRACTION_BITS) - behind, behind], 1))


def _float_taps(size: int, out: int, attrs: ResizeAttrs) -> Taps:
    """TFLite ComputeInterpolationValues, in float32."""
    scale, index = float_scale(size, out, attrs.align_corners), np.arange(out, dtype=np.float32)
    half = np.float32(0.5)
    position = (index + half) * scale - half if attrs.half_pixel_centers else index * scale
    lower = np.maximum(np.floor(position).astype(np.int64), 0)
    upper = np.minimum(np.ceil(position).astype(np.int64), size - 1)
    behind = position - lower.astype(np.float32)
    return Taps(np.stack([lower, upper], 1), np.stack([np.float32(1) - behind, behind], 1))


OPERATOR = ResizeBilinear()
