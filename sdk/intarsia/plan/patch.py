# SPDX-License-Identifier: Apache-2.0
"""Chooses where to split a network and into which patches: the least computation that fits the memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np

from intarsia import ops
from intarsia.errors import BudgetError, UsageError
from intarsia.ir import Graph
from intarsia.ops.base import Field
from intarsia.passes import constant_channels
from intarsia.plan import arena, cost, memory
from intarsia.plan.head import Head, Tiling, feature_maps, head_at, heads
from intarsia.plan.intervals import parts
from intarsia.plan.plan import Branch, MapBits, Memory, Outliers, Plan, Width

MOST_PARTS = 16
"""Rows and columns of patches that the search goes up to; more can be asked for."""


MOST_ATTEMPTS = 12
"""Plans whose arena is looked at for the smallest RAM that would do, where none fits."""


@dataclass(frozen=True)
class Candidate:
    """A split and a grid: MACs of the whole network, and a lower bound of its arena in bytes; `behind` says that the
    bound is that of the layers behind the split."""

    macs: int
    bound: int
    behind: bool
    split_after: int
    grid: tuple[int, int]

    @property
    def order(self) -> tuple[int, int, int, int, tuple[int, int]]:
        """Least computation first, then fewest patches, least memory, shallowest split."""
        return self.macs, self.grid[0] * self.grid[1], self.bound, self.split_after, self.grid


def plan_of(graph: Graph, split_after: int, grid: tuple[int, int], input_mode: str = "arena") -> Plan:
    """The plan of a given split and grid. Raises UsageError when the network cannot be cut like that."""
    return _described(tiling_of(graph, split_after, grid, input_mode))


def tiling_of(graph: Graph, split_after: int, grid: tuple[int, int], input_mode: str) -> Tiling:
    """Raises UsageError when the network cannot be cut like that."""
    try:
        return Tiling.of(head_at(graph, split_after), grid, input_mode)
    except ValueError as error:
        places = ", ".join(str(head.split_after) for head in heads(graph)) or "none"
        raise UsageError(
            f"'{graph.name}' cannot run in {grid[0]}x{grid[1]} patches: {error}",
            hint=f"layers after which it can be split: {places}",
        ) from None


def tiling(graph: Graph, plan: Plan) -> Tiling:
    """The patches of a plan. Raises UsageError when it was made for another network."""
    plan.check(graph)
    if plan.split_after is None:
        raise UsageError("the plan has no patches")
    return tiling_of(graph, plan.split_after, plan.grid, plan.input)


def unpatched(graph: Graph) -> Plan:
    """The plan that runs the network layer by layer."""
    layer_macs, needed = cost.macs(graph), cost.layer_arena(constant_channels.run(graph))
    total, at_8 = sum(layer_macs), cost.bitops(cost.bit_products_at_8(graph), layer_macs)
    return Plan(
        graph.name,
        None,
        None,
        (1, 1),
        "arena",
        total,
        total,
        cost.bitops(cost.bit_products(graph), layer_macs),
        at_8,
        at_8,
        Memory(needed, 0, needed, needed, 0),
        maps=tuple(_maps(graph)),
    )


def choose(
    graph: Graph,
    *,
    ram: int | None = None,
    input_mode: str = "arena",
    grid: tuple[int, int] | None = None,
    measure: Callable[[Plan], int] | None = None,
    explain: Callable[[Plan], str] | None = None,
    beside: int = 0,
) -> Plan:
    """The plan with the least computation whose arena has at most `ram` bytes; without a limit, layer by layer, or the
    smallest arena where a grid or a reader is asked for.

    `grid` fixes the patches and leaves the split to choose. `measure` gives the bytes of arena of a plan with the
    kernels of a board, and `explain` says what fills it; by default those of portable kernels count. `beside` are bytes
    of RAM that the arena does not get, for what is said of RAM. Layer by layer is a candidate too, unless a grid or a
    reader is asked for. Raises BudgetError with the smallest RAM that would do when nothing fits, UsageError when the
    network cannot be split at all.
    """
    if input_mode == "arena" and grid is None:
        plan = unpatched(graph)
        if ram is None or (measure(plan) if measure else plan.memory.arena) <= ram:
            return plan
    kept = constant_channels.run(graph)  # what the firmware computes
    found = sorted(_candidates(kept, input_mode, grid), key=lambda candidate: candidate.order)
    if not found:
        what = f"into {grid[0]}x{grid[1]} patches" if grid else "into patches"
        raise UsageError(
            f"'{graph.name}' cannot be cut {what}",
            hint="its first layers need the whole image, or it has more than one input for a reader",
        )
    if ram is None:
        smallest = min(found, key=lambda candidate: (candidate.bound, candidate.order))
        return plan_of(graph, smallest.split_after, smallest.grid, input_mode)
    attempts = _Attempts(kept, input_mode, measure, cost.layer_tasks(kept))
    for candidate in found:
        if candidate.bound <= ram and attempts.needed(candidate) <= ram:
            return plan_of(graph, candidate.split_after, candidate.grid, input_mode)
    raise attempts.too_small(found, ram, beside, explain)


class _Attempts:
    """Arenas of candidates, planned in full."""

    def __init__(
        self,
        graph: Graph,
        input_mode: str,
        measure: Callable[[Plan], int] | None,
        layers: Sequence[arena.Task],
    ) -> None:
        self.graph, self.input_mode, self.measure, self.layers = graph, input_mode, measure, layers
        self.known: dict[Candidate, int] = {}
        self.closed: set[int] = set()

    def needed(self, candidate: Candidate) -> int:
        """Bytes of arena. Where the layers behind the split decide and two grids needed the same, that split is not
        tried further: the figure stands for the rest."""
        before = [(c, n) for c, n in self.known.items() if c.split_after == candidate.split_after]
        if candidate.split_after in self.closed:
            return before[-1][1]
        needed = self.exact(candidate)
        if candidate.behind and any(n == needed for _, n in before):
            self.closed.add(candidate.split_after)
        self.known[candidate] = needed
        return needed

    def exact(self, candidate: Candidate) -> int:
        place = candidate.split_after, candidate.grid, self.input_mode
        if self.measure:
            return self.measure(plan_of(self.graph, *place))
        return cost.patched_arena(tiling_of(self.graph, *place), self.layers)[1].total

    def too_small(
        self,
        found: Sequence[Candidate],
        ram: int,
        beside: int,
        explain: Callable[[Plan], str] | None,
    ) -> BudgetError:
        """Says the smallest RAM that any plan needs, and what fills it."""
        for candidate in sorted(found, key=lambda c: (c.bound, c.order))[:MOST_ATTEMPTS]:
            if self.known and candidate.bound >= min(self.known.values()):
                break
            self.known.setdefault(candidate, self.exact(candidate))
        best = min(self.known, key=lambda c: (self.known[c], c.order))
        needed, (rows, columns) = self.known[best], best.grid
        plan = plan_of(self.graph, best.split_after, best.grid, self.input_mode)
        hint = f"allow {needed + beside:,} bytes"
        if self.input_mode == "arena":
            hint += ", or keep the image outside with --input reader"
        return BudgetError(
            f"RAM: no patches bring the arena to {ram:,} bytes; the smallest found needs {needed:,} ({rows}x{columns} "
            f"patches, split after layer {best.split_after}){f' and {beside:,} beside it' if beside else ''}; "
            f"most is alive in {(explain or self.portable)(plan)}",
            hint=hint,
        )

    def portable(self, plan: Plan) -> str:
        """The layer in which most is alive with portable kernels, and who takes it."""
        buffers, placement = cost.patched_arena(tiling(self.graph, plan))
        step, live, consumers = memory.peak(buffers, placement.shared)
        names = ", ".join(f"{_buffer(self.graph, name)} {size:,}" for name, size in consumers[:3])
        layer = max(step - 1, 0)
        return f"layer {layer} ({self.graph.nodes[layer].op}), {live:,} bytes: {names}"


def _buffer(graph: Graph, name: str) -> str:
    index = int(name[1:])
    if name.startswith("s"):
        return f"scratch of layer {index}"
    return graph.tensor(index).name if index < len(graph.tensors) else "a patch"


def _candidates(graph: Graph, input_mode: str, grid: tuple[int, int] | None) -> Iterator[Candidate]:
    if input_mode == "reader" and len(graph.inputs) != 1:
        return
    layer_macs = cost.macs(graph)
    tasks = cost.layer_tasks(graph) if graph.nodes else []
    for head in heads(graph):
        behind = sum(layer_macs[head.split_after + 1 :])
        yield from _Search(head, input_mode, tasks, behind).candidates(grid)


class _Search:
    """All grids of one split, judged by a lower bound of the arena: bytes alive, crops and scratch included, less all
    that in-place kernels could save."""

    def __init__(self, head: Head, input_mode: str, tasks: Sequence[arena.Task], behind: int) -> None:
        self.head, self.mode, self.behind = head, input_mode, behind
        self.maps = sorted(head.windows(0, parts(head.extents[0], 1)[0]))
        graph = head.graph
        self.pixel_bytes = np.array(
            [graph.tensor(t).dtype.run_bytes(graph.tensor(t).shape[3]) for t in self.maps]
        )
        self.alive = self._alive(tasks[: head.split_after + 1])
        self.shares = [
            [
                (self.maps.index(a), self.maps.index(b))
                for a, b in task.inplace
                if a in self.maps and b in self.maps
            ]
            for task in tasks[: head.split_after + 1]
        ]
        self.scratch = np.array([task.scratch or 0 for task in tasks[: head.split_after + 1]])
        self.widths = np.array([graph.tensor(t).shape[2] for t in self.maps])
        self.read = [self.maps.index(node.inputs[feature_maps(node, graph)[0]]) for node in head.nodes]
        self.pointwise = [
            (layer, self.maps.index(node.inputs[position]), self.maps.index(node.outputs[0]))
            for layer, (node, fields) in enumerate(zip(head.nodes, head.fields, strict=True))
            if fields == (Field(), Field()) and not ops.registry()[node.op].crops
            for position in feature_maps(node, graph)
        ]
        self.per_pixel = np.array(cost.per_pixel(head), np.int64)
        self.made = [self.maps.index(node.outputs[0]) for node in head.nodes]
        self.remainder = cost.remainder_arena(head)

    def _alive(self, tasks: Sequence[arena.Task]) -> np.ndarray:
        """bool[layer, map]: what a layer of a branch finds or leaves in memory."""
        graph = self.head.graph
        held = dict.fromkeys(graph.inputs, (1, len(tasks) if self.mode == "arena" else 1))
        lifetimes = arena.Lifetimes((), (self.head.tensor,), held)
        place = {b.name: b for b in arena.buffers(tasks, lifetimes, lambda t: 0)}
        return np.array(
            [
                [place[f"t{t}"].first <= step <= place[f"t{t}"].last for t in self.maps]
                for step in range(1, len(tasks) + 1)
            ]
        )

    def candidates(self, grid: tuple[int, int] | None) -> Iterator[Candidate]:
        counts = [
            [n for n in ([grid[axis]] if grid else range(1, MOST_PARTS + 1)) if n <= self.head.extents[axis]]
            for axis in (0, 1)
        ]
        axes = [{n: self._axis(axis, n) for n in counts[axis]} for axis in (0, 1)]
        for rows, (row_size, row_sum) in axes[0].items():
            for columns, (column_size, column_sum) in axes[1].items():
                macs = int((self.per_pixel * row_sum[self.made] * column_sum[self.made]).sum())
                bound = self._bound(row_size, column_size)
                yield Candidate(
                    macs + self.behind,
                    max(bound, self.remainder),
                    bound <= self.remainder,
                    self.head.split_after,
                    (rows, columns),
                )

    def _axis(self, axis: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Per map, along one axis: the largest part that is held, and the sum of all parts."""
        windows = [self.head.windows(axis, part) for part in parts(self.head.extents[axis], count)]
        sizes = np.array([[window[t].size for t in self.maps] for window in windows])
        largest, graph = sizes.max(axis=0), self.head.graph
        for index, tensor in enumerate(self.maps):
            if self.mode == "arena" and tensor in graph.inputs:
                largest[index] = graph.tensor(tensor).shape[1 + axis]
        return largest, sizes.sum(axis=0)

    def _bound(self, rows: np.ndarray, columns: np.ndarray) -> int:
        sizes = rows * columns * self.pixel_bytes
        live = self.alive @ sizes + self.head.graph.tensor(self.head.tensor).bytes
        live += self.scratch * columns[self.read] // self.widths[self.read]
        for layer, source, made in self.pointwise:
            if (rows[source], columns[source]) != (rows[made], columns[made]):
                live[layer] += rows[made] * columns[made] * self.pixel_bytes[source]
        saved = [
            sum(min(sizes[a], sizes[b]) for a, b in pairs) if len(pairs) < 2 else min(live)
            for pairs in self.shares
        ]
        return int((live - np.array(saved)).max())


def _described(tiling: Tiling) -> Plan:
    """A plan with all its figures."""
    head = tiling.head
    graph = head.graph
    layer_macs, patched = cost.macs(graph), cost.patched_macs(tiling)
    image = sum(graph.tensor(t).bytes for t in graph.inputs) if tiling.input_mode == "reader" else 0
    branches = tuple(_branch(tiling, place) for place in range(len(tiling.branches)))
    behind = slice(head.split_after + 1, None)
    kept = constant_channels.run(graph)  # what the firmware computes
    own = tiling if kept is graph else tiling_of(kept, head.split_after, tiling.grid, tiling.input_mode)
    rest = cost.bitops(cost.bit_products(graph)[behind], patched[behind])
    return Plan(
        graph.name,
        head.split_after,
        graph.tensor(head.tensor).name,
        tiling.grid,
        "reader" if tiling.input_mode == "reader" else "arena",
        sum(patched),
        sum(layer_macs),
        sum(branch.bitops for branch in branches) + rest,
        cost.bitops(cost.bit_products_at_8(graph), patched),
        cost.bitops(cost.bit_products_at_8(graph), layer_macs),
        Memory(
            cost.patched_arena(own)[1].total,
            cost.branch_arena(own),
            cost.remainder_arena(own.head),
            cost.layer_arena(kept),
            image,
        ),
        branches,
        sum(branch.kind == "outlier" for branch in branches),
        tuple(_maps(graph, head)),
        _outliers(graph),
    )


def _branch(tiling: Tiling, place: int) -> Branch:
    head, (row, column) = tiling.head, tiling.branches[place]
    macs = cost.head_macs(head, [tiling.rows[row]], [tiling.columns[column]])
    classes, source = head.graph.classes, head.graph.inputs[0]
    read = tiling.rows[row][source], tiling.columns[column][source]
    made = tiling.parts[0][row], tiling.parts[1][column]
    return Branch(
        row,
        column,
        ((read[0].low, read[0].high), (read[1].low, read[1].high)),
        ((made[0].low, made[0].high), (made[1].low, made[1].high)),
        sum(macs),
        cost.branch_bitops(head.graph, place, macs),
        "outlier" if classes is not None and classes.members[place] else "normal",
    )


def _maps(graph: Graph, head: Head | None = None) -> Iterator[MapBits]:
    """Bits of every feature map: those before a split for each class of patches, then the others."""
    before = [node.outputs[0] for node in head.nodes[:-1]] if head else []
    first = [*graph.inputs, *before] if head else []
    written = [*graph.inputs, *(t for node in graph.nodes for t in node.outputs)]
    classes = graph.classes if head else None
    for index in first:
        yield _map(graph, index, "normal")
    for index in first if classes else ():
        yield _map(classes.outlier if classes else graph, index, "outlier")
    for index in written:
        if index not in first:
            yield _map(graph, index, "rest")


def _map(graph: Graph, index: int, scope: Literal["normal", "outlier", "rest"]) -> MapBits:
    tensor = graph.tensor(index)
    node = next((node for node in graph.nodes if index in node.outputs), None)
    rule = ops.registry()[node.op].weights if node else None
    weights = graph.operand(node, rule.weights) if node and rule else None
    width = weights.dtype.bits if weights is not None and weights.is_constant else None
    return MapBits(index, tensor.name, scope, cast(Width, tensor.dtype.bits), cast("Width | None", width))


def _outliers(graph: Graph) -> Outliers | None:
    if graph.classes is None:
        return None
    return Outliers(
        "static" if graph.classes.rule is None else "dynamic", graph.classes.shares, graph.classes.rule
    )
