# SPDX-License-Identifier: Apache-2.0
"""`board.toml`: read, and a small network lowered and emitted for the board."""

from __future__ import annotations

import random
from pathlib import Path

from fuzzing import values
from fuzzing.target import Base, Case
from intarsia import assets, boards
from intarsia_codegen import project
from intarsia_codegen.emit import emit
from support import small

ODD = ("0", "-1", '""', "[]", "{}", "nan", "1e400", "true", '"\\u0000"', '"../.."', '"64X"', '"999999999999G"',
       '"a b"', "[1, 'x']", "99999999999999999999", '"-DX=$(id)"', "1979-05-27", '"""x\n"""', "[[]]")  # fmt: skip


class Reader(Base):
    def __init__(self, folder: Path, foreign: bool) -> None:
        super().__init__()
        self._folder = folder
        self._texts = {p.parent.name: p.read_text() for p in sorted(assets.boards().glob("*/board.toml"))}
        self._graph = small.int8_graph()

    def draw(self, numbers: random.Random) -> Case:
        name = numbers.choice(sorted(self._texts))
        if numbers.random() < 0.2:
            return Case(name, values.changed_bytes(self._texts[name].encode(), numbers), "bytes")
        lines = self._texts[name].splitlines()
        for _ in range(numbers.randint(1, 3)):
            _change_line(lines, numbers)
        return Case(name, "\n".join(lines).encode("utf-8", "surrogateescape"), "lines")

    def run(self, case: Case) -> str:
        folder = self._folder / case.name
        folder.mkdir(exist_ok=True)
        (folder / "board.toml").write_bytes(case.data)
        board = boards.load_folder(folder)
        board.definitions()
        board.sources()
        program = project.lower_for(self._graph, board)
        project.check_budget(program, board)
        emit(program, board.name, bytes(32))
        return "generated"


def _change_line(lines: list[str], numbers: random.Random) -> None:
    """A line that is lost, doubled, moved, given another value or key, or nested."""
    place, kind = numbers.randrange(len(lines)), numbers.randrange(7)
    key, equals, value = lines[place].partition("=")
    if kind == 0 and len(lines) > 1:
        del lines[place]
    elif kind == 1:
        lines.insert(numbers.randrange(len(lines)), lines[place])
    elif kind == 2:
        other = numbers.randrange(len(lines))
        lines[place], lines[other] = lines[other], lines[place]
    elif kind == 3 and equals:
        lines[place] = f"{key}={lines[numbers.randrange(len(lines))].partition('=')[2] or value}"
    elif kind == 4 and equals:
        lines[place] = f"{numbers.choice(('unknown', 'kind', 'name', key.strip() + '.x'))} ={value}"
    elif equals:
        lines[place] = f"{key}= {numbers.choice(ODD)}"
