# SPDX-License-Identifier: Apache-2.0
"""Kernel calls of the layers before a split: one call per layer for all branches, with a table of parameters."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from intarsia import ops
from intarsia.ir import ABSENT, Graph, Node
from intarsia.kernelcall import Alias, KernelCall, Step
from intarsia.ops._movement import Movement, Strides, copy
from intarsia.plan import arena
from intarsia.plan.branches import CROP, Branches, expand, filled, kept
from intarsia.plan.head import Tiling


@dataclass(frozen=True, eq=False)
class LayerCalls:
    """What one layer of the network does in a branch: crops of its inputs, its own calls, and for the last layer the
    copy of the patch into the split map. `aliases` are maps that are the same bytes, `macs` the sum over branches."""

    layer: int
    crops: tuple[KernelCall, ...]
    own: tuple[KernelCall, ...]
    stitch: tuple[KernelCall, ...]
    aliases: tuple[Alias, ...]
    macs: int

    @property
    def calls(self) -> tuple[KernelCall, ...]:
        return (*self.crops, *self.own, *self.stitch)


@dataclass(frozen=True, eq=False)
class Stage1:
    """The lowered branches. Tensors from the network's count on belong to branches; `size` is that of the largest."""

    branches: Branches
    layers: tuple[LayerCalls, ...]

    @property
    def tiling(self) -> Tiling:
        return self.branches.tiling

    def size(self, tensor: int) -> int:
        """Bytes of the largest part of a feature map that lies in memory at once; the split map is there as a whole."""
        if tensor in self.tiling.rows[0] and tensor != self.tiling.head.tensor:
            whole = self.tiling.head.graph.tensor(tensor)
            return whole.dtype.storage(tuple(int(n) for n in self.tiling.largest(tensor)))
        graph = self.tiling.head.graph
        if tensor < len(graph.tensors):
            return graph.tensor(tensor).bytes
        return max(branch.tensor(tensor).bytes for branch in self.branches.graphs)

    def task(self, layer: LayerCalls, own: Sequence[arena.Use]) -> arena.Task:
        """What a layer does to memory with kernels of these needs for its own calls."""
        task = arena.task(layer.layer, layer.own, own, layer.aliases)
        moves = (*layer.crops, *layer.stitch)
        held = self.tiling.head.graph.inputs  # later branches read them: no layer may write over them
        return replace(
            task,
            inplace=tuple(pair for pair in task.inplace if pair[0] not in held),
            reads=(*(t for call in moves for t in call.inputs), *task.reads),
            writes=(*(t for call in moves for t in call.outputs), *task.writes),
        )

    def portable_tasks(self) -> list[arena.Task]:
        """What the layers do to memory with portable kernels."""
        return [self.task(layer, [arena.portable(call) for call in layer.own]) for layer in self.layers]

    def lifetimes(self, *, alone: bool = False) -> arena.Lifetimes:
        """The split map lives through all branches, and so does an input that lies in the arena. `alone` leaves out the
        layers behind the split."""
        graph, last = self.tiling.head.graph, len(self.layers)
        split = self.tiling.head.tensor
        outputs = (split,) if alone else graph.outputs
        if self.tiling.input_mode == "arena":
            held = {split: (1, last), **dict.fromkeys(graph.inputs, (0, last))}
            return arena.Lifetimes(graph.inputs, outputs, held)
        return arena.Lifetimes((), outputs, {split: (1, last), **dict.fromkeys(graph.inputs, (1, 1))})


def lower(tiling: Tiling) -> Stage1:
    """Calls of all layers before the split. Raises ValueError when branches would need different code."""
    branches = expand(tiling)
    last = tiling.head.split_after
    layers = []
    for layer in range(last + 1):
        *crops, own = branches.nodes_of(layer)
        steps = _steps(branches, own)
        layers.append(
            LayerCalls(
                layer,
                tuple(_crop(branches, node) for node in crops),
                tuple(step for step in steps if isinstance(step, KernelCall)),
                (_stitch(branches),) if layer == last else (),
                tuple(step for step in steps if isinstance(step, Alias)),
                sum(_macs(graph.nodes[own], graph) for graph in branches.graphs),
            )
        )
    return Stage1(branches, tuple(layers))


def _places(branches: Branches, node: int) -> list[tuple[Node, Graph]]:
    return [(graph.nodes[node], graph) for graph in branches.graphs]


def _steps(branches: Branches, node: int) -> list[Step]:
    """The steps of a node, merged over branches. Branches of equal extents are lowered once."""
    places = _places(branches, node)
    count = len(branches.tiling.head.graph.tensors)
    kinds = [_signature(node, graph, count) for node, graph in places]
    unique = dict(zip(kinds, places, strict=True))
    operator = ops.registry()[places[0][0].op]
    lowered = dict(zip(unique, operator.lower_alike(list(unique.values())), strict=True))
    merged: list[Step] = []
    for several in zip(*(lowered[kind] for kind in kinds), strict=True):
        aliases = [step for step in several if isinstance(step, Alias)]
        merged.append(aliases[0] if aliases else merge([s for s in several if isinstance(s, KernelCall)]))
    return merged


def _signature(node: Node, graph: Graph, count: int) -> Hashable:
    """What a node's calls depend on, of all that differs between branches: constants from `count` on are their own."""
    operands = [t for t in (*node.inputs, *node.outputs) if t != ABSENT]
    own = [graph.tensor(t).data for t in operands if t >= count]
    geometry = tuple(data.tobytes() for data in own if data is not None)
    return node.attrs, tuple(graph.tensor(t).shape for t in operands), geometry


def _crop(branches: Branches, node: int) -> KernelCall:
    """The copy of what a layer needs out of a map that holds more, in every branch."""
    operator = ops.registry()[CROP]
    assert isinstance(operator, Movement)
    return merge([operator.copies(*place)[0] for place in _places(branches, node)])


def _stitch(branches: Branches) -> KernelCall:
    """The copy of a patch to its place in the split map."""
    tiling = branches.tiling
    target = tiling.head.tensor
    whole = tiling.head.graph.tensor(target)
    _, _, width, depth = whole.shape
    channels = whole.dtype.slots(depth)
    calls = []
    for (row, column), graph in zip(tiling.branches, branches.graphs, strict=True):
        _, rows, columns = filled(tiling, row, column)
        _, first_row, first_column = (part.start or 0 for part in kept(tiling, row, column))
        made = graph.tensor(branches.patch).shape[2]
        loop = Strides(
            (1, 1, 1, 1, rows.stop - rows.start, (columns.stop - columns.start) * channels),
            (0, 0, 0, 0, made * channels, 1),
            (0, 0, 0, 0, width * channels, 1),
            (first_row * made + first_column) * channels,
            (rows.start * width + columns.start) * channels,
        )
        calls.append(copy(branches.patch, target, graph, loop))
    return merge(calls)


def _macs(node: Node, graph: Graph) -> int:
    return ops.registry()[node.op].macs(node, graph)


def merge(calls: Sequence[KernelCall]) -> KernelCall:
    """One call for all branches. Raises ValueError when they differ in more than parameters.

    Where some branch cannot work in place, none does.
    """
    first = calls[0]
    for call in calls[1:]:
        if (call.contract, call.inputs, call.outputs) != (first.contract, first.inputs, first.outputs):
            raise ValueError(f"branches need both {first.contract} and {call.contract}")
        for mine, theirs in zip(first.constants, call.constants, strict=True):
            if mine.data is not theirs.data and not np.array_equal(mine.data, theirs.data):
                raise ValueError(f"branches need different '{mine.name}' for {first.contract}")
    inplace = tuple(pair for pair in first.inplace if all(pair in call.inplace for call in calls))
    separate = [call for call in calls if not call.inplace]
    scratch = [call.scratch for call in separate or calls if call.scratch is not None]
    alike = all(call.params == first.params for call in calls)
    return replace(
        first,
        scratch=max(scratch) if scratch else first.scratch,
        inplace=inplace,
        macs=sum(call.macs for call in calls),
        variants=() if alike else tuple(call.params for call in calls),
    )
