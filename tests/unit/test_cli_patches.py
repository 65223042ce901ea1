# SPDX-License-Identifier: Apache-2.0
"""Patches from the command line: chosen, given, refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from intarsia.cli import _quantizing, app
from intarsia.errors import UsageError


def test_network_that_does_not_fit_runs_in_patches(digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(digits / "digits96_int8.tflite")
    assert app.run(["profile", model, "-b", "host", "--ram", "64K", "--json", "-q"]) == 0
    run = json.loads(capsys.readouterr().out)
    plan = run["plan"]
    assert run["memory"]["ram_bytes"] <= 65536
    assert run["reference"]["mismatched_outputs"] == 0
    assert plan["grid"][0] * plan["grid"][1] == len(plan["branches"]) > 1
    assert plan["macs"] > plan["macs_layer"]
    for field in ("split_after", "bitops", "bitops_8bit_patch", "bitops_layer", "outlier_patches"):
        assert field in plan


def test_reader_keeps_the_image_outside(digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["profile", str(digits / "digits96_int8.tflite"), "-b", "host", "--patches", "2x3"]
    assert app.run([*arguments, "--input", "reader", "--json", "-q"]) == 0
    run = json.loads(capsys.readouterr().out)
    assert run["memory"]["image_bytes"] == 96 * 96
    assert run["memory"]["arena_bytes"] < 40_000
    assert run["reference"]["mismatched_outputs"] == 0


@pytest.mark.parametrize("text", ["3", "0x2", "2x0", "axb", "2x2x2", "-1x2"])
def test_grids_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="is not a grid"):
        _quantizing.patching(text, "arena", None)


def test_plan_and_patches_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="do not go together"):
        _quantizing.patching("2x2", "arena", tmp_path / "plan.json")
