# SPDX-License-Identifier: Apache-2.0
"""RESIZE_NEAREST_NEIGHBOR: each output pixel copies one input pixel; source rows and columns are tables."""

from __future__ import annotations

import numpy as np

from intarsia.ir import Graph, Node
from intarsia.kernelcall import Constant, KernelCall, Step
from intarsia.ops._resizing import ResizeAttrs, Resizing, float_scale
from intarsia.ops.base import Values


class ResizeNearestNeighbor(Resizing):
    name = "RESIZE_NEAREST_NEIGHBOR"
    unsigned = ""
    batchwise = True
    options_name = "ResizeNearestNeighborOptionsT"
    types = ("int8", "float32", "int16")

    def sources(self, node: Node, graph: Graph) -> tuple[np.ndarray, np.ndarray]:
        """Input row of each output row and input column of each output column."""
        attrs = node.attrs
        assert isinstance(attrs, ResizeAttrs)
        before, after = graph.required(node, 0).shape, self.infer(node, graph)[0]
        rows, columns = (_nearest(before[axis], after[axis], attrs) for axis in (1, 2))
        return rows, columns

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        x = values[0]
        assert x is not None
        rows, columns = self.sources(node, graph)
        return [np.ascontiguousarray(x[:, rows][:, :, columns])]

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        source, output = graph.required(node, 0), graph.output(node)
        rows, columns = self.sources(node, graph)
        params = {
            "batch": source.shape[0],
            "in_h": source.shape[1],
            "in_w": source.shape[2],
            "out_h": output.shape[1],
            "out_w": output.shape[2],
            "pixel_bytes": source.shape[3] * source.dtype.bytes,
        }
        constants = (Constant("rows", rows.astype(np.int16)), Constant("columns", columns.astype(np.int16)))
        return [
            KernelCall(
                "resize_nearest_neighbor",
                "resize_nearest_neighbor_x8",
                params,
                (node.inputs[0],),
                node.outputs,
                constants,
            )
        ]


def _nearest(size: int, out: int, attrs: ResizeAttrs) -> np.ndarray:
    """Source index of each output index (TFLite GetNearestNeighbor, in float32)."""
    offset = np.float32(0.5 if attrs.half_pixel_centers else 0.0)
    scaled = (np.arange(out, dtype=np.float32) + offset) * float_scale(size, out, attrs.align_corners)
    if attrs.align_corners:
        scaled = scaled.astype(np.float64) + 0.5  # round half away from zero; nothing is negative
    index: np.ndarray = np.clip(np.floor(scaled).astype(np.int64), 0, size - 1)
    return index


OPERATOR = ResizeNearestNeighbor()
