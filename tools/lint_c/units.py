# SPDX-License-Identifier: Apache-2.0
"""What is looked at: every C file of the firmware and of generated projects, with the flags of a board it is for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from intarsia import assets, boards
from intarsia.boards import Board
from intarsia_codegen import library

EMULATED = (
    "host",
    "qemu-cortex-m0",
    "qemu-cortex-m4",
    "qemu-cortex-m55",
    "qemu-riscv32",
    "qemu-riscv32-v",
    "rtl-cv32e40p-fpu",
)
"""Boards that together have every instruction set."""


@dataclass(frozen=True)
class Unit:
    """One C file. `product`: portable C that a user's own firmware links, not only the measuring firmware."""

    source: Path
    board: Board
    flags: tuple[str, ...]
    product: bool

    @property
    def vectors(self) -> bool:
        """Whether it may have intrinsics that only Clang knows."""
        return self.board.target.toolchain.startswith("clang")


def flags(board: Board, includes: Sequence[Path], *, profile: bool) -> tuple[str, ...]:
    """Options that every compiler takes; `profile` counts layers, as the measuring firmware does."""
    defined = {
        **board.definitions(),
        "ITR_MODEL": "network",
        "ITR_LAYER_COUNT": "2",
        "ITR_PROFILE": str(int(profile)),
        "ITR_DUMP": "0",
    }
    machine = [flag for flag in board.target.cpu_flags if not flag.startswith("-Wl,")]
    places = [f"-I{path}" for path in (*includes, assets.firmware() / "include")]
    return ("-std=c11", *machine, *(f"-D{k}={v}" for k, v in defined.items()), *places)


def firmware() -> Iterator[Unit]:
    """Each hand-written file once: kernels, runtime, HAL and boards."""
    emulated = [boards.load(name) for name in EMULATED]
    for (_, isa), path in library.written().items():
        board = next(board for board in emulated if isa in board.target.isa)
        yield Unit(path, board, flags(board, (), profile=False), isa == library.PORTABLE)
    seen: set[Path] = set()
    for name in boards.names():
        board = boards.load(name)
        for path in board.sources():
            if path.suffix == ".c" and path not in seen:
                seen.add(path)
                yield Unit(path, board, flags(board, board.source_folders(), profile=True), product=False)
