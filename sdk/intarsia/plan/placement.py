# SPDX-License-Identifier: Apache-2.0
"""Placing buffers whose lifetimes are all known beforehand in one arena (dynamic storage allocation).

A buffer owns a *block*: its size rounded up to its alignment. Blocks that are live in the same step never
overlap, and ``Placement.total`` is the end of the highest block. Padding therefore belongs to its buffer,
and the sum of the blocks that are live in one step is a proven lower bound on every placement.

Greedy orders: Y. Pisarchyk, J. Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020 (by
size, by breadth). They are followed by an exact search for few buffers and by a local search over orders
for many. Nothing depends on time or on hash order: equal input gives equal output.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

EXACT_BUFFERS = 24
"""Up to this many buffers the exact search is tried."""

EXACT_NODES = 14_000
"""Nodes the exact search may visit; all the orders of 7 buffers have fewer, so up to 7 it completes."""

SEARCH_WORK = 500_000
"""Work of the local search, counted in conflicts looked at: results do not depend on the machine."""


@dataclass(frozen=True)
class Buffer:
    """``size`` bytes that are live from step ``first`` to step ``last``, both included."""

    name: str
    size: int
    first: int
    last: int
    alignment: int = 16

    @property
    def block(self) -> int:
        """Bytes the buffer takes in the arena: its size rounded up to its alignment."""
        return -(-self.size // self.alignment) * self.alignment


@dataclass(frozen=True)
class Share:
    """``target`` may start at the offset of ``source``, whose last step is the first of ``target``.

    An optional share is an in-place kernel: in that step it reads the source and overwrites it. A share
    that is not optional is a view (RESHAPE): source and target are the same bytes and nothing is written.
    """

    source: str
    target: str
    optional: bool = True


@dataclass(frozen=True)
class Placement:
    """Where each buffer starts, in bytes from the start of an arena aligned to the largest alignment.

    ``lower_bound``: no placement can be smaller, whichever of the optional shares were taken.
    ``choice_bound``: no placement can be smaller with the shares taken here, ``shared``.
    Without shares the two are equal. ``method`` says, for people, how the placement was found.
    """

    offsets: Mapping[str, int]
    total: int
    lower_bound: int
    method: str
    choice_bound: int = 0
    shared: tuple[Share, ...] = ()


def check_buffers(buffers: Sequence[Buffer]) -> None:
    """Raise ValueError, naming the buffer, for a duplicated name or impossible numbers."""
    seen: set[str] = set()
    for buffer in buffers:
        if buffer.name in seen:
            raise ValueError(f"buffer {buffer.name!r}: the name is used twice")
        seen.add(buffer.name)
        if buffer.size < 0:
            raise ValueError(f"buffer {buffer.name!r}: negative size {buffer.size}")
        if buffer.last < buffer.first:
            raise ValueError(
                f"buffer {buffer.name!r}: last step {buffer.last} lies before first step {buffer.first}"
            )
        if buffer.alignment < 1 or buffer.alignment & (buffer.alignment - 1):
            raise ValueError(f"buffer {buffer.name!r}: alignment {buffer.alignment} is not a power of two")


def live_bytes(buffers: Sequence[Buffer]) -> dict[int, int]:
    """Sum of the live blocks for each step in which a buffer starts; the maximum is one of these."""
    change: dict[int, int] = {}
    for buffer in buffers:
        change[buffer.first] = change.get(buffer.first, 0) + buffer.block
        change[buffer.last + 1] = change.get(buffer.last + 1, 0) - buffer.block
    starts = {buffer.first for buffer in buffers}
    live: dict[int, int] = {}
    now = 0
    for step in sorted(change):
        now += change[step]
        if step in starts:
            live[step] = now
    return live


def lower_bound(buffers: Sequence[Buffer]) -> int:
    """Largest sum, over the steps, of the blocks that are live together: no placement can be smaller."""
    return max(live_bytes(buffers).values(), default=0)


def place(buffers: Sequence[Buffer]) -> Placement:
    """The smallest placement found, with the proven lower bound beside it; optimal for 7 buffers or fewer.

    Raises ValueError, naming the buffer, for duplicated names, negative sizes, reversed lifetimes and
    alignments that are not powers of two.
    """
    check_buffers(buffers)
    problem = Problem(buffers)
    best = greedy(problem, problem.bound)
    if best.total > problem.bound:
        best = _search(problem, best)
    return problem.placement(best)


def place_quickly(buffers: Sequence[Buffer], goal: int) -> Placement:
    """The best greedy placement of checked buffers, or the first that is no larger than ``goal`` bytes."""
    problem = Problem(buffers)
    return problem.placement(greedy(problem, max(goal, problem.bound)))


@dataclass(frozen=True)
class Layout:
    """Offsets by buffer index, the end of the highest block, the placing order, and how they were found."""

    offsets: list[int]
    total: int
    order: list[int]
    method: str


@dataclass
class Problem:
    """The buffers that take space, numbered, with their conflicts (pairs that are live in the same step)."""

    buffers: Sequence[Buffer]
    solid: list[Buffer] = field(init=False)
    blocks: list[int] = field(init=False)
    alignments: list[int] = field(init=False)
    conflicts: list[list[int]] = field(init=False)
    bound: int = field(init=False)

    def __post_init__(self) -> None:
        self.solid = [buffer for buffer in self.buffers if buffer.size > 0]
        self.blocks = [buffer.block for buffer in self.solid]
        self.alignments = [buffer.alignment for buffer in self.solid]
        self.bound = lower_bound(self.solid)
        self.conflicts = [[] for _ in self.solid]
        by_start = sorted(range(len(self.solid)), key=lambda i: self.solid[i].first)
        for position, i in enumerate(by_start):
            for j in by_start[position + 1 :]:
                if self.solid[j].first > self.solid[i].last:
                    break
                self.conflicts[i].append(j)
                self.conflicts[j].append(i)

    def placement(self, layout: Layout) -> Placement:
        """``layout`` in terms of names; buffers without size lie at 0."""
        offsets = {buffer.name: 0 for buffer in self.buffers}
        offsets.update(
            (buffer.name, offset) for buffer, offset in zip(self.solid, layout.offsets, strict=True)
        )
        return Placement(offsets, layout.total, self.bound, layout.method, choice_bound=self.bound)


Fit = Callable[[Problem, int, list[tuple[int, int]]], int]


def _align(offset: int, alignment: int) -> int:
    return (offset + alignment - 1) & -alignment


def _first_fit(problem: Problem, index: int, taken: list[tuple[int, int]]) -> int:
    """Lowest offset with room; ``taken`` holds the (start, end) of the conflicting blocks, sorted."""
    block, alignment = problem.blocks[index], problem.alignments[index]
    offset = 0
    for start, end in taken:
        if start - offset >= block:
            break
        if end > offset:
            offset = _align(end, alignment)
    return offset


def _best_fit(problem: Problem, index: int, taken: list[tuple[int, int]]) -> int:
    """Offset in the smallest gap that has room, the lowest of them; above everything if there is none."""
    block, alignment = problem.blocks[index], problem.alignments[index]
    offset = 0
    best: tuple[int, int] | None = None
    for start, end in taken:
        gap = start - offset
        if gap >= block and (best is None or gap < best[0]):
            best = (gap, offset)
        if end > offset:
            offset = _align(end, alignment)
    return offset if best is None else best[1]


def _place_in_order(
    problem: Problem, order: list[int], fit: Fit, limit: float = math.inf
) -> tuple[list[int], int] | None:
    """Offsets and total when buffers are placed one by one; None once the total exceeds ``limit``."""
    blocks, conflicts = problem.blocks, problem.conflicts
    offsets = [-1] * len(order)
    total = 0
    for index in order:
        taken = sorted([(offsets[j], offsets[j] + blocks[j]) for j in conflicts[index] if offsets[j] >= 0])
        offset = fit(problem, index, taken)
        offsets[index] = offset
        total = max(total, offset + blocks[index])
        if total > limit:
            return None
    return offsets, total


def _by_breadth(problem: Problem) -> list[int]:
    """Steps by falling sum of live blocks; in each step the buffers not seen yet, by falling size."""
    solid, blocks = problem.solid, problem.blocks
    live = live_bytes(solid)
    steps = sorted(live, key=lambda step: (-live[step], step))
    widest = {step: rank for rank, step in enumerate(steps)}

    def key(index: int) -> tuple[int, int, int]:
        first, last = solid[index].first, solid[index].last
        return min(widest[step] for step in widest if first <= step <= last), -blocks[index], index

    return sorted(range(len(solid)), key=key)


def _orders(problem: Problem) -> Iterator[tuple[str, list[int]]]:
    solid, blocks = problem.solid, problem.blocks
    everything = range(len(solid))
    life = [buffer.last - buffer.first + 1 for buffer in solid]
    yield "by size", sorted(everything, key=lambda i: (-blocks[i], -life[i], solid[i].first, i))
    yield "by breadth", _by_breadth(problem)
    yield "by size x lifetime", sorted(everything, key=lambda i: (-blocks[i] * life[i], -blocks[i], i))
    yield "by lifetime", sorted(everything, key=lambda i: (-life[i], -blocks[i], i))
    yield "by first step", sorted(everything, key=lambda i: (solid[i].first, -life[i], -blocks[i], i))
    yield "by last step", sorted(everything, key=lambda i: (-solid[i].last, -life[i], -blocks[i], i))


def greedy(problem: Problem, goal: int) -> Layout:
    """The best of all greedy orders with first fit and best fit, or the first that meets ``goal``."""
    best: Layout | None = None
    for name, order in _orders(problem):
        for fit_name, fit in (("first fit", _first_fit), ("best fit", _best_fit)):
            placed = _place_in_order(problem, order, fit, math.inf if best is None else best.total - 1)
            if placed is None:
                continue
            best = Layout(placed[0], placed[1], order, f"greedy {name}, {fit_name}")
            if best.total <= goal:
                return best
    assert best is not None, "the first order always yields a placement"
    return best


def _search(problem: Problem, best: Layout) -> Layout:
    if len(problem.solid) <= EXACT_BUFFERS:
        exact = ExactSearch(problem, best)
        best = exact.run()
        if exact.complete:
            return best
    return _local_search(problem, best)


def _local_search(problem: Problem, best: Layout) -> Layout:
    """Move buffers that touch the top, or that stand below one that does, to earlier places in the order.

    Moves that leave the total as it is are kept, so that the search can cross plateaus.
    """
    rng = random.Random(0)
    cost = sum(len(neighbours) for neighbours in problem.conflicts) + len(problem.solid)
    current, work = best, 0
    current_order = sorted(range(len(problem.solid)), key=lambda i: (best.offsets[i], i))
    while work < SEARCH_WORK and best.total > problem.bound:
        work += cost
        order = _moved(problem, current, current_order, rng)
        placed = _place_in_order(problem, order, _first_fit, current.total)
        if placed is None:
            continue
        current, current_order = Layout(placed[0], placed[1], order, "local search over orders"), order
        if current.total < best.total:
            best = current
    return best


def _moved(problem: Problem, layout: Layout, order: list[int], rng: random.Random) -> list[int]:
    """``order`` with one buffer moved forward: one at the top or, as often, one that conflicts with it."""
    tops = [i for i, offset in enumerate(layout.offsets) if offset + problem.blocks[i] == layout.total]
    chosen = tops[int(rng.random() * len(tops))]
    if rng.random() < 0.5:
        neighbours = problem.conflicts[chosen]
        chosen = neighbours[int(rng.random() * len(neighbours))]
    position = order.index(chosen)
    target = int(rng.random() * max(position, 1))
    rest = order[:position] + order[position + 1 :]
    return [*rest[:target], chosen, *rest[target:]]


class ExactSearch:
    """Branch and bound over placements in which every block rests on a block below it, or on the floor.

    Some optimal placement is such that going through its blocks by rising offset, each lies at the lowest
    aligned offset above the conflicting blocks before it (otherwise it could be lowered). So it suffices to
    try orders with rising offsets. Two things are cut off: what cannot become smaller than the best so far
    (in each step, the blocks still to come lie above those placed and above the last offset), and orders
    that leave room below the next offset for a whole block that would fit there (moving it down loses
    nothing).
    """

    def __init__(self, problem: Problem, start: Layout) -> None:
        self.problem = problem
        self.best = start
        self.complete = False
        self._nodes = 0
        solid = problem.solid
        live = {frozenset(i for i, b in enumerate(solid) if b.first <= at.first <= b.last) for at in solid}
        self._cliques = [sorted(one) for one in live if not any(one < other for other in live)]
        self._floors = [0] * len(solid)
        self._offsets = [-1] * len(solid)
        self._order: list[int] = []

    def run(self) -> Layout:
        """The best placement found; ``complete`` then says whether it is proved to be optimal."""
        self._descend(0, -1)
        self.complete = self._nodes <= EXACT_NODES
        if self.complete and self.best.total > self.problem.bound:
            method = f"{self.best.method}, proved optimal"
            return Layout(self.best.offsets, self.best.total, self.best.order, method)
        return self.best

    def _descend(self, level: int, previous: int) -> None:
        self._nodes += 1
        problem = self.problem
        waiting = [i for i, offset in enumerate(self._offsets) if offset < 0]
        if not waiting:
            total = max(offset + block for offset, block in zip(self._offsets, problem.blocks, strict=True))
            self.best = Layout(list(self._offsets), total, list(self._order), "branch and bound")
            return
        room = min(self._floors[i] + problem.blocks[i] for i in waiting)
        for index in sorted(waiting, key=lambda i: (self._floors[i], -problem.blocks[i], i)):
            offset = self._floors[index]
            if offset >= room or self._nodes > EXACT_NODES or self.best.total <= problem.bound:
                return
            if offset < level or (offset == level and index < previous):
                continue
            self._try(index, offset)

    def _try(self, index: int, offset: int) -> None:
        problem = self.problem
        before = list(self._floors)
        self._offsets[index] = offset
        self._order.append(index)
        end = offset + problem.blocks[index]
        for j in problem.conflicts[index]:
            self._floors[j] = max(self._floors[j], _align(end, problem.alignments[j]))
        if self._reachable(offset) < self.best.total:
            self._descend(offset, index)
        self._order.pop()
        self._offsets[index] = -1
        self._floors = before

    def _reachable(self, level: int) -> int:
        """A total that no completion of the present partial placement can be smaller than."""
        offsets, blocks = self._offsets, self.problem.blocks
        reach = 0
        for clique in self._cliques:
            top, waiting = 0, 0
            for i in clique:
                if offsets[i] < 0:
                    waiting += blocks[i]
                else:
                    top = max(top, offsets[i] + blocks[i])
            reach = max(reach, max(top, level) + waiting if waiting else top)
        return reach
