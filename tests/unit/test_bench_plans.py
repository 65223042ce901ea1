# SPDX-License-Identifier: Apache-2.0
"""The comparison of plans: which rows are worth having, what they say, and a run of the example network."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from intarsia.bench import plancases, planpage, plans, plantable
from intarsia.bench.plantable import LAYERS_8, PATCHES_8, VDQS, Row
from intarsia.cli import app
from intarsia.errors import UsageError
from intarsia.quantize.drop import correlation


def row(variant: str, accuracy: float, bitops: int, instructions: int, model: str = "m") -> Row:
    return Row(
        model, variant, "b", accuracy=accuracy, bitops=bitops, instructions=instructions, ram_bytes=100
    )


def test_the_front_is_what_no_other_row_of_the_network_beats() -> None:
    rows = [
        row("a", 0.9, 100, 50),
        row("b", 0.8, 50, 60),
        row("c", 0.8, 60, 55),
        row("d", 0.95, 10, 10, model="other"),
        Row("m", "e", "b", refused="too small"),
    ]
    fronts = {r.variant: r.pareto for r in plantable.marked(rows)}
    assert fronts == {
        "a": ("BitOPs", "instructions", "RAM"),
        "b": ("BitOPs",),
        "c": (),
        "d": ("BitOPs", "instructions", "RAM"),
        "e": (),
    }


def test_gains_are_those_against_8_bits_in_patches() -> None:
    rows = [row(PATCHES_8, 0.9, 100, 50), row(VDQS, 0.88, 40, 40), row(VDQS, 0.5, 1, 1, model="alone")]
    (gain,) = plantable.gains(rows)
    assert (gain.bitops, gain.instructions, gain.ram, gain.drop) == (2.5, 1.25, 1.0, 0.02)
    assert "2.50x" in plantable.to_text(rows)
    assert [r["variant"] for r in csv.DictReader(io.StringIO(plantable.to_csv(rows)))] == [
        PATCHES_8,
        VDQS,
        VDQS,
    ]


def test_a_table_can_be_read_again() -> None:
    rows = [
        row("a", 0.9, 100, 50),
        Row("m", "sweep", "b", 0.4, 0.25, "2x3", 4, "reader", pareto=("BitOPs", "RAM")),
        Row("m", "e", "b", refused="too small, 'by' far"),
    ]
    assert plantable.from_csv(plantable.to_csv(rows)) == rows
    for damaged in ("", "model,variant\n", plantable.to_csv(rows).replace(",100,", ",many,")):
        with pytest.raises(UsageError, match="table of plans"):
            plantable.from_csv(damaged)


def test_the_page_says_what_is_gained_and_why_no_more() -> None:
    rows = [
        row(PATCHES_8, 0.9, 220_000_000, 50),
        row(VDQS, 0.88, 100_000_000, 45),
        Row("m", "sweep", "b", 0.4, 0.25, refused="too small"),
    ]
    page = planpage.to_page(rows, {"m": "Few samples."}, "# Plans\n")
    assert "| m | 2.20x | 1.11x | 1.00x | 0.0200 | instructions, accuracy |" in page
    assert "m: Few samples." in page
    assert "sweep, lambda 0.4, outliers 0.25: too small." in page
    assert "| VDQS |  | 0.8800 | 100.0 |" in page


def test_the_page_says_what_loses_little() -> None:
    rows = [
        row(PATCHES_8, 0.9, 220, 50),
        row(VDQS, 0.89, 200, 40),
        row("weights", 0.895, 110, 50),
        row("uniform", 0.88, 10, 10),
        row(LAYERS_8, 0.9, 1, 1),
    ]
    page = planpage.to_page(rows, {}, "# Plans\n")
    assert "| m | 2.00x (weights) | 1.25x (VDQS) | 1.00x (patch-based 8 bit) |" in page


def test_correlation_looks_at_what_changes_between_samples() -> None:
    random = np.random.default_rng(0)
    wanted = random.normal(0, 1, (20, 8)) + 100.0
    assert correlation([wanted], [wanted]) == pytest.approx(1.0)
    assert correlation([wanted], [np.tile(wanted.mean(axis=0), (20, 1)) + 1e-3]) < 0.1
    assert 0.5 < correlation([wanted], [wanted + random.normal(0, 1, wanted.shape)]) < 0.9


def test_unknown_networks_are_refused() -> None:
    with pytest.raises(UsageError, match="no plans for 'nothing'"):
        plancases.load(["nothing"])


def test_the_sweep_has_a_variant_for_each_setting() -> None:
    swept = [v.mixing for v in plans.variants((0.2, 0.5), (0.0, 0.25)) if v.name == plantable.SWEEP]
    assert [(m.balance, m.vdpc, m.max_drop) for m in swept if m] == [
        (0.2, "off", None),
        (0.2, "static", None),
        (0.5, "off", None),
        (0.5, "static", None),
    ]


def test_going_on_needs_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["bench", "plans", "--resume"]) == 2
    assert "--csv" in capsys.readouterr().err


def test_settings_of_the_sweep_are_shares(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["bench", "plans", "--lambda", "1.5"]) == 2
    assert "--lambda" in capsys.readouterr().err


def test_plans_on_a_board_that_counts_nothing() -> None:
    names = (PATCHES_8, plantable.WEIGHTS_4)
    chosen = [variant for variant in plans.variants() if variant.name in names]
    patches, weights = plans.run(["digits96_float"], board="host", samples=8, chosen=chosen)
    assert patches.mismatched_outputs == weights.mismatched_outputs == 0
    assert (patches.metric, patches.accuracy_samples, patches.accuracy) == ("top1", 8, weights.accuracy)
    assert patches.bitops
    assert weights.bitops == patches.bitops // 2
    assert patches.macs == weights.macs
    assert patches.grid == weights.grid
    assert patches.instructions is None
    assert "BitOPs" in weights.pareto
    assert "instructions" not in weights.pareto


@pytest.mark.emulator
def test_plans_of_the_example_network() -> None:
    told: list[Row] = []
    names = (plantable.LAYERS_8, PATCHES_8, plantable.UNIFORM_4)
    chosen = [variant for variant in plans.variants() if variant.name in names]
    rows = plans.run(["digits96_float"], samples=8, chosen=chosen, told=told.append)
    layers, patches, uniform = rows
    assert [r.variant for r in rows] == [r.variant for r in told] == [v.name for v in chosen]
    assert [(r.mismatched_outputs, r.accuracy_samples) for r in rows] == [(0, 8)] * 3
    assert layers.accuracy == patches.accuracy
    assert layers.ram_bytes
    assert patches.ram_bytes
    assert patches.ram_bytes * 2.5 < layers.ram_bytes
    assert layers.macs
    assert patches.macs
    assert patches.macs <= layers.macs * 1.15
    assert uniform.bitops
    assert patches.bitops
    assert uniform.bitops * 3 < patches.bitops
    assert plans.run(["digits96_float"], chosen=chosen, told=told.append, done=rows) == rows
    assert len(told) == len(chosen)  # nothing was measured again
