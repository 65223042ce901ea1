# SPDX-License-Identifier: Apache-2.0
"""Arena planner: small cases with known answers, and what is refused."""

from __future__ import annotations

import random
import time

import pytest

from intarsia.plan.memory import Buffer, Row, Share, lower_bound, peak, place, plan, timeline


def chain(*sizes: int) -> list[Buffer]:
    """A plain network: buffer i is written in step i - 1 and read in step i."""
    return [Buffer(f"t{i}", size, max(i - 1, 0), i) for i, size in enumerate(sizes)]


def test_nothing_needs_nothing() -> None:
    placement = place([])
    assert (placement.total, placement.lower_bound, dict(placement.offsets)) == (0, 0, {})
    assert peak([]) == (0, 0, [])


def test_buffers_without_size_lie_anywhere_and_cost_nothing() -> None:
    placement = place([Buffer("empty", 0, 0, 5), Buffer("full", 20, 0, 5)])
    assert placement.total == placement.lower_bound == 32
    assert placement.offsets["empty"] == 0


def test_buffers_that_are_never_live_together_share_their_place() -> None:
    placement = place([Buffer("a", 64, 0, 1), Buffer("b", 48, 2, 3)])
    assert placement.total == 64
    assert placement.offsets == {"a": 0, "b": 0}


def test_lifetimes_include_both_ends() -> None:
    assert place([Buffer("a", 16, 0, 2), Buffer("b", 16, 2, 3)]).total == 32


def test_a_chain_alternates_between_the_two_ends() -> None:
    # By size, first fit needs 7 units here; the neighbours never need more than 6.
    placement = place(chain(5 * 16, 1 * 16, 2 * 16, 4 * 16))
    assert placement.total == placement.lower_bound == 6 * 16


def test_a_placement_above_the_bound_is_proved_optimal_when_there_are_few_buffers() -> None:
    # The 64-byte blocks leave 48 bytes only above 64, and the one that comes first is held up by "d".
    buffers = [
        Buffer("a", 48, 1, 2),
        Buffer("b", 64, 0, 0, 64),
        Buffer("c", 64, 2, 5, 64),
        Buffer("d", 32, 0, 1),
    ]
    placement = place(buffers)
    assert (placement.total, placement.lower_bound) == (128, 112)
    assert placement.method.endswith("proved optimal")


def test_alignment_of_each_buffer_is_respected() -> None:
    buffers = [Buffer("a", 3, 0, 1, 4), Buffer("b", 100, 0, 1, 64), Buffer("c", 5, 0, 1, 8)]
    placement = place(buffers)
    assert all(placement.offsets[b.name] % b.alignment == 0 for b in buffers)
    assert placement.total == placement.lower_bound == 4 + 128 + 8


@pytest.mark.parametrize(
    ("buffers", "words"),
    [
        ([Buffer("twin", 1, 0, 0), Buffer("twin", 2, 1, 1)], "'twin'.*twice"),
        ([Buffer("back", 1, 3, 2)], "'back'.*before"),
        ([Buffer("minus", -1, 0, 0)], "'minus'.*negative"),
        ([Buffer("odd", 1, 0, 0, 12)], "'odd'.*power of two"),
        ([Buffer("none", 1, 0, 0, 0)], "'none'.*power of two"),
    ],
)
def test_impossible_buffers_are_named(buffers: list[Buffer], words: str) -> None:
    for refuse in (place, plan, peak):
        with pytest.raises(ValueError, match=words):
            refuse(buffers)


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ([Share("t0", "ghost")], "unknown buffer 'ghost'"),
        ([Share("ghost", "t1", optional=False)], "unknown buffer 'ghost'"),
        ([Share("t2", "t1", optional=False)], "'t1'.*before its source"),
        ([Share("t0", "t2", optional=False), Share("t1", "t2", optional=False)], "'t2'.*two sources"),
        ([Share("t0", "t1", optional=False), Share("t1", "t0", optional=False)], "view of itself"),
    ],
)
def test_impossible_shares_are_named(shares: list[Share], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        plan(chain(16, 16, 16), shares)


def test_an_elementwise_chain_runs_in_one_buffer() -> None:
    placement = plan(chain(64, 64, 64, 64), [Share(f"t{i}", f"t{i + 1}") for i in range(3)])
    assert placement.total == placement.lower_bound == placement.choice_bound == 64
    assert set(placement.offsets.values()) == {0}
    assert len(placement.shared) == 3


def test_a_source_that_is_read_later_is_not_overwritten() -> None:
    buffers = [Buffer("x", 64, 0, 2), Buffer("relu", 64, 1, 2), Buffer("sum", 64, 2, 3)]
    placement = plan(buffers, [Share("x", "relu")])
    assert placement.shared == ()
    assert placement.total == placement.lower_bound == 192


def test_a_source_that_is_read_later_through_a_view_is_not_overwritten() -> None:
    buffers = [Buffer("x", 64, 0, 1), Buffer("view", 64, 1, 4), Buffer("y", 64, 1, 4)]
    placement = plan(buffers, [Share("x", "view", optional=False), Share("x", "y")])
    assert placement.shared == (Share("x", "view", optional=False),)
    assert placement.offsets["x"] == placement.offsets["view"] != placement.offsets["y"]


def test_a_view_shares_even_when_its_source_is_read_later() -> None:
    buffers = [Buffer("x", 64, 0, 5), Buffer("view", 64, 1, 3)]
    placement = plan(buffers, [Share("x", "view", optional=False)])
    assert placement.total == 64


def test_an_addition_overwrites_only_one_of_its_terms() -> None:
    buffers = [Buffer("a", 64, 0, 2), Buffer("b", 64, 1, 2), Buffer("sum", 64, 2, 3)]
    placement = plan(buffers, [Share("a", "sum"), Share("b", "sum")])
    assert placement.total == placement.lower_bound == 128
    assert len(placement.shared) == 1


def test_two_targets_of_one_step_do_not_both_take_the_source() -> None:
    buffers = [Buffer("x", 64, 0, 1), Buffer("left", 64, 1, 1), Buffer("right", 64, 1, 1)]
    placement = plan(buffers, [Share("x", "left"), Share("x", "right")])
    assert placement.total == placement.lower_bound == 128


def test_what_shrinks_in_place_leaves_the_rest_to_others() -> None:
    # All in one place: each step needs only what its own map and its own scratch take.
    sizes = [1120, 3584, 3072, 3072, 1920, 1920, 128]
    scratch = [120, 0, 640, 128, 1280, 128, 1920, 128]
    maps = chain(*sizes)
    buffers = [*maps, *(Buffer(f"s{i}", size, i - 1, i - 1) for i, size in enumerate(scratch) if i)]
    placement = plan(buffers, [Share(f"t{i}", f"t{i + 1}") for i in range(1, 6)])
    assert placement.total == placement.lower_bound == placement.choice_bound == 1120 + 3584


def test_what_grows_in_place_takes_its_room_only_when_it_needs_it() -> None:
    buffers = [Buffer("small", 16, 0, 1), Buffer("early", 80, 0, 0), Buffer("large", 96, 1, 2)]
    placement = plan(buffers, [Share("small", "large")])
    assert placement.total == placement.lower_bound == 96
    assert placement.offsets == {"small": 0, "large": 0, "early": 16}


def test_a_view_keeps_its_bytes_until_it_starts() -> None:
    buffers = [Buffer("x", 64, 0, 1), Buffer("between", 64, 2, 3), Buffer("view", 64, 4, 5)]
    placement = plan(buffers, [Share("x", "view", optional=False)])
    assert placement.total == placement.lower_bound == 128
    assert placement.offsets["between"] != placement.offsets["x"]


def test_a_share_is_not_taken_when_the_bound_is_met_without_it() -> None:
    buffers = [Buffer("large", 1024, 0, 1), Buffer("small", 16, 1, 3), Buffer("next", 1024, 2, 3)]
    placement = plan(buffers, [Share("large", "small")])
    assert placement.shared == ()
    assert placement.total == 1040
    assert placement.lower_bound == 1040


def test_shares_that_gain_nothing_are_not_taken() -> None:
    buffers = chain(1024, 1024, 16, 16)
    placement = plan(buffers, [Share("t2", "t3")])
    assert placement.shared == ()
    assert placement.total == 2048


def test_the_bound_holds_for_every_choice_while_the_other_one_is_for_the_choice_taken() -> None:
    buffers = [Buffer("large", 1024, 0, 1), Buffer("small", 512, 1, 3), Buffer("next", 1024, 3, 3)]
    placement = plan(buffers, [Share("large", "small")])
    assert placement.lower_bound <= placement.choice_bound <= placement.total == 1536


def test_peak_names_its_consumers_largest_first() -> None:
    buffers = [
        Buffer("in", 100, 0, 0),
        Buffer("mid", 300, 0, 1),
        Buffer("scratch", 40, 0, 0),
        Buffer("out", 10, 1, 2),
    ]
    assert peak(buffers) == (0, 464, [("mid", 304), ("in", 112), ("scratch", 48)])
    assert peak(buffers)[1] == lower_bound(buffers)


def test_peak_counts_what_is_shared_once() -> None:
    buffers = chain(64, 64, 64)
    placement = plan(buffers, [Share("t0", "t1"), Share("t1", "t2")])
    assert peak(buffers, placement.shared) == (0, 64, [("t0", 64)])


def test_peak_names_what_is_live_of_a_group() -> None:
    buffers = [*chain(64, 48, 32), Buffer("scratch", 64, 1, 1)]
    shared = [Share("t0", "t1"), Share("t1", "t2")]
    assert peak(buffers, shared) == (1, 112, [("scratch", 64), ("t1", 48)])


def test_timeline_is_sorted_by_step_then_offset() -> None:
    buffers = chain(16, 48, 32)
    placement = place(buffers)
    rows = timeline(placement, list(reversed(buffers)))
    assert rows == sorted(rows, key=lambda row: (row.first, row.offset))
    assert Row("t1", placement.offsets["t1"], 48, 0, 1) in rows
    with pytest.raises(ValueError, match="'other'"):
        timeline(placement, [Buffer("other", 1, 0, 0)])


def test_two_hundred_buffers_do_not_take_long() -> None:
    rng = random.Random(7)
    buffers = []
    for i in range(200):
        first = rng.randrange(150)
        buffers.append(Buffer(f"t{i}", rng.randrange(1, 5000), first, first + rng.randrange(40)))
    start = time.process_time()
    placement = place(buffers)
    assert time.process_time() - start < 2.0, (
        "about a quarter of a second, with a wide margin for busy machines"
    )
    assert placement.total <= 1.2 * placement.lower_bound
