# SPDX-License-Identifier: Apache-2.0
"""What `intarsia bench` measures and estimates on emulated boards."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from intarsia import boards, build, measure, pipeline
from intarsia.cli import app
from intarsia.cycles import estimate
from intarsia_codegen import project

OPERATORS = ["--operator", "FULLY_CONNECTED", "--operator", "AVERAGE_POOL_2D", "--operator", "SOFTMAX"]


@pytest.mark.emulator
def test_layers_are_measured_against_portable_c(capsys: pytest.CaptureFixture[str]) -> None:
    code = app.run(["bench", "kernels", "--board", "qemu-riscv32-v", *OPERATORS, "--json"])
    out, err = capsys.readouterr()
    assert code == 0, err
    document = json.loads(out)
    assert (document["schema"], document["schema_version"]) == ("intarsia.bench.kernels", 1)
    rows = {row["layer"]: row for row in document["rows"]}
    assert len(rows) == 13
    assert all(row["mismatched_outputs"] == 0 for row in rows.values())
    dense, softmax = rows["640 -> 128"], rows["softmax 12"]
    assert dense["macs"] == 640 * 128
    assert dense["macs_per_unit"] == pytest.approx(dense["macs"] / dense["count"], abs=1e-3)
    assert dense["portable"] / dense["count"] == pytest.approx(dense["portable_ratio"], abs=1e-3)
    assert dense["isa"] == softmax["isa"] == "rvv"
    assert dense["portable_ratio"] > 5
    for form in ("4x8", "4x4", "2x2", "float32", "float16"):
        row = rows[f"640 -> 128, {form}"]
        assert (row["form"], row["macs"]) == (form, dense["macs"])
        assert row["int8_ratio"] == pytest.approx(dense["count"] / row["count"], abs=1e-3)
    assert (dense["form"], dense["int8_ratio"]) == ("8x8", None)
    assert softmax["portable_ratio"] > 5


@pytest.mark.emulator
def test_estimates_count_what_was_executed(digits: Path, tmp_path: Path) -> None:
    """The trace has every instruction that the board counted, and the two that call each layer's mark."""
    graph = pipeline.load_model(digits / "digits96_int8.tflite")
    board = boards.load("qemu-cortex-m4")
    project.write(project.lower_for(graph, board), board, tmp_path / "fw")
    built = build.build(tmp_path / "fw")
    sample = [np.zeros(graph.tensor(i).shape, np.int8) for i in graph.inputs]
    counted = measure.measure(built, [sample]).layers
    estimates = estimate.layers(built.project, sample)
    assert counted is not None
    assert estimates is not None
    assert [layer.instructions - 2 for layer in estimates] == counted
    total = sum(layer.cycles for layer in estimates)
    assert 1.2 < total / sum(counted) < 1.7
