# SPDX-License-Identifier: Apache-2.0
"""Drops channels of feature maps that nobody needs: those whose code is the same for every input, and unread ones.

Trained networks have many: a channel whose weights are so small, or whose bias is so large, that its output is always
clamped. Ranges of codes are propagated from the inputs through the operators that state them; a channel that can have
one code only goes into the biases of the layer that reads it, exactly. A channel whose weights are 0 wherever it is
read goes as well. Operators say what they can do without; a channel is dropped when its writer and all readers can.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from intarsia import ops
from intarsia.check import fault
from intarsia.ir import ABSENT, Graph, Node, Tensor
from intarsia.ops._channels import Codes

UNIT = 4
"""Channels are left in whole groups of so many, which is what vector kernels read at a time."""


@functools.lru_cache(maxsize=16)
def run(graph: Graph) -> Graph:
    """An equal network for the firmware: nodes and tensors keep their places, new constants come behind them.

    Where patches have classes, the layers before the split, which exist in several forms, stay as they are.
    """
    codes = code_ranges(graph)
    spared = _spared(graph, codes)
    kept = {index: _in_units(mask) for index, mask in spared.items() if mask.any()}
    kept = {index: mask for index, mask in kept.items() if not mask.all()}
    return _without(graph, codes, kept) if kept else graph


def code_ranges(graph: Graph) -> dict[int, Codes]:
    """Codes that the channels of each quantized feature map can have; maps without an entry can have any, as those have
    that classes of patches compute in several forms.

    Layers that cannot be run are left to the check.
    """
    found: dict[int, Codes] = {}
    for node in _single(graph):
        source = graph.operand(node, 0)
        if source is None or not _quantized(source) or not _quantized(graph.output(node)):
            continue
        if fault(node, graph):
            continue
        known = found.get(node.inputs[0]) or Codes.any(source.dtype, source.shape[-1])
        result = ops.registry()[node.op].channel_codes(node, graph, known)
        if result is not None:
            found[node.outputs[0]] = result
    return found


def _single(graph: Graph) -> tuple[Node, ...]:
    """The layers that exist in one form."""
    return graph.nodes if graph.classes is None else graph.nodes[graph.classes.split_after + 1 :]


def _quantized(tensor: Tensor) -> bool:
    return (
        tensor.dtype.is_integer
        and tensor.quant is not None
        and not tensor.quant.per_channel
        and len(tensor.shape) == 4
    )


def _spared(graph: Graph, codes: Mapping[int, Codes]) -> dict[int, np.ndarray]:
    """Channels, by feature map, that all readers and the writer can do without, bool [C]: the largest such set."""
    spared = {
        node.outputs[0]: np.ones(graph.output(node).shape[-1], np.bool_)
        for node in graph.nodes
        if node.outputs[0] in codes and node.outputs[0] not in graph.results
    }
    changed = True
    while changed:
        changed = False
        for node in graph.nodes:
            for index, mask in _demands(node, graph, codes, spared):
                smaller = spared[index] & mask
                changed |= bool((smaller != spared[index]).any())
                spared[index] = smaller
    return spared


def _demands(
    node: Node, graph: Graph, codes: Mapping[int, Codes], spared: Mapping[int, np.ndarray]
) -> list[tuple[int, np.ndarray]]:
    """What a node can do without: of its first input and of its output. Everything else that it reads it needs."""
    result = [(i, np.zeros(1, np.bool_)) for i in node.inputs[1:] if i in spared]
    source, out = node.inputs[0] if node.inputs else ABSENT, node.outputs[0]
    if out not in codes:
        return [*result, *((i, np.zeros(1, np.bool_)) for i in node.inputs[:1] if i in spared)]
    channels = graph.output(node).shape[-1] if graph.output(node).shape else 1
    without = spared.get(out, np.zeros(channels, np.bool_))
    if source in spared:
        result.append((source, ops.registry()[node.op].spared_inputs(node, graph, codes[source], without)))
    if out in spared:
        reads = graph.required(node, 0)
        of_input = spared.get(source, np.zeros(reads.shape[-1], np.bool_))
        result.append((out, ops.registry()[node.op].spared_outputs(node, graph, of_input)))
    return result


def _in_units(spared: np.ndarray) -> np.ndarray:
    """Which channels stay: those that are needed, and the first others up to a whole unit, at least one."""
    kept = ~spared
    wanted = min(max(-(-int(kept.sum()) // UNIT), 1) * UNIT, len(kept))
    kept[np.flatnonzero(spared)[: wanted - int(kept.sum())]] = True
    return kept


def _without(graph: Graph, codes: Mapping[int, Codes], kept: Mapping[int, np.ndarray]) -> Graph:
    tensors = list(graph.tensors)
    nodes = []
    for node in graph.nodes:
        source, out = node.inputs[0] if node.inputs else ABSENT, node.outputs[0]
        inputs = list(node.inputs)
        if source in kept or out in kept:
            every = np.ones(graph.required(node, 0).shape[-1], np.bool_)
            of_output = kept.get(out, np.ones(graph.output(node).shape[-1], np.bool_))
            changes = ops.registry()[node.op].without_channels(
                node, graph, codes.get(source), kept.get(source, every), of_output
            )
            for position, tensor in changes.items():
                inputs += [ABSENT] * (position + 1 - len(inputs))
                inputs[position] = len(tensors)
                tensors.append(tensor)
        nodes.append(replace(node, inputs=tuple(inputs)))
    for index, mask in kept.items():
        shape = (*tensors[index].shape[:-1], int(mask.sum()))
        tensors[index] = replace(tensors[index], shape=shape)
    return graph.replace(tensors=tuple(tensors), nodes=tuple(nodes), classes=graph.classes).verify()
