# SPDX-License-Identifier: Apache-2.0
"""Graph to `.tflite`: lets any TFLite interpreter run exactly what Intarsia runs."""

from __future__ import annotations

from intarsia import ops
from intarsia.exporters.flatbuffer import TfliteWriter
from intarsia.ir import ABSENT, Graph


def export(graph: Graph) -> bytes:
    """Bytes of a `.tflite` file with the graph's tensors, constants, options and quantization."""
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
        operator = ops.registry()[node.op]
        inputs = node.inputs
        while inputs and inputs[-1] == ABSENT:
            inputs = inputs[:-1]
        writer.operator(node.op, inputs, node.outputs, operator.options(node.attrs))
    return writer.finish(graph.inputs, graph.outputs)
