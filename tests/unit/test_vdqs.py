# SPDX-License-Identifier: Apache-2.0
"""Search for bits: score, memory, time, baselines, and giving bits back."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from intarsia.errors import BudgetError, GateError, UsageError
from intarsia.ir import Quantization
from intarsia.plan import entropy, precision
from intarsia.plan.entropy import Histogram
from intarsia.plan.giveback import bolder, entropy_lost, give_back, moves
from intarsia.plan.kernelcosts import DEPTHWISE, OTHER, POINTWISE, Costs, Work, estimated
from intarsia.plan.patch import tiling_of
from intarsia.plan.precision import (
    NORMAL,
    OUTLIER,
    REST,
    WEIGHTS,
    Item,
    Other,
    Part,
    Product,
    Space,
    Step,
    Wanted,
)
from intarsia.plan.vdpc import Membership
from intarsia.plan.vdqs import METHODS, Choice, Options, Search, search
from intarsia.precisionplan import told_of_time
from intarsia.quantize import classes
from support import small

WIDE = (8, 4, 2)


def free(work: Work, weights: int, inputs: Sequence[int], output: int) -> float:
    """Costs that let any bits be chosen."""
    return 0.0


def item(name: str, omega: tuple[float, ...], scope: str = REST) -> Item:
    return Item(name, scope, (len(name),), WIDE[: len(omega)], omega)


def step(layer: int, *parts: tuple[int, int]) -> Step:
    """Alive in a layer: (item, channels of one pixel)."""
    return Step(layer, "CONV_2D", REST, tuple(Part(f"m{i}", i, (1, 1, 1, size)) for i, size in parts))


def chain(*omegas: tuple[float, ...], sizes: tuple[int, ...] = (), macs: tuple[int, ...] = ()) -> Space:
    """Maps, each read by a layer with 8-bit weights; a layer's input and output are alive together."""
    count = len(omegas)
    maps = [item(f"m{i}", omega) for i, omega in enumerate(omegas)]
    weights = [Item(f"w{i}", WEIGHTS, (i,), (8,), (0.0,)) for i in range(count)]
    products = [
        Product(Work(i, POINTWISE, macs[i] if macs else 100), REST, i, count + i) for i in range(count)
    ]
    sizes = sizes or (64,) * count
    steps = [step(i, (i, sizes[i]), (i + 1, sizes[i + 1])) for i in range(count - 1)]
    return Space((*maps, *weights), tuple(products), tuple(steps or [step(0, (0, sizes[0]))]))


# --- entropy


def test_entropy_is_that_of_the_codes() -> None:
    random = np.random.default_rng(0)
    codes = np.clip(np.round(random.normal(0, 25, 5000)), -128, 127).astype(np.int8)
    found = Histogram(entropy.count(codes), Quantization((0.1,), (4,)))
    shares = [n / len(codes) for n in Counter(codes.tolist()).values()]
    assert found.entropy() == pytest.approx(-sum(p * math.log2(p) for p in shares))
    for bits in (4, 2):
        narrow = entropy.narrow(found, bits)
        real = (codes.astype(np.float64) - 4) * 0.1
        low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        few = []
        for value in real:
            steps = math.copysign(math.floor(abs(value) / narrow.scale[0] + 0.5), value)
            few.append(min(max(int(steps) + narrow.zero_point[0], low), high))
        shares = [n / len(codes) for n in Counter(few).values()]
        expected = -sum(p * math.log2(p) for p in shares)
        assert found.entropy(narrow, bits) == pytest.approx(expected)
        assert found.lost(bits) == pytest.approx((found.entropy() - expected) / found.entropy())


def test_omega_is_zero_at_8_bits_and_for_constant_maps() -> None:
    counts = np.zeros(256, np.int64)
    assert Histogram(counts, Quantization((1.0,), (0,))).lost(2) == 0.0
    counts[7] = 12
    constant = Histogram(counts, Quantization((1.0,), (0,)))
    assert constant.lost(2) == constant.lost(8) == 0.0


def test_narrow_ranges_hold_zero_and_err_less_than_measured_ones() -> None:
    random = np.random.default_rng(1)
    codes = np.clip(np.round(random.normal(-20, 12, 4000)), -128, 127).astype(np.int8)
    codes[0] = 127
    found = Histogram(entropy.count(codes), Quantization((0.05,), (0,)))
    for bits in (4, 2):
        narrow, full = entropy.narrow(found, bits), entropy.minmax(found, bits)
        assert found.error(narrow, bits) < found.error(full, bits)
        assert entropy.decode(entropy.encode(np.zeros(1), narrow, bits), narrow)[0] == 0.0


# --- score


def test_score_is_the_published_one_with_8_bit_weights() -> None:
    space = chain((0.0, 0.3, 0.7), (0.0, 0.3, 0.7), macs=(100, 300))
    found = Search(space, Options(balance=0.6, normaliser="map"), free)
    eights = (8,) * 4
    assert found.option(0, 4, {2: 8}, eights).score(0.6) == pytest.approx(-0.6 * 0.3 + 0.4 * 0.5)
    assert found.option(0, 2, {2: 8}, eights).score(0.6) == pytest.approx(-0.6 * 0.7 + 0.4 * 0.75)
    assert found.option(0, 8, {2: 8}, eights).score(0.6) == 0.0
    scope = Search(space, Options(balance=0.6, normaliser="scope"), free)
    assert scope.option(0, 4, {2: 8}, eights).phi == pytest.approx(0.5 * 0.5)
    assert scope.option(1, 4, {3: 8}, eights).phi == pytest.approx(0.5 * 1.5)


@pytest.mark.parametrize(
    ("omega", "balance", "bits"),
    [
        ((0.0, 0.32, 0.9), 0.6, 4),
        ((0.0, 0.34, 0.9), 0.6, 8),
        ((0.0, 0.30, 0.46), 0.6, 2),
        ((0.0, 0.30, 0.48), 0.6, 4),
        ((0.0, 0.9, 1.0), 0.0, 2),
        ((0.0, 0.1, 0.2), 1.0, 8),
    ],
)
def test_bits_follow_the_score(omega: tuple[float, ...], balance: float, bits: int) -> None:
    assert search(chain(omega), Options(balance=balance), free).bits[0] == bits


def test_maps_that_no_product_reads_keep_8_bits() -> None:
    space = Space((item("m", (0.0, 0.1, 0.2)),), (), (step(0, (0, 64)),))
    assert search(space, Options(balance=0.0)).bits == (8,)


# --- time


def weighted(kind: str, weights: tuple[int, ...]) -> Space:
    maps = (item("m0", (0.0, 0.1, 0.2)),)
    kernel = Item("w", WEIGHTS, (0,), weights, (0.0, 0.1, 0.2)[: len(weights)])
    return Space((*maps, kernel), (Product(Work(0, kind, 100), REST, 0, 1),), (step(0, (0, 64)),))


def test_bits_that_cost_time_are_not_chosen() -> None:
    assert search(weighted(POINTWISE, (8,)), Options(balance=0.1)).bits == (8, 8)
    assert search(weighted(POINTWISE, (8,)), Options(balance=0.1, spend_time=True)).bits == (2, 8)
    assert search(weighted(POINTWISE, (8, 4)), Options(balance=0.1)).bits == (4, 4)
    assert search(weighted(DEPTHWISE, (8, 2)), Options(balance=0.0)).bits == (8, 8)
    assert search(weighted(DEPTHWISE, (8, 4, 2)), Options(balance=0.0)).bits == (8, 4)  # in no more time


def test_measured_costs_take_the_place_of_the_table() -> None:
    def measured(work: Work, weights: int, inputs: Sequence[int], output: int) -> float:
        pays = (weights, *inputs) == (8, 4)
        return 100.0 if pays else estimated(work, weights, inputs, output) + 200.0

    assert search(weighted(POINTWISE, (8,)), Options(balance=0.1), measured).bits == (4, 8)


def test_memory_brings_bits_that_cost_time_and_the_plan_says_so() -> None:
    choice = search(weighted(POINTWISE, (8,)), Options(balance=0.1, ram=32))
    assert choice.bits == (4, 8)
    assert "memory: 'm0' (rest) goes from 8 to 4 bits" in choice.notes[0]
    assert "instructions more than 8 bits" in choice.notes[0]


def residual() -> Space:
    """Map 0 goes into layer 0, which writes map 1, and both are added to map 2: fewer bits of map 0 make layer 0
    faster, and the sum slower unless all three have them."""
    maps = (item("m0", (0.0, 0.1)), item("m1", (0.0, 0.9)), item("m2", (0.0, 0.9)))
    weights = Item("w0", WEIGHTS, (0,), (8,), (0.0,))
    products = (Product(Work(0, POINTWISE, 100), REST, 0, 3, 1),)
    others = (Other(Work(1, OTHER, 10), (0, 1), 2),)
    steps = (step(0, (0, 64), (1, 64)), step(1, (0, 64), (1, 64), (2, 64)))
    return Space((*maps, weights), products, steps, others)


def sums(mixed: float, narrow: float) -> Costs:
    """Costs of `residual`: layer 0 takes 100 instructions, 60 with its input at 4 bits; the sum 50 at 8 bits."""

    def costs(work: Work, weights: int, inputs: Sequence[int], output: int) -> float:
        if work.kind != OTHER:
            return 100.0 if inputs[0] == 8 else 60.0
        widths = {*inputs, output}
        return mixed if len(widths) > 1 else 50.0 if widths == {8} else narrow

    return costs


def test_time_is_that_of_all_layers_around_a_map() -> None:
    """Map 0 alone saves 40 instructions of a layer; what the sum then takes more decides."""
    space, options = residual(), Options(balance=0.4)
    assert search(space, options, sums(mixed=80.0, narrow=50.0)).bits[:3] == (4, 8, 8)
    assert search(space, options, sums(mixed=100.0, narrow=50.0)).bits[:3] == (8, 8, 8)
    found = Search(space, options, sums(mixed=100.0, narrow=40.0))
    assert found.time((4, 8, 8, 8)) == 160.0
    assert found.time((4, 4, 4, 8)) == 100.0
    assert found.without_lost_time((4, 4, 4, 8), lambda bits: True) == (4, 4, 4, 8)
    assert found.without_lost_time((4, 4, 8, 8), lambda bits: True) == (8, 8, 8, 8)
    slow = Search(space, options, sums(mixed=200.0, narrow=120.0))
    assert slow.without_lost_time((4, 4, 4, 8), lambda bits: True) == (8, 8, 8, 8)  # all of the group at once
    assert [(group, more) for group, more in slow.timing.losses((4, 4, 4, 8))] == [((0, 1, 2), 30.0)]


def test_time_is_lost_where_memory_needs_the_bits() -> None:
    space = residual()
    found = Search(space, Options(balance=0.4, ram=160), sums(mixed=100.0, narrow=50.0))
    choice = found.run()
    assert space.peak(choice.bits).live(choice.bits) <= 160
    assert list(told_of_time(found, choice)) == [
        "memory: fewer bits of 'm0' (rest) cost 10 instructions more than 8 bits"
    ]
    roomy = Search(space, Options(balance=0.4), sums(mixed=100.0, narrow=50.0))
    (note,) = told_of_time(roomy, roomy.run())
    assert note.startswith(
        "time: 'm0' (rest) keeps 8 bits: 4 would save BitOPs and cost 10 instructions more"
    )


# --- memory


def test_the_cut_with_the_smallest_drop_of_score_comes_first() -> None:
    space = chain((0.0, 0.6, 0.9), (0.0, 0.5, 0.9))
    assert search(space, Options(balance=0.9, ram=96), free).bits[:2] == (8, 4)
    assert search(space, Options(balance=0.9, ram=80), free).bits[:2] == (8, 2)
    space = chain((0.0, 0.6, 0.9), (0.0, 0.2, 0.9))
    assert search(space, Options(balance=0.9, ram=64), free).bits[:2] == (4, 4)


def test_a_limit_that_cannot_be_met_names_step_tensor_and_the_ram_that_would_do() -> None:
    space = chain((0.0, 0.6, 0.9), (0.0, 0.5), (0.0,), sizes=(64, 256, 128))
    with pytest.raises(BudgetError) as caught:
        search(space, Options(ram=200), free)
    assert "layer 1 (CONV_2D, rest)" in caught.value.message
    assert "'m1'" in caught.value.message
    assert "256 bytes" in str(caught.value.hint)
    assert search(space, Options(ram=256), free).bits[1] == 4


def test_the_exact_arena_has_the_last_word() -> None:
    space = chain((0.0, 0.6, 0.9), (0.0, 0.5, 0.9))

    def fragmented(choice: Choice) -> int:
        return space.peak(choice.bits).live(choice.bits) + 32

    choice = search(space, Options(balance=1.0, ram=128), free, fragmented)
    assert fragmented(choice) <= 128
    with pytest.raises(BudgetError, match="'m0'"):
        search(space, Options(balance=1.0, ram=50), free, fragmented)


def test_working_in_place_counts() -> None:
    parts = (Part("a", 0, (1, 1, 1, 64)), Part("b", 1, (1, 1, 1, 64)))
    assert Step(0, "ADD", REST, parts, ((0, 1),)).live((8, 8)) == 64
    assert Step(0, "ADD", REST, parts, ((0, 1),)).live((8, 4)) == 64
    assert Step(0, "ADD", REST, parts).live((8, 4)) == 96


# --- methods


def test_methods() -> None:
    space = chain((0.0, 0.3, 0.7), (0.0, 0.3), (0.0,), sizes=(64, 32, 16))
    assert search(space, Options("uniform8")).bits[:3] == (8, 8, 8)
    assert search(space, Options("uniform4")).bits[:3] == (4, 4, 8)
    assert search(space, Options("memory-greedy")).bits[:3] == (8, 8, 8)
    assert search(space, Options("memory-greedy", ram=64)).bits[:3] == (4, 8, 8)
    drawn = {search(space, Options("random", seed=seed)).bits for seed in range(20)}
    assert len(drawn) > 3
    with pytest.raises(BudgetError, match="uniform8"):
        search(space, Options("uniform8", ram=64))


@pytest.mark.parametrize("method", METHODS)
def test_same_input_same_choice(method: str) -> None:
    space = chain((0.0, 0.3, 0.7), (0.0, 0.3, 0.6), (0.0, 0.2, 0.9))
    options = Options(method, ram=64 if method in ("vdqs", "memory-greedy", "random") else None)
    assert search(space, options, free) == search(space, options, free)


@pytest.mark.parametrize("options", [Options("best"), Options(balance=1.2), Options(normaliser="layer")])
def test_senseless_options_are_refused(options: Options) -> None:
    with pytest.raises(UsageError):
        search(chain((0.0, 0.3)), options)


# --- classes


def network_space(outlier: tuple[bool, ...], supports: precision.Supports = precision.supported) -> Space:
    graph = small.int8_graph()
    tiling = tiling_of(graph, 3, (2, 2), "reader")
    membership = Membership.static(outlier)
    found = classes.histograms(graph, small.int8_samples(graph, 8), tiling, membership)
    return precision.space(graph, found, Wanted(weights=WIDE), tiling, membership, supports)


def anything(*_: object) -> bool:
    return True


@pytest.mark.parametrize("outlier", [(True,) * 4, (False,) * 4, (True, False, False, True)])
def test_outlier_branches_keep_8_bits(outlier: tuple[bool, ...]) -> None:
    space = network_space(outlier, anything)
    choice = search(space, Options(balance=0.0), free)
    scopes = {item.scope for item in space.items}
    assert (NORMAL in scopes, OUTLIER in scopes) == (not all(outlier), any(outlier))
    assert all(b == 8 for b, item in zip(choice.bits, space.items, strict=True) if item.scope == OUTLIER)
    inner = [b for b, item in zip(choice.bits, space.items, strict=True) if item.scope == NORMAL][1:]
    assert all(outlier) or min(inner) < 8


def test_bitops_of_a_network_add_up_over_classes() -> None:
    spaces = [network_space(outlier) for outlier in ((False,) * 4, (True,) * 4, (True, False, True, False))]
    assert len({space.bitops((8,) * len(space.items)) for space in spaces}) == 1


def test_inputs_outputs_and_the_split_map_keep_8_bits() -> None:
    space = network_space((True, False, False, False), anything)
    fixed = {item.name for item in space.items if item.scope != WEIGHTS and item.widths == (8,)}
    assert fixed == {"image", "add", "scores"}


def test_memory_can_cut_outlier_branches_too() -> None:
    space = network_space((True, False, False, False), anything)
    least = [item.widths[-1] for item in space.items]
    ram = space.peak(least).live(least)
    choice = search(space, Options(balance=1.0, ram=ram))
    assert space.peak(choice.bits).live(choice.bits) <= ram


# --- bits given back


def drop_of(worth: dict[int, float]) -> Callable[[Choice], float]:
    return lambda choice: sum(loss for i, loss in worth.items() if choice.bits[i] < 8)


def test_bits_come_back_cheapest_first() -> None:
    space = chain((0.0, 0.2), (0.0, 0.2), (0.0, 0.2), macs=(300, 100, 200))
    found = Search(space, Options(balance=0.1, spend_time=True))
    choice = found.run()
    assert choice.bits[:3] == (4, 4, 4)
    assert [c.bits[:3] for c in moves(found, choice)] == [(4, 8, 4), (4, 8, 8), (8, 8, 8)]
    harmful = moves(
        found, choice, lambda i, bits: 100.0 if (i, bits) == (0, 4) else entropy_lost(found)(i, bits)
    )
    assert harmful[0].bits[:3] == (8, 4, 4)


def test_no_more_comes_back_than_the_limit_asks_for() -> None:
    space = chain((0.0, 0.2), (0.0, 0.2), (0.0, 0.2), macs=(300, 100, 200))
    found = Search(space, Options(balance=0.1, spend_time=True))
    loss = drop_of({0: 0.1, 1: 0.1, 2: 0.1})
    for limit, bits in ((0.31, (4, 4, 4)), (0.25, (4, 8, 4)), (0.11, (4, 8, 8)), (0.0, (8, 8, 8))):
        kept = give_back(found, found.run(), loss, limit)
        assert kept.bits[:3] == bits
    assert "accuracy: 'm1' (rest) goes back to 8 bits" in kept.notes


def test_what_is_left_of_the_limit_is_spent_on_bolder_choices() -> None:
    """Lambda 0.9 keeps all at 8 bits; as long as nothing is lost, less is taken."""
    space = chain((0.0, 0.2), (0.0, 0.2), (0.0, 0.2), macs=(300, 100, 200))
    found = Search(space, Options(balance=0.9, spend_time=True))
    first = found.run()
    assert first.bits[:3] == (8, 8, 8)
    for worth, bits in (({}, (4, 4, 4)), ({1: 1.0}, (4, 8, 4)), ({0: 1.0, 1: 1.0, 2: 1.0}, (8, 8, 8))):
        loss = drop_of(worth)
        kept = bolder(found, first, (None, None), lambda s, c, loss=loss: give_back(s, c, loss, 0.5), False)
        assert kept.bits[:3] == bits


def test_bits_that_memory_needs_do_not_come_back() -> None:
    space = chain((0.0, 0.2), (0.0, 0.2))
    found = Search(space, Options(balance=0.1, spend_time=True, ram=96))
    assert found.run().bits[:2] == (4, 4)
    kept = give_back(found, found.run(), drop_of({0: 0.1, 1: 0.1}), 0.11)
    assert sorted(kept.bits[:2]) == [4, 8]
    with pytest.raises(GateError, match=r"0\.1000"):
        give_back(found, found.run(), drop_of({0: 0.1, 1: 0.1}), 0.05)


def test_a_kernel_that_takes_more_memory_with_few_bits_gets_them_back() -> None:
    """Layer 1 unpacks its 4-bit input: less is alive in its maps, and more in its scratch."""
    space = chain((0.0, 0.1, 0.7), (0.0, 0.1), (0.0, 0.1), sizes=(64, 64, 64))

    def scratch(choice: Choice) -> int:
        return 90 if choice.bits[1] < 8 else 0

    def needed(choice: Choice) -> int:
        return space.peak(choice.bits).live(choice.bits) + scratch(choice)

    options = Options(balance=0.1, ram=130)
    search = Search(space, options, free)
    choice = search.run(needed, lambda choice: (1, REST))
    assert needed(choice) <= 130
    assert choice.bits[:2] == (2, 8)
    assert "the kernel of layer 1 (rest) takes less with 8 bits" in choice.notes[-1]
    with pytest.raises(BudgetError, match="the arena then takes"):
        Search(space, Options(balance=0.1, ram=90), free).run(lambda choice: 91, lambda choice: (1, REST))
