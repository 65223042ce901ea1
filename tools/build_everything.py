# SPDX-License-Identifier: Apache-2.0
"""Builds every model of a folder for every board that is flashed, and says what fits: `build_everything.py FOLDER`.

A quarter of an hour for ten models; the tests build one for each board. Exits with 1 when something that fits does
not build.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from intarsia import boards, pipeline
from intarsia.boards import Board
from intarsia.errors import BudgetError, IntarsiaError
from intarsia.ir import Graph
from intarsia_codegen import project


def flashed_boards() -> list[Board]:
    """Boards of silicon, emulated or not."""
    return [board for name in boards.names() if (board := boards.load(name)).target.link == "uart"]


def outcome(graph: Graph, board: Board) -> tuple[bool, str]:
    """Whether all is well, and what to say: sizes, or why it does not fit, or what went wrong."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            project.write(pipeline.fit(graph, board), board, Path(folder) / "fw")
            memory = pipeline.build_project(Path(folder) / "fw").memory
        except BudgetError as error:
            return True, f"does not fit: {error.message}"
        except IntarsiaError as error:
            return False, f"FAILED: {error.message}"
    return True, f"RAM {memory.ram_bytes:,}, flash {memory.flash_bytes:,} bytes"


def main(folder: Path) -> int:
    """Goes through all of them; returns the exit code."""
    well = True
    for path in sorted(folder.glob("*.tflite")):
        try:
            graph = pipeline.load_model(path)
        except IntarsiaError as error:
            print(f"{path.stem}: cannot be read: {error.message}", flush=True)
            continue
        for board in flashed_boards():
            good, text = outcome(graph, board)
            well &= good
            print(f"{path.stem:32} {board.name:24} {text}", flush=True)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
