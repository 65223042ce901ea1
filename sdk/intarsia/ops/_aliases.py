# SPDX-License-Identifier: Apache-2.0
"""Operators whose output is the input's bytes under another shape."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from intarsia.ir import Graph, Node
from intarsia.kernelcall import Alias, Step
from intarsia.ops.base import Operator, OutputRange, Values


class ShapeChange(Operator):
    """Base of RESHAPE and its kin; subclasses give `infer`."""

    output_range: ClassVar[OutputRange] = OutputRange("input")

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        source, output = graph.required(node, 0), graph.output(node)
        if source.dtype != output.dtype:
            return f"{source.dtype.name} input with {output.dtype.name} output"
        return None

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        assert values[0] is not None
        return [values[0].reshape(self.infer(node, graph)[0])]

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        return [Alias(node.inputs[0], node.outputs[0])]
