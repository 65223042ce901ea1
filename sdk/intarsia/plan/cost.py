# SPDX-License-Identifier: Apache-2.0
"""What a plan costs: MACs with halo, BitOPs, and bytes of arena, equal to what the generated code does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from intarsia import ops
from intarsia.dtypes import DType
from intarsia.ir import Graph, Node
from intarsia.kernelcall import Alias, KernelCall
from intarsia.plan import arena, lowering, memory
from intarsia.plan.branches import remainder
from intarsia.plan.head import Head, Tiling
from intarsia.plan.intervals import Interval

Windows = Mapping[int, Interval]


def macs(graph: Graph) -> list[int]:
    """Multiply-accumulates of each layer, without patches."""
    return [ops.registry()[node.op].macs(node, graph) for node in graph.nodes]


def bit_products(graph: Graph) -> list[int]:
    """Weight bits x input bits of one MAC of each layer."""
    return [_bits(node, graph, lambda dtype: dtype.bits) for node in graph.nodes]


def bit_products_at_8(graph: Graph) -> list[int]:
    """The same, were no tensor narrower than 8 bits."""
    return [_bits(node, graph, lambda dtype: max(dtype.bits, 8)) for node in graph.nodes]


def _bits(node: Node, graph: Graph, width: Callable[[DType], int]) -> int:
    rule = ops.registry()[node.op].weights
    operands = (graph.operand(node, 0), graph.operand(node, rule.weights) if rule else None)
    product = 1
    for tensor in operands:
        product *= width(tensor.dtype) if tensor else 1
    return product


def per_pixel(head: Head) -> list[int]:
    """MACs of each layer of a head for one pixel of its output."""
    maps = [head.graph.output(node).shape for node in head.nodes]
    return [m // (shape[1] * shape[2]) for m, shape in zip(macs(head.graph), maps, strict=False)]


def head_macs(head: Head, rows: Sequence[Windows], columns: Sequence[Windows]) -> list[int]:
    """MACs of each layer of a head in all branches of these rows and columns of patches, halo included."""
    made = [
        [sum(window[node.outputs[0]].size for window in windows) for node in head.nodes]
        for windows in (rows, columns)
    ]
    return [m * r * c for m, r, c in zip(per_pixel(head), *made, strict=True)]


def patched_macs(tiling: Tiling) -> list[int]:
    """MACs of each layer of the network, summed over the branches before the split."""
    behind = macs(tiling.head.graph)[tiling.head.split_after + 1 :]
    return [*head_macs(tiling.head, tiling.rows, tiling.columns), *behind]


def bitops(products: Sequence[int], layer_macs: Sequence[int]) -> int:
    """Sum over the first layers of MACs x weight bits x input bits."""
    return sum(m * product for m, product in zip(layer_macs, products, strict=False))


def branch_bitops(graph: Graph, place: int, layer_macs: Sequence[int]) -> int:
    """BitOPs of a branch with these MACs per layer, in the form of its class; where that is decided in every inference,
    as often as calibration data says."""
    own = bitops(bit_products(graph), layer_macs)
    if graph.classes is None:
        return own
    share = graph.classes.shares[place]
    return round((1.0 - share) * own + share * bitops(bit_products(graph.classes.outlier), layer_macs))


def layer_tasks(graph: Graph, first: int = 0) -> list[arena.Task]:
    """Memory use of the layers from `first` on, with portable kernels."""
    tasks = []
    for index, node in enumerate(graph.nodes[first:], first):
        steps = ops.registry()[node.op].lower(node, graph)
        calls = [step for step in steps if isinstance(step, KernelCall)]
        aliases = [step for step in steps if isinstance(step, Alias)]
        tasks.append(arena.task(index, calls, [arena.portable(call) for call in calls], aliases, node))
    return tasks


def layer_arena(graph: Graph) -> int:
    """Arena of a network without patches, in bytes."""
    return _placed(graph, layer_tasks(graph), arena.Lifetimes(graph.inputs, graph.outputs))


def remainder_arena(head: Head) -> int:
    """Arena of the layers behind a split alone, in bytes."""
    return layer_arena(remainder(head))


def _placed(graph: Graph, tasks: Sequence[arena.Task], lifetimes: arena.Lifetimes) -> int:
    return arena.plan(tasks, lifetimes, lambda t: graph.tensor(t).bytes)[1].total


def branch_arena(tiling: Tiling) -> int:
    """Arena while the branches run, the split map included and the input where it lies in the arena, in bytes."""
    stages = lowering.stages(tiling)
    return stages.arena([form.portable_tasks() for form in stages.forms], (), alone=True)[1].total


def patched_arena(
    tiling: Tiling, layers: Sequence[arena.Task] = ()
) -> tuple[tuple[memory.Buffer, ...], memory.Placement]:
    """The arena of the whole network with portable kernels; `layers` are its `layer_tasks`, if they are at hand."""
    stages, first = lowering.stages(tiling), tiling.head.split_after + 1
    behind = layers[first:] or layer_tasks(tiling.head.graph, first)
    return stages.arena([form.portable_tasks() for form in stages.forms], behind)
