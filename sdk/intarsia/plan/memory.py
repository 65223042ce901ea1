# SPDX-License-Identifier: Apache-2.0
"""The arena plan: which buffers share memory, one written over the other, and where everything lies.

Buffers that share become a group with one offset, which takes in each step what its largest live member
takes. Views always share. In-place sharing is decided here, since it can also cost memory: what follows must
stay where its source is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from intarsia.plan.placement import (
    Buffer,
    Group,
    Item,
    Placement,
    Share,
    check_buffers,
    live_bytes,
    lower_bound,
    place,
    place_items,
    quick_total,
)

__all__ = ["Buffer", "Placement", "Row", "Share", "lower_bound", "peak", "place", "plan", "timeline"]

ROUNDS = 3
"""Rounds of adding and dropping single shares; a round that changes nothing ends it earlier."""


BOTH_STARTS = 64
"""Up to this many buffers the selection of shares starts from none and from all, above from the better one."""


@dataclass(frozen=True)
class Row:
    """One buffer of a placement: bytes from the start of the arena, size in bytes, first and last step."""

    name: str
    offset: int
    size: int
    first: int
    last: int


def plan(buffers: Sequence[Buffer], shares: Sequence[Share] = ()) -> Placement:
    """Decide which shares to take, and place the buffers; each, shared or not, has an offset in the result.

    An optional share can be taken if its source is last read in the first step of its target, directly or
    through a view, and the target has no other source. No share, all shares and a selection improved share
    by share are tried; the smallest total wins, and of equal totals the one with the fewest shares.

    ``choice_bound`` of the result is the largest sum of live blocks with the shares taken: no placement
    with this choice is smaller. ``lower_bound`` credits, in every step, all that any admissible share could
    save there: no choice of shares and no placement is smaller.

    Raises ValueError, naming the buffer, for what ``place`` refuses, for shares between unknown buffers,
    and for views that start before their source, have two sources or form a cycle.
    """
    check_buffers(buffers)
    views, candidates = _checked_shares(buffers, shares)
    base = _Groups(buffers, views)
    optional = [share for share in candidates if base.admits(share)]
    bound = _bound_of_any_choice(base, optional)
    best: Placement | None = None
    for chosen in _Selection(buffers, views, optional, bound).finalists():
        groups = _Groups(buffers, [*views, *chosen])
        items = groups.items()
        if best is not None and lower_bound(items) >= best.total:
            continue
        placed = place_items(items)
        if best is not None and placed.total >= best.total:
            continue
        offsets = {buffer.name: placed.offsets[groups.root[buffer.name]] for buffer in buffers}
        method = f"{placed.method}; in place {len(chosen)} of {len(optional)}" if optional else placed.method
        best = Placement(offsets, placed.total, bound, method, placed.lower_bound, (*views, *chosen))
    assert best is not None, "taking no share is always among the finalists"
    return best


def peak(buffers: Sequence[Buffer], shared: Sequence[Share] = ()) -> tuple[int, int, list[tuple[str, int]]]:
    """The first step in which most is live, the bytes live there, and who takes them, largest first.

    Bytes are blocks, so they add up and equal ``lower_bound`` (``choice_bound`` with the ``shared`` of a
    placement). Buffers that share appear once, under the name of the largest that is live then. Without buffers
    the step is 0. Raises ValueError as ``plan`` does.
    """
    check_buffers(buffers)
    views, optional = _checked_shares(buffers, shared)
    items = _Groups(buffers, [*views, *optional]).items()
    live = live_bytes(items)
    if not live:
        return 0, 0, []
    step = max(live, key=lambda at: (live[at], -at))
    largest = [_largest(item, step) for item in items]
    consumers = [(buffer.name, buffer.block) for buffer in largest if buffer is not None and buffer.size > 0]
    return step, live[step], sorted(consumers, key=lambda item: (-item[1], item[0]))


def timeline(placement: Placement, buffers: Sequence[Buffer]) -> list[Row]:
    """The buffers with their offsets, by first step, then offset, then name.

    Raises ValueError, naming the buffer, if one is not part of the placement.
    """
    for buffer in buffers:
        if buffer.name not in placement.offsets:
            raise ValueError(f"buffer {buffer.name!r}: not part of the placement")
    rows = [Row(b.name, placement.offsets[b.name], b.size, b.first, b.last) for b in buffers]
    return sorted(rows, key=lambda row: (row.first, row.offset, row.name))


def _largest(item: Item, step: int) -> Buffer | None:
    """The largest buffer of ``item`` that is live in ``step``, the earliest of equals."""
    members = item.members if isinstance(item, Group) else (item,)
    live = [buffer for buffer in members if buffer.first <= step <= buffer.last]
    return max(live, key=lambda buffer: (buffer.block, -buffer.first), default=None)


def _checked_shares(buffers: Sequence[Buffer], shares: Sequence[Share]) -> tuple[list[Share], list[Share]]:
    """Views and optional shares, in the order given, each once."""
    by_name = {buffer.name: buffer for buffer in buffers}
    viewed: dict[str, str] = {}
    for share in shares:
        for name in (share.source, share.target):
            if name not in by_name:
                raise ValueError(f"share {share.source!r} -> {share.target!r}: unknown buffer {name!r}")
        if share.optional:
            continue
        if by_name[share.target].first < by_name[share.source].first:
            raise ValueError(f"view {share.target!r}: it starts before its source {share.source!r}")
        if viewed.setdefault(share.target, share.source) != share.source:
            raise ValueError(
                f"view {share.target!r}: it has two sources, {viewed[share.target]!r} and {share.source!r}"
            )
    for target, source in viewed.items():
        path = {target}
        while source in viewed and source not in path:
            path.add(source)
            source = viewed[source]
        if source in path:
            raise ValueError(f"view {target!r}: it is a view of itself")
    views = list({share.target: share for share in shares if not share.optional}.values())
    optional = dict.fromkeys(share for share in shares if share.optional)
    return views, [share for share in optional if share.target not in viewed]


class _Groups:
    """Buffers joined by shares; each group is known by the name of its earliest buffer, its root.

    The source of a view lives until the view starts, even if it is not read that long: its bytes are kept.
    """

    def __init__(self, buffers: Sequence[Buffer], shares: Sequence[Share]) -> None:
        self._buffers = {buffer.name: buffer for buffer in buffers}
        self._kept = dict(self._buffers)
        self.root = {buffer.name: buffer.name for buffer in buffers}
        self._members = {buffer.name: [buffer.name] for buffer in buffers}
        self._last = {buffer.name: buffer.last for buffer in buffers}
        self._written: dict[str, frozenset[int]] = {buffer.name: frozenset() for buffer in buffers}
        for share in shares:
            self.join(share)

    def admits(self, share: Share) -> bool:
        """Whether the target may overwrite the source, given the shares taken so far.

        Nothing in the group of the source may be read later, the target must be the beginning of its own
        group, and the group must not be overwritten twice in one step: that two targets may each lie on a
        source does not say that they may lie on each other.
        """
        source, target = self.root[share.source], self.root[share.target]
        step = self._buffers[share.target].first
        return (
            source != target
            and target == share.target
            and self._buffers[share.source].last == step == self._last[source]
            and step not in self._written[source] | self._written[target]
        )

    def join(self, share: Share) -> None:
        """Take ``share``: the group of its target becomes part of the group of its source."""
        source, target = self.root[share.source], self.root[share.target]
        step = self._buffers[share.target].first
        if share.optional:
            self._written[source] |= {step}
        elif share.kept and self._kept[share.source].last < step:
            self._kept[share.source] = replace(self._kept[share.source], last=step)
        self._written[source] |= self._written.pop(target)
        for name in self._members[target]:
            self.root[name] = source
        self._members[source] += self._members.pop(target)
        self._last[source] = max(self._last[source], self._last.pop(target))

    def items(self) -> list[Item]:
        """One item for each group, under the name of its root; a buffer that shares nothing is its own."""
        return [
            Group(root, tuple(self._kept[name] for name in names)) if len(names) > 1 else self._kept[root]
            for root, names in self._members.items()
        ]


def _bound_of_any_choice(base: _Groups, optional: Sequence[Share]) -> int:
    """Largest over the steps of live blocks less the most that shares could save in that step.

    A share saves only in the step in which both are live, and there at most the smaller block. A target has
    one source and a source, in one step, one target; so the savings are at most the sum over targets of the
    best source, and at most the sum over sources of the best target.
    """
    items = {item.name: item for item in base.items()}
    by_target: dict[int, dict[str, int]] = {}
    by_source: dict[int, dict[str, int]] = {}
    for share in optional:
        source, target = items[base.root[share.source]], items[base.root[share.target]]
        saved = min(source.parts[-1].block, target.parts[0].block)
        for table, name in ((by_target, target.name), (by_source, source.name)):
            row = table.setdefault(target.parts[0].first, {})
            row[name] = max(row.get(name, 0), saved)
    bound = 0
    for step, live in live_bytes(base.items()).items():
        credit = min(sum(table.get(step, {}).values()) for table in (by_target, by_source))
        bound = max(bound, live - credit)
    return bound


class _Selection:
    """Search for the optional shares that give the smallest arena, judged by quick placements."""

    def __init__(
        self, buffers: Sequence[Buffer], views: Sequence[Share], optional: Sequence[Share], bound: int
    ) -> None:
        self._buffers = buffers
        self._views = views
        self._optional = optional
        self._bound = bound

    def finalists(self) -> list[list[Share]]:
        """Selections worth placing with care, fewest shares first; each in the order given."""
        none: list[Share] = []
        total = self._total(none, self._bound)
        if not self._optional or total <= self._bound:
            return [none]
        everything = self._admissible(self._optional)
        all_total = self._total(everything, self._bound)
        starts = sorted([(total, none), (all_total, everything)], key=lambda start: start[0])
        found = [none, everything]
        for start_total, start in starts:
            reached, chosen = self._improved(start, start_total)
            if chosen not in found:
                found.append(chosen)
            if reached <= self._bound or len(self._buffers) > BOTH_STARTS:
                break
        return sorted(found, key=len)

    def _improved(self, chosen: list[Share], total: int) -> tuple[int, list[Share]]:
        """``chosen`` with shares added and dropped, one by one, and the total then."""
        for _ in range(ROUNDS):
            before = chosen
            chosen, total = self._add(chosen, total)
            chosen, total = self._drop(chosen, total)
            if chosen == before:
                break
        return total, chosen

    def _total(self, chosen: Sequence[Share], goal: int) -> int:
        total = quick_total(self._items(chosen), goal)
        assert total is not None, "there is no limit"
        return total

    def _items(self, chosen: Sequence[Share]) -> list[Item]:
        return _Groups(self._buffers, [*self._views, *chosen]).items()

    def _admissible(self, wanted: Sequence[Share]) -> list[Share]:
        """Of ``wanted``, each in turn that can be taken together with those before it."""
        groups = _Groups(self._buffers, self._views)
        taken = []
        for share in wanted:
            if groups.admits(share):
                groups.join(share)
                taken.append(share)
        return taken

    def _improves(self, trial: Sequence[Share], limit: int) -> int | None:
        """A total of ``trial`` that is at most ``limit``, if one is found."""
        return quick_total(self._items(trial), limit, limit)

    def _add(self, chosen: list[Share], total: int) -> tuple[list[Share], int]:
        """Add shares that make the arena smaller, each in place of those that it rules out."""
        for share in self._optional:
            if total <= self._bound:
                break
            if share in chosen:
                continue
            trial = self._admissible([share, *chosen])
            better = self._improves(trial, total - 1)
            if better is not None:
                chosen, total = trial, better
        return self._in_order(chosen), total

    def _drop(self, chosen: list[Share], total: int) -> tuple[list[Share], int]:
        """Drop shares without which the arena is no larger."""
        for share in list(chosen):
            trial = [other for other in chosen if other != share]
            better = self._improves(trial, total)
            if better is not None:
                chosen, total = trial, better
        return chosen, total

    def _in_order(self, chosen: Sequence[Share]) -> list[Share]:
        return [share for share in self._optional if share in chosen]
