# SPDX-License-Identifier: Apache-2.0
"""PADV2: borders of a constant that the model gives, as a code of the output's quantization."""

from __future__ import annotations

from intarsia.ir import Attrs, Graph, Node
from intarsia.ops import _cases
from intarsia.ops._movement import draw_input, same_type
from intarsia.ops._padding import Padding, draw_paddings
from intarsia.ops.base import Draw


class PadV2(Padding):
    name = "PADV2"
    unsigned = ""
    batchwise = True
    constants = (1, 2)

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        if reason := super().unsupported(node, graph):
            return reason
        value, output = graph.required(node, 2), graph.output(node)
        if value.dtype != output.dtype:
            return f"a {value.dtype.name} value in a {output.dtype.name} output"
        if value.elements != 1:
            return f"a value of shape {list(value.shape)}; one number is needed"
        if output.quant and value.quant and output.quant != value.quant:
            return "the value is quantized otherwise than the output"
        return None

    def background(self, node: Node, graph: Graph) -> int | float | None:
        return graph.constant(node, 2).reshape(-1)[0].item()  # type: ignore[no-any-return]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        shape, paddings = draw_paddings(draw)
        x = draw_input(case, shape, ("int8", "float32", "int32", "int16"))
        tensor = case.tensors[x]
        value = draw.array((1,), -128, 127).astype(tensor.dtype.numpy)
        inputs = [x, case.constant(paddings), case.constant(value, tensor.quant)]
        return case.graph(self, inputs, Attrs(), same_type(case, x))


OPERATOR = PadV2()
