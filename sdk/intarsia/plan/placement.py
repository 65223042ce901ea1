# SPDX-License-Identifier: Apache-2.0
"""Placing buffers whose lifetimes are all known beforehand in one arena (dynamic storage allocation).

A buffer owns a *block*: its size rounded up to its alignment. Blocks that are live in the same step never
overlap, and ``Placement.total`` is the end of the highest block. Padding therefore belongs to its buffer,
and the sum of the blocks that are live in one step is a proven lower bound on every placement. Buffers that
share memory are a group with one offset; it takes, in each step, the largest block of its live members.

Greedy orders: Y. Pisarchyk, J. Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020 (by
size, by breadth). They are followed by an exact search for few items and by a local search over orders
for many. Nothing depends on time or on hash order: equal input gives equal output.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from intarsia.plan.blocks import (
    Buffer,
    Group,
    Item,
    Layout,
    Problem,
    check_buffers,
    live_bytes,
    lower_bound,
)
from intarsia.plan.exact import ExactSearch

__all__ = [
    "Buffer",
    "Group",
    "Item",
    "Placement",
    "Share",
    "check_buffers",
    "live_bytes",
    "lower_bound",
    "place",
    "place_items",
    "quick_total",
]

EXACT_ITEMS = 24
"""Up to this many buffers and groups the exact search is tried."""

SEARCH_WORK = 500_000
"""Work of the local search, counted in conflicts looked at: results do not depend on the machine."""


@dataclass(frozen=True)
class Share:
    """``target`` may start at the offset of ``source``, whose last step is the first of ``target``.

    An optional share is an in-place kernel: in that step it reads the source and overwrites it. A share
    that is not optional is a view (RESHAPE): source and target are the same bytes and nothing is written. A view whose
    bytes are not ``kept`` is only the same place: it is written anew, and other buffers may lie there in between.
    """

    source: str
    target: str
    optional: bool = True
    kept: bool = True


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


def place(buffers: Sequence[Buffer]) -> Placement:
    """The smallest placement found, with the proven lower bound beside it; optimal for 7 buffers or fewer.

    Raises ValueError, naming the buffer, for duplicated names, negative sizes, reversed lifetimes and
    alignments that are not powers of two.
    """
    check_buffers(buffers)
    return place_items(buffers)


def place_items(items: Sequence[Item]) -> Placement:
    """The smallest placement found of checked buffers and groups, by name; optimal for 7 items or fewer."""
    problem = Problem(items)
    best = _greedy(problem, problem.bound)
    assert best is not None, "without a limit the first order yields a placement"
    if best.total > problem.bound:
        best = _search(problem, best)
    return _placement(problem, best)


def quick_total(items: Sequence[Item], goal: int, limit: float = math.inf) -> int | None:
    """Size of the best greedy placement of checked items, or of the first that meets ``goal``.

    None if none is within ``limit``; without a limit there always is one.
    """
    if lower_bound(items) > limit:
        return None
    problem = Problem(items)
    found = _greedy(problem, max(goal, problem.bound), limit)
    return found.total if found else None


def _placement(problem: Problem, layout: Layout) -> Placement:
    """``layout`` in terms of names; items without size lie at 0."""
    offsets = {item.name: 0 for item in problem.items}
    offsets.update((item.name, offset) for item, offset in zip(problem.solid, layout.offsets, strict=True))
    return Placement(offsets, layout.total, problem.bound, layout.method, choice_bound=problem.bound)


Fit = Callable[[int, list[tuple[int, int]]], int]
"""Offset for an item of an alignment, given what is barred by the items placed before it, sorted: the highest
offset below such an item and the lowest above it, between which it must not start."""


def _align(offset: int, alignment: int) -> int:
    return (offset + alignment - 1) & -alignment


def _first_fit(alignment: int, barred: list[tuple[int, int]]) -> int:
    """The lowest offset with room."""
    offset = 0
    for highest, lowest in barred:
        if highest >= offset:
            break
        if lowest > offset:
            offset = _align(lowest, alignment)
    return offset


def _best_fit(alignment: int, barred: list[tuple[int, int]]) -> int:
    """Offset where least is left free above, the lowest of them; above everything if there is no room below."""
    offset = 0
    best: tuple[int, int] | None = None
    for highest, lowest in barred:
        left = highest - offset
        if left >= 0 and (best is None or left < best[0]):
            best = (left, offset)
        if lowest > offset:
            offset = _align(lowest, alignment)
    return offset if best is None else best[1]


def _place_in_order(
    problem: Problem, order: list[int], fit: Fit, limit: float = math.inf
) -> tuple[list[int], int] | None:
    """Offsets and total when items are placed one by one; None once the total exceeds ``limit``."""
    blocks, conflicts, alignments = problem.blocks, problem.conflicts, problem.alignments
    offsets = [-1] * len(order)
    total = 0
    for index in order:
        barred = [(offsets[j] - own, offsets[j] + its) for j, own, its in conflicts[index] if offsets[j] >= 0]
        barred.sort()
        offset = fit(alignments[index], barred)
        offsets[index] = offset
        total = max(total, offset + blocks[index])
        if total > limit:
            return None
    return offsets, total


def _by_breadth(problem: Problem) -> list[int]:
    """Steps by falling sum of live blocks; in each step the items not seen yet, by falling size."""
    blocks, parts = problem.blocks, problem.parts
    live = live_bytes(problem.solid)
    steps = sorted(live, key=lambda step: (-live[step], step))
    widest = {step: rank for rank, step in enumerate(steps)}

    def key(index: int) -> tuple[int, int, int]:
        first, last = parts[index][0].first, parts[index][-1].last
        return min(widest[step] for step in widest if first <= step <= last), -blocks[index], index

    return sorted(range(len(blocks)), key=key)


def _orders(problem: Problem) -> Iterator[tuple[str, list[int]]]:
    blocks = problem.blocks
    everything = range(len(blocks))
    first = [parts[0].first for parts in problem.parts]
    last = [parts[-1].last for parts in problem.parts]
    life = [end - start + 1 for start, end in zip(first, last, strict=True)]
    area = [sum(block * (end - start + 1) for start, end, block in parts) for parts in problem.parts]
    yield "by size", sorted(everything, key=lambda i: (-blocks[i], -life[i], first[i], i))
    yield "by breadth", _by_breadth(problem)
    yield "by size x lifetime", sorted(everything, key=lambda i: (-area[i], -blocks[i], i))
    yield "by lifetime", sorted(everything, key=lambda i: (-life[i], -blocks[i], i))
    yield "by first step", sorted(everything, key=lambda i: (first[i], -life[i], -blocks[i], i))
    yield "by last step", sorted(everything, key=lambda i: (-last[i], -life[i], -blocks[i], i))


def _greedy(problem: Problem, goal: int, limit: float = math.inf) -> Layout | None:
    """The best of all greedy orders with first fit and best fit, or the first that meets ``goal``.

    None if none is within ``limit``.
    """
    best: Layout | None = None
    for name, order in _orders(problem):
        for fit_name, fit in (("first fit", _first_fit), ("best fit", _best_fit)):
            placed = _place_in_order(problem, order, fit, limit if best is None else best.total - 1)
            if placed is None:
                continue
            best = Layout(placed[0], placed[1], order, f"greedy {name}, {fit_name}")
            if best.total <= goal:
                return best
    return best


def _search(problem: Problem, best: Layout) -> Layout:
    if len(problem.solid) <= EXACT_ITEMS:
        exact = ExactSearch(problem, best)
        best = exact.run()
        if exact.complete:
            return best
    return _local_search(problem, best)


def _local_search(problem: Problem, best: Layout) -> Layout:
    """Move items that touch the top, or that stand below one that does, to earlier places in the order.

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
    """``order`` with one item moved forward: one at the top or, as often, one that conflicts with it."""
    tops = [i for i, offset in enumerate(layout.offsets) if offset + problem.blocks[i] == layout.total]
    chosen = tops[int(rng.random() * len(tops))]
    if rng.random() < 0.5:
        neighbours = problem.conflicts[chosen]
        chosen = neighbours[int(rng.random() * len(neighbours))][0]
    position = order.index(chosen)
    target = int(rng.random() * max(position, 1))
    rest = order[:position] + order[position + 1 :]
    return [*rest[:target], chosen, *rest[target:]]
