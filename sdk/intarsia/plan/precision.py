# SPDX-License-Identifier: Apache-2.0
"""The choices of bits that a network offers: what can be narrower, what reads it, and what lies in memory when.

Stage 1 exists once per class of patches, since branches of one class share code: a feature map before the split has its
own bits in each. Weights are shared by the classes. Where a device decides which patch is of which class, memory must
do for either, and MACs count as often as calibration data falls into the class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from intarsia import ops
from intarsia.dtypes import BY_BITS, INT8
from intarsia.ir import ABSENT, Graph, Quantization, Tensor
from intarsia.plan import arena, cost, lowering
from intarsia.plan.branches import CROP
from intarsia.plan.entropy import Histogram, count
from intarsia.plan.head import Tiling
from intarsia.plan.kernelcosts import OTHER, Work, kind_of
from intarsia.plan.vdpc import Membership

NORMAL, OUTLIER, REST = "normal", "outlier", "rest"
"""Branches without outliers, branches with, and the layers behind the split (or all layers without patches)."""
WEIGHTS = "weights"
WIDTHS = (8, 4, 2)
_BLOCK = 16

Supports = Callable[[Graph, tuple[int, ...], int], bool]


@dataclass(frozen=True)
class Item:
    """Something whose bits are chosen: feature maps that share their codes, in a scope, or the weights of a node.

    `widths` are the bits it can have, from 8 down; `omega` the share of its entropy that each loses.
    """

    name: str
    scope: str
    tensors: tuple[int, ...]
    widths: tuple[int, ...]
    omega: tuple[float, ...]

    def lost(self, bits: int) -> float:
        return self.omega[self.widths.index(bits)]


@dataclass(frozen=True)
class Product:
    """The products of one layer in one scope: which item it reads, which its weights are, and which it writes."""

    work: Work
    scope: str
    source: int
    weights: int
    output: int | None = None


@dataclass(frozen=True)
class Other:
    """A layer without weights in one scope: the items that it reads and the one that it writes."""

    work: Work
    inputs: tuple[int, ...]
    output: int


@dataclass(frozen=True)
class Part:
    """A buffer that is alive: its item (None: 8-bit bytes that never change) and its shape."""

    name: str
    item: int | None
    shape: tuple[int, ...]

    def bytes(self, bits: Sequence[int]) -> int:
        """Bytes of arena that its block takes."""
        size = BY_BITS[8 if self.item is None else bits[self.item]].storage(self.shape)
        return -(-size // _BLOCK) * _BLOCK


@dataclass(frozen=True)
class Step:
    """What is alive while a layer runs; of each pair of `inplace` parts one may lie over the other."""

    layer: int
    op: str
    scope: str
    parts: tuple[Part, ...]
    inplace: tuple[tuple[int, int], ...] = ()

    def live(self, bits: Sequence[int]) -> int:
        """Bytes alive, less the most that working in place saves."""
        sizes = [part.bytes(bits) for part in self.parts]
        return sum(sizes) - max((min(sizes[a], sizes[b]) for a, b in self.inplace), default=0)


@dataclass(frozen=True)
class Space:
    """Items in topological order (feature maps, then weights), products, memory steps and the layers without weights
    that bits make faster or slower, in order of execution."""

    items: tuple[Item, ...]
    products: tuple[Product, ...]
    steps: tuple[Step, ...]
    others: tuple[Other, ...] = ()

    def bitops(self, bits: Sequence[int]) -> int:
        """Sum of MACs x weight bits x input bits, halo included."""
        return sum(p.work.macs * bits[p.source] * bits[p.weights] for p in self.products)

    def peak(self, bits: Sequence[int]) -> Step:
        """The first step with the most alive bytes."""
        return max(self.steps, key=lambda step: step.live(bits))

    def readers(self, item: int) -> list[Product]:
        return [product for product in self.products if product.source == item]

    def maps(self, bits: Sequence[int], scope: str) -> dict[int, int]:
        """Bits by tensor of the maps below 8 bits that a scope computes."""
        return {
            tensor: bits[index]
            for index, item in enumerate(self.items)
            if item.scope == scope and bits[index] < 8
            for tensor in item.tensors
        }

    def weights(self, bits: Sequence[int]) -> dict[int, int]:
        """Bits by node of the weights below 8 bits."""
        return self.maps(bits, WEIGHTS)


def supported(graph: Graph, tensors: tuple[int, ...], bits: int) -> bool:
    """Whether every operator that touches these feature maps can, were they of so many bits."""
    changed = {index: _narrowed(graph, index, bits) for index in tensors}
    trial = graph.replace(tensors=tuple(changed.get(i, t) for i, t in enumerate(graph.tensors)))
    touched = [node for node in graph.nodes if changed.keys() & {*node.inputs, *node.outputs}]
    return all(ops.registry()[node.op].unsupported(node, trial) is None for node in touched)


def _narrowed(graph: Graph, index: int, bits: int) -> Tensor:
    tensor = graph.tensor(index)
    assert tensor.quant is not None
    low, high = BY_BITS[bits].range
    zero = min(max(tensor.zero_point >> (8 - bits), low), high)
    quant = Quantization((tensor.scale * (1 << (8 - bits)),), (zero,))
    return replace(tensor, dtype=BY_BITS[bits], quant=quant)


def groups(graph: Graph) -> list[tuple[int, ...]]:
    """Feature maps that can have bits of their own, each with those that its codes are passed on to.

    A map stays out where a graph input or output, a prescribed scale, something without an int8 form or a second source
    is in its group.
    """
    leader: dict[int, int] = {index: index for index in graph.inputs}
    fixed: set[int] = set()
    for node in graph.nodes:
        operator = ops.registry()[node.op]
        sources = [i for i in node.inputs if i != ABSENT and not graph.tensor(i).is_constant]
        passing = operator.output_range.kind == "input" and sources
        for index in node.outputs:
            follows = passing and graph.tensor(index).quant == graph.tensor(sources[0]).quant
            leader[index] = leader[sources[0]] if follows else index
            if operator.output_range.kind == "fixed":
                fixed.add(index)
            if follows:
                fixed |= {leader[i] for i in sources[1:]} | ({leader[index]} if len(sources) > 1 else set())
    fixed |= {leader[i] for i in (*graph.inputs, *graph.outputs)}
    fixed |= {leader[i] for i in leader if not _has_codes(graph, i)}
    found: dict[int, list[int]] = {}
    for index, first in leader.items():
        found.setdefault(first, []).append(index)
    return [tuple(members) for first, members in found.items() if first not in fixed]


def _has_codes(graph: Graph, index: int) -> bool:
    tensor = graph.tensor(index)
    return tensor.dtype == INT8 and tensor.quant is not None and not tensor.quant.per_channel


@dataclass(frozen=True)
class Wanted:
    """Which bits may be chosen: of feature maps, of weights, and of the split map, which all branches write."""

    maps: tuple[int, ...] = WIDTHS
    weights: tuple[int, ...] = (8,)
    split: tuple[int, ...] = (8,)


def space(
    graph: Graph,
    histograms: Mapping[str, Mapping[int, Histogram]],
    wanted: Wanted | None = None,
    tiling: Tiling | None = None,
    membership: Membership | None = None,
    supports: Supports = supported,
) -> Space:
    """The choices of an int8 graph. `histograms` by scope and tensor; without `membership` no branch is an outlier."""
    return _Builder(graph, histograms, wanted or Wanted(), tiling, membership, supports).space()


class _Builder:
    def __init__(
        self,
        graph: Graph,
        histograms: Mapping[str, Mapping[int, Histogram]],
        wanted: Wanted,
        tiling: Tiling | None,
        membership: Membership | None,
        supports: Supports,
    ) -> None:
        self.graph, self.histograms, self.wanted = graph, histograms, wanted
        self.tiling, self.supports = tiling, supports
        self.first = tiling.head.split_after + 1 if tiling else 0
        if tiling and membership is None:
            membership = Membership.static((False,) * len(tiling.branches))
        self.membership = membership
        self.classes: dict[str, bool] = {}
        if membership is not None:
            both = ((NORMAL, False), (OUTLIER, True))
            self.classes = {scope: which for scope, which in both if membership.single in (None, which)}
        self.items: list[Item] = []
        self.of: dict[tuple[str, int], int] = {}
        self.products: list[Product] = []
        self.steps: list[Step] = []
        self.others: list[Other] = []

    def space(self) -> Space:
        self.add_maps()
        self.add_weights()
        for scope, which in self.classes.items():
            self.add_stage_1(scope, which)
        self.add_rest()
        return Space(tuple(self.items), tuple(self.products), tuple(self.steps), tuple(self.others))

    def add(self, item: Item) -> None:
        for tensor in item.tensors:
            self.of[item.scope, tensor] = len(self.items)
        self.items.append(item)

    def add_maps(self) -> None:
        free = {members[0]: members for members in groups(self.graph)}
        before = set(self.tiling.rows[0]) if self.tiling else set()
        split = self.tiling.head.tensor if self.tiling else None
        written = [*self.graph.inputs, *(i for node in self.graph.nodes for i in node.outputs)]
        for index in written:
            scopes = tuple(self.classes) if index in before and index != split else (REST,)
            members = free.get(index, (index,))
            inside = [i for i in members if (i in before and i != split) == (scopes != (REST,))]
            for scope in scopes:
                if (scope, index) not in self.of:
                    self.add(
                        self.map_item(scope, tuple(inside), index in free and len(inside) == len(members))
                    )

    def map_item(self, scope: str, tensors: tuple[int, ...], free: bool) -> Item:
        widths = self.wanted.maps
        if self.tiling and self.tiling.head.tensor in tensors:
            widths = self.wanted.split
        histogram = self.histograms.get(scope, {}).get(tensors[0])
        allowed = [
            bits
            for bits in sorted({8, *widths}, reverse=True)
            if bits == 8 or (free and histogram is not None and self.supports(self.graph, tensors, bits))
        ]
        omega = tuple(histogram.lost(bits) if histogram and bits < 8 else 0.0 for bits in allowed)
        return Item(self.graph.tensor(tensors[0]).name, scope, tensors, tuple(allowed), omega)

    def add_weights(self) -> None:
        for position, node in enumerate(self.graph.nodes):
            if node.op in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
                weights = self.graph.required(node, 1)
                able = weights.dtype == INT8 and weights.data is not None
                widths = tuple(sorted({8, *(self.wanted.weights if able else ())}, reverse=True))
                omega = tuple(_weights_lost(weights.data, bits) if able else 0.0 for bits in widths)
                self.add(Item(weights.name, WEIGHTS, (position,), widths, omega))

    def layer(self, position: int, scope: str, macs: int, values: int) -> None:
        """What a layer computes in a scope: so many multiply-accumulates, or values where it has no weights."""
        node = self.graph.nodes[position]
        output = self.map_of(scope, node.outputs[0])
        if (WEIGHTS, position) not in self.of:
            inputs = [self.map_of(scope, i) for i in node.inputs if i != ABSENT]
            maps = tuple(item for item in inputs if item is not None)
            if output is not None and any(len(self.items[i].widths) > 1 for i in (*maps, output)):
                self.others.append(Other(Work(position, OTHER, values), maps, output))
        elif macs:
            source = self.map_of(scope, node.inputs[0])
            work = Work(position, kind_of(node, self.graph), macs)
            weights = self.of[WEIGHTS, position]
            self.products.append(Product(work, scope, -1 if source is None else source, weights, output))

    def map_of(self, scope: str, tensor: int) -> int | None:
        return self.of.get((scope, tensor), self.of.get((REST, tensor)))

    def add_stage_1(self, scope: str, which: bool) -> None:
        assert self.tiling is not None
        assert self.membership is not None
        places = self.membership.places(which)
        stage = lowering.lower(self.tiling, places)
        branches = stage.branches
        graphs = branches.graphs
        shares = self.membership.shares(which)
        for layer in range(self.first):
            own = branches.nodes_of(layer)[-1]
            macs = values = 0.0
            for place, g in zip(places, graphs, strict=True):
                macs += shares[place] * ops.registry()[g.nodes[own].op].macs(g.nodes[own], g)
                values += shares[place] * g.output(g.nodes[own]).elements
            self.layer(layer, scope, round(macs), round(values))
        owner = {node.outputs[0]: node.inputs[0] for node in graphs[0].nodes if node.op == CROP}
        owner[branches.patch] = branches.tiling.head.tensor

        def part(tensor: int) -> Part:
            mine = owner.get(tensor, tensor)
            item = self.of.get((scope, mine), self.of.get((REST, mine)))
            shapes = [graph.tensor(tensor).shape for graph in graphs]
            return Part(
                graphs[0].tensor(tensor).name, item, max(shapes, key=lambda shape: int(np.prod(shape)))
            )

        self.add_steps(stage.portable_tasks(), stage.lifetimes(), scope, part)

    def add_rest(self) -> None:
        for position in range(self.first, len(self.graph.nodes)):
            node = self.graph.nodes[position]
            macs = ops.registry()[node.op].macs(node, self.graph)
            self.layer(position, REST, macs, self.graph.output(node).elements)
        starts = (self.tiling.head.tensor,) if self.tiling else self.graph.inputs
        lifetimes = arena.Lifetimes(starts, self.graph.outputs)

        def part(tensor: int) -> Part:
            stated = self.graph.tensor(tensor)
            item = self.of.get((REST, tensor))
            if item is not None and stated.dtype == INT8:
                return Part(stated.name, item, stated.shape)
            return Part(stated.name, None, (stated.bytes,))

        self.add_steps(cost.layer_tasks(self.graph, self.first), lifetimes, REST, part)

    def add_steps(
        self,
        tasks: Sequence[arena.Task],
        lifetimes: arena.Lifetimes,
        scope: str,
        part: Callable[[int], Part],
    ) -> None:
        buffers = arena.buffers(tasks, lifetimes, lambda tensor: 1)
        for step, task in enumerate(tasks, 1):
            alive = [buffer for buffer in buffers if buffer.first <= step <= buffer.last]
            viewed = {target for _, target in task.views}
            maps = [int(b.name[1:]) for b in alive if b.name[0] == "t" and int(b.name[1:]) not in viewed]
            parts = [part(tensor) for tensor in maps]
            if task.scratch:
                parts.append(Part(f"scratch of layer {task.layer}", None, (task.scratch,)))
            inplace = [(maps.index(a), maps.index(b)) for a, b in task.inplace if a in maps and b in maps]
            op = self.graph.nodes[task.layer].op
            self.steps.append(Step(task.layer, op, scope, tuple(parts), tuple(inplace)))


def _weights_lost(data: np.ndarray | None, bits: int) -> float:
    """Omega of int8 weights, by their codes."""
    if data is None or bits == 8:
        return 0.0
    counts = count(np.ascontiguousarray(data, np.int8))
    return Histogram(counts, Quantization((1.0,), (0,))).lost(bits)
