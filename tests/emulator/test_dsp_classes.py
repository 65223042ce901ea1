# SPDX-License-Identifier: Apache-2.0
"""DSP kernels in both forms of patches: the bytes of the reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from intarsia import simulate
from support import harness
from support.classed import drawn
from support.draw import sample

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
