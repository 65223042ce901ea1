# SPDX-License-Identifier: Apache-2.0
"""Helium kernels under QEMU: the reference's bytes for drawn layers and for shapes that reach every fast
path.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intarsia import ops, simulate
from intarsia.fixedpoint import (
    multiply_by_quantized_multiplier,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)
from intarsia.ir import Attrs, Graph, Quantization
from intarsia.kernelcall import KernelCall
from intarsia.ops import _cases
from intarsia.plan.plan import Plan
from intarsia_codegen import linearform
from intarsia_codegen.mve import fit
from support import harness
from support.agree import assert_agree
from support.draw import SeededDraw, sample
from support.layers import drawn, layer, long_means, scaled_layer, with_constant_channels
from support.rowwise import cuts

BOARD = "qemu-cortex-m55"
OPERATORS = (
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "FULLY_CONNECTED",
    "AVERAGE_POOL_2D",
    "MAX_POOL_2D",
    "MUL",
    "MEAN",
    "SOFTMAX",
)
DRAWN = 18


def run(
    graphs: Sequence[Graph], folder: Path, *, least_generated: int, plans: Sequence[Plan | None] | None = None
) -> None:
    """Runs graphs on the board and compares, in patches where there are plans; at least so many of their layers must
    be Helium kernels, but for copies of patches."""
    random = np.random.default_rng(11)
    samples = [[[sample(g.tensor(i), random) for i in g.inputs] for _ in range(2)] for g in graphs]
    outcomes = harness.run_cases(graphs, samples, folder, board=BOARD, isas=("mve", "scalar"), plans=plans)
    generated = 0
    for graph, inputs, outcome in zip(graphs, samples, outcomes, strict=True):
        kernels = [kernel for step in outcome.program.layers for kernel in step.kernels]
        generated += all(kernel.isa == "mve" for kernel in kernels if kernel.call.op != "strided_copy")
        for values, got in zip(inputs, outcome.outputs, strict=True):
            assert_agree(graph, got, simulate.run(graph, values), BOARD)
    assert generated >= least_generated


@pytest.mark.emulator
@pytest.mark.parametrize("operator", OPERATORS)
def test_drawn_layers(operator: str, tmp_path: Path) -> None:
    run(drawn(operator, DRAWN), tmp_path, least_generated=DRAWN // 3)


@pytest.mark.emulator
def test_long_means(tmp_path: Path) -> None:
    run(long_means(), tmp_path, least_generated=5)


@pytest.mark.emulator
def test_fully_connected_rounded_once(tmp_path: Path) -> None:
    run(drawn("FULLY_CONNECTED", DRAWN, "litert"), tmp_path, least_generated=DRAWN // 3)


CONVOLUTIONS: tuple[tuple[tuple[int, ...], tuple[int, int], int, dict[str, Any]], ...] = (
    ((1, 3, 5, 16), (1, 1), 20, {}),
    ((2, 3, 3, 16), (1, 1), 8, {"activation": "RELU6"}),
    ((1, 5, 3, 48), (1, 1), 48, {"activation": "RELU"}),
    ((1, 3, 3, 176), (1, 1), 4, {}),
    ((2, 4, 5, 24), (1, 1), 6, {}),
    ((1, 4, 4, 8), (1, 1), 12, {"activation": "RELU"}),
    ((1, 5, 5, 16), (1, 1), 5, {"stride": (2, 2)}),
    ((1, 5, 6, 12), (1, 1), 3, {"stride": (2, 3)}),
    ((1, 5, 5, 16), (3, 3), 8, {"activation": "RELU"}),
    ((1, 5, 6, 32), (3, 3), 4, {"stride": (2, 2)}),
    ((1, 4, 4, 64), (3, 3), 7, {}),
    ((1, 6, 5, 16), (3, 3), 4, {"dilation": (2, 1)}),
    ((1, 6, 5, 16), (3, 3), 4, {"dilation": (1, 2)}),
    ((1, 3, 3, 80), (3, 3), 4, {"activation": "RELU"}),
    ((2, 7, 7, 3), (3, 3), 8, {"stride": (2, 2), "activation": "RELU"}),
    ((1, 12, 6, 1), (10, 4), 9, {"stride": (2, 2)}),
    ((1, 7, 7, 5), (5, 5), 4, {"padding": "VALID"}),
    ((1, 1, 1, 16), (3, 3), 4, {}),
)
DEPTHWISE: tuple[tuple[tuple[int, ...], tuple[int, int], dict[str, Any]], ...] = (
    ((1, 9, 7, 1), (3, 3), {"stride": (2, 2), "channels": 8}),
    ((1, 4, 4, 16), (3, 3), {"activation": "RELU"}),
    ((2, 5, 5, 9), (3, 3), {}),
    ((1, 2, 2, 64), (3, 3), {"activation": "RELU6"}),
    ((1, 1, 5, 8), (3, 3), {}),
    ((1, 5, 1, 8), (3, 3), {}),
    ((1, 9, 9, 8), (3, 3), {"stride": (2, 2), "activation": "RELU"}),
    ((1, 6, 7, 5), (3, 3), {"padding": "VALID"}),
    ((1, 8, 6, 4), (4, 2), {"dilation": (2, 3)}),
    ((2, 6, 6, 6), (5, 5), {}),
    ((1, 9, 6, 3), (7, 5), {"stride": (2, 1), "activation": "RELU"}),
    ((1, 10, 9, 12), (5, 5), {"activation": "RELU6"}),
    ((2, 11, 8, 5), (7, 7), {"stride": (2, 2)}),
    ((1, 3, 3, 18), (7, 7), {"activation": "RELU"}),
    ((1, 12, 20, 4), (6, 16), {"padding": "VALID"}),
    ((1, 9, 20, 4), (1, 9), {"stride": (3, 1)}),
    ((1, 16, 16, 4), (8, 5), {}),
    ((1, 9, 9, 4), (5, 5), {"dilation": (1, 2)}),
)


@pytest.mark.emulator
def test_convolution_shapes(tmp_path: Path) -> None:
    graphs = [
        layer("CONV_2D", shape, kernel, channels, seed, **options)
        for seed, (shape, kernel, channels, options) in enumerate(CONVOLUTIONS)
    ]
    run(graphs, tmp_path, least_generated=len(graphs))


@pytest.mark.emulator
def test_patches(tmp_path: Path) -> None:
    """All branches of a layer share one kernel."""
    cases = cuts()
    run(
        [graph for graph, _ in cases],
        tmp_path,
        least_generated=len(cases) - 1,
        plans=[plan for _, plan in cases],
    )


@pytest.mark.emulator
def test_channels_that_no_input_changes(tmp_path: Path) -> None:
    cases = (
        ((1, 3, 3, 16), (1, 1), 16, (0, 5, 6, 15)),
        ((1, 3, 3, 48), (1, 1), 31, (1, 2, 30)),
        ((2, 3, 3, 32), (1, 1), 40, ()),
        ((1, 5, 5, 16), (3, 3), 19, (7, 8, 9, 10, 18)),
        ((1, 3, 5, 32), (3, 3), 9, (8,)),
        ((1, 4, 4, 3), (3, 3), 21, (3, 11, 12)),
    )
    graphs = [
        with_constant_channels(layer("CONV_2D", shape, kernel, channels, seed), live)
        for seed, (shape, kernel, channels, live) in enumerate(cases)
    ]
    run(graphs, tmp_path, least_generated=len(graphs))


@pytest.mark.emulator
def test_depthwise_shapes(tmp_path: Path) -> None:
    graphs = [
        layer("DEPTHWISE_CONV_2D", shape, kernel, seed=seed, **{"channels": shape[3], **options})
        for seed, (shape, kernel, options) in enumerate(DEPTHWISE)
    ]
    run(graphs, tmp_path, least_generated=len(graphs))


@pytest.mark.emulator
@pytest.mark.parametrize(("scale", "zero"), [(0.5, 0), (0.0078125, -128), (3.0, 127), (1e-30, 5)])
def test_real_values_to_codes(scale: float, zero: int, tmp_path: Path) -> None:
    case = _cases.Case(SeededDraw(0))
    graph = case.graph(
        ops.registry()["QUANTIZE"],
        [case.input((1, 23), "float32")],
        Attrs(),
        [("int8", Quantization((scale,), (zero,)))],
    )
    ties = (np.arange(-9, 10) + 0.5) * scale
    edges = np.array([np.nan, np.inf, -np.inf, -0.0], np.float64)
    values = np.concatenate([ties, edges]).astype(np.float32)[None]
    random = (np.random.default_rng(3).normal(size=(1, 23)) * 99 * scale).astype(np.float32)
    (outcome,) = harness.run_cases(
        [graph], [[[values], [random]]], tmp_path, board=BOARD, isas=("mve", "scalar")
    )
    assert outcome.program.layers[0].kernels[0].isa == "mve"
    for x, got in zip((values, random), outcome.outputs, strict=True):
        assert_agree(graph, got, simulate.run(graph, [x]), BOARD)


@pytest.mark.emulator
def test_shifts_of_every_sign(tmp_path: Path) -> None:
    graphs = [
        scaled_layer(exponent, seed, activation)
        for seed, exponent in enumerate((-40, -31, -20, -9, -3, -1, 0, 1, 4, 7))
        for activation in ("NONE", "RELU")
    ]
    run(graphs, tmp_path, least_generated=len(graphs))


def flat_sums(count: int) -> list[tuple[Graph, KernelCall]]:
    """Additions of two feature maps of the same shape."""
    found = []
    for graph in drawn("ADD", 12 * count):
        (call,) = ops.registry()["ADD"].lower(graph.nodes[0], graph)
        assert isinstance(call, KernelCall)
        if call.contract == "add_s8" and not call.constants:
            found.append((graph, call))
    assert len(found) >= count
    return found[:count]


@pytest.mark.emulator
@pytest.mark.parametrize("attempts", [linearform.ATTEMPTS, 0])
def test_add_of_equal_shapes(attempts: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With linear forms, and by the reference's own steps where none is found."""
    monkeypatch.setattr(linearform, "ATTEMPTS", attempts)
    graphs = [graph for graph, _ in flat_sums(8)]
    run(graphs, tmp_path, least_generated=len(graphs))


def vector_rounding(
    accumulator: np.ndarray, multiplier: int, left: int, right: int, offset: int
) -> np.ndarray:
    """VSHL, VADD, VQRDMULH, VRSHL."""
    high = saturating_rounding_doubling_high_mul((accumulator << left) + offset, multiplier)
    return (high + ((1 << right) >> 1)) >> right


@pytest.mark.parametrize("seed", range(40))
def test_offsets_found_give_one_rounding(seed: int) -> None:
    """Every accumulator in bounds, not only those where the proof looks."""
    random = np.random.default_rng(seed)
    shift = int(random.integers(38, 50))
    multiplier = int(random.integers(1 << (shift - 10), 1 << (shift - 5)))
    if seed % 2:
        multiplier = (1 << (shift - 8)) | (1 << (shift - 9))
    bits = multiplier.bit_length()
    factor, exponent = multiplier << 31 >> bits, bits - shift
    bounds, codes, left = (-9000, 9500), (-100, 155), 14
    offset = fit.offset_for(fit.away_once(multiplier, shift), factor, left, left - exponent, bounds, codes)
    accumulator = np.arange(bounds[0], bounds[1] + 1, dtype=np.int64)
    magnitude = (np.abs(accumulator) * multiplier + (1 << (shift - 1))) >> shift
    once = np.clip(np.sign(accumulator) * magnitude, *codes)
    if offset is None:
        assert all(
            (np.clip(vector_rounding(accumulator, factor, left, left - exponent, o), *codes) != once).any()
            for o in range(-64, 65)
        )
    else:
        got = vector_rounding(accumulator, factor, left, left - exponent, offset)
        assert np.array_equal(np.clip(got, *codes), once)


def test_vector_steps_round_twice_as_the_reference() -> None:
    """VQRDMULH, the correction of negative ties and VRSHL, for all small values and shifts."""
    high = np.arange(-5000, 5000, dtype=np.int64)
    for right in range(1, 12):
        corrected = high + (high >> 31)
        assert np.array_equal((corrected + (1 << right >> 1)) >> right, rounding_divide_by_pot(high, right))
    x = np.arange(-5000, 5000, dtype=np.int64) * 12345
    once = saturating_rounding_doubling_high_mul(x, 1 << 30)
    assert np.array_equal(once, multiply_by_quantized_multiplier(x, 1 << 30, 0))


def test_linear_forms_equal_the_reference() -> None:
    calls = [call for _, call in flat_sums(8)]
    found = [(call, form) for call in calls if (form := linearform.LinearForm.find(call))]
    assert len(found) > len(calls) // 2
    codes = np.arange(-128, 128, dtype=np.int64)
    for call, form in found:
        sums = form.a_factor * codes[:, None] + form.b_factor * codes[None, :] + form.constant
        assert np.abs(sums).max() < 1 << 31
        limits = call.integer("minimum"), call.integer("maximum")
        expected = linearform.reference(call, codes[:, None], codes[None, :])
        assert np.array_equal(np.clip(sums >> form.right, *limits), expected)
