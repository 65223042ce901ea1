# SPDX-License-Identifier: Apache-2.0
"""Every model of a folder on every board: whether it runs, how many outputs differ, accuracy where it is labelled."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from intarsia import boards, pipeline
from intarsia.bench import rowfile
from intarsia.bench.models import data_folder
from intarsia.errors import IntarsiaError, UsageError
from intarsia.report import text
from intarsia.request import DataSource, Request, Watcher

SCHEMA = "intarsia.bench.zoo"
SCHEMA_VERSION = 1
DEFAULT_BOARDS = ("host", "qemu-cortex-m4")
LABELLED_SAMPLES = 40
"""Labelled samples that the host runs; other boards run as many as the caller says."""

HEADER = (
    "model",
    "board",
    "differing outputs",
    "compared with",
    "accuracy",
    "per inference",
    "RAM",
    "flash",
)


@dataclass(frozen=True)
class Row:
    """One model on one board. `reason` is why it does not run there; then there are no figures."""

    model: str
    board: str
    compared: int | None = None
    mismatched: int | None = None
    oracle: str | None = None
    accuracy: float | None = None
    labelled: int | None = None
    latency: int | None = None
    unit: str = "none"
    ram_bytes: int | None = None
    flash_bytes: int | None = None
    reason: str | None = None


def labels() -> dict[str, dict[str, Any]]:
    """Where the labelled data of a model lies, by model."""
    content = resources.files(__package__).joinpath("zoo.toml").read_text(encoding="utf-8")
    return tomllib.loads(content)


def run(
    names: Sequence[str] = (),
    board_names: Sequence[str] = DEFAULT_BOARDS,
    *,
    folder: Path | None = None,
    samples: int = 2,
    watcher: Watcher | None = None,
    told: Callable[[Row], None] | None = None,
    done: Sequence[Row] = (),
) -> list[Row]:
    """Profiles every `.tflite` file of `folder` (by default $INTARSIA_DATA/models). `told` takes each row as it comes;
    rows that are `done` are not measured again. Raises UsageError without any file."""
    folder = folder or data_folder() / "models"
    found = {path.stem: path for path in sorted(folder.glob("*.tflite"))}
    if unknown := set(names) - set(found):
        raise UsageError(
            f"{folder} has no model '{sorted(unknown)[0]}'", hint="give the name without .tflite"
        )
    if not found:
        raise UsageError(f"{folder} has no .tflite files", hint="give a folder of models")
    kept = {(row.model, row.board): row for row in done}
    rows = []
    for target in [boards.load(name) for name in board_names]:
        for name in names or found:
            row = kept.get((name, target.name))
            if row is None:
                row = _row(found[name], target, folder.parent / "datasets", samples, watcher)
                if told is not None:
                    told(row)
            rows.append(row)
    return rows


def _row(model: Path, target: boards.Board, datasets: Path, samples: int, watcher: Watcher | None) -> Row:
    try:
        request = Request(_source(model.stem, target, datasets, samples))
        document = pipeline.profile(model, target, request, watcher=watcher).document()
    except IntarsiaError as error:
        return Row(model.stem, target.name, reason=" ".join(str(error).split()))
    score = document.accuracy
    return Row(
        model.stem,
        target.name,
        document.reference.compared,
        document.reference.mismatched_outputs,
        document.reference.oracle,
        score.value if score else None,
        score.samples if score else None,
        document.latency.total,
        document.latency.unit,
        document.memory.ram_bytes,
        document.memory.flash_bytes,
    )


def _source(name: str, target: boards.Board, datasets: Path, samples: int) -> DataSource | None:
    """Labelled data, where they are there."""
    entry = labels().get(name)
    if entry is None or not (datasets / entry["data"]).exists():
        return None
    return DataSource(
        datasets / entry["data"],
        input_scale=entry.get("input_scale"),
        input_offset=entry.get("input_offset", 0.0),
        label_column=entry.get("label_column"),
        limit=LABELLED_SAMPLES if target.target.arch == "host" else samples,
    )


def to_json(rows: Sequence[Row]) -> dict[str, Any]:
    """The document of schema `intarsia.bench.zoo`."""
    return {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, "rows": [asdict(row) for row in rows]}


def to_csv(rows: Sequence[Row]) -> str:
    """The rows with a line of names."""
    return rowfile.write(Row, rows)


def from_csv(content: str) -> list[Row]:
    """The rows of `to_csv`. Raises UsageError when it is something else."""
    return rowfile.read(Row, content, "models")


def line(row: Row) -> str:
    """One row as it comes."""
    return f"{row.model} on {row.board}: {row.reason or ', '.join(_cells(row)[2:])}"


def to_page(rows: Sequence[Row], title: str) -> str:
    """Markdown: a table for each board, and the reasons of what does not run there."""
    parts = [title, _sum(rows) + ".\n"]
    for board in dict.fromkeys(row.board for row in rows):
        own = [row for row in rows if row.board == board]
        parts += [f"## {board}\n", "| " + " | ".join(name for name in HEADER if name != "board") + " |"]
        parts.append("|---|" + "---:|" * (len(HEADER) - 2))
        parts += [
            "| " + " | ".join(cell for i, cell in enumerate(_cells(row)) if i != 1) + " |" for row in own
        ]
        parts += ["", *(f"{row.model}: {text.safe(row.reason)}.\n" for row in own if row.reason)]
    return "\n".join(parts).rstrip() + "\n"


def to_text(rows: Sequence[Row]) -> str:
    """A table of what runs, the reasons of what does not, and a sum."""
    lines = text.table(HEADER, [_cells(row) for row in rows], "<<><>>>>")
    refused = [row for row in rows if row.reason]
    if refused:
        lines += ["", *(f"{row.model} on {row.board}: {row.reason}" for row in refused)]
    return "\n".join([*lines, "", _sum(rows)])


def _sum(rows: Sequence[Row]) -> str:
    exact, refused = sum(row.mismatched == 0 for row in rows), sum(row.reason is not None for row in rows)
    return f"{exact} of {len(rows)} run without a differing output, {refused} do not run"


def _cells(row: Row) -> tuple[str, ...]:
    if row.reason:
        return (row.model, row.board, "does not run", "-", "-", "-", "-", "-")
    accuracy = "-" if row.accuracy is None else f"{row.accuracy:.3f} of {row.labelled}"
    latency = "-" if row.latency is None else f"{row.latency:,} {row.unit}"
    differing = f"{row.mismatched} of {row.compared:,}"
    memory = f"{row.ram_bytes:,}", f"{row.flash_bytes:,}"
    return (row.model, row.board, differing, row.oracle or "-", accuracy, latency, *memory)
