# SPDX-License-Identifier: Apache-2.0
"""Operators whose output is the input's bytes under another shape."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from intarsia.ir import Graph, Node
from intarsia.kernelcall import Alias, Step
from intarsia.ops._movement import MAX_DIMENSIONS, Strides, copy
from intarsia.ops._packed import nested_runs, same_bytes
from intarsia.ops.base import Operator, OutputRange, Values


class ShapeChange(Operator):
    """Base of RESHAPE and its kin; subclasses give `infer`. Packed runs of other lengths are copied."""

    narrow = True
    half = True

    output_range: ClassVar[OutputRange] = OutputRange("input")

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        source, output = graph.required(node, 0), graph.output(node)
        if source.dtype != output.dtype:
            return f"{source.dtype.name} input with {output.dtype.name} output"
        if source.dtype.is_packed and not same_bytes(source, output) and nested_runs(source, output) is None:
            return (
                f"{source.dtype.name} runs of {source.shape[-1]} elements become runs of {output.shape[-1]}"
            )
        return None

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        assert values[0] is not None
        return [values[0].reshape(self.infer(node, graph)[0])]

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        source, output = graph.required(node, 0), graph.output(node)
        walk = nested_runs(source, output)
        if not source.dtype.is_packed or same_bytes(source, output) or walk is None:
            return [Alias(node.inputs[0], node.outputs[0])]
        front = (0,) * (MAX_DIMENSIONS - 3)
        extents, in_stride, out_stride = walk
        loop = Strides((*(1 for _ in front), *extents), (*front, *in_stride), (*front, *out_stride), 0, 0)
        return [copy(node.inputs[0], node.outputs[0], graph, loop)]
