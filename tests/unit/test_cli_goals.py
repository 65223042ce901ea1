# SPDX-License-Identifier: Apache-2.0
"""--optimize and --fp16 from the command line: what they change, what they refuse, what projects remember."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from intarsia.cli import app


def document(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    assert app.run([*arguments, "--json", "-q"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_analyze_shows_what_each_goal_gives(digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(digits / "digits96_int8.tflite")
    goals = document(["analyze", model, "-b", "qemu-cortex-m4"], capsys)["goals"]
    assert isinstance(goals, list)
    speed, balanced, size = goals
    assert [goal["optimize"] for goal in goals] == ["speed", "balanced", "size"]
    assert speed["instructions"] <= balanced["instructions"] <= size["instructions"]
    assert size["flash_bytes"] <= balanced["flash_bytes"]
    assert document(["analyze", model], capsys)["goals"] == []


def test_a_project_remembers_its_goal(
    digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(digits / "digits96_int8.tflite")
    out = str(tmp_path / "fw")
    arguments = ["generate", model, "-b", "qemu-cortex-m4", "--optimize", "size", "-o", out]
    document(arguments, capsys)
    project = json.loads((tmp_path / "fw" / "intarsia.json").read_text())
    assert project["optimize"] == "size"


def test_half_precision_halves_weights_and_maps(
    digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Measured against its own reference: equal, as portable C sums in float32 in the same order."""
    model = str(digits / "digits96_float.tflite")
    whole = document(["profile", model, "-b", "host"], capsys)["memory"]
    run = document(["profile", model, "-b", "host", "--fp16", "all"], capsys)
    assert run["memory"]["weights_bytes"] < 0.55 * whole["weights_bytes"]  # type: ignore[index]
    assert run["memory"]["arena_bytes"] < 0.6 * whole["arena_bytes"]  # type: ignore[index]
    assert run["reference"]["mismatched_outputs"] == 0  # type: ignore[index]
    stored = str(tmp_path / "half.itr")
    document(["quantize", model, "--fp16", "all", "-o", stored], capsys)
    again = document(["profile", stored, "-b", "host"], capsys)
    assert again["memory"] == run["memory"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--optimize", "fast"], "--optimize: 'fast' is not known"),
        (["--fp16", "some"], "--fp16: 'some' is not known"),
        (["--fp16", "auto"], "chooses layers with samples"),
        (["--fp16", "all"], "no float32 layers"),
        (["--fp16", "all", "--calib", "CALIB"], "do not go together"),
    ],
)
def test_refusals(
    arguments: list[str], message: str, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(digits / "calib.npz") if a == "CALIB" else a for a in arguments]
    assert app.run(["profile", str(digits / "digits96_int8.tflite"), "-b", "host", *given]) == 2
    assert message in capsys.readouterr().err


def test_quantizing_to_int8_needs_samples(
    digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(digits / "digits96_float.tflite")
    assert app.run(["quantize", model, "-o", str(tmp_path / "m.itr")]) == 2
    assert "--calib" in capsys.readouterr().err
