# SPDX-License-Identifier: Apache-2.0
"""No command hangs: with tools that sleep, emulators that never answer and ports where nobody is, each comes back.

The stubs start a child that sleeps, as a compiler's driver would: it may not stay behind either.
"""

from __future__ import annotations

import ast
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import intarsia
import intarsia_codegen
from intarsia import build, device, devices, programs, stack
from intarsia.cli import app
from intarsia_codegen import ctext
from support.ptys import Pty

SLEEPS = f"6{os.getpid()}.5"  # seconds, and a mark to find the processes by
BOUND = 60.0  # seconds; what is patched below ends in a few, but this computer may be busy
RUNS_SOMETHING = ("run", "validate", "diff", "monitor")

pytestmark = pytest.mark.emulator

Finish = Callable[..., tuple[int, str]]


def sleepers() -> list[int]:
    """Processes that stubs have left behind."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:2] == [b"sleep", SLEEPS.encode()]:
            found.append(int(process.name))
    return found


@pytest.fixture
def finish(capsys: pytest.CaptureFixture[str]) -> Iterator[Finish]:
    """Runs a command, which has to come back in time and leave nothing behind."""

    def run(*arguments: str | Path) -> tuple[int, str]:
        begun = time.monotonic()
        code = app.run([*map(str, arguments)])
        assert time.monotonic() - begun < BOUND
        return code, capsys.readouterr().err

    yield run
    deadline = time.monotonic() + 5
    while sleepers() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert sleepers() == []


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts a tool that sleeps before all others; where a pattern is given, only when that is among its arguments."""
    folder = tmp_path / "stubs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def make(name: str, pattern: str = "*") -> None:
        real = shutil.which(name, path=os.environ["PATH"].split(os.pathsep, 1)[1])
        (folder / name).write_text(
            f'#!/bin/sh\ncase "$*" in {pattern}) sleep {SLEEPS}; exit 1;; esac\nexec {real} "$@"\n'
        )
        (folder / name).chmod(0o755)

    return make


@pytest.fixture(scope="module")
def built(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project for the Cortex-M4, built."""
    folder = tmp_path_factory.mktemp("built") / "fw"
    assert (
        app.run(["generate", str(digits / "digits96_int8.tflite"), "-b", "qemu-cortex-m4", "-o", str(folder)])
        == 0
    )
    assert app.run(["build", str(folder), "-q"]) == 0
    return folder


@pytest.fixture
def project(built: Path, tmp_path: Path) -> Path:
    """A copy that may be spoilt."""
    return Path(shutil.copytree(built, tmp_path / "fw", ignore=shutil.ignore_patterns("build")))


def test_doctor(stub: Callable[..., None], finish: Finish, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "VERSION_SECONDS", 0.3)
    for name in ("arm-none-eabi-gcc", "qemu-system-arm", "openocd", "pyocd", "labgrid-client"):
        stub(name)
    assert finish("doctor", "--board", "qemu-cortex-m4")[0] == 0


def test_devices(stub: Callable[..., None], finish: Finish, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "LIST_SECONDS", 0.3)
    stub("pyocd")
    assert finish("devices")[0] == 0


def test_generate(
    stub: Callable[..., None], finish: Finish, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctext, "FORMAT_SECONDS", 0.3)
    stub("clang-format")
    monkeypatch.setattr("sys.executable", str(tmp_path / "stubs" / "python"))
    code, said = finish("generate", digits / "digits96_int8.tflite", "-b", "host", "-o", tmp_path / "out")
    assert code == 1
    assert "clang-format did not finish within 0.3 s" in said
    assert not (tmp_path / "out").exists()


def test_configure(
    stub: Callable[..., None], finish: Finish, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "CONFIGURE_SECONDS", 1.0)
    stub("arm-none-eabi-gcc")
    code, said = finish("build", project)
    assert code == 1
    assert "configure of fw did not finish within 1 s" in said


def test_compile(
    stub: Callable[..., None], finish: Finish, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "BUILD_SECONDS", 2.0)
    stub("arm-none-eabi-gcc", "*main.c*")
    code, said = finish("build", project)
    assert code == 1
    assert "build of fw did not finish within 2 s" in said


def test_disassemble(
    stub: Callable[..., None], finish: Finish, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "DISASSEMBLY_SECONDS", 0.3)
    stub("arm-none-eabi-objdump")
    code, said = finish("build", built)
    assert code == 1
    assert "arm-none-eabi-objdump did not finish within 0.3 s" in said


@pytest.mark.parametrize("verb", RUNS_SOMETHING)
def test_an_emulator_that_never_answers(
    verb: str, stub: Callable[..., None], finish: Finish, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "HELLO_SECONDS", 0.5)
    stub("qemu-system-arm")
    code, said = finish(verb, built)
    assert code == 1
    assert "did not answer HELLO within 0.5 s" in said


@pytest.mark.parametrize("verb", RUNS_SOMETHING)
def test_a_dead_port(
    verb: str, finish: Finish, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "HELLO_SECONDS", 0.5)
    silent = Pty(tmp_path / "port")
    code, said = finish(verb, built, "--port", silent.port)
    silent.close()
    assert code == 1
    assert "nothing arrived" in said


def test_profile(finish: Finish, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "HELLO_SECONDS", 0.5)
    silent = Pty(tmp_path / "port")
    where = ("-b", "qemu-cortex-m4", "--link", "uart", "--port", silent.port)
    code, said = finish("profile", digits / "digits96_int8.tflite", *where)
    silent.close()
    assert code == 1
    assert "nothing arrived" in said


def test_nothing_is_started_without_a_bound() -> None:
    """Processes are started in two modules: one bounds them in time, the other ties them to a link that is."""
    allowed = {"programs.py", "_process.py"}
    for package in (intarsia, intarsia_codegen):
        for file in Path(str(package.__file__)).parent.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                assert "subprocess" not in names or file.name in allowed, file
