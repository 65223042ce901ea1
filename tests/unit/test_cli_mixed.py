# SPDX-License-Identifier: Apache-2.0
"""Bits chosen from the command line: written, built, run, refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from intarsia import boards, modelfile, pipeline, precisionplan, standin
from intarsia.cli import _bits, app
from intarsia.data import Dataset
from intarsia.errors import BudgetError, UsageError
from intarsia.plan import precision
from intarsia.plan.precision import Wanted
from intarsia.quantize import classes
from intarsia.quantize.classes import Widths
from intarsia.request import DataSource, Patching, Recipe
from intarsia_codegen import project as codegen
from support import small

SCALE = ["--input-scale", "0.0039215686", "--samples", "12"]
NARROW = ["--bits", "8,4", "--weight-bits", "8,4"]


def calibration(digits: Path) -> list[str]:
    return ["--calib", str(digits / "calib.npz"), *SCALE, "-q"]


def test_default_bits_leave_the_file_as_it_was(digits: Path, tmp_path: Path) -> None:
    model = digits / "digits96_float.tflite"
    source = DataSource(digits / "calib.npz", 0.0039215686, limit=12)
    expected = modelfile.to_bytes(pipeline.prepare(model, Recipe(calibration=source)))
    for name, options in (("a", []), ("b", ["--bits", "8", "--weight-bits", "8"])):
        out = tmp_path / f"{name}.itr"
        assert app.run(["quantize", str(model), *calibration(digits), "-o", str(out), *options]) == 0
        assert out.read_bytes() == expected


def test_mixed_bits_run_bit_exactly(digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, out, folder = str(digits / "digits96_float.tflite"), tmp_path / "m.itr", str(tmp_path / "fw")
    fit = ["-b", "host", "--ram", "64K"]
    arguments = ["quantize", model, *calibration(digits), *fit, *NARROW, "-o", str(out), "--json"]
    assert app.run(arguments) == 0
    found = json.loads(capsys.readouterr().out)["precision"]
    assert found["bitops"] < found["bitops_8bit"]
    assert found["estimated_time"]["total"] <= found["estimated_time"]["total_8bit"]
    assert found["drop"] <= found["max_drop"] == 0.01
    assert found["held_out_samples"] == 3
    graph = modelfile.load(out)
    assert graph.classes is not None
    assert sum(graph.classes.members) == 1
    for form, other in ((graph, "outlier"), (graph.classes.outlier, "normal")):
        entries = [entry for entry in (*found["maps"], *found["weights"]) if entry["part"] != other]
        widths = {entry["name"]: entry["bits"] for entry in entries}
        assert set(widths.values()) == {8, 4}
        written = {*form.inputs, *(t for node in form.nodes for t in (*node.inputs, *node.outputs))}
        for tensor in (form.tensor(index) for index in written if index >= 0):
            assert tensor.name not in widths or tensor.dtype.bits == widths[tensor.name]
    assert app.run(["generate", str(out), *fit, "-o", folder, "-q"]) == 0
    arguments = ["validate", folder, "--data", str(digits / "test.npz"), *SCALE]
    assert app.run([*arguments, "--bit-exact", "--min-accuracy", "0.8", "-q"]) == 0


def test_int8_model_gets_fewer_bits_and_the_run_tells_bitops(
    digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["profile", str(digits / "digits96_int8.tflite"), "-b", "host", *calibration(digits), *NARROW]
    assert app.run([*arguments, "--patches", "2x2", "--input", "reader", "--json"]) == 0
    run = json.loads(capsys.readouterr().out)
    assert run["reference"]["mismatched_outputs"] == 0
    plan = run["plan"]
    assert plan["bitops"] < plan["bitops_8bit_patch"]
    assert plan["outlier_patches"] == 0


def test_baselines_are_not_given_back_unless_asked(digits: Path) -> None:
    path = digits / "calib.npz"
    chosen = [_bits.Choosing("8,4", method=method).mixing(path) for method in (None, "uniform4")]
    assert [m and (m.method, m.max_drop) for m in chosen] == [("vdqs", 0.01), ("uniform4", None)]
    asked = _bits.Choosing("2,8", "8,4", "random", 0.5).mixing(path)
    assert asked is not None
    assert (asked.maps, asked.weights, asked.max_drop) == ((8, 2), (8, 4), 0.5)
    assert _bits.Choosing().mixing(None) is None


def test_stand_in_needs_the_memory_of_the_real_graph() -> None:
    graph, board = small.int8_graph(), boards.load("host")
    samples = small.int8_samples(graph, 8)
    space = precision.space(graph, classes.histograms(graph, samples), Wanted((8, 4), (8, 4)))
    bits = tuple(item.widths[-1] for item in space.items)
    real = classes.apply(graph, samples, Widths.of(space, bits))
    shifted = standin.stand_in(graph, Widths.of(space, bits))
    assert [t.dtype for t in shifted.tensors][: len(graph.tensors)] == [
        t.dtype for t in real.tensors[: len(graph.tensors)]
    ]
    needed = [codegen.lower_for(g, board).arena_bytes for g in (graph, real, shifted)]
    assert needed[1] == needed[2] < needed[0]


def test_every_fourth_sample_is_held_out() -> None:
    samples = Dataset((np.arange(10)[:, None],), np.arange(10) * 2, tuple("abcdefghij"))
    kept, held = precisionplan.divided(samples)
    assert held.inputs[0].ravel().tolist() == [3, 7]
    assert held.labels is not None
    assert held.labels.tolist() == [6, 14]
    assert held.names == ("d", "h")
    assert kept.inputs[0].ravel().tolist() == [0, 1, 2, 4, 5, 6, 8, 9]
    with pytest.raises(UsageError, match="3 calibration samples"):
        precisionplan.divided(Dataset((np.zeros((3, 1)),)))


def test_fewer_bits_make_up_for_patches_that_do_not_suffice(digits: Path, tmp_path: Path) -> None:
    model, ram = digits / "digits96_int8.tflite", 23 << 10
    with pytest.raises(BudgetError, match="no patches bring the arena"):
        pipeline.plan_for(pipeline.load_model(model), boards.load("host"), Patching(), ram)
    arguments = ["quantize", str(model), "-b", "host", "--ram", "23K", *calibration(digits), *NARROW]
    out = tmp_path / "m.itr"
    assert app.run([*arguments, "-o", str(out)]) == 0
    assert pipeline.plan_for(pipeline.load_model(out), boards.load("host"), Patching(), ram) is not None
    assert app.run([*arguments, "-o", str(tmp_path / "again.itr")]) == 0
    assert (tmp_path / "again.itr").read_bytes() == out.read_bytes()
    arguments[1] = str(out)
    assert app.run([*arguments, "-o", str(out)]) == 2


@pytest.mark.parametrize(
    ("options", "error", "hint"),
    [
        (["--bits", "8,3"], "--bits: '8,3'", "8,4,2"),
        (["--bits", "4"], "--bits: '4'", "8,4,2"),
        (["--weight-bits", ""], "--weight-bits: ''", "8,4,2"),
        (["--bits", "8,4", "--method", "best"], "--method: 'best'", "vdqs"),
        (["--bits", "8,4", "--max-drop", "2"], "--max-drop: 2", "0.9"),
        (["--bits", "8,4", "--max-drop", "nan"], "--max-drop: nan", "0.9"),
        (["--method", "uniform4"], "only 8 are allowed", "--bits 8,4"),
        (["--max-drop", "0.1"], "only 8 are allowed", "--bits 8,4"),
        (["--bits", "8,2", "--method", "uniform4"], "uniform4", "--bits 8,4"),
    ],
)
@pytest.mark.parametrize("verb", ["quantize", "profile"])
def test_wrong_options(
    verb: str, options: list[str], error: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rest = ["-o", "m.itr"] if verb == "quantize" else ["-b", "host"]
    assert app.run([verb, "m.tflite", "--calib", "c.npz", *rest, *options]) == 2
    shown = capsys.readouterr()
    first, second = shown.err.splitlines()
    assert shown.out == ""
    assert first.startswith("error: ")
    assert error in first
    assert hint in second


def test_bits_need_samples(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["profile", "m.tflite", "-b", "host", "--bits", "8,4"]) == 2
    assert "--calib" in capsys.readouterr().err


def test_patches_of_quantize_need_a_board(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["quantize", "m.tflite", "--calib", "c", "-o", "m.itr", "--patches", "2x2"]) == 2
    assert "--board" in capsys.readouterr().err
