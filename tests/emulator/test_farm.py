# SPDX-License-Identifier: Apache-2.0
"""A board farm on loopback: labgrid's own coordinator, exporter and client, and an emulated chip at its place.

The chip is hardware to us: it runs by itself, is flashed through its GDB server and answers at a serial port.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from intarsia import modelfile
from intarsia.cli import app
from support import hardware, small, tools

PLACE = "desk"

pytestmark = [pytest.mark.emulator, pytest.mark.gdb, pytest.mark.tools]


class Farm:
    """Coordinator, exporter and one place on this computer."""

    def __init__(self, folder: Path, chip: hardware.Hardware) -> None:
        self.folder = folder
        self.coordinator = f"127.0.0.1:{hardware.free_port()}"
        self._programs: list[subprocess.Popen[bytes]] = []
        self._start("labgrid-coordinator", "-l", self.coordinator)
        hardware.awaited(int(self.coordinator.split(":")[1]))
        resources = folder / "resources.yaml"
        resources.write_text(
            "desk:\n"
            f"  serial: {{cls: NetworkSerialPort, host: 127.0.0.1, port: {chip.serial}, protocol: raw}}\n"
            f"  gdb: {{cls: NetworkService, address: 127.0.0.1, port: {chip.gdb}, username: ''}}\n"
        )
        exporter = ("-c", self.coordinator, "-n", "here", "--hostname", "127.0.0.1", str(resources))
        self._start("labgrid-exporter", *exporter)
        self.client("create")
        self.client("add-match", "here/desk/*")
        self._await_resources()

    def _start(self, program: str, *arguments: str) -> None:
        with (self.folder / f"{program}.log").open("wb") as log:
            command = [tools.program(program), *arguments]
            started = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
        self._programs.append(started)

    def client(self, *arguments: str) -> str:
        command = [tools.program("labgrid-client"), "-x", self.coordinator, "-p", PLACE, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    @property
    def taken(self) -> bool:
        return "acquired: None" not in self.client("show")

    def _await_resources(self) -> None:
        deadline = time.monotonic() + 30
        while "NetworkSerialPort" not in self.client("resources"):
            assert time.monotonic() < deadline
            time.sleep(0.2)

    def close(self) -> None:
        for program in reversed(self._programs):
            program.terminate()
        for program in self._programs:
            try:
                program.wait(10)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()


@pytest.fixture(scope="module")
def chip() -> Iterator[hardware.Hardware]:
    made = hardware.Hardware()
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared(chip: hardware.Hardware, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    made = Farm(tmp_path_factory.mktemp("farm"), chip)
    yield made
    made.close()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "small.itr"
    modelfile.save(small.int8_graph(), path)
    return path


@pytest.fixture(scope="module", autouse=True)
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INTARSIA_BOARDS", str(hardware.board_folder(tmp_path_factory.mktemp("b") / "boards")))
        patch.setenv("PATH", f"{os.environ['PATH']}{os.pathsep}{tools.FOLDER / 'bin'}")
        yield


@pytest.fixture(scope="module")
def fw(model: Path, environment: None, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The project of the model, built."""
    folder = str(tmp_path_factory.mktemp("project") / "fw")
    assert app.run(["generate", str(model), "-b", hardware.NAME, "-o", folder, "-q"]) == 0
    assert app.run(["build", folder, "-q"]) == 0
    return folder


def test_gdb_flashes_a_chip(chip: hardware.Hardware, fw: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a farm: what GDB writes into the emulated flash runs there, after a reset."""
    assert app.run(["flash", fw, "--probe", chip.server, "-q"]) == 0
    assert "through the GDB server" in capsys.readouterr().out
    port = f"socket://127.0.0.1:{chip.serial}"
    assert app.run(["validate", fw, "--port", port, "--bit-exact", "--json", "-q"]) == 0
    reference = json.loads(capsys.readouterr().out)["reference"]
    assert (reference["compared"], reference["mismatched_outputs"]) == (40, 0)


def test_gdb_server_that_is_not_there(fw: str, capsys: pytest.CaptureFixture[str]) -> None:
    begun = time.monotonic()
    assert app.run(["flash", fw, "--probe", f"127.0.0.1:{hardware.free_port()}"]) == 1
    assert time.monotonic() - begun < 30
    assert "could not flash" in capsys.readouterr().err


def test_profile_at_a_place(
    shared: Farm, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LG_COORDINATOR", shared.coordinator)
    board = f"{hardware.NAME}@{PLACE}"
    assert app.run(["profile", str(model), "--board", board, "--json"]) == 0
    said = capsys.readouterr()
    reference = json.loads(said.out)["reference"]
    assert (reference["compared"], reference["mismatched_outputs"]) == (40, 0)
    assert f"reserve {PLACE}" in said.err
    assert f"flash {hardware.NAME}" in said.err
    assert not shared.taken


def test_taken_place(
    shared: Farm, fw: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LG_COORDINATOR", shared.coordinator)
    command = ["run", fw, "--place", PLACE, "-q"]
    shared.client("acquire")
    try:
        monkeypatch.setenv("LG_USERNAME", "somebody")
        assert app.run(command) == 1
        assert f"place {PLACE} is taken: Place {PLACE} is already acquired by" in capsys.readouterr().err
        assert shared.taken
    finally:
        monkeypatch.delenv("LG_USERNAME")
        shared.client("release")


def test_absent_place(
    shared: Farm, fw: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LG_COORDINATOR", shared.coordinator)
    assert app.run(["run", fw, "--place", "shelf", "-q"]) == 4
    assert f"hint: places: {PLACE}" in capsys.readouterr().err


def test_diff_and_monitor_at_a_place(
    shared: Farm,
    fw: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LG_COORDINATOR", shared.coordinator)
    assert app.run(["diff", fw, "--place", PLACE, "--json", "-q"]) == 0
    assert app.run(["flash", fw, "--place", PLACE, "-q"]) == 0
    capsys.readouterr()
    assert app.run(["monitor", fw, "--place", PLACE, "--seconds", "1", "--stream", "-q"]) == 0
    assert '"event"' in capsys.readouterr().out
    assert not shared.taken
