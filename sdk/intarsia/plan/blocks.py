# SPDX-License-Identifier: Apache-2.0
"""Buffers, groups of buffers that start at one offset, and what is live of them in each step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from heapq import heappop, heappush
from itertools import pairwise
from typing import NamedTuple


class Part(NamedTuple):
    """``block`` bytes that are taken from step ``first`` to step ``last``, both included."""

    first: int
    last: int
    block: int


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

    @property
    def parts(self) -> tuple[Part, ...]:
        """The whole life in one part."""
        return (Part(self.first, self.last, self.block),)


@dataclass(frozen=True)
class Group:
    """Buffers that start at one offset and may overlap each other; in each step the largest live block counts."""

    name: str
    members: tuple[Buffer, ...]

    @cached_property
    def alignment(self) -> int:
        """The largest of the members' alignments."""
        return max(buffer.alignment for buffer in self.members)

    @cached_property
    def block(self) -> int:
        """The largest block of a member: the group ends there when it is largest."""
        return max(buffer.block for buffer in self.members)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Consecutive steps that take the same number of bytes, in the order of the steps."""
        joined: list[Part] = []
        for part in self._pieces():
            if joined and joined[-1].last + 1 == part.first and joined[-1].block == part.block:
                joined[-1] = joined[-1]._replace(last=part.last)
            else:
                joined.append(part)
        return tuple(joined)

    def _pieces(self) -> Iterator[Part]:
        """One part between every two steps in which a member starts or has ended."""
        coming = sorted(self.members, key=lambda buffer: buffer.first, reverse=True)
        edges = sorted({step for b in self.members for step in (b.first, b.last + 1)})
        live: list[tuple[int, int]] = []
        for step, end in pairwise(edges):
            while coming and coming[-1].first == step:
                buffer = coming.pop()
                heappush(live, (-buffer.block, buffer.last))
            while live and live[0][1] < step:
                heappop(live)
            if live:
                yield Part(step, end - 1, -live[0][0])


Item = Buffer | Group
"""What has one offset in the arena."""


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


def live_bytes(items: Sequence[Item]) -> dict[int, int]:
    """Sum of the live blocks for each step in which a part starts; the maximum is one of these."""
    change: dict[int, int] = {}
    starts: set[int] = set()
    for item in items:
        for first, last, block in item.parts:
            starts.add(first)
            change[first] = change.get(first, 0) + block
            change[last + 1] = change.get(last + 1, 0) - block
    live: dict[int, int] = {}
    now = 0
    for step in sorted(change):
        now += change[step]
        if step in starts:
            live[step] = now
    return live


def lower_bound(items: Sequence[Item]) -> int:
    """Largest sum, over the steps, of the blocks that are live together: no placement can be smaller."""
    return max(live_bytes(items).values(), default=0)


Conflict = tuple[int, int, int]
"""Another item that is live together with this one, own largest block and its largest block in the common steps.

Both keep their start in all steps, so the lower one stays the lower one, and the upper one must start at or
above its end: the own block matters if this item is the lower one, the other block if the other is.
"""


@dataclass
class Problem:
    """The items that take space, numbered, with their conflicts."""

    items: Sequence[Item]
    solid: list[Item] = field(init=False)
    parts: list[tuple[Part, ...]] = field(init=False)
    blocks: list[int] = field(init=False)
    alignments: list[int] = field(init=False)
    conflicts: list[list[Conflict]] = field(init=False)
    bound: int = field(init=False)

    def __post_init__(self) -> None:
        self.solid = [item for item in self.items if item.block > 0]
        self.parts = [item.parts for item in self.solid]
        self.blocks = [item.block for item in self.solid]
        self.alignments = [item.alignment for item in self.solid]
        self.bound = lower_bound(self.solid)
        self.conflicts = [[] for _ in self.solid]
        by_start = sorted(range(len(self.solid)), key=lambda i: self.parts[i][0].first)
        for position, i in enumerate(by_start):
            last = self.parts[i][-1].last
            for j in by_start[position + 1 :]:
                if self.parts[j][0].first > last:
                    break
                own, its = _together(self.parts[i], self.parts[j])
                if own:
                    self.conflicts[i].append((j, own, its))
                    self.conflicts[j].append((i, its, own))


def _together(one: tuple[Part, ...], other: tuple[Part, ...]) -> tuple[int, int]:
    """The largest block of each over the steps in which both take space; zeros if there is none."""
    if len(one) == len(other) == 1:
        return one[0].block, other[0].block
    own = its = 0
    i = j = 0
    while i < len(one) and j < len(other):
        a, b = one[i], other[j]
        if a.first <= b.last and b.first <= a.last and a.block and b.block:
            own, its = max(own, a.block), max(its, b.block)
        if a.last <= b.last:
            i += 1
        else:
            j += 1
    return own, its


@dataclass(frozen=True)
class Layout:
    """Offsets by item number, the end of the highest block, the placing order, and how they were found."""

    offsets: list[int]
    total: int
    order: list[int]
    method: str
