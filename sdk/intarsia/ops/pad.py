# SPDX-License-Identifier: Apache-2.0
"""PAD: borders of zeros; a quantized feature map gets the output's zero point."""

from __future__ import annotations

from intarsia.dtypes import INT32
from intarsia.ir import Attrs, Graph, Node
from intarsia.ops import _cases
from intarsia.ops._movement import draw_input, same_type
from intarsia.ops._padding import Padding, draw_paddings
from intarsia.ops.base import Draw


class Pad(Padding):
    name = "PAD"
    unsigned = ""
    batchwise = True

    def background(self, node: Node, graph: Graph) -> int | float | None:
        output = graph.output(node)
        quantized = output.quant is not None and output.dtype.bytes < INT32.bytes
        return output.zero_point if quantized else 0

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        shape, paddings = draw_paddings(draw)
        x = draw_input(case, shape, ("int8", "float32", "int32", "int16"))
        return case.graph(self, [x, case.constant(paddings)], Attrs(), same_type(case, x))


OPERATOR = Pad()
