# SPDX-License-Identifier: Apache-2.0
"""Firmware that only the linker finds too large: which memory, by how much, and because of what."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from intarsia import boards, pipeline, sizes
from intarsia.build import open_project
from intarsia.cli import app
from intarsia.errors import BudgetError
from intarsia.ir import Graph
from intarsia.request import Budget, Objective
from support import small

pytestmark = pytest.mark.emulator

BOARDS = ("qemu-cortex-m4", "qemu-riscv32", "nucleo-f446re", "stm32n6570-dk")
CHOOSING = ("nucleo-h743zi2", "raspberry-pi-pico", "esp32-c3-devkit")
"""Boards whose linker chooses between memories, and then cannot say which of them overflows."""

LACK = re.compile(
    r"(RAM|flash): needs ([\d,]+) bytes, has ([\d,]+), ([\d,]+) over \(memory (\w+) with ([^)]+)\); largest: (.+)"
)
OVERFLOWED = re.compile(r"region `(\w+)' overflowed by (\d+) bytes")
MEMORY = r"(?<=\b{} )(\([rwx]+\) : ORIGIN = \w+, LENGTH = )\w+"


@pytest.fixture(scope="module")
def graph() -> Graph:
    return small.int8_graph()


@pytest.fixture
def project(graph: Graph, tmp_path: Path) -> Callable[[str], Path]:
    """Generates a firmware for a board."""

    def make(board: str, objective: Objective = Objective.BALANCED) -> Path:
        pipeline.generate(graph, boards.load(board), tmp_path / "fw", budget=Budget(objective=objective))
        return tmp_path / "fw"

    return make


def shorten(folder: Path, **lengths: object) -> None:
    """Gives memories of a project's linker script another length."""
    script = folder / "board" / "link.ld"
    text = script.read_text(encoding="utf-8")
    for name, length in lengths.items():
        text, count = re.subn(MEMORY.format(name), rf"\g<1>{length}", text)
        assert count == 1
    script.write_text(text, encoding="utf-8")


def alias(folder: Path, use: str) -> str:
    """The memory that a linker script uses for something."""
    found = re.search(rf'"{use}", (\w+)', (folder / "board" / "link.ld").read_text(encoding="utf-8"))
    return found[1] if found else {"CODE": "DROM", "RAM": "SRAM"}[use]  # the ESP32-C3 has a script of its own


def number(text: str) -> int:
    return int(text.replace(",", ""))


def lacks(folder: Path) -> dict[str, tuple[str, int, int, str]]:
    """What a build says of each memory: its kind, bytes needed and there, and the largest consumers."""
    with pytest.raises(BudgetError) as caught:
        pipeline.build_project(folder)
    found = {}
    for line in caught.value.message.splitlines():
        match = LACK.fullmatch(line.strip())
        assert match, line
        need, have, over = map(number, match.group(2, 3, 4))
        assert need == have + over
        found[match[5]] = (match[1], need, have, match[7])
    assert not list((folder / "build").glob("roomy*"))
    return found


@pytest.mark.parametrize("board", BOARDS)
def test_both_memories_at_once_as_the_linker_says(board: str, project: Callable[[str], Path]) -> None:
    folder = project(board)
    flash, ram = alias(folder, "CODE"), alias(folder, "RAM")
    shorten(folder, **{flash: "(4K - 1K) / 2", ram: 1000})
    found = lacks(folder)
    command = ["cmake", "--build", str(folder / "build")]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout
    assert {name: int(over) for name, over in OVERFLOWED.findall(said)} == {
        name: need - have for name, (_, need, have, _) in found.items()
    }
    assert (found[flash][0], found[flash][2]) == ("flash", 1536)
    assert (found[ram][0], found[ram][2]) == ("RAM", 1000)
    kept = boards.load(board).memory.stack
    assert f"stack {kept:,}" in found[ram][3]


@pytest.mark.parametrize("board", ["qemu-riscv32", *CHOOSING])
@pytest.mark.parametrize("use", ["CODE", "RAM"])
def test_what_is_needed_is_enough_and_a_byte_less_is_not(
    board: str, use: str, project: Callable[[str], Path]
) -> None:
    folder = project(board)
    name = alias(folder, use)
    shorten(folder, **{name: 900})
    found = lacks(folder)
    assert list(found) == [name]
    assert found[name][0] == {"CODE": "flash", "RAM": "RAM"}[use]
    need = found[name][1]
    shorten(folder, **{name: need - 1})
    assert lacks(folder)[name][1:3] == (need, need - 1)
    shorten(folder, **{name: need})
    assert pipeline.build_project(folder).memory.flash_bytes > 1000


def test_layers_are_named_with_their_operators(project: Callable[[str], Path]) -> None:
    folder = project("nucleo-f446re")
    shorten(folder, FLASH=1000)
    consumers = lacks(folder)["FLASH"][3]
    largest = re.search(r"layer (\d+) \((\w+)\) ([\d,]+)", consumers)
    assert largest
    shorten(folder, FLASH="512K")
    memory = pipeline.build_project(folder).memory
    assert max(memory.flash_layers, key=lambda layer: layer[1]) == (int(largest[1]), number(largest[3]))
    layer = open_project(folder).document["layers"][int(largest[1])]
    assert layer["op"] == largest[2]


def test_what_does_not_fit_exits_with_3_and_a_remedy(
    project: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for objective, smaller in ((Objective.BALANCED, True), (Objective.SIZE, False)):
        folder = project("qemu-cortex-m4", objective)
        shorten(folder, FLASH=1000)
        assert app.run(["build", str(folder), "-q"]) == 3
        err = capsys.readouterr().err
        assert err.startswith("error: flash: needs ")
        assert "hint: choose a board with more flash, or a smaller model" in err
        assert ("--optimize size" in err) == smaller


@pytest.mark.parametrize("board", ["qemu-cortex-m4", "nucleo-h743zi2"])
def test_another_failure_of_the_linker_stays_what_it_is(
    board: str, project: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = project(board)
    (folder / "runtime" / "profile.c").write_text("int nothing_else;\n", encoding="utf-8")
    assert app.run(["build", str(folder), "-q"]) == 1
    assert "undefined reference to `itr_profile_" in capsys.readouterr().err


def test_code_leaves_fast_memory_to_what_must_be_there(project: Callable[[str], Path]) -> None:
    """On the Pico the arena and the code lie in the same RAM, but code may stay in flash: some of it, or all where the
    linker's detours find no room behind it."""
    folder = project("raspberry-pi-pico")
    all_of_it = hot_bytes(folder)
    shorten(folder, SRAM=500)
    need = lacks(folder)["SRAM"][1]
    found = []
    for room in (0, 800, 3200, all_of_it):
        shorten(folder, SRAM=need + room)
        shutil.rmtree(folder / "build")
        found.append(hot_bytes(folder))
        assert found[-1] <= room
    assert len(set(found)) > 2
    assert (found[0], found[-1]) == (0, all_of_it)


def hot_bytes(folder: Path) -> int:
    """Code in fast memory of a project."""
    return dict(pipeline.build_project(folder).memory.flash_sections).get(sizes.HOT_SECTION, 0)
