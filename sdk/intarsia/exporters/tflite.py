# SPDX-License-Identifier: Apache-2.0
"""Graph to `.tflite`: lets any TFLite interpreter run exactly what Intarsia runs."""

from __future__ import annotations

from typing import Any

from intarsia import ops
from intarsia.errors import StageError
from intarsia.exporters import borders
from intarsia.exporters.flatbuffer import TfliteWriter
from intarsia.ir import ABSENT, Graph, Node


def export(graph: Graph) -> bytes:
    """Bytes of a `.tflite` file with the graph's tensors, constants, options and quantization.

    Raises StageError when the format cannot say what a node computes.
    """
    if packed := [t.name for t in graph.tensors if t.dtype.is_packed or (t.quant and t.quant.bits)]:
        raise StageError(
            f"'{packed[0]}' is narrower than 8 bits: TFLite kernels compute with no such feature maps and weights",
            hint="compare with Intarsia's own reference instead",
        )
    graph = borders.separate(graph)
    writer = TfliteWriter()
    for tensor in graph.tensors:
        quant = tensor.quant
        writer.tensor(
            tensor.name,
            tensor.shape,
            tensor.dtype.name,
            data=tensor.data,
            scale=quant.scale if quant else None,
            zero_point=quant.zero_point if quant else None,
            axis=quant.axis if quant else 0,
        )
    for node in graph.nodes:
        inputs = node.inputs
        while inputs and inputs[-1] == ABSENT:
            inputs = inputs[:-1]
        writer.operator(node.op, inputs, node.outputs, _options(node))
    return writer.finish(graph.inputs, graph.outputs)


def _options(node: Node) -> Any:
    """The schema's options object, which must give the node's attributes back when it is read."""
    operator = ops.registry()[node.op]
    try:
        options = operator.options(node.attrs)
        faithful = operator.parse(options) == node.attrs
    except ValueError:
        faithful = False
    if not faithful:
        raise StageError(
            f"{node.op} '{node.name}' cannot be a .tflite file's: no field for {node.attrs}",
            hint="compare with Intarsia's own reference instead",
        )
    return options
