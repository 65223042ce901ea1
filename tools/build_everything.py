# SPDX-License-Identifier: Apache-2.0
"""Builds every model of a folder for every board that is flashed, and records what fits.

`build_everything.py FOLDER RECORD.csv [MODEL...]`, the smallest models first, an hour and more; the tests build one
model for each board. What the record holds already is not built again, unless it failed: it can be stopped and
started. `make_docs.py` makes a page of docs/boards-built.csv. Exits with 1 when something fits and does not build.
"""

from __future__ import annotations

import csv
import dataclasses
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

from intarsia import boards, pipeline
from intarsia.boards import Board
from intarsia.errors import BudgetError, IntarsiaError
from intarsia.ir import Graph
from intarsia.request import Budget, Objective
from intarsia_codegen import project

FAILED = "failed"


@dataclasses.dataclass(frozen=True)
class Row:
    """One model on one board: `fits`, `fits with --optimize size`, `does not fit` or `failed`; sizes in bytes."""

    model: str
    board: str
    outcome: str
    ram: str = ""
    flash: str = ""
    note: str = ""


def flashed_boards() -> list[Board]:
    """Boards of silicon, emulated or not."""
    return [board for name in boards.names() if (board := boards.load(name)).target.link == "uart"]


def outcome(model: str, graph: Graph, board: Board) -> Row:
    """Builds as a user would, and where that does not fit the flash, with the smallest kernels."""
    row = built(model, graph, board, "fits", Objective.BALANCED)
    if "flash: " not in row.note or row.outcome == FAILED:
        return row
    smaller = built(model, graph, board, "fits with --optimize size", Objective.SIZE)
    return row if smaller.outcome == "does not fit" else smaller


def built(model: str, graph: Graph, board: Board, fits: str, objective: Objective) -> Row:
    """The row of one build with one goal for the kernels."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            program = pipeline.fit(graph, board, Budget(objective=objective))
            project.write(program, board, Path(folder) / "fw")
            memory = pipeline.build_project(Path(folder) / "fw").memory
        except BudgetError as error:
            return Row(model, board.name, "does not fit", note=error.message)
        except IntarsiaError as error:
            return Row(model, board.name, FAILED, note=error.message)
    return Row(model, board.name, fits, str(memory.ram_bytes), str(memory.flash_bytes))


def recorded(record: Path) -> list[Row]:
    """The rows of a record; none where there is no file yet."""
    if not record.exists():
        return []
    with record.open(newline="", encoding="utf-8") as stream:
        return [Row(**entry) for entry in csv.DictReader(stream)]


def keep(record: Path, rows: Collection[Row]) -> None:
    """Writes all rows, in order."""
    with record.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, [f.name for f in dataclasses.fields(Row)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(dataclasses.asdict(row) for row in sorted(rows, key=lambda r: (r.model, r.board)))


def main(folder: Path, record: Path, wanted: Collection[str]) -> int:
    """Goes through all of them; returns the exit code."""
    rows = {(row.model, row.board): row for row in recorded(record) if row.outcome != FAILED}
    for path in sorted(folder.glob("*.tflite"), key=lambda path: path.stat().st_size):
        if wanted and path.stem not in wanted:
            continue
        try:
            graph = pipeline.load_model(path)
        except IntarsiaError as error:
            print(f"{path.stem}: cannot be read: {error.message}", flush=True)
            continue
        for board in flashed_boards():
            if (path.stem, board.name) not in rows:
                row = outcome(path.stem, graph, board)
                rows[path.stem, board.name] = row
                keep(record, rows.values())
                print(*(text for text in dataclasses.astuple(row) if text), flush=True)
    return 1 if any(row.outcome == FAILED for row in rows.values()) else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
