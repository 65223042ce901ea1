# SPDX-License-Identifier: Apache-2.0
"""DSP kernels in both forms of patches: the bytes of the reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from intarsia import boards, build, measure, pipeline, simulate
from intarsia.plan import patch, precision
from intarsia.plan.precision import NORMAL, OUTLIER, Wanted
from intarsia.plan.vdpc import Membership
from intarsia.quantize import classes
from intarsia.quantize.classes import Widths
from intarsia.request import Budget, DataSource, Mixing, Patching, Recipe
from intarsia_codegen import project
from support import harness
from support.classed import drawn
from support.draw import SeededDraw, sample
from support.networks import Network

pytestmark = pytest.mark.emulator

COUNT = 16


def test_classes_on_a_core_with_the_dsp_extension(tmp_path: Path) -> None:
    graphs, plans = zip(*drawn(COUNT, 100), strict=True)
    random = np.random.default_rng(3)
    samples = [[[sample(g.tensor(i), random) for i in g.inputs] for _ in range(2)] for g in graphs]
    outcomes = harness.run_cases(
        graphs, samples, tmp_path, board="qemu-cortex-m4", isas=("dsp", "scalar"), plans=plans
    )
    generated = 0
    for graph, xs, outcome in zip(graphs, samples, outcomes, strict=True):
        for x, got in zip(xs, outcome.outputs, strict=True):
            for mine, wanted in zip(got, simulate.run(graph, x), strict=True):
                assert mine.tobytes() == wanted.tobytes()
        kernels = [kernel for layers in outcome.program.forms for layer in layers for kernel in layer.kernels]
        generated += sum(kernel.generated is not None for kernel in kernels)
    assert generated > COUNT


def test_a_class_of_one_patch_in_the_middle(tmp_path: Path) -> None:
    """Its kernels have one set of parameters, with borders inside the image."""
    net = Network(SeededDraw(3), (1, 13, 14, 4))
    x = net.conv(net.source, 8, same=True)
    x = net.depthwise(x, same=True)
    graph = net.finish(net.pointwise(x, 4))
    tiling = patch.tiling_of(graph, 1, (3, 3), "arena")
    random = np.random.default_rng(1)
    samples = [np.stack([sample(graph.tensor(i), random) for _ in range(4)]) for i in graph.inputs]
    membership = Membership.static([place == 4 for place in range(9)])
    found = classes.histograms(graph, samples, tiling, membership)
    space = precision.space(graph, found, Wanted((8, 4), (8, 4), (8, 4)), tiling, membership)
    graphs, plans = [], []
    for narrow in (False, True):
        bits = tuple(8 if item.scope == OUTLIER or not narrow else min(item.widths) for item in space.items)
        made = classes.apply(graph, samples, Widths.of(space, bits), tiling, membership, None)
        graphs.append(made)
        plans.append(patch.plan_of(made, 1, (3, 3), "arena"))
    inputs = [[x[:1] for x in samples]]
    outcomes = harness.run_cases(
        graphs, [inputs] * 2, tmp_path, board="qemu-cortex-m4", isas=("dsp", "scalar"), plans=plans
    )
    for made, outcome in zip(graphs, outcomes, strict=True):
        (wanted,) = simulate.run(made, [x[0] for x in inputs[0]])
        assert outcome.outputs[0][0].tobytes() == wanted.tobytes()


@pytest.mark.data
@pytest.mark.parametrize("form", ["static", "dynamic"])
def test_visual_wake_words(form: str, data: Path, models: Path, tmp_path: Path) -> None:
    """A real network with calibration images: bytes of the reference, and both forms are taken."""
    board, images = boards.load("qemu-cortex-m4"), data / "datasets" / "vww_coco128"
    budget = Budget(ram=32 << 10)  # so little that maps with something to save lie inside the patches
    made = pipeline.quantized(
        models / "vww_mobilenetv1_025_96_float.tflite",
        Recipe(
            calibration=DataSource(images / "calib.npz", 1 / 255),
            mixing=Mixing((8, 4), (8, 4), max_drop=None, spend_time=True, vdpc=form),
            budget=budget,
            patching=Patching((2, 4), "reader"),
        ),
        board,
    )
    graph = made.graph
    assert graph.classes is not None
    assert made.plan is not None
    bits = {scope: {m.bits for m in made.plan.maps if m.scope == scope} for scope in (NORMAL, OUTLIER)}
    assert bits == {NORMAL: {4, 8}, OUTLIER: {8}}
    project.write(pipeline.fit(graph, board, budget, plan=made.plan), board, tmp_path / "fw")
    built = build.build(tmp_path / "fw")
    samples = DataSource(images / "test.npz", 1 / 255, limit=3).load(graph).samples
    measured = measure.measure(built, samples)
    for values, got in zip(samples, measured.outputs, strict=True):
        wanted = simulate.run(graph, values)
        assert [x.tobytes() for x in got] == [x.tobytes() for x in wanted]
    code = (
        tmp_path / "fw" / "model" / f"{project.lower_for(graph, board, plan=made.plan).identifier}.c"
    ).read_text()
    assert "run_outlier_patch(row, column)" in code
    assert ("is_outlier" in code) == (form == "dynamic")
    assert made.plan.bitops < made.plan.bitops_8bit_patch / 1.5
