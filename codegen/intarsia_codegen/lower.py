# SPDX-License-Identifier: Apache-2.0
"""QGraph and board to a firmware program: chosen kernels and an arena with every buffer's place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from intarsia import ops
from intarsia.ir import Graph, Node
from intarsia.kernelcall import Alias
from intarsia.plan import memory
from intarsia_codegen.names import identifier
from intarsia_codegen.select import Chosen, choose

ALIGNMENT = 16


@dataclass(frozen=True, eq=False)
class Layer:
    """One node of the graph and the kernels that compute it (none when it only renames memory)."""

    index: int
    node: Node
    macs: int
    kernels: tuple[Chosen, ...]
    aliases: tuple[Alias, ...]

    @property
    def scratch(self) -> int:
        return max((kernel.scratch or 0 for kernel in self.kernels), default=0)


@dataclass(frozen=True, eq=False)
class Program:
    """A firmware program. `placement` has the offset of each tensor (`t<index>`) and scratch (`s<layer>`)."""

    graph: Graph
    identifier: str
    layers: tuple[Layer, ...]
    buffers: tuple[memory.Buffer, ...]
    placement: memory.Placement

    def offset(self, tensor: int) -> int:
        """Arena offset of a feature map in bytes."""
        return self.placement.offsets[f"t{tensor}"]

    def scratch_offset(self, layer: int) -> int:
        return self.placement.offsets[f"s{layer}"]

    @property
    def arena_bytes(self) -> int:
        return self.placement.total


def lower(
    graph: Graph,
    isas: Sequence[str],
    *,
    portable: Callable[[int], bool] = lambda index: False,
    prefix: str | None = None,
) -> Program:
    """Program of a graph for a board's instruction sets, best first.

    `portable(layer)` asks for portable C in a layer; `prefix` replaces the C identifier made from the graph's name.
    """
    name = prefix or identifier(graph.name)
    layers = tuple(
        _layer(graph, index, [isas[-1]] if portable(index) else isas, name)
        for index in range(len(graph.nodes))
    )
    buffers = (*_feature_maps(graph), *_scratch(layers))
    placement = memory.plan(buffers, _shares(graph, layers))
    return Program(graph, name, layers, buffers, placement)


def _layer(graph: Graph, index: int, isas: Sequence[str], name: str) -> Layer:
    node = graph.nodes[index]
    operator = ops.registry()[node.op]
    steps = operator.lower(node, graph)
    calls = [step for step in steps if not isinstance(step, Alias)]
    names = [f"{name}_layer{index}" + (f"_{k}" if len(calls) > 1 else "") for k in range(len(calls))]
    return Layer(
        index,
        node,
        operator.macs(node, graph),
        tuple(choose(call, isas, label) for call, label in zip(calls, names, strict=True)),
        tuple(step for step in steps if isinstance(step, Alias)),
    )


def _feature_maps(graph: Graph) -> list[memory.Buffer]:
    """Lifetimes in steps: inputs are written at step 0, node i runs at step i + 1, outputs are read at the end."""
    end = len(graph.nodes) + 1
    written = dict.fromkeys(graph.inputs, 0)
    read: dict[int, int] = dict.fromkeys(graph.outputs, end)
    for index, node in enumerate(graph.nodes):
        written |= dict.fromkeys(node.outputs, index + 1)
        for tensor in node.inputs:
            if tensor in written:
                read[tensor] = max(read.get(tensor, 0), index + 1)
    return [
        memory.Buffer(f"t{t}", graph.tensor(t).bytes, first, max(read.get(t, first), first), ALIGNMENT)
        for t, first in written.items()
    ]


def _scratch(layers: Sequence[Layer]) -> list[memory.Buffer]:
    return [
        memory.Buffer(f"s{layer.index}", layer.scratch, layer.index + 1, layer.index + 1, ALIGNMENT)
        for layer in layers
        if any(kernel.scratch is not None for kernel in layer.kernels)
    ]


def _shares(graph: Graph, layers: Sequence[Layer]) -> list[memory.Share]:
    """Memory that layers may share: aliases always do, in-place kernels may."""
    shares = []
    for layer in layers:
        shares += [memory.Share(f"t{a.source}", f"t{a.target}", optional=False) for a in layer.aliases]
        if len(layer.kernels) == 1:
            (kernel,) = layer.kernels
            for source, target in kernel.inplace:
                pair = kernel.call.inputs[source], kernel.call.outputs[target]
                if kernel.call.inputs.count(pair[0]) == 1:
                    shares.append(memory.Share(f"t{pair[0]}", f"t{pair[1]}"))
    return shares
