# SPDX-License-Identifier: Apache-2.0
"""RISC-V vector kernels under QEMU: the reference's bytes, whatever the length of the vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from intarsia import assets, ops, simulate
from intarsia.ir import Graph
from intarsia.kernelcall import KernelCall
from intarsia.plan.plan import Plan
from intarsia_codegen.library import generators
from intarsia_codegen.lower import lower
from intarsia_codegen.rvv import depthwise, gemm
from intarsia_codegen.rvv.requantize import Form
from support import harness
from support.agree import assert_agree
from support.draw import sample
from support.layers import drawn, layer, long_means, with_constant_channels
from support.rowwise import cuts, layers_of_every_shift, windowed_layers, with_lowest_weights

BOARD = "qemu-riscv32-v"
LONGER = "qemu-riscv32-v256"
DRAWN = 12
SOME = {"DEPTHWISE_CONV_2D": 6, "ADD": 4, "SOFTMAX": 6}
ALL = (
    "CONV_2D",
    "FULLY_CONNECTED",
    "AVERAGE_POOL_2D",
    "MAX_POOL_2D",
    "MEAN",
    "MUL",
    "LOGISTIC",
    "PAD",
    "TRANSPOSE",
)
OPERATORS = {**SOME, **dict.fromkeys(ALL, DRAWN)}
"""How many of an operator's drawn layers must run on vector kernels."""


@pytest.fixture(params=[BOARD, LONGER])
def board(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The board as it is, and one with vectors of 256 bits whose compiler does not know their length."""
    source = assets.boards() / BOARD
    text = (source / "board.toml").read_text(encoding="utf-8")
    folder = tmp_path / "boards" / LONGER
    folder.mkdir(parents=True)
    changes = {f'"{BOARD}"': f'"{LONGER}"', "vlen=128": "vlen=256", ' "-mrvv-vector-bits=zvl",': ""}
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "board.toml").write_text(text, encoding="utf-8")
    (folder / "link.ld").write_text((source / "link.ld").read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setenv("INTARSIA_BOARDS", str(folder.parent))
    return str(request.param)


def run(
    graphs: Sequence[Graph], folder: Path, board: str, plans: Sequence[Plan | None] | None = None
) -> list[bool]:
    """Runs graphs, in patches where there are plans, and compares; tells which ran on vector kernels only."""
    random = np.random.default_rng(11)
    samples = [[[sample(g.tensor(i), random) for i in g.inputs] for _ in range(2)] for g in graphs]
    outcomes = harness.run_cases(
        graphs, samples, folder / "program", board=board, isas=("rvv", "scalar"), plans=plans
    )
    for graph, inputs, outcome in zip(graphs, samples, outcomes, strict=True):
        for values, got in zip(inputs, outcome.outputs, strict=True):
            assert_agree(graph, got, simulate.run(graph, values), board)
    return [
        all(kernel.isa == "rvv" for step in outcome.program.layers for kernel in step.kernels)
        for outcome in outcomes
    ]


@pytest.mark.emulator
def test_drawn_layers(board: str, tmp_path: Path) -> None:
    graphs = {operator: drawn(operator, DRAWN) for operator in OPERATORS}
    vectors = run([graph for group in graphs.values() for graph in group], tmp_path, board)
    counts = {operator: sum(vectors[i * DRAWN : (i + 1) * DRAWN]) for i, operator in enumerate(graphs)}
    assert all(counts[operator] >= least for operator, least in OPERATORS.items()), counts


@pytest.mark.emulator
def test_fully_connected_rounded_once(board: str, tmp_path: Path) -> None:
    vectors = run(drawn("FULLY_CONNECTED", DRAWN, "litert"), tmp_path, board)
    assert sum(vectors) >= DRAWN // 2


@pytest.mark.emulator
def test_shapes_that_reach_every_path(board: str, tmp_path: Path) -> None:
    graphs = windowed_layers()
    graphs += [with_lowest_weights(graph) for graph in graphs[-3:]]
    assert all(run(graphs, tmp_path, board))


@pytest.mark.emulator
def test_means_along_runs_longer_than_a_vector(board: str, tmp_path: Path) -> None:
    graphs = long_means()
    assert all(run(graphs, tmp_path, board))


@pytest.mark.emulator
def test_shifts_of_every_sign(board: str, tmp_path: Path) -> None:
    graphs = layers_of_every_shift()
    assert all(run(graphs, tmp_path, board))


@pytest.mark.emulator
def test_channels_that_no_input_changes(board: str, tmp_path: Path) -> None:
    cases = (
        ((1, 3, 3, 16), (1, 1), 80, (0, 5, 6, 79)),
        ((1, 5, 5, 40), (1, 1), 40, (1, 2, 30)),
        ((2, 3, 3, 32), (1, 1), 40, ()),
        ((1, 5, 5, 16), (3, 3), 100, range(35, 70)),
        ((1, 4, 4, 3), (3, 3), 64, (3, 11, 12)),
    )
    graphs = [
        with_constant_channels(layer("CONV_2D", shape, kernel, channels, seed), live)
        for seed, (shape, kernel, channels, live) in enumerate(cases)
    ]
    assert all(run(graphs, tmp_path, board))
    chosen = [
        step.kernels[0].generated for graph in graphs for step in lower(graph, ("rvv", "scalar")).layers
    ]
    assert all(any("scatter" in source.name for source in kernel.sources) for kernel in chosen if kernel)


@pytest.mark.emulator
def test_branches_of_patches(tmp_path: Path) -> None:
    graphs, plans = zip(*cuts(), strict=True)
    assert all(run(graphs, tmp_path, BOARD, plans))


@pytest.mark.emulator
def test_estimated_costs_are_near_what_is_measured(tmp_path: Path) -> None:
    """They decide between kernels: within a third."""
    graphs = [
        layer("CONV_2D", (1, 12, 12, 32), (1, 1), 48, 1),
        layer("CONV_2D", (1, 10, 10, 16), (3, 3), 16, 2),
        layer("DEPTHWISE_CONV_2D", (1, 12, 12, 16), (3, 3), 16, 3),
        layer("DEPTHWISE_CONV_2D", (1, 12, 12, 64), (3, 3), 64, 4, stride=(2, 2)),
    ]
    samples = [[[sample(g.tensor(g.inputs[0]), np.random.default_rng(0))]] for g in graphs]
    for outcome in harness.run_cases(graphs, samples, tmp_path, board=BOARD, isas=("rvv", "scalar")):
        (kernel,) = outcome.program.layers[0].kernels
        assert kernel.generated is not None
        assert 2 / 3 < kernel.generated.cost / outcome.ticks[0] < 3 / 2


@pytest.mark.parametrize("channels", [1, 3, 8, 16, 40, 64, 95, 96, 200])
@pytest.mark.parametrize("stride", [1, 2])
def test_vectors_find_their_constants_from_every_channel(channels: int, stride: int) -> None:
    """What the C loop does, for vectors of every length: constants of the right channels, none beyond the last."""
    length = depthwise.constants_length(channels, stride)
    span = 7 * channels if stride == 1 else channels
    for lanes in (8, 16, 32, depthwise.LANES):
        done, phase = 0, 0
        while done < span:
            count = min(span - done, lanes, length - phase)
            assert count > 0
            assert phase == done % channels
            done += count
            phase = (phase + count) % channels
        assert length == channels or length >= min(channels, lanes)


def test_pairs_of_products_fit_16_bits() -> None:
    weights = np.array([[127, -128], [-128, 127], [5, -128]], np.int8)
    assert depthwise.together(weights) == 2
    assert depthwise.together(np.full((3, 1), -128, np.int8)) == 1
    assert depthwise.together(np.full((1, 4), 5, np.int8)) == 1


def test_registers_suffice() -> None:
    """Sums, a widened vector of weights and the vector it is made from take no more than there are."""
    for group, (pixels, *_) in gemm.BLOCKS.items():
        registers = int(group[1:])
        assert pixels * registers + registers // 2 + max(registers // 4, 1) <= 32
    assert gemm.Kernel.of(17, Form(False, "up", False)).group == "m8"


def test_calls_that_portable_c_must_serve() -> None:
    graph = layer("CONV_2D", (1, 3, 3, 4), (1, 1), 4, 0)
    (call,) = ops.registry()["CONV_2D"].lower(graph.nodes[0], graph)
    assert isinstance(call, KernelCall)
    (generate,) = generators("conv_2d_s8_s8", "rvv")
    assert generate(call, "f") is not None
    assert generate(replace(call, params={**call.params, "weights_zero": 3}), "f") is None
