# SPDX-License-Identifier: Apache-2.0
"""Which blocks of machine code one inference executes in QEMU, how often, and which block follows which.

QEMU lists every block (a run of instructions that is entered at its start only) when it translates it, and logs it
before it executes it. So the log tells exactly which instructions were executed, and which block followed tells whether
the branch at its end was taken.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from elftools.elf.elffile import ELFFile

from intarsia.boards import Board
from intarsia.build import Project
from intarsia.device import Device
from intarsia.errors import StageError, UsageError
from intarsia.runners import find_runner
from intarsia.runners.qemu import QemuOptions


class Step(NamedTuple):
    """A block, by the addresses of its first and last instruction, and the address where execution went on."""

    first: int
    last: int
    following: int


Steps = Counter[Step]
"""How often each step was made."""

MARK = "itr_profile_mark"
NOT_COUNTED = (MARK, "itr_hal_counter")
"""Functions whose instructions are those of counting."""
SECONDS = 600.0

_INSTRUCTION = re.compile(rb"^0x([0-9a-f]+):")
_EXECUTED = re.compile(rb"^Trace \d+: (\S+) \[[0-9a-f]+/([0-9a-f]+)/")
_NOT_EXECUTED = b"Stopped execution"


@dataclass
class Log:
    """Follows the log of an emulation; `layers` are the steps between successive marks of the last inference.

    `invoke` is where an inference begins, `mark` the function that marks layers, `left_out` address ranges.
    """

    invoke: int
    mark: int
    left_out: Sequence[range] = ()
    layers: list[Steps] = field(default_factory=list)
    _listed: int | None = None
    _last: dict[bytes, int] = field(default_factory=dict)
    _block: tuple[int, int] | None = None

    def read(self, lines: Iterable[bytes]) -> None:
        """Takes all lines of a log. A block first runs right after it was listed; then its name stands for it."""
        for line in lines:
            if match := _EXECUTED.match(line):
                name, address = match[1], int(match[2], 16)
                if self._listed is not None:
                    self._last[name], self._listed = self._listed, None
                self._enter(address, self._last[name])
            elif line.startswith(_NOT_EXECUTED):
                self._block = None
            elif match := _INSTRUCTION.match(line):
                self._listed = int(match[1], 16)

    def _enter(self, address: int, last: int) -> None:
        if self._block is not None and self.layers:
            self.layers[-1][Step(*self._block, address)] += 1
        if address == self.invoke:
            self.layers = []
        elif address == self.mark:
            self.layers.append(Counter())
        self._block = None if any(address in part for part in self.left_out) else (address, last)


def trace(project: Project, sample: Sequence[np.ndarray]) -> list[Steps]:
    """The blocks of each layer in one inference, in the order of execution.

    Raises UsageError for a board that does not run in QEMU, StageError when the firmware does not mark layers.
    """
    log = _log(project.elf, f"{project.document['identifier']}_invoke")
    payload = b"".join(np.ascontiguousarray(x).tobytes() for x in sample)
    with tempfile.TemporaryDirectory(prefix="intarsia-") as folder:
        fifo = Path(folder) / "trace"
        os.mkfifo(fifo, 0o600)
        reader = threading.Thread(target=_follow, args=(log, fifo), daemon=True)
        reader.start()
        board = _logging(project.board, fifo)
        with contextlib.closing(find_runner(board.runner.kind).open(project.elf, board)) as link:
            device = Device(link, timeout=SECONDS)
            device.infer(payload)
            device.exit()
        reader.join(SECONDS)
    if len(log.layers) < 2:
        raise StageError(f"{project.elf.name} does not mark its layers", hint="build it with ITR_PROFILE on")
    return log.layers[:-1]


def _follow(log: Log, fifo: Path) -> None:
    with fifo.open("rb") as lines:
        log.read(lines)


def _logging(board: Board, fifo: Path) -> Board:
    """The same board, logging every block it executes."""
    options = board.runner.options
    if not isinstance(options, QemuOptions):
        raise UsageError(f"board '{board.name}' does not run in QEMU", hint="choose one that does")
    arguments = (*options.extra_args, "-d", "in_asm,exec,nochain", "-D", str(fifo))
    return replace(board, runner=replace(board.runner, options=replace(options, extra_args=arguments)))


def _log(elf: Path, invoke: str) -> Log:
    with elf.open("rb") as stream:
        table = ELFFile(stream).get_section_by_name(".symtab")
        symbols = {symbol.name: symbol.entry for symbol in table.iter_symbols()} if table else {}
    missing = [name for name in (invoke, *NOT_COUNTED) if name not in symbols]
    if missing:
        raise StageError(f"{elf.name} has no function {missing[0]}", hint="build it with ITR_PROFILE on")
    # The lowest bit of an address says that a function is Thumb code.
    begin = {name: symbols[name]["st_value"] & ~1 for name in (invoke, *NOT_COUNTED)}
    left_out = [range(begin[name], begin[name] + symbols[name]["st_size"]) for name in NOT_COUNTED]
    return Log(begin[invoke], begin[MARK], left_out)
