# SPDX-License-Identifier: Apache-2.0
"""DSP kernels that serve all branches of patches: the bytes of the reference, and of the network layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

from intarsia import boards, build, measure, ops, pipeline, simulate
from intarsia.ir import Graph
from intarsia.plan import patch
from intarsia.plan.head import heads
from intarsia.plan.plan import Plan
from intarsia_codegen import project
from intarsia_codegen.select import Chosen
from support import harness
from support.agree import assert_agree
from support.cuts import Cut, Layer, single
from support.draw import SeededDraw, sample
from support.networks import Network, network

pytestmark = pytest.mark.emulator

M4 = "qemu-cortex-m4"
SISTERS = ("qemu-cortex-m7", "qemu-cortex-m33")


def run(cuts: Sequence[Cut], folder: Path, board: str = M4) -> list[Chosen]:
    """Compares with the reference; returns the DSP kernels that serve branches."""
    random = np.random.default_rng(7)
    graphs, plans = zip(*cuts, strict=True)
    samples = [[[sample(g.tensor(i), random) for i in g.inputs] for _ in range(2)] for g in graphs]
    outcomes = harness.run_cases(graphs, samples, folder, board=board, isas=("dsp", "scalar"), plans=plans)
    for (graph, plan), inputs, outcome in zip(cuts, samples, outcomes, strict=True):
        for values, got in zip(inputs, outcome.outputs, strict=True):
            assert_agree(graph, got, simulate.run(graph, values), f"{plan.split_after} {plan.grid}")
    kernels = [kernel for outcome in outcomes for layer in outcome.program.layers for kernel in layer.kernels]
    return [kernel for kernel in kernels if kernel.generated and kernel.generated.takes_params]


def sources(kernels: Iterable[Chosen]) -> set[str]:
    return {source.name for kernel in kernels if kernel.generated for source in kernel.generated.sources}


def drivers(kernels: Iterable[Chosen]) -> str:
    """C of the kernels themselves, which says what they call."""
    generated = [kernel.generated for kernel in kernels if kernel.generated]
    return "".join(kernel.sources[0].text for kernel in generated)


CONVOLUTIONS: tuple[tuple[tuple[int, int, int], Layer, tuple[int, int]], ...] = (
    ((9, 7, 16), Layer((1, 1), 8, activation="RELU"), (2, 2)),
    ((9, 7, 6), Layer((1, 1), 5), (4, 3)),
    ((9, 11, 8), Layer((1, 1), 6, (2, 2), activation="RELU6"), (2, 3)),
    ((13, 12, 3), Layer((3, 3), 8, (2, 2), activation="RELU"), (3, 2)),
    ((11, 10, 16), Layer((3, 3), 7, activation="RELU"), (3, 3)),
    ((12, 9, 5), Layer((3, 3), 4, padding="VALID"), (2, 3)),
    ((40, 11, 4), Layer((3, 3), 4), (2, 2)),
    ((11, 12, 4), Layer((5, 2), 6, (2, 1)), (3, 4)),
    ((9, 8, 4), Layer((3, 3), 4, dilation=(2, 1)), (3, 2)),
    ((9, 8, 4), Layer((3, 3), 4, dilation=(1, 2)), (2, 3)),
    ((13, 9, 1), Layer((3, 3), 4), (3, 3)),
    ((12, 9, 2), Layer((1, 3), 3, (1, 2)), (4, 2)),
    ((13, 6, 1), Layer((10, 4), 7, (2, 2)), (2, 2)),
    ((6, 6, 4), Layer((1, 1), 1), (6, 6)),
    ((5, 5, 4), Layer((3, 3), 4), (5, 5)),
    ((1, 12, 4), Layer((1, 3), 4), (1, 4)),
)


def test_convolutions(tmp_path: Path) -> None:
    cuts = [single(*case, seed) for seed, case in enumerate(CONVOLUTIONS)]
    kernels = run(cuts, tmp_path)
    assert len(kernels) >= len(cuts) - 1  # with 36 patches of one pixel, all branches are alike
    text = drivers(kernels)
    for driver in ("direct", "padded", "gathered"):
        assert f"itr_dsp_conv_{driver}_branch" in text
    assert any("pack4h_3x9_" in name for name in sources(kernels))


DEPTHWISE: tuple[tuple[tuple[int, int, int], Layer, tuple[int, int]], ...] = (
    ((12, 17, 8), Layer((3, 3), activation="RELU"), (2, 3)),
    ((11, 10, 6), Layer((3, 3), activation="RELU"), (3, 4)),
    ((5, 5, 4), Layer((3, 3)), (5, 5)),
    ((4, 9, 5), Layer((3, 3), activation="RELU6"), (4, 2)),
    ((9, 13, 5), Layer((3, 3), padding="VALID", activation="RELU6"), (3, 2)),
    ((40, 21, 8), Layer((3, 3)), (2, 2)),
    ((12, 13, 8), Layer((3, 3), stride=(2, 2), activation="RELU"), (2, 3)),
    ((13, 12, 7), Layer((3, 3), stride=(2, 2)), (3, 2)),
    ((9, 9, 4), Layer((3, 3), stride=(2, 2), padding="VALID"), (4, 4)),
    ((7, 8, 4), Layer((3, 3), stride=(2, 2), activation="RELU_N1_TO_1"), (4, 4)),
    ((70, 40, 4), Layer((3, 3), stride=(2, 2)), (2, 2)),
    ((12, 11, 5), Layer((5, 5), activation="RELU"), (2, 2)),
    ((11, 12, 12), Layer((7, 7), stride=(2, 2)), (2, 3)),
    ((13, 12, 4), Layer((3, 3), dilation=(2, 2)), (3, 2)),
    ((8, 9, 9), Layer((3, 3), stride=(1, 2)), (4, 2)),
    ((8, 9, 6), Layer((1, 1), padding="VALID"), (3, 2)),
    ((9, 9, 1), Layer((3, 3), activation="RELU"), (2, 3)),
)


def test_depthwise(tmp_path: Path) -> None:
    cuts = [single(*case, seed) for seed, case in enumerate(DEPTHWISE)]
    kernels = run(cuts, tmp_path)
    assert len(kernels) == len(cuts)
    names = sources(kernels)
    for part in ("rows_s1", "rows_s2", "taps", *(f"planes_{left}any" for left in ("", "l"))):
        assert any(part in name for name in names), part
    for end in ("any.S", "anym.S", "anyb.S"):
        assert any(name.endswith(end) for name in names), end


def chain(seed: int, grid: tuple[int, int], blocks: Callable[[Network, int], int]) -> Cut:
    """A network whose last layer is the split."""
    net = Network(SeededDraw(seed), (1, 21, 18, 4))
    graph = net.finish(blocks(net, net.source))
    return graph, patch.plan_of(graph, len(graph.nodes) - 1, grid)


def _pools(net: Network, x: int) -> int:
    for op, window, stride in (("MAX_POOL_2D", (3, 3), (2, 1)), ("AVERAGE_POOL_2D", (2, 3), (1, 2))):
        attrs = ops.registry()[op].attrs("SAME", stride, window)  # type: ignore[call-arg]
        x = net.layer(op, [x], attrs, net.tensors[x].quant)
    return x


def _shortcut(net: Network, x: int) -> int:
    """A residual block whose shortcut reads only part of what the other path needs, at every second pixel."""
    y = Layer((3, 3), 8, (2, 2), activation="RELU").add(net, x)
    y = Layer((3, 3)).add(net, y)
    return net.sum(y, Layer((1, 1), 8, (2, 2)).add(net, x))


def _two_windows(net: Network, x: int) -> int:
    """Both convolutions read one map; the smaller window starts inside what the larger one needs."""
    large, small = Layer((5, 5)).add(net, x), Layer((3, 3)).add(net, x)
    return net.sum(large, net.sum(small, Layer((3, 3), 4, dilation=(1, 2)).add(net, x)))


def test_maps_with_several_readers(tmp_path: Path) -> None:
    """Windows start inside the input where another layer needs more of it."""
    cuts = [chain(s, (3, 2), blocks) for s, blocks in enumerate((_pools, _shortcut, _two_windows))]
    kernels = run(cuts, tmp_path)
    found = {kernel.call.contract for kernel in kernels}
    assert found == {
        "conv_2d_s8_s8",
        "depthwise_conv_2d_s8_s8",
        "add_s8",
        "max_pool_2d_s8",
        "average_pool_2d_s8",
    }
    shifted = [k for k in kernels if any(v.get("pad_left", 0) < 0 for v in k.call.variants)]  # type: ignore[operator]
    for driver in ("conv_direct", "conv_padded", "conv_gathered", "depthwise_planar"):
        assert f"itr_dsp_{driver}_branch" in drivers(shifted), driver


def drawn(count: int) -> list[Cut]:
    """Random networks with random splits and grids."""
    found: list[Cut] = []
    seed = 0
    while len(found) < count:
        draw = SeededDraw(seed)
        graph = network(draw)
        seed += 1
        splits = heads(graph)
        if splits and graph.tensor(graph.inputs[0]).dtype.name == "int8":
            head = draw.choice(splits)
            rows, columns = head.extents
            grid = (draw.integer(1, min(rows, 5)), draw.integer(1, min(columns, 5)))
            found.append((graph, patch.plan_of(graph, head.split_after, grid)))
    return found


def test_drawn_networks(tmp_path: Path) -> None:
    assert len(run(drawn(20), tmp_path)) >= 20


@pytest.mark.parametrize("board", SISTERS)
def test_sister_cores(board: str, tmp_path: Path) -> None:
    """The same code on other cores with the extension."""
    cuts = [single(*case, seed) for seed, case in enumerate((*CONVOLUTIONS[:5], *DEPTHWISE[:7]))]
    assert len(run(cuts, tmp_path, board)) == len(cuts)


def measured(graph: Graph, plan: Plan | None, folder: Path) -> tuple[measure.Measurement, build.Built]:
    board = boards.load(M4)
    project.write(project.lower_for(graph, board, plan=plan), board, folder)
    built = build.build(folder)
    random = np.random.default_rng(3)
    samples = [[sample(graph.tensor(i), random) for i in graph.inputs] for _ in range(2)]
    return measure.measure(built, samples), built


def check_network(path: Path, cuts: Sequence[tuple[int, tuple[int, int]]], most: float, folder: Path) -> None:
    """Equal bytes; the first cut takes at most `most` times the instructions; patches add no weights."""
    graph = pipeline.load_model(path)
    whole, whole_built = measured(graph, None, folder / "whole")
    code = []
    for number, (split, grid) in enumerate(cuts):
        patched, built = measured(graph, patch.plan_of(graph, split, grid), folder / f"cut{number}")
        for got, want in zip(patched.outputs, whole.outputs, strict=True):
            assert [np.asarray(x).tobytes() for x in got] == [np.asarray(x).tobytes() for x in want]
        assert built.memory.weights_bytes == whole_built.memory.weights_bytes
        assert built.memory.arena_bytes < whole_built.memory.arena_bytes
        assert patched.stack_bytes is not None
        assert patched.stack_bytes <= built.memory.stack_bytes
        code.append(built.memory.code_bytes)
        if number == 0:
            assert patched.latency is not None
            assert whole.latency is not None
            assert patched.latency <= most * whole.latency
    assert max(code) <= min(code) + 512


def test_digits96(digits: Path, tmp_path: Path) -> None:
    cuts = ((4, (2, 3)), (4, (2, 2)), (4, (5, 4)))
    check_network(digits / "digits96_int8.tflite", cuts, 1.1, tmp_path)


@pytest.mark.data
def test_vww(models: Path, tmp_path: Path) -> None:
    check_network(models / "vww_mobilenetv1_025_96_int8.tflite", ((3, (2, 3)), (3, (4, 6))), 1.1, tmp_path)
