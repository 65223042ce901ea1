# SPDX-License-Identifier: Apache-2.0
"""Generated C to look at: networks of the repository on every kind of board, and operators by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from units import EMULATED, Unit, flags

from intarsia import assets, boards, models, ops, planning
from intarsia.boards import Board
from intarsia.ir import Graph
from intarsia.request import Patching
from intarsia_codegen import external
from intarsia_codegen.emit import emit
from intarsia_codegen.harness import Harness
from intarsia_codegen.lower import Program, lower
from support.classed import drawn
from support.draw import SeededDraw

ROOT = Path(__file__).resolve().parents[2]
PORTABLE = ("host", "qemu-cortex-m0")
"""Boards whose kernels are portable C."""


def generated(folder: Path) -> Iterator[Unit]:
    """Writes models into `folder`; each of their files once."""
    digits = models.load_model(ROOT / "examples" / "digits96" / "digits96_int8.tflite")
    for name in EMULATED:
        board = boards.load(name)
        program = lower(digits, board.target.isa, prefix="whole")
        yield from _model(program, board, folder, product=name in PORTABLE)
        yield from _operators(board, folder)
    board = boards.load("host")
    reading = planning.fit(digits, board, patching=Patching((2, 2), "reader"))
    yield from _model(replace(reading, identifier="patches"), board, folder, product=True)
    yield from _model(
        external.run(lower(digits, board.target.isa, prefix="apart")), board, folder, product=True
    )
    for index, (graph, plan) in enumerate(drawn(3)):
        program = lower(graph, board.target.isa, prefix=f"classes{index}", plan=plan)
        yield from _model(program, board, folder, product=True)
    yield _harness(digits, folder)


def _operators(board: Board, folder: Path) -> Iterator[Unit]:
    """One model of each operator that has a kernel made for its layer, or keeps a state."""
    for seed, (name, operator) in enumerate(sorted(ops.registry().items())):
        graph = operator.cases(SeededDraw(seed))
        program = lower(graph, board.target.isa, prefix=name.lower())
        if graph.states or any(kernel.generated for layer in program.layers for kernel in layer.kernels):
            yield from _model(program, board, folder, product=board.name == "host")


def _model(program: Program, board: Board, folder: Path, *, product: bool) -> Iterator[Unit]:
    place = folder / board.name
    place.mkdir(parents=True, exist_ok=True)
    for name, text in emit(program, board.name, bytes(16)).files.items():
        path = place / name
        known = path.exists()
        path.write_text(text, encoding="utf-8")
        if path.suffix == ".c" and not known:
            yield Unit(path, board, flags(board, (place,), profile=not product), product)


def _harness(graph: Graph, folder: Path) -> Unit:
    """The firmware for a benchmark's runner."""
    board = boards.load("qemu-cortex-m4")
    place = folder / "harness"
    place.mkdir()
    (place / "harness.h").write_text(Harness("mlperf-tiny", "vww01").header(graph, board), encoding="utf-8")
    source = assets.firmware() / "harness" / "mlperf_tiny" / "main.c"
    return Unit(source, board, flags(board, (place, *board.source_folders()), profile=True), product=False)
