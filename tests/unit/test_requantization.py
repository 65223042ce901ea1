# SPDX-License-Identifier: Apache-2.0
"""What the search calls proved is compared with the rule on every reachable accumulator, one by one."""

from __future__ import annotations

import numpy as np
import pytest

from intarsia.fixedpoint import Int64Array, Requantization, quantize_multiplier
from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm import addition
from intarsia_codegen.arm.requantize import plan
from intarsia_codegen.requantization import Constants, Form, Layer, prove, reachable


def wrapped(value: Int64Array) -> Int64Array:
    """As a 32-bit register holds it."""
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)


def sequence(form: Form, layer: Layer, constants: Constants, scale_bits: int, sums: Int64Array) -> Int64Array:
    """The instructions of a form, register by register, for sums [n, channels]."""
    raw = wrapped((sums << scale_bits) + constants.bias)
    offset = constants.offset - np.where(raw < 0, constants.delta, 0)
    value = wrapped(((raw * constants.multiplier) >> 32) + wrapped(offset))
    code = np.clip(value >> form.exponent, -128, 127)
    return np.clip(code, layer.minimum, layer.maximum) if form.clamp else code


def random_layer(seed: int, *, limits: tuple[int, int] = (-128, 127)) -> Layer:
    """Channels whose reachable ranges are small enough to go through."""
    random = np.random.default_rng(seed)
    channels = 6
    spans = random.integers(1, 30_000, channels)
    low = -(spans * random.random(channels)).astype(np.int64)
    codes = random.choice([0.4, 3, 60, 200, 700], channels)
    pairs = [quantize_multiplier(float(c / s)) for c, s in zip(codes, spans, strict=True)]
    zero_point = int(random.choice([-128, 127, 0, random.integers(-128, 128)]))
    multipliers, shifts = zip(*pairs, strict=True)
    rule = Requantization(multipliers, shifts, zero_point, *limits)
    return Layer(rule.apply, *limits, low, low + spans)


def check(layer: Layer, form: Form, scale_bits: int) -> int:
    """Compares all accumulators of the proved channels; returns how many are proved."""
    constants = prove(layer, form, scale_bits)
    span = int((layer.high - layer.low).max())
    sums = np.clip(layer.low + np.arange(span + 1)[:, None], layer.low, layer.high)
    same = (sequence(form, layer, constants, scale_bits, sums) == layer.codes(sums)).all(axis=0)
    assert same[constants.proved].all()
    return int(constants.proved.sum())


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("signed", [False, True])
def test_proved_means_equal_everywhere(seed: int, signed: bool) -> None:
    layer = random_layer(seed)
    for exponent, scale_bits in ((0, 8), (6, 8), (10, 8), (10, 4), (15, 8), (12, 0), (20, 8)):
        check(layer, Form(exponent, signed), scale_bits)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("limits", [(-128, 40), (-17, 127), (-5, 5), (3, 3)])
def test_clamped_forms(seed: int, limits: tuple[int, int]) -> None:
    layer = random_layer(seed, limits=limits)
    for clamp in (False, True):
        for signed in (False, True):
            check(layer, Form(10, signed, clamp), 8)


@pytest.mark.parametrize("seed", range(4))
def test_rounding_once_is_one_line(seed: int) -> None:
    twice = random_layer(seed)
    factors = np.random.default_rng(seed).uniform(1e-4, 2e-3, len(twice.low))
    layer = Layer(
        lambda sums: np.clip(np.floor(sums * factors + 0.5).astype(np.int64), -128, 127),
        -128,
        127,
        twice.low,
        twice.high,
    )
    best = max(check(layer, Form(exponent), 8) for exponent in (2, 6, 10, 14))
    assert best >= 4


def test_one_line_is_found_for_rectified_layers() -> None:
    """Outputs from the lowest code on: the usual layer, with shifts as networks have them."""
    factors = [2.0**-k * m for k in (6, 7, 8, 9) for m in (1.0, 1.3, 1.7, 1.999)]
    multipliers, shifts = zip(*(quantize_multiplier(f) for f in factors), strict=True)
    rule = Requantization(multipliers, shifts, -128, -128, 127)
    ends = np.full(len(factors), 300_000, np.int64)
    layer = Layer(rule.apply, -128, 127, -ends, ends)
    assert prove(layer, Form(10), 8).proved.all()


def test_channels_that_never_change_need_no_accumulator() -> None:
    rule = Requantization((1 << 30,) * 2, (-31, -8), -128, -128, 127)
    low = np.array([-(1 << 30), -1000], np.int64)
    layer = Layer(rule.apply, -128, 127, low, low + 500)
    constants = prove(layer, Form(10), 8)
    assert constants.proved.all()
    assert constants.multiplier[0] == 0
    assert constants.offset[0] >> 10 == -128


def test_huge_bias_with_a_small_span() -> None:
    """The accumulator leaves 32 bits when it is scaled by 256, the raw one does not."""
    rule = Requantization((1 << 30,), (-18,), -128, -128, 127)
    low = np.array([40_000_000], np.int64)
    layer = Layer(rule.apply, -128, 127, low, low + 1_500_000)
    constants = prove(layer, Form(10), 8)
    assert constants.proved.all()
    sums = low + np.arange(0, 1_500_001, 7)[:, None]
    assert (sequence(Form(10), layer, constants, 8, sums) == layer.codes(sums)).all()


def test_plan_falls_back_to_the_rule_itself() -> None:
    """Two lines for channels of very different scales: what has no short form gets the exact one."""
    factors = [2.0**-2, 2.0**-11, 2.0**-17]
    multipliers, shifts = zip(*(quantize_multiplier(f) for f in factors), strict=True)
    rule = Requantization(multipliers, shifts, 5, -128, 127)
    ends = np.array([500, 300_000, 8_000_000], np.int64)
    layer = Layer(rule.apply, -128, 127, -ends, ends)
    found = plan(layer, rule, 8)
    assert found is not None
    assert any(words is None for words in found.short)
    assert all(words is not None for words in found.precise)


def test_reachable_range_is_attained() -> None:
    random = np.random.default_rng(3)
    weights, bias = random.integers(-127, 128, (4, 9)), random.integers(-900, 900, 4)
    low, high = reachable(weights, bias, in_zero=-7)
    inputs = np.where(weights > 0, 127, -128) + 7
    assert ((weights * inputs).sum(axis=1) + bias == high).all()
    inputs = np.where(weights > 0, -128, 127) + 7
    assert ((weights * inputs).sum(axis=1) + bias == low).all()


def addition_call(seed: int) -> KernelCall:
    random = np.random.default_rng(seed)
    scales = random.uniform(0.01, 0.1, 3)
    twice = 2 * max(scales[:2])
    names = {"a": scales[0] / twice, "b": scales[1] / twice, "out": twice / ((1 << 20) * scales[2])}
    params: dict[str, int] = {"size": 1}
    for name, factor in names.items():
        params[f"{name}_multiplier"], params[f"{name}_shift"] = quantize_multiplier(float(factor))
        params[f"{name}_zero"] = int(random.choice([-128, 127, 0, random.integers(-128, 128)]))
    low = int(random.choice([-128, params["out_zero"]]))
    return KernelCall("add", "add_s8", {**params, "minimum": low, "maximum": 127}, (0, 1), (2,))


@pytest.mark.parametrize("seed", range(6))
def test_addition_lines(seed: int) -> None:
    """The instructions of the line on all pairs of operands."""
    call = addition_call(seed)
    line = addition.fit(call)
    assert line is not None
    x, y = np.meshgrid(np.arange(-128, 128), np.arange(-128, 128), indexing="ij")
    total = wrapped(line.c + ((line.a * (x << 8)) >> 16))
    total = wrapped(total + ((line.b * (y << 8)) >> 16))
    if line.sign_shift:
        total = wrapped(wrapped(total - ((total % (1 << 32)) >> line.sign_shift)) + line.d)
    codes = np.clip(np.clip(total >> line.exponent, -128, 127), *line.limits)
    target = addition.Target(call)
    want = np.empty(65536, np.int64)
    want[target.order] = np.repeat(target.codes, np.diff([*target.starts, 65536]))
    assert (codes.reshape(-1) == want).all()
