# SPDX-License-Identifier: Apache-2.0
"""A table of plans as a page: every variant of every network, what the search brings, and why where it is little."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from intarsia.bench import plantable
from intarsia.bench.plantable import Row
from intarsia.report import text

HEADER = ("variant", "patches", "accuracy", "BitOPs, M", "MACs, M", "RAM", "flash", "instructions", "front")
MILLION = 1e6
GOALS = {"BitOPs": 2.2, "instructions": 1.25}
"""How many times fewer the search shall need, at a loss of at most `MOST_LOST`."""
MOST_LOST = 0.01
_ROUNDED = 1e-6


def to_page(rows: Sequence[Row], whys: Mapping[str, str], title: str) -> str:
    """Markdown of rows; `whys` say by network why a goal is missed."""
    marked = plantable.marked(rows)
    parts = [title]
    for model in dict.fromkeys(row.model for row in marked):
        own = [row for row in marked if row.model == model]
        parts += [f"## {model}\n", _told(own) + "\n"]
        measured = [row for row in own if row.refused is None]
        parts += [*_table(HEADER, [_cells(row) for row in measured]), ""]
        parts += [f"{_name(row)}: {text.safe(row.refused)}.\n" for row in own if row.refused]
    return "\n".join([*parts, *_gains(marked, whys), *_within(marked)]).rstrip("\n") + "\n"


def _told(rows: Sequence[Row]) -> str:
    """What was measured on how many samples."""
    row = next((row for row in rows if row.accuracy is not None), None)
    if row is None:
        return "Nothing could be measured."
    wrong = sum(row.mismatched_outputs or 0 for row in rows)
    return (
        f"{row.metric} of {row.accuracy_samples} samples on the host board, instructions on {row.board} over "
        f"{row.device_samples}; output values that differ from the reference: {wrong}."
    )


def _name(row: Row) -> str:
    if row.balance is None:
        return row.variant
    return f"{row.variant}, lambda {row.balance:g}, outliers {row.outlier_share or 0:g}"


def _cells(row: Row) -> list[str]:
    return [
        _name(row),
        "" if row.grid is None else f"{row.grid} after layer {row.split_after}, {row.input}",
        "" if row.accuracy is None else f"{row.accuracy:.4f}",
        *(f"{(n or 0) / MILLION:,.1f}" for n in (row.bitops, row.macs)),
        *(text.number(n) for n in (row.ram_bytes, row.flash_bytes, row.instructions)),
        ", ".join(row.pareto),
    ]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


def _gains(rows: Sequence[Row], whys: Mapping[str, str]) -> list[str]:
    found = plantable.gains(rows)
    if not found:
        return []
    header = ("network", "BitOPs", "instructions", "RAM", "accuracy lost", "goals missed")
    cells = []
    for gain in found:
        missed = [name for name, goal in GOALS.items() if getattr(gain, name.lower()) < goal]
        missed += ["accuracy"] if gain.drop > MOST_LOST else []
        ratios = [f"{ratio:.2f}x" for ratio in (gain.bitops, gain.instructions, gain.ram)]
        cells.append([gain.model, *ratios, f"{gain.drop:.4f}", ", ".join(missed)])
    mean = plantable.mean_gain(found)
    cells.append(
        ["mean", *(f"{r:.2f}x" for r in (mean.bitops, mean.instructions, mean.ram)), f"{mean.drop:.4f}", ""]
    )
    goals = ", ".join(f"{name} {goal:g}x" for name, goal in GOALS.items())
    parts = [
        "## VDQS against 8 bits in the same patches\n",
        f"Goals: {goals}, accuracy lost {MOST_LOST:g}.\n",
    ]
    parts += [*_table(header, cells), ""]
    return [*parts, *(f"{gain.model}: {whys[gain.model]}\n" for gain in found if gain.model in whys)]


def _within(rows: Sequence[Row]) -> list[str]:
    """For each network, which of its variants need the least of what is traded, within the loss allowed."""
    cells = []
    for model in dict.fromkeys(row.model for row in rows):
        own = [
            r for r in rows if r.model == model and r.accuracy is not None and r.variant != plantable.LAYERS_8
        ]
        base = next((row for row in own if row.variant == plantable.PATCHES_8), None)
        if base is None or base.accuracy is None:
            continue
        least = base.accuracy - MOST_LOST - _ROUNDED
        near = [row for row in own if row.accuracy is not None and row.accuracy >= least]
        best = [_least(near, base, figure) for figure in plantable.FIGURES.values()]
        cells.append([model, *best])
    if not cells:
        return []
    told = (
        "## What can be had\n",
        f"Of all patched variants that lose at most {MOST_LOST:g} on the samples that judge, whatever the search could "
        "know of it:\n",
    )
    return [*told, *_table(("network", *plantable.FIGURES), cells), ""]


def _least(rows: Sequence[Row], base: Row, figure: Callable[[Row], int | None]) -> str:
    """The variant with the least of a figure, and how many times less than 8 bits that is."""
    best = min(rows, key=lambda row: figure(row) or 0)
    return f"{(figure(base) or 0) / (figure(best) or 1):.2f}x ({_name(best)})"
