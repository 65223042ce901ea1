# SPDX-License-Identifier: Apache-2.0
"""Whole networks against the incumbents' measured figures (`baselines.toml`)."""

from __future__ import annotations

import os
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from intarsia import boards, build, modelfile, pipeline
from intarsia.cycles import estimate
from intarsia.errors import UsageError
from intarsia.report import text
from intarsia.request import Budget, DataSource, Recipe, Request, Watcher

SCHEMA = "intarsia.bench.models"
SCHEMA_VERSION = 1
DEFAULT_BOARDS = ("qemu-cortex-m4", "qemu-cortex-m7", "qemu-cortex-m55")


@dataclass(frozen=True)
class Row:
    """One network on one board; `incumbent_*` and `ratio` (incumbent / ours) where a figure was measured.

    `estimated_cycles` come from the executed instructions and the core's documented timing; None where there is none.
    """

    model: str
    board: str
    unit: str
    latency: int | None
    incumbent_latency: int | None
    ratio: float | None
    estimated_cycles: int | None
    incumbent_estimated_cycles: int | None
    estimated_cycles_ratio: float | None
    arena_bytes: int
    incumbent_arena_bytes: int
    code_bytes: int
    incumbent_code_bytes: int
    mismatched_outputs: int


def baselines() -> dict[str, dict[str, Any]]:
    """The incumbents' figures by model."""
    text = resources.files(__package__).joinpath("baselines.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def data_folder() -> Path:
    """The folder of models and data that $INTARSIA_DATA names. Raises UsageError when it is not set or empty."""
    folder = Path(os.environ.get("INTARSIA_DATA", ""))
    if not os.environ.get("INTARSIA_DATA") or not (folder / "models").is_dir():
        raise UsageError(
            "the networks of the benchmark are third-party files outside this package",
            hint="set INTARSIA_DATA to a folder that holds models/NAME.tflite and datasets/",
        )
    return folder


def run(
    names: Sequence[str] = (),
    board_names: Sequence[str] = DEFAULT_BOARDS,
    *,
    samples: int = 2,
    watcher: Watcher | None = None,
) -> list[Row]:
    """Profiles every network on every board with the first `samples` samples of its data."""
    known, folder = baselines(), data_folder()
    if unknown := set(names) - set(known):
        raise UsageError(f"no baseline for '{sorted(unknown)[0]}'", hint=f"known: {', '.join(known)}")
    return [
        _row(folder, name, known[name], board, samples, watcher)
        for name in (names or known)
        for board in board_names
    ]


def _row(
    folder: Path,
    name: str,
    figures: dict[str, Any],
    board: str,
    samples: int,
    watcher: Watcher | None,
) -> Row:
    source = None
    if "data" in figures:
        source = DataSource(
            folder / "datasets" / figures["data"],
            input_scale=figures.get("input_scale"),
            input_offset=figures.get("input_offset", 0.0),
            limit=samples,
        )
    request, target = Request(data=source), boards.load(board)
    with tempfile.TemporaryDirectory(prefix="intarsia-") as scratch:
        out = Path(scratch) / "run"
        model = folder / "models" / f"{name}.tflite"
        recipe = Recipe(budget=Budget(ram=figures.get("ram")))
        document = pipeline.profile(model, target, request, recipe, out=out, watcher=watcher).document()
        cycles = _estimated_cycles(out / "fw", request) if figures.get("traced", True) else None
    latency, incumbent = document.latency.total, figures["instructions"].get(board)
    incumbent_cycles = figures.get("estimated_cycles", {}).get(board)
    return Row(
        name,
        board,
        document.latency.unit,
        latency,
        incumbent,
        _ratio(incumbent, latency),
        cycles,
        incumbent_cycles,
        _ratio(incumbent_cycles, cycles),
        document.memory.arena_bytes,
        figures["arena_bytes"],
        document.memory.code_bytes,
        figures["code_bytes"],
        document.reference.mismatched_outputs,
    )


def _estimated_cycles(firmware: Path, request: Request) -> int | None:
    """Of one inference of a built project."""
    sample = request.load(modelfile.load(firmware / "model.itr")).samples[0]
    estimates = estimate.layers(build.open_project(firmware), sample)
    return None if estimates is None else sum(layer.cycles for layer in estimates)


def _ratio(incumbent: int | None, ours: int | None) -> float | None:
    return round(incumbent / ours, 3) if incumbent and ours else None


def to_json(rows: Sequence[Row]) -> dict[str, Any]:
    """The document of schema `intarsia.bench.models`."""
    return {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, "rows": [asdict(row) for row in rows]}


def to_text(rows: Sequence[Row]) -> str:
    """The same as a table: figures of ours, and how many times fewer that is than the incumbent's."""
    compared = ("per inference", "est. cycles", "arena", "code")
    header = ("model", "board", *(part for what in compared for part in (what, "fewer")), "differing")
    cells = [
        (
            row.model,
            row.board,
            f"{row.latency:,} {row.unit}" if row.latency is not None else "no counter",
            _times(row.incumbent_latency, row.latency),
            text.number(row.estimated_cycles),
            _times(row.incumbent_estimated_cycles, row.estimated_cycles),
            f"{row.arena_bytes:,}",
            _times(row.incumbent_arena_bytes, row.arena_bytes),
            f"{row.code_bytes:,}",
            _times(row.incumbent_code_bytes, row.code_bytes),
            f"{row.mismatched_outputs}",
        )
        for row in rows
    ]
    lines = text.table(header, cells, "<<>>>>>>>>>")
    if any(row.estimated_cycles is not None for row in rows):
        lines += ["", estimate.NOTE]
    return "\n".join(lines)


def _times(incumbent: int | None, ours: int | None) -> str:
    return f"{incumbent / ours:.2f}x" if incumbent and ours else "-"
