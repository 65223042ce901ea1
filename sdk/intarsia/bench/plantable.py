# SPDX-License-Identifier: Apache-2.0
"""The rows of `intarsia bench plans`: which are worth having, and what they say as a table, CSV and JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import Any

from intarsia.bench import rowfile
from intarsia.report import text

SCHEMA = "intarsia.bench.plans"
SCHEMA_VERSION = 1
LAYERS_8, PATCHES_8, UNIFORM_4, WEIGHTS_4, VDQS_ALONE, VDQS, SWEEP = (
    "layer-based 8 bit",
    "patch-based 8 bit",
    "uniform 4 bit",
    "weights of 4 bits",
    "VDQS, VDPC off",
    "VDQS",
    "sweep",
)


@dataclass(frozen=True)
class Row:
    """One variant of a network: accuracy on the host board, whose bytes are the device's, the rest on `board`.

    `balance` is lambda. `macs` and `bitops` include what patches compute again. `pareto` names the figures (BitOPs,
    instructions, RAM) in which no variant of the network with at least this accuracy is better. `refused` says why
    there are no figures.
    """

    model: str
    variant: str
    board: str
    balance: float | None = None
    outlier_share: float | None = None
    grid: str | None = None
    split_after: int | None = None
    input: str | None = None
    metric: str | None = None
    accuracy: float | None = None
    accuracy_samples: int | None = None
    bitops: int | None = None
    macs: int | None = None
    ram_bytes: int | None = None
    flash_bytes: int | None = None
    instructions: int | None = None
    device_samples: int | None = None
    mismatched_outputs: int | None = None
    pareto: tuple[str, ...] = ()
    refused: str | None = None


FIGURES: dict[str, Callable[[Row], int | None]] = {
    "BitOPs": lambda row: row.bitops,
    "instructions": lambda row: row.instructions,
    "RAM": lambda row: row.ram_bytes,
}
"""What is traded for accuracy."""


def marked(rows: Sequence[Row]) -> list[Row]:
    """The rows with `pareto` as the other rows of the same network make it."""
    return [replace(row, pareto=tuple(_fronts(row, rows))) for row in rows]


def _fronts(row: Row, rows: Sequence[Row]) -> list[str]:
    if row.accuracy is None:
        return []
    others = [other for other in rows if other.model == row.model and other.accuracy is not None]
    counted = {name: figure for name, figure in FIGURES.items() if figure(row) is not None}
    return [name for name, figure in counted.items() if not any(_beats(o, row, figure) for o in others)]


def _beats(other: Row, row: Row, figure: Callable[[Row], int | None]) -> bool:
    """Whether another row is no worse in both, and better in one."""
    theirs, ours = figure(other), figure(row)
    if theirs is None or ours is None or other.accuracy is None or row.accuracy is None:
        return False
    no_worse = other.accuracy >= row.accuracy and theirs <= ours
    return no_worse and (other.accuracy > row.accuracy or theirs < ours)


@dataclass(frozen=True)
class Gain:
    """What a plan brings against 8 bits in the same patches: BitOPs, instructions and RAM as 8 bits / plan, and the
    accuracy that is lost."""

    model: str
    bitops: float
    instructions: float
    ram: float
    drop: float


def gains(rows: Sequence[Row]) -> list[Gain]:
    """The gains of VDQS by network, where both were measured."""
    found = []
    for model in dict.fromkeys(row.model for row in rows):
        base, best = (_row(rows, model, variant) for variant in (PATCHES_8, VDQS))
        if base and best:
            bitops, instructions, ram = (_ratio(f(base), f(best)) for f in FIGURES.values())
            drop = round((base.accuracy or 0.0) - (best.accuracy or 0.0), 6)
            found.append(Gain(model, bitops, instructions, ram, drop))
    return found


def mean_gain(found: Sequence[Gain]) -> Gain:
    """The mean of the gains of several networks."""
    names = ("bitops", "instructions", "ram", "drop")
    return Gain("mean", *(fmean(getattr(gain, name) for gain in found) for name in names))


def _row(rows: Sequence[Row], model: str, variant: str) -> Row | None:
    measured = (row for row in rows if row.refused is None)
    return next((row for row in measured if (row.model, row.variant) == (model, variant)), None)


def _ratio(before: int | None, after: int | None) -> float:
    return round(before / after, 3) if before and after else 1.0


def to_json(rows: Sequence[Row]) -> dict[str, Any]:
    """The document of schema `intarsia.bench.plans`."""
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "rows": [asdict(row) for row in rows],
        "gains": [asdict(gain) for gain in gains(rows)],
    }


def to_csv(rows: Sequence[Row]) -> str:
    """The rows with a line of names; empty where there is nothing."""
    return rowfile.write(Row, rows)


def from_csv(content: str) -> list[Row]:
    """The rows of `to_csv`. Raises UsageError when it is something else."""
    return rowfile.read(Row, content, "plans")


HEADER = (
    "model",
    "variant",
    "lambda",
    "outliers",
    "patches",
    "accuracy",
    "BitOPs",
    "MACs",
    "RAM",
    "flash",
    "instructions",
    "front",
)


def to_text(rows: Sequence[Row]) -> str:
    """The rows as a table, then what VDQS brings, and why rows are missing."""
    lines = text.table(HEADER, [_cells(row) for row in rows if row.refused is None], "<<>><>>>>>><")
    wrong = sum(row.mismatched_outputs or 0 for row in rows)
    lines += ["", f"output values that differ from the reference: {wrong:,}"]
    lines += [
        f"{row.model}, {row.variant}{_setting(row)}: {text.safe(row.refused)}" for row in rows if row.refused
    ]
    return "\n".join([*lines, *_gain_lines(gains(rows))])


def line(row: Row) -> str:
    """One row as it comes."""
    if row.refused is not None:
        return f"{row.model}, {row.variant}{_setting(row)}: {row.refused}"
    cells = dict(zip(HEADER, _cells(row), strict=True))
    figures = ", ".join(f"{name} {cells[name]}" for name in HEADER[5:11])
    return f"{row.model}, {row.variant}{_setting(row)}: {figures}"


def _setting(row: Row) -> str:
    return "" if row.balance is None else f" (lambda {row.balance:g}, outliers {row.outlier_share or 0:g})"


def _cells(row: Row) -> list[str]:
    accuracy = "-" if row.accuracy is None else f"{row.accuracy:.4f} {row.metric} of {row.accuracy_samples}"
    return [
        row.model,
        row.variant,
        "" if row.balance is None else f"{row.balance:g}",
        "" if row.outlier_share is None else f"{row.outlier_share:g}",
        "" if row.grid is None else f"{row.grid} after {row.split_after}, {row.input}",
        accuracy,
        *(text.number(n) for n in (row.bitops, row.macs, row.ram_bytes, row.flash_bytes, row.instructions)),
        ", ".join(row.pareto),
    ]


def _gain_lines(found: Sequence[Gain]) -> list[str]:
    if not found:
        return []
    cells = [
        [g.model, f"{g.bitops:.2f}x", f"{g.instructions:.2f}x", f"{g.ram:.2f}x", f"{g.drop:.4f}"]
        for g in found
    ]
    mean = mean_gain(found)
    means = [f"{ratio:.2f}x" for ratio in (mean.bitops, mean.instructions, mean.ram)]
    cells.append(["mean", *means, f"{mean.drop:.4f}"])
    header = ("VDQS against 8 bits in patches", "BitOPs", "instructions", "RAM", "accuracy lost")
    return ["", *text.table(header, cells, "<>>>>")]
