# SPDX-License-Identifier: Apache-2.0
"""Search for bits over drawn networks: memory is respected, failures tell the truth, time is not lost without need."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intarsia.errors import BudgetError, GateError
from intarsia.ir import Quantization
from intarsia.plan.entropy import Histogram, encode, entropy, narrow
from intarsia.plan.giveback import bolder, give_back, moves
from intarsia.plan.kernelcosts import CONVOLUTION, DEPTHWISE, OTHER, POINTWISE, Work
from intarsia.plan.precision import REST, WEIGHTS, Item, Other, Part, Product, Space, Step
from intarsia.plan.vdqs import Choice, Options, Search, search

WIDTHS = ((8,), (8, 4), (8, 4, 2))


@st.composite
def omegas(draw: st.DrawFn, widths: tuple[int, ...]) -> tuple[float, ...]:
    """Lost shares that grow as bits get fewer."""
    drawn = sorted(draw(st.floats(0.0, 1.0)) for _ in widths[1:])
    return (0.0, *drawn)


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    """Chains with skips: layer i reads map i and writes map i + 1; some maps live on for a while."""
    count = draw(st.integers(1, 6))
    maps, weights, products = [], [], []
    for i in range(count + 1):
        widths = draw(st.sampled_from(WIDTHS))
        maps.append(Item(f"m{i}", REST, (i,), widths, draw(omegas(widths))))
    for i in range(count):
        widths = draw(st.sampled_from(WIDTHS))
        weights.append(Item(f"w{i}", WEIGHTS, (i,), widths, draw(omegas(widths))))
        work = Work(i, draw(st.sampled_from((POINTWISE, CONVOLUTION, DEPTHWISE))), draw(st.integers(0, 1000)))
        products.append(Product(work, REST, i, count + 1 + i, i + 1))
    shapes = [(1, draw(st.integers(1, 3)), 1, draw(st.integers(1, 90))) for _ in maps]
    last = [i + draw(st.integers(0, 2)) for i in range(count + 1)]
    steps = []
    for i in range(count):
        alive = [m for m in range(i + 2) if m >= i or last[m] >= i]
        inplace = ((alive.index(i), alive.index(i + 1)),) if draw(st.booleans()) else ()
        parts = tuple(Part(f"m{m}", m, shapes[m]) for m in alive)
        steps.append(Step(i, "CONV_2D", REST, parts, inplace))
    others = []
    for i in range(1, count):
        if draw(st.booleans()):
            others.append(Other(Work(count + i, OTHER, draw(st.integers(0, 200))), (i - 1, i), i + 1))
    return Space((*maps, *weights), tuple(products), tuple(steps), tuple(others))


def live(space: Space, bits: tuple[int, ...]) -> int:
    return max(step.live(bits) for step in space.steps)


@given(
    spaces(), st.floats(0.0, 1.0), st.sampled_from(("vdqs", "memory-greedy", "random")), st.integers(0, 900)
)
@settings(max_examples=200)
def test_the_limit_holds_or_the_error_says_what_would_do(
    space: Space, balance: float, method: str, ram: int
) -> None:
    options = Options(method, balance, ram=ram)
    least = min_live(space)
    if least > ram:
        with pytest.raises(BudgetError) as caught:
            search(space, options)
        assert f"allow {least:,} bytes" in str(caught.value.hint)
        assert live(space, search(space, Options(method, balance, ram=least)).bits) <= least
        return
    choice = search(space, options)
    assert live(space, choice.bits) <= ram
    assert all(b in item.widths for b, item in zip(choice.bits, space.items, strict=True))
    assert choice == search(space, options)


def min_live(space: Space) -> int:
    return live(space, tuple(item.widths[-1] for item in space.items))


@given(spaces(), st.floats(0.0, 1.0))
def test_without_a_limit_no_time_and_no_bitops_are_lost(space: Space, balance: float) -> None:
    found = Search(space, Options(balance=balance))
    bits, wide = found.run().bits, (8,) * len(space.items)
    assert found.time(bits) <= found.time(wide) + 1e-6
    assert space.bitops(bits) <= space.bitops(wide)
    assert not list(found.timing.losses(bits))
    for item, now in enumerate(bits):
        for width in space.items[item].widths:
            wider = tuple(max(width, now) if i == item else b for i, b in enumerate(bits))
            assert found.time(wider) >= found.time(bits) - 1e-6


@given(spaces(), st.floats(0.0, 1.0))
def test_giving_back_ends_with_the_least_entropy_lost(space: Space, balance: float) -> None:
    found = Search(space, Options(balance=balance))
    choice = found.run()
    lost = [
        sum(i.lost(b) for i, b in zip(space.items, c.bits, strict=True))
        for c in (choice, *moves(found, choice))
    ]
    # The last move may give 8 bits to what loses no entropy.
    assert all(after < before for before, after in itertools.pairwise(lost[:-1]))
    assert lost[-1] <= lost[-2:][0]


@given(
    spaces(),
    st.floats(0.0, 1.0),
    st.lists(st.floats(0.0, 0.1), min_size=13, max_size=13),
    st.integers(0, 900),
)
def test_bolder_choices_need_less_within_the_same_limits(
    space: Space, balance: float, losses: list[float], ram: int
) -> None:
    """Whatever bits cost in accuracy: no more BitOPs and time than the first choice, its limits kept, and the same on
    every run."""
    limit = 0.1
    found = Search(space, Options(balance=balance, ram=max(ram, min_live(space))))

    def drop(choice: Choice) -> float:
        return sum(loss for loss, bits in zip(losses, choice.bits, strict=False) if bits < 8)

    def kept(searched: Search, choice: Choice) -> Choice:
        return give_back(searched, choice, drop, limit)

    start = found.run()
    try:
        first = kept(found, start)
    except GateError:
        return
    best = bolder(found, first, (None, None), kept, first is not start)
    assert found.share(best.bits) <= found.share(first.bits)
    assert drop(best) <= limit
    assert live(space, best.bits) <= found.options.ram
    assert best == bolder(found, first, (None, None), kept, first is not start)


@given(
    st.lists(st.integers(0, 50), min_size=256, max_size=256), st.floats(1e-3, 10.0), st.integers(-128, 127)
)
def test_entropy_has_its_bounds(counts: list[int], scale: float, zero: int) -> None:
    histogram = Histogram(np.array(counts), Quantization((scale,), (zero,)))
    assert 0.0 <= histogram.entropy() <= 8.0
    for bits in (4, 2):
        quantization = narrow(histogram, bits)
        assert 0.0 <= histogram.entropy(quantization, bits) <= min(bits, histogram.entropy()) + 1e-9
        assert 0.0 <= histogram.lost(bits) <= 1.0
        assert encode(np.zeros(1), quantization, bits)[0] == quantization.zero_point[0]
    assert entropy(np.ones(16)) == 4.0
