# SPDX-License-Identifier: Apache-2.0
"""DSP kernels below 8 bits under QEMU: the reference's bytes, and what they cost against the int8 kernels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from intarsia import ops, simulate
from intarsia.dtypes import BY_BITS
from intarsia.ir import Graph, Quantization
from intarsia.kernelcall import KernelCall
from intarsia.plan import patch
from intarsia.plan.head import heads
from intarsia_codegen import memo
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.lower import lower
from support import harness
from support.agree import assert_agree
from support.draw import SeededDraw
from support.narrowlayers import EXPECTED, LAYERS, SHAPES, WIDTHS, Case, samples_of
from support.networks import network
from support.packed import narrow_case, narrow_network, samples

M4 = "qemu-cortex-m4"
TICKS_PER_INSTRUCTION = 6.4


def run(
    cases: Sequence[Case],
    folder: Path,
    *,
    generated: int,
    board: str = M4,
    error: float | None = None,
) -> list[int]:
    """Compares; returns instructions of the first sample of each. At least `generated` must be DSP kernels.

    With an `error` their generators' own figures must be as close to them, as a share.
    """
    graphs = [case.graph(seed) for seed, case in enumerate(cases)]
    samples = [samples_of(graph, seed) for seed, graph in enumerate(graphs)]
    outcomes = harness.run_cases(graphs, samples, folder, board=board, isas=("dsp", "scalar"))
    for graph, inputs, outcome in zip(graphs, samples, outcomes, strict=True):
        for values, got in zip(inputs, outcome.outputs, strict=True):
            assert_agree(graph, got, simulate.run(graph, values), board)
    kernels = [kernel for o in outcomes for layer in o.program.layers for kernel in layer.kernels]
    assert sum(kernel.isa == "dsp" for kernel in kernels) >= generated
    counts = [round(outcome.ticks[0] / TICKS_PER_INSTRUCTION) for outcome in outcomes]
    for case, outcome, count in zip(cases, outcomes, counts, strict=True):
        made = [k.generated for layer in outcome.program.layers for k in layer.kernels if k.generated]
        figure = sum(kernel.cost for kernel in made)
        assert error is None or abs(figure / count - 1) <= error, (
            f"{case}: {count} instructions, {figure} expected"
        )
    return counts


def only(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Of all kernels that are generated, leaves those with a source whose name begins with `code`."""
    every = memo.candidates

    def candidates(call: KernelCall, isa: str, name: str) -> tuple[GeneratedKernel, ...]:
        made = every(call, isa, name)
        return tuple(k for k in made if any(s.name.startswith(code) for s in k.sources))

    monkeypatch.setattr(memo, "candidates", candidates)


@pytest.mark.emulator
@pytest.mark.parametrize("widths", [(8, 8, 8), (4, 4, 4), (2, 4, 4), (8, 4, 4), (8, 8, 4), (4, 4, 8)])
def test_expected_instructions(widths: tuple[int, int, int], tmp_path: Path) -> None:
    """What generators expect is what the search of bits takes for the cost of a layer."""
    run([Case(*shape[:3], widths, shape[3]) for shape in EXPECTED], tmp_path, generated=0, error=0.1)


LINEAR = (
    ((1, 5, 4, 24), (1, 1), 16),
    ((1, 3, 5, 64), (1, 1), 18),
    ((1, 4, 4, 160), (1, 1), 12),
    ((1, 6, 7, 8), (3, 3), 20),
    ((1, 5, 9, 40), (3, 3), 10),
)


@pytest.mark.emulator
@pytest.mark.parametrize(("widths", "two_lines"), [((4, 4, 4), 3), ((2, 4, 4), 2)])
def test_both_sides_of_zero(widths: tuple[int, int, int], two_lines: int, tmp_path: Path) -> None:
    """Linear outputs, whose rule rounds half away from zero: zero points of either sign, one chunk and more."""
    cases = [
        Case(*shape, widths, {"trained": True, "out_zero": zero})
        for shape, zero in zip(LINEAR, (0, 1, -2, -1, 1), strict=True)
    ]
    run(cases, tmp_path, generated=len(cases))
    made = [lower(case.graph(seed), ("dsp", "scalar")) for seed, case in enumerate(cases)]
    kernels = [
        k.generated for program in made for layer in program.layers for k in layer.kernels if k.generated
    ]
    names = [source.name for kernel in kernels for source in kernel.sources]
    assert sum(re.match(r"itr_dsp_(outer|poly)_\w*z\d", name) is not None for name in names) >= two_lines


@pytest.mark.emulator
@pytest.mark.parametrize("zero", [-7, -1, 0, 6])
def test_both_sides_of_zero_three_pixels_at_a_time(zero: int, tmp_path: Path) -> None:
    """Weights of 2 bits, whose outputs leave no register for the second lines."""
    shapes = (((1, 7, 8, 32), 32), ((2, 5, 11, 32), 7), ((1, 3, 4, 40), 6))
    cases = [Case(shape, (3, 3), n, (2, 4, 4), {"trained": True, "out_zero": zero}) for shape, n in shapes]
    run(cases, tmp_path, generated=len(cases))
    made = [lower(case.graph(seed), ("dsp", "scalar")) for seed, case in enumerate(cases)]
    kernels = [k.generated for program in made for layer in program.layers for k in layer.kernels]
    names = [source.name for kernel in kernels if kernel for source in kernel.sources]
    assert any(re.match(r"itr_dsp_poly_w2a4\w*z\d", name) for name in names)


CONSTANT = ((0, 1, 2, 3), (4, 5, 6, 7, 12), (2, 3, 8, 9, 10, 11), tuple(range(13)))
"""Channels of 13 that never change: whole bytes of pixels are left out."""


@pytest.mark.emulator
@pytest.mark.parametrize("widths", WIDTHS)
def test_products_in_fields(widths: tuple[int, int, int], tmp_path: Path) -> None:
    """Tails, odd channels, borders, limits inside the range, several chunks, all-lowest and all-highest codes."""
    cases = [Case(shape, kernel, channels, widths, options) for shape, kernel, channels, options in SHAPES]
    cases += [Case((1, 5, 5, 36), (1, 1), 13, widths, {"constant": fixed}) for fixed in CONSTANT]
    run(cases, tmp_path, generated=len(cases))


@pytest.mark.emulator
@pytest.mark.parametrize("widths", [(4, 8, 8), (2, 8, 4)])
def test_weights_in_nibbles(
    widths: tuple[int, int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights of 4 bits and bytes of activations: borders, tails, limits, linear outputs, all extremes."""
    only(monkeypatch, "itr_dsp_gemm4n")
    cases = [Case(shape, kernel, channels, widths, options) for shape, kernel, channels, options in SHAPES]
    cases.append(Case((1, 6, 7, 3), (3, 3), 6, widths, {"stride": (2, 2), "out_zero": 0}))
    run(cases, tmp_path, generated=9)


@pytest.mark.emulator
@pytest.mark.parametrize("board", ["qemu-cortex-m7", "qemu-cortex-m33"])
def test_sister_cores(board: str, tmp_path: Path) -> None:
    """The same code on other cores with the extension."""
    cases = [Case(*SHAPES[i][:3], widths, SHAPES[i][3]) for widths in WIDTHS[:3] for i in (1, 5, 6)]
    run(cases, tmp_path, generated=len(cases), board=board)


@pytest.mark.emulator
def test_other_widths(tmp_path: Path) -> None:
    """Through the int8 kernels, strip by strip."""
    widths = ((4, 8, 4), (8, 4, 4), (8, 8, 2), (8, 2, 8))
    cases = [Case(*SHAPES[i][:3], w, SHAPES[i][3]) for k, w in enumerate(widths) for i in (k, 5, 6, 7, 9)]
    cases.append(Case((1, 40, 12, 16), (3, 3), 8, (8, 4, 4)))
    run(cases, tmp_path, generated=len(cases))


@pytest.mark.emulator
@pytest.mark.parametrize("operator", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD"])
def test_drawn_layers(operator: str, tmp_path: Path) -> None:
    """Random widths, mixed ones too; layers without a kernel of ours take the portable one."""
    graphs = [narrow_case(ops.registry()[operator], seed) for seed in range(12)]
    inputs = [samples(graph, seed) for seed, graph in enumerate(graphs)]
    outcomes = harness.run_cases(graphs, inputs, tmp_path, board=M4, isas=("dsp", "scalar"))
    for graph, xs, outcome in zip(graphs, inputs, outcomes, strict=True):
        for values, got in zip(xs, outcome.outputs, strict=True):
            assert_agree(graph, got, simulate.run(graph, values), M4)
    kernels = [kernel for o in outcomes for layer in o.program.layers for kernel in layer.kernels]
    assert sum(kernel.isa == "dsp" for kernel in kernels) >= 2


@pytest.mark.emulator
def test_sums_by_table(tmp_path: Path) -> None:
    """Maps of one width, with runs that end within a byte, and outputs of 8 bits."""
    drawn = [narrow_case(ops.registry()["ADD"], seed) for seed in range(60)]
    graphs = [g for g in drawn if len({t.dtype for t in g.tensors}) == 1 and len(g.tensors) == 3][:12]
    graphs += [with_byte_sums(graph) for graph in graphs if graph.tensor(0).dtype.bits == 4]
    inputs = [samples(graph, seed) for seed, graph in enumerate(graphs)]
    outcomes = harness.run_cases(graphs, inputs, tmp_path, board=M4, isas=("dsp", "scalar"))
    for graph, xs, outcome in zip(graphs, inputs, outcomes, strict=True):
        for values, got in zip(xs, outcome.outputs, strict=True):
            assert_agree(graph, got, simulate.run(graph, values), M4)
    made = [k.generated for o in outcomes for layer in o.program.layers for k in layer.kernels if k.generated]
    assert sum(any(s.name == "itr_dsp_add_table.c" for s in kernel.sources) for kernel in made) >= 5


def with_byte_sums(graph: Graph) -> Graph:
    """The same with an int8 output of a finer scale."""
    tensors, at = list(graph.tensors), graph.outputs[0]
    scale = tensors[at].quant.scale[0] / 16  # type: ignore[union-attr]
    tensors[at] = replace(tensors[at], dtype=BY_BITS[8], quant=Quantization((scale,), (-3,)))
    return graph.replace(tensors=tuple(tensors)).verify()


@pytest.mark.emulator
def test_sums_of_terms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exact form that serves where no line in two variables is found."""
    only(monkeypatch, "itr_dsp_add_terms")
    graphs = [ops.registry()["ADD"].cases(SeededDraw(seed)) for seed in range(60)]
    graphs = [g for g in graphs if {t.dtype.name for t in g.tensors} == {"int8"} and len(g.inputs) == 2][:12]
    inputs = [samples(graph, seed) for seed, graph in enumerate(graphs)]
    outcomes = harness.run_cases(graphs, inputs, tmp_path, board=M4, isas=("dsp", "scalar"))
    for graph, xs, outcome in zip(graphs, inputs, outcomes, strict=True):
        for values, got in zip(xs, outcome.outputs, strict=True):
            assert_agree(graph, got, simulate.run(graph, values), M4)
    kernels = [kernel for o in outcomes for layer in o.program.layers for kernel in layer.kernels]
    assert sum(kernel.isa == "dsp" for kernel in kernels) >= 3


@pytest.mark.emulator
def test_branches(tmp_path: Path) -> None:
    """Patches of packed maps share one kernel per layer, which takes the geometry of each branch."""
    graphs, plans, inputs = [], [], []
    for seed in range(12):
        draw = SeededDraw(seed)
        graph = network(draw)
        if graph.tensor(graph.inputs[0]).dtype.is_float:
            continue
        graph = narrow_network(graph, seed)
        head = draw.choice(heads(graph))
        grid = (draw.integer(1, min(head.extents[0], 3)), draw.integer(1, min(head.extents[1], 3)))
        graphs.append(graph)
        plans.append(patch.plan_of(graph, head.split_after, grid, "arena"))
        inputs.append(samples(graph, seed))
    outcomes = harness.run_cases(graphs, inputs, tmp_path, board=M4, isas=("dsp", "scalar"), plans=plans)
    for graph, xs, outcome in zip(graphs, inputs, outcomes, strict=True):
        for values, got in zip(xs, outcome.outputs, strict=True):
            assert_agree(graph, got, simulate.run(graph, values), M4)
    kernels = [kernel for o in outcomes for layer in o.program.layers for kernel in layer.kernels]
    assert any(k.isa == "dsp" and k.call.variants and k.call.contract == "conv_2d_packed" for k in kernels)


LEAST = {
    ("1x1", (4, 4, 4)): 1.3,
    ("1x1", (2, 4, 4)): 1.3,
    ("1x1", (2, 2, 2)): 1.9,
    ("1x1", (4, 8, 8)): 1 / 1.12,
    ("3x3", (4, 4, 4)): 1.6,
    ("3x3", (2, 4, 4)): 2.3,
    ("3x3", (2, 2, 2)): 2.3,
}
"""Instructions of the int8 kernel to those of ours, at least."""


def measured(
    layer: str, widths: Sequence[tuple[int, int, int]], folder: Path, **options: object
) -> dict[tuple[int, int, int], tuple[int, float]]:
    """Instructions of a layer at widths of weights, input and output, and how many times more int8 takes."""
    every, chosen = [(8, 8, 8), *widths], {"trained": True, **options}
    counts = run([Case(*LAYERS[layer], w, chosen) for w in every], folder, generated=len(every))
    return {w: (count, counts[0] / count) for w, count in zip(every, counts, strict=True)}


@pytest.mark.emulator
@pytest.mark.parametrize("layer", LAYERS)
def test_instructions(layer: str, tmp_path: Path) -> None:
    least = {widths: ratio for (name, widths), ratio in LEAST.items() if name == layer}
    table = measured(layer, list(least), tmp_path)
    for widths, (count, ratio) in table.items():
        print(f"{layer} weights, input, output {widths}: {count} instructions, {ratio:.2f}")
    assert all(table[widths][1] >= ratio for widths, ratio in least.items())


@pytest.mark.emulator
def test_instructions_of_linear_outputs(tmp_path: Path) -> None:
    """A zero point inside the range takes a second line, and little more."""
    table = measured("3x3", [(4, 4, 4), (2, 4, 4)], tmp_path, out_zero=1)
    assert table[4, 4, 4][1] >= 1.6
    assert table[2, 4, 4][1] >= 2.1
