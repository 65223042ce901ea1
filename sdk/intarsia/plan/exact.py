# SPDX-License-Identifier: Apache-2.0
"""The smallest placement of few buffers or groups, by branch and bound."""

from __future__ import annotations

from intarsia.plan.blocks import Layout, Problem

NODES = 14_000
"""Nodes the search may visit; all the orders of 7 items have fewer, so up to 7 it completes."""


class ExactSearch:
    """Branch and bound over placements in which every item rests on one below it, or on the floor.

    Some optimal placement is such that going through its items by rising offset, each lies at the lowest
    aligned offset above the conflicting blocks before it (otherwise it could be lowered: it keeps above
    those, and gives room to those after it). So it suffices to try orders with rising offsets. Two things
    are cut off: what cannot become smaller than the best so far (in each step, the blocks still to come lie
    above those placed and above the last offset), and orders that leave room below the next offset for a
    whole item that would fit there (moving it down loses nothing).

    All this holds for groups too, whose block differs from step to step: of two items in conflict the one
    with the lower offset lies below the other in all common steps, and must end, with its largest block of
    those steps, where the other starts or before.
    """

    def __init__(self, problem: Problem, start: Layout) -> None:
        self.problem = problem
        self.best = start
        self.complete = False
        self._nodes = 0
        self._steps = _widest_steps(problem)
        self._floors = [0] * len(problem.solid)
        self._offsets = [-1] * len(problem.solid)
        self._order: list[int] = []

    def run(self) -> Layout:
        """The best placement found; ``complete`` then says whether it is proved to be optimal."""
        self._descend(0, -1)
        self.complete = self._nodes <= NODES
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
            if offset >= room or self._nodes > NODES or self.best.total <= problem.bound:
                return
            if offset < level or (offset == level and index < previous):
                continue
            self._try(index, offset)

    def _try(self, index: int, offset: int) -> None:
        alignments = self.problem.alignments
        before = list(self._floors)
        self._offsets[index] = offset
        self._order.append(index)
        for j, own, _ in self.problem.conflicts[index]:
            end = (offset + own + alignments[j] - 1) & -alignments[j]
            self._floors[j] = max(self._floors[j], end)
        if self._may_improve(offset):
            self._descend(offset, index)
        self._order.pop()
        self._offsets[index] = -1
        self._floors = before

    def _may_improve(self, level: int) -> bool:
        """Whether in each step what waits there finds room, below the best total, above all that is placed."""
        offsets, limit = self._offsets, self.best.total
        for step in self._steps:
            top, waiting = 0, 0
            for i, block in step:
                offset = offsets[i]
                if offset < 0:
                    waiting += block
                elif offset + block > top:
                    top = offset + block
            if waiting:
                top = (top if top > level else level) + waiting
            if top >= limit:
                return False
        return True


def _widest_steps(problem: Problem) -> list[list[tuple[int, int]]]:
    """(item, block) of all that is live, for the steps in which no other step has as much of everything.

    The widest come first: they are most likely to show that something cannot be improved.
    """
    live: dict[int, dict[int, int]] = {part.first: {} for parts in problem.parts for part in parts}
    for i, parts in enumerate(problem.parts):
        for first, last, block in parts:
            for step, blocks in live.items():
                if block and first <= step <= last:
                    blocks[i] = block
    distinct = {tuple(blocks.items()): blocks for blocks in live.values()}
    steps = [
        list(items)
        for items, blocks in distinct.items()
        if not any(blocks is not other and _covers(other, blocks) for other in distinct.values())
    ]
    return sorted(steps, key=lambda step: -sum(block for _, block in step))


def _covers(large: dict[int, int], small: dict[int, int]) -> bool:
    return all(large.get(i, 0) >= block for i, block in small.items())
