# SPDX-License-Identifier: Apache-2.0
"""Whole command lines, from a model to figures, on this computer and on an emulated board."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import intarsia
from intarsia.cli import app

SCALE = ("--input-scale", "0.0039215686", "--input-offset", "0")
SAMPLES = 4
BOARDS = ("host", pytest.param("qemu-cortex-m4", marks=pytest.mark.emulator))


def call(capsys: pytest.CaptureFixture[str], *arguments: str | Path, code: int = 0) -> str:
    """Runs one command line and returns its stdout."""
    got = app.run([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert got == code, err
    return out


def document(capsys: pytest.CaptureFixture[str], *arguments: str | Path, code: int = 0) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(call(capsys, *arguments, "--json", code=code))
    return content


@pytest.mark.parametrize("board", BOARDS)
def test_profile_keeps_a_whole_folder(
    board: str, digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ("--data", digits / "test.npz", *SCALE, "--samples", str(SAMPLES))
    out = tmp_path / "run"
    run = document(capsys, "profile", digits / "digits96_int8.tflite", "-b", board, *data, "-o", out, "-q")

    assert run["reference"]["mismatched_outputs"] == 0
    assert run["reference"]["compared"] == 10 * SAMPLES
    assert run["accuracy"] == {"metric": "top1", "value": 1.0, "samples": SAMPLES}
    assert run["memory"]["flash_bytes"] == run["memory"]["weights_bytes"] + run["memory"]["code_bytes"]
    counts = [layer["count"] for layer in run["latency"]["layers"]]
    if board == "host":
        assert (run["latency"]["unit"], run["latency"]["total"]) == ("none", None)
        assert set(counts) == {None}
    else:
        assert run["latency"]["unit"] == "instructions"
        assert run["latency"]["total"] == pytest.approx(sum(counts), rel=0.01)

    kept = {"run.json", "layers.csv", "outputs.npz", "samples.npz", "report.html", "fw"}
    assert {p.name for p in out.iterdir()} == kept | ({"plan.json"} if run["plan"] else set())
    assert run["environment"]["command"].startswith("intarsia profile ")
    assert run["environment"]["compiler"].startswith("GCC")
    assert (run["environment"]["runner"] or "QEMU").startswith("QEMU")
    assert sum(map(sum, run["classification"]["counts"])) == SAMPLES
    assert json.loads((out / "run.json").read_text()) == run
    with (out / "layers.csv").open(newline="") as stream:
        assert len(list(csv.DictReader(stream))) == len(counts)
    with np.load(out / "outputs.npz") as arrays:
        assert arrays["output_0"].shape == (SAMPLES, 1, 10) or arrays["output_0"].shape == (
            SAMPLES,
            1,
            1,
            1,
            10,
        )
        assert np.array_equal(arrays["output_0"], arrays["reference_0"])
        assert len(arrays["labels"]) == SAMPLES

    validated = document(capsys, "validate", out / "fw", *data, "--bit-exact", "--min-accuracy", "0.9", "-q")
    assert [gate["passed"] for gate in validated["gates"]] == [True, True]
    assert validated["memory"] == run["memory"]
    assert "needs no flashing" in call(capsys, "flash", out / "fw")


@pytest.mark.parametrize("board", BOARDS)
def test_step_by_step(board: str, digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, project = tmp_path / "model.itr", tmp_path / "fw"
    calib = ("--calib", digits / "calib.npz", *SCALE, "--samples", "16")
    quantized = document(capsys, "quantize", digits / "digits96_float.tflite", *calib, "-o", model, "-q")
    assert (quantized["int8_layers"], quantized["float_layers"]) == (quantized["layers"], [])

    generated = document(capsys, "generate", model, "-b", board, "-o", project, "-q")
    built = document(capsys, "build", project, "-q")
    assert built["memory"]["arena_bytes"] == generated["arena_bytes"]
    assert {part["name"] for part in built["sections"]}
    assert built["largest"]["flash"][0]["bytes"] >= built["largest"]["flash"][-1]["bytes"]
    assert call(capsys, "build", project, "--flash", "1K", "-q", code=3) == ""

    inputs = ("--inputs", digits / "test.npz", *SCALE, "--samples", "3")
    ran = document(capsys, "run", project, *inputs, "-o", tmp_path / "y.npz", "-q")
    assert (ran["schema"], ran["samples"], len(ran["outputs"])) == ("intarsia.outputs", 3, 3)
    with np.load(tmp_path / "y.npz") as arrays:
        assert arrays["output_0"].reshape(3, -1).tolist() == [outputs[0] for outputs in ran["outputs"]]

    lines = [
        json.loads(line) for line in call(capsys, "run", project, *inputs, "--stream", "-q").splitlines()
    ]
    assert sorted(line["sample"] for line in lines[:-1]) == [0, 1, 2]
    assert lines[-1]["event"] == "end"


def test_gates_exit_with_3(digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = tmp_path / "fw"
    call(capsys, "generate", digits / "digits96_int8.tflite", "-b", "host", "-o", project, "-q")
    with np.load(digits / "test.npz") as arrays:
        np.savez(tmp_path / "wrong.npz", x=arrays["x"][:4], y=(arrays["y"][:4] + 1) % 10)
    report = tmp_path / "junit.xml"
    arguments = ("--data", tmp_path / "wrong.npz", *SCALE, "--min-accuracy", "0.5", "--junit-xml", report)
    run = document(capsys, "validate", project, *arguments, "-q", code=3)
    assert [(gate["name"], gate["passed"]) for gate in run["gates"]] == [("min-accuracy", False)]
    assert 'failures="1"' in report.read_text()


def test_both_oracles_agree(digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ("--data", digits / "test.npz", *SCALE, "--samples", "2")
    for rule, oracle in (("litert", "interpreter"), ("litert", "intarsia"), ("tflm", "intarsia")):
        arguments = ("--reference", rule, "--oracle", oracle, "-q")
        run = document(capsys, "profile", digits / "digits96_int8.tflite", "-b", "host", *data, *arguments)
        assert (run["reference"]["rule"], run["reference"]["mismatched_outputs"]) == (rule, 0)
        assert run["reference"]["oracle"].startswith(
            "ai-edge-litert" if oracle == "interpreter" else "intarsia"
        )


def test_without_data_random_samples_are_compared(digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = document(capsys, "profile", digits / "digits96_int8.tflite", "-b", "host", "-q")
    assert (run["accuracy"], run["device"]["samples"]) == (None, 8)


def test_progress_goes_to_stderr(digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["profile", str(digits / "digits96_int8.tflite"), "-b", "host", "--json"]
    for option, wanted in (("--progress", True), ("--no-progress", False)):
        assert app.run([*arguments, option]) == 0
        out, err = capsys.readouterr()
        assert json.loads(out)["schema"] == "intarsia.run"
        assert bool(err) == wanted
    assert app.run([*arguments, "-v"]) == 0
    assert "build: " in capsys.readouterr().err


def test_the_same_from_python(digits: Path) -> None:
    source = intarsia.DataSource(digits / "test.npz", 1 / 255, limit=2)
    board, model = intarsia.load_board("host"), digits / "digits96_int8.tflite"
    run = intarsia.profile(model, board, intarsia.Request(source))
    assert run.comparison.mismatched == 0
    assert run.to_json()["board"] == "host"


@pytest.mark.data
@pytest.mark.emulator
@pytest.mark.tflm_oracle
def test_keyword_spotting_on_all_samples(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--board", "qemu-cortex-m4", "--data", data / "datasets" / "kws01" / "test.npz", "-q")
    run = document(capsys, "profile", data / "models" / "kws_dscnn_int8.tflite", *arguments)
    assert run["reference"]["oracle"] == "tflite-runtime 2.14.0"
    assert (run["reference"]["compared"], run["reference"]["mismatched_outputs"]) == (7200, 0)
    assert run["accuracy"]["value"] == pytest.approx(0.907, abs=0.001)
