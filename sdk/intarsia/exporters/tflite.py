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
    if graph.classes is not None:
        raise StageError(
            f"the patches of '{graph.name}' have classes, which a .tflite file cannot say",
            hint="compare with Intarsia's own reference instead",
        )
    graph = borders.separate(graph)
    kept = _kept(graph)
    if left := [s for s in graph.states if s.after not in kept]:
        raise StageError(
            f"'{graph.tensor(left[0].before).name}' is kept between inferences by no operator of its own",
            hint="compare with the original file or with Intarsia's own reference",
        )
    before = {state.before for state in graph.states}
    writer = TfliteWriter()
    for index, tensor in enumerate(graph.tensors):
        if index in kept:
            continue
        quant = tensor.quant
        writer.tensor(
            tensor.name,
            tensor.shape,
            tensor.dtype.name,
            data=tensor.data,
            scale=quant.scale if quant else None,
            zero_point=quant.zero_point if quant else None,
            axis=quant.axis if quant else 0,
            variable=index in before,
        )
    numbers = _numbers(graph, kept)
    for node in graph.nodes:
        inputs = node.inputs
        while inputs and inputs[-1] == ABSENT:
            inputs = inputs[:-1]
        writer.operator(
            node.op,
            [numbers.get(i, i) for i in inputs],
            [numbers[i] for i in node.outputs if i not in kept],
            _options(node),
            ops.registry()[node.op].version,
            intermediates=ops.registry()[node.op].intermediates(node.attrs),
        )
    return writer.finish([numbers[i] for i in graph.inputs], [numbers[i] for i in graph.outputs])


def _kept(graph: Graph) -> set[int]:
    """What variable tensors of operators become: no tensors of a file."""
    found: set[int] = set()
    for node in graph.nodes:
        count = len([p for p in ops.registry()[node.op].states if graph.operand(node, p) is not None])
        found.update(node.outputs[len(node.outputs) - count :] if count else ())
    return found


def _numbers(graph: Graph, kept: set[int]) -> dict[int, int]:
    """Indices of tensors in the file."""
    return {
        index: number for number, index in enumerate(i for i in range(len(graph.tensors)) if i not in kept)
    }


def _options(node: Node) -> Any:
    """The schema's options object, which must give the node's attributes back when it is read."""
    operator = ops.registry()[node.op]
    try:
        options = operator.options(node.attrs)
        inner = [quant for _, quant in operator.intermediates(node.attrs)]
        faithful = operator.absorb(operator.parse(options), inner) == node.attrs
    except ValueError:
        faithful = False
    if not faithful:
        raise StageError(
            f"{node.op} '{node.name}' cannot be a .tflite file's: no field for {node.attrs}",
            hint="compare with Intarsia's own reference instead",
        )
    return options
