# SPDX-License-Identifier: Apache-2.0
"""Sums of products in float32 and float64, block by block, are the integers that define them."""

from __future__ import annotations

import numpy as np
import pytest

from intarsia import parallel
from intarsia.fixedpoint import Requantization, quantize_multiplier
from intarsia.ops import _narrowsums
from intarsia.ops._convolution import Geometry


def rule(
    random: np.random.Generator, channels: int, typical: float, limits: tuple[int, int]
) -> Requantization:
    """Factors around 1 / typical, some of them above 1."""
    factors = random.uniform(0.2, 3.0, channels) * random.choice([1.0, 1.0, 40.0], channels) / typical
    multipliers, shifts = zip(*(quantize_multiplier(float(f)) for f in factors), strict=True)
    return Requantization(multipliers, shifts, int(random.integers(*limits, endpoint=True)), *limits)


@pytest.mark.parametrize("limits", [(-128, 127), (-128, 40), (-8, 7), (-2, 1), (5, 127)])
@pytest.mark.parametrize("largest", [300, (1 << 22) - 2, (1 << 27), (1 << 31) - (1 << 20)])
@pytest.mark.parametrize("typical", [0.3, 30.0, 1 << 20])
def test_codes_are_those_of_the_rule(limits: tuple[int, int], largest: int, typical: float) -> None:
    """Sums at random, at both ends, and at ties of either rounding."""
    random = np.random.default_rng(largest)
    requant = rule(random, 7, typical, limits)
    most = largest >> max(0, *requant.shift)
    sums = random.integers(-most, most, (400, 7), endpoint=True)
    sums[:3] = [[-most], [most], [0]]
    sums[3:200] //= max(most // 200, 1)
    bias = random.integers(-50, 50, 7)
    expected = requant.apply(sums)
    assert np.array_equal(requant.codes((sums - bias).astype(np.float64), bias), expected)


def test_halves_round_as_the_rule_does() -> None:
    """Factors that are powers of two make every other sum a tie."""
    for exponent in range(1, 12):
        multiplier, shift = quantize_multiplier(2.0**-exponent)
        for zero_point in (-128, -3, 100):
            requant = Requantization((multiplier,), (shift,), zero_point, -128, 127)
            sums = np.arange(-(1 << 14), 1 << 14)[:, None]
            assert np.array_equal(requant.codes(sums, np.zeros(1, np.int64)), requant.apply(sums))


@pytest.mark.parametrize(("taps", "size"), [(5, 127), (1100, 127), (40, 1 << 18)])
def test_matrix_sums_are_exact(taps: int, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few taps add in float32, many or large ones in float64; the last block is a short one."""
    monkeypatch.setattr(_narrowsums, "BLOCK", 9 * taps)
    random = np.random.default_rng(taps)
    columns = random.integers(-128, 127, (31, taps), endpoint=True).astype(np.int8)
    kernel = random.integers(-size, size, (6, taps), endpoint=True)
    columns[0], kernel[0] = -128, size
    bias = random.integers(-1000, 1000, 6)
    total = (columns.astype(np.int64) + 3) @ kernel.T + bias
    requant = rule(random, 6, float(np.abs(total).max()) / 100, (-128, 127))
    found = _narrowsums.matrix_codes(columns, kernel, bias, -3, requant)
    assert np.array_equal(found, requant.apply(total))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("multiplier", [1, 2])
def test_depthwise_sums_are_exact(stride: int, multiplier: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_narrowsums, "BLOCK", 50)
    random = np.random.default_rng(stride)
    g = Geometry.of((2, 9, 7, 4), (3, 2), (stride, stride), (1, 1), "SAME")
    x = random.integers(-128, 127, (2, 9, 7, 4), endpoint=True).astype(np.int8)
    kernel = random.integers(-127, 127, (3, 2, 4, multiplier), endpoint=True)
    bias = random.integers(-500, 500, 4 * multiplier)
    windows = g.windows(x.astype(np.int64) - 11, 0)
    total = (windows[..., None] * kernel).sum(axis=(3, 4)).reshape(2, g.out_h, g.out_w, -1) + bias
    requant = rule(random, 4 * multiplier, 900.0, (-128, 127))
    assert np.array_equal(_narrowsums.depthwise_codes(g, x, kernel, bias, 11, requant), requant.apply(total))


def test_parts_keep_their_order_and_their_errors() -> None:
    assert parallel.over(lambda part: part * part, range(50)) == [part * part for part in range(50)]
    assert parallel.over(str, []) == []

    def failing(part: int) -> int:
        raise ValueError(f"part {part}")

    with pytest.raises(ValueError, match="part 0"):
        parallel.over(failing, range(4))
