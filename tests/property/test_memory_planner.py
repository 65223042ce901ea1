# SPDX-License-Identifier: Apache-2.0
"""Arena planner: what holds for every set of buffers and shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from intarsia.plan.memory import Buffer, Placement, Share, lower_bound, peak, place, plan, timeline

UNIT = 16


@st.composite
def buffer_sets(draw: st.DrawFn, most: int = 24, largest: int = 400) -> list[Buffer]:
    buffers = []
    for i in range(draw(st.integers(0, most))):
        first = draw(st.integers(0, 12))
        last = first + draw(st.integers(0, 6))
        size = draw(st.integers(0, largest))
        buffers.append(Buffer(f"b{i}", size, first, last, draw(st.sampled_from([1, 4, 16, 64]))))
    return buffers


@st.composite
def few_small_blocks(draw: st.DrawFn) -> list[Buffer]:
    """At most 6 buffers of few units, dense in time, so that the bound is often out of reach."""
    buffers = []
    for i in range(draw(st.integers(1, 6))):
        first = draw(st.integers(0, 5))
        size = UNIT * draw(st.integers(1, 4))
        alignment = draw(st.sampled_from([UNIT, UNIT, 2 * UNIT]))
        buffers.append(Buffer(f"b{i}", size, first, first + draw(st.integers(0, 3)), alignment))
    return buffers


@st.composite
def networks(draw: st.DrawFn) -> tuple[list[Buffer], list[Share]]:
    """A chain of layers with scratch and residual additions, with feature maps that shrink, also in place."""
    size = draw(st.integers(1000, 60000))
    buffers: list[Buffer] = []
    shares: list[Share] = []
    step, held = 0, ("t0", size, 0)

    def produce(bytes_: int) -> None:
        nonlocal step, held
        name, before, first = held
        buffers.append(Buffer(name, before, first, step))
        held = (f"t{step + 1}", bytes_, step)
        step += 1

    for _ in range(draw(st.integers(2, 12))):
        kind = draw(st.sampled_from(["conv", "conv", "pool", "depthwise", "relu", "residual"]))
        if kind == "residual":
            trunk, trunk_first = held[0], held[2]
            start = step
            held = (f"t{start + 1}", size, start)
            step += 1
            produce(size)
            buffers.append(Buffer(trunk, size, trunk_first, step))
            term = held[0]
            produce(size)
            shares += [Share(trunk, held[0]), Share(term, held[0])]
        elif kind == "relu":
            source = held[0]
            produce(size)
            shares.append(Share(source, held[0]))
        else:
            size = max(size * draw(st.sampled_from([1, 2] if kind == "conv" else [1])) // 2, 16)
            if draw(st.booleans()):
                buffers.append(Buffer(f"s{step}", draw(st.integers(16, 3000)), step, step))
            source = held[0]
            produce(size)
            if kind == "depthwise":
                shares.append(Share(source, held[0]))
    produce(size)
    return buffers, shares


def assert_valid(buffers: Sequence[Buffer], placement: Placement) -> None:
    assert set(placement.offsets) == {buffer.name for buffer in buffers}
    joined = Joined(placement.shared)
    buffers = kept_for_views(buffers, placement.shared)
    for i, one in enumerate(buffers):
        offset = placement.offsets[one.name]
        assert offset >= 0
        assert offset % one.alignment == 0
        assert offset + one.block <= placement.total or one.size == 0
        for other in buffers[i + 1 :]:
            if joined.same(one.name, other.name):
                assert offset == placement.offsets[other.name]
            elif one.first <= other.last and other.first <= one.last and one.size and other.size:
                start = placement.offsets[other.name]
                assert offset + one.block <= start or start + other.block <= offset


class Joined:
    """Which names the taken shares connect."""

    def __init__(self, shares: Sequence[Share]) -> None:
        self._group: dict[str, frozenset[str]] = {}
        for share in shares:
            union = self._of(share.source) | self._of(share.target)
            self._group.update(dict.fromkeys(union, union))

    def _of(self, name: str) -> frozenset[str]:
        return self._group.get(name, frozenset([name]))

    def same(self, one: str, other: str) -> bool:
        return other in self._of(one)


def kept_for_views(buffers: Sequence[Buffer], shares: Sequence[Share]) -> list[Buffer]:
    """The buffers, the source of a view living at least until the view starts."""
    starts = {buffer.name: buffer.first for buffer in buffers}
    last = {buffer.name: buffer.last for buffer in buffers}
    for share in shares:
        if not share.optional:
            last[share.source] = max(last[share.source], starts[share.target])
    return [replace(buffer, last=last[buffer.name]) for buffer in buffers]


def draw_shares(buffers: Sequence[Buffer], data: st.DataObject) -> list[Share]:
    """In-place sharing between some of the pairs that meet in one step."""
    pairs = [(a.name, b.name) for a in buffers for b in buffers if a.last == b.first and a.name != b.name]
    return [Share(*pair) for pair in pairs if data.draw(st.booleans())]


def draw_views(buffers: Sequence[Buffer], data: st.DataObject) -> list[Share]:
    """Views of earlier buffers, each of one source, also of sources that are read later."""
    views = []
    for i, buffer in enumerate(buffers):
        sources = [one.name for one in buffers[:i] if one.first <= buffer.first]
        if sources and data.draw(st.integers(0, 4)) == 0:
            views.append(Share(data.draw(st.sampled_from(sources)), buffer.name, optional=False))
    return views


def assert_overwritten_when_dead(lives: Mapping[str, Buffer], views: Joined, share: Share) -> None:
    """The source and all views of the same bytes are read for the last time when the target is written."""
    step = lives[share.target].first
    assert lives[share.source].last == step
    assert all(b.last <= step for name, b in lives.items() if views.same(share.source, name))
    assert all(b.first >= step for name, b in lives.items() if views.same(share.target, name))


def fits(
    buffers: Sequence[Buffer], total: int, offsets: Mapping[str, int], joined: Joined | None = None
) -> bool:
    """Whether some offsets put all the buffers below ``total``, those joined at one: plain enumeration."""
    if len(offsets) == len(buffers):
        return True
    joined = joined or Joined([])
    buffer = buffers[len(offsets)]
    fixed = {offsets[one.name] for one in buffers[: len(offsets)] if joined.same(one.name, buffer.name)}
    for offset in fixed or range(0, total - buffer.block + 1, UNIT):
        if offset % buffer.alignment or offset + buffer.block > total:
            continue
        clash = any(
            one.first <= buffer.last
            and buffer.first <= one.last
            and offset < offsets[one.name] + one.block
            and offsets[one.name] < offset + buffer.block
            and not joined.same(one.name, buffer.name)
            for one in buffers[: len(offsets)]
        )
        if not clash and fits(buffers, total, {**offsets, buffer.name: offset}, joined):
            return True
    return False


def rectangles(buffers: Sequence[Buffer], shares: Sequence[Share]) -> list[Buffer]:
    """One buffer for each group, as large as its largest member for as long as any of them lives."""
    joined = Joined(shares)
    roots = dict.fromkeys(min(b.name for b in buffers if joined.same(b.name, one.name)) for one in buffers)
    whole = []
    for name in roots:
        members = [buffer for buffer in buffers if joined.same(buffer.name, name)]
        first, last = min(b.first for b in members), max(b.last for b in members)
        size, alignment = max(b.size for b in members), max(b.alignment for b in members)
        whole.append(Buffer(name, size, first, last, alignment))
    return whole


@given(buffer_sets())
@settings(deadline=None)
def test_placements_are_valid_and_not_below_the_bound(buffers: list[Buffer]) -> None:
    placement = place(buffers)
    assert_valid(buffers, placement)
    assert placement.total >= placement.lower_bound == lower_bound(buffers) == peak(buffers)[1]
    steps = range(20)
    assert placement.lower_bound == max(
        sum(b.block for b in buffers if b.first <= s <= b.last) for s in steps
    )
    assert len(timeline(placement, buffers)) == len(buffers)


@given(few_small_blocks())
@settings(deadline=None)
def test_few_buffers_are_placed_as_well_as_enumeration_can(buffers: list[Buffer]) -> None:
    placement = place(buffers)
    assert_valid(buffers, placement)
    assert placement.total == placement.lower_bound or not fits(buffers, placement.total - UNIT, {})


@given(few_small_blocks(), st.data())
@settings(deadline=None)
def test_few_groups_are_placed_as_well_as_enumeration_can(buffers: list[Buffer], data: st.DataObject) -> None:
    shares = [*draw_shares(buffers, data), *draw_views(buffers, data)]
    placement = plan(buffers, shares)
    assert_valid(buffers, placement)
    kept, joined = kept_for_views(buffers, placement.shared), Joined(placement.shared)
    assert placement.total == placement.choice_bound or not fits(kept, placement.total - UNIT, {}, joined)


@given(few_small_blocks(), st.data())
@settings(deadline=None)
def test_groups_never_take_more_than_rectangles(buffers: list[Buffer], data: st.DataObject) -> None:
    placement = plan(buffers, [*draw_shares(buffers, data), *draw_views(buffers, data)])
    assert placement.total <= place(rectangles(buffers, placement.shared)).total


@given(networks())
@settings(deadline=None)
def test_networks_come_within_a_twentieth_of_the_bound(network: tuple[list[Buffer], list[Share]]) -> None:
    buffers, shares = network
    alone = place(buffers)
    assert_valid(buffers, alone)
    assert alone.total <= 1.05 * alone.lower_bound
    shared = plan(buffers, shares)
    assert_valid(buffers, shared)
    assert shared.total <= alone.total
    assert shared.lower_bound <= shared.choice_bound <= shared.total <= 1.05 * shared.choice_bound


@given(buffer_sets(most=10), st.data())
@settings(deadline=None)
def test_any_shares_leave_a_valid_plan(buffers: list[Buffer], data: st.DataObject) -> None:
    shares, views = draw_shares(buffers, data), draw_views(buffers, data)
    placement = plan(buffers, [*shares, *views])
    assert_valid(buffers, placement)
    assert placement.total <= plan(buffers, views).total
    assert placement.lower_bound <= placement.choice_bound <= placement.total
    assert placement.choice_bound == peak(buffers, placement.shared)[1]
    targets = [share.target for share in placement.shared]
    assert len(set(targets)) == len(targets)
    assert [share for share in placement.shared if not share.optional] == views
    lives = {buffer.name: buffer for buffer in buffers}
    for share in placement.shared:
        if share.optional:
            assert_overwritten_when_dead(lives, Joined(views), share)


@given(buffer_sets(most=6), st.data())
@settings(deadline=None)
def test_no_choice_of_shares_is_below_the_bound(buffers: list[Buffer], data: st.DataObject) -> None:
    pairs = [(a.name, b.name) for a in buffers for b in buffers if a.last == b.first and a.name != b.name]
    shares = [Share(*pair) for pair in pairs][:6]
    bound = plan(buffers, shares).lower_bound
    subset = [share for share in shares if data.draw(st.booleans())]
    assert plan(buffers, subset).total >= bound


@given(networks())
@settings(deadline=None)
def test_planning_twice_gives_the_same(network: tuple[list[Buffer], list[Share]]) -> None:
    buffers, shares = network
    assert plan(buffers, shares) == plan(list(buffers), list(shares))
