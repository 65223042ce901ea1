# SPDX-License-Identifier: Apache-2.0
"""Places of a board farm with a stub of labgrid's client: what goes wrong has a name, places are always released."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from intarsia import boards, farm
from intarsia.errors import EnvironmentMissing, IntarsiaError, StageError, UsageError
from intarsia.request import Silent
from intarsia.runners import Place, find_runner

SERIAL = ("serial", "NetworkSerialPort", {"host": "rack", "port": 4001, "protocol": "rfc2217"})
RAW = ("console", "NetworkSerialPort", {"host": "rack", "port": 4002, "protocol": "raw"})
PROBE = ("probe", "NetworkUSBDebugger", {"host": "localhost", "path": "1-2.3", "busnum": 1})
NUCLEO, NANO, PICO, ESP = "nucleo-f446re", "arduino-nano-33-ble", "raspberry-pi-pico", "esp32-c3-devkit"

CLIENT = """#!{python}
import os, sys, time
place, command = sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else sys.argv[1]
folder = {folder!r}
with open(os.path.join(folder, "calls"), "a") as calls:
    calls.write(command + "\\n")
answer = os.path.join(folder, command)
if os.path.exists(answer):
    text = open(answer).read()
    if text.startswith("sleep"):
        time.sleep(float(text[5:]))
    elif text.startswith("error "):
        sys.exit("labgrid-client: Error: " + text[6:])
    else:
        print(text)
"""


class Farm:
    """A stub client: a file per command says what it answers; `calls` are those that were given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        program = folder / "bin" / "labgrid-client"
        program.parent.mkdir()
        program.write_text(CLIENT.format(python=sys.executable, folder=str(folder)))
        program.chmod(0o755)

    def answer(self, command: str, text: str) -> None:
        (self.folder / command).write_text(text)

    def offer(self, *resources: tuple[str, str, dict[str, Any]]) -> None:
        lines = ["Place 'desk':", "  acquired: vm/root"]
        for name, kind, values in resources:
            lines.append(f"Acquired resource '{name}' (rack/desk/{kind}/{name}):")
            lines.append(f"  {{'acquired': 'desk',\n   'cls': '{kind}',\n   'params': {values!r}}}")
        self.answer("show", "\n".join(lines))

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().split()


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Farm:
    made = Farm(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("LG_COORDINATOR", "farm.example:20408")
    return made


def found(board: str, place: Place) -> Place:
    with farm.held(place, boards.load(board), Silent()) as where:
        return where


def refused(board: str, place: Place) -> IntarsiaError:
    with pytest.raises(IntarsiaError) as caught:
        found(board, place)
    return caught.value


DESK = Place(farm="desk")


def test_without_a_farm_nothing_is_reserved() -> None:
    here = Place(port="/dev/ttyACM0")
    assert found("host", here) is here


def test_place_is_held_and_released(shared: Farm) -> None:
    shared.offer(SERIAL)
    where = found(ESP, DESK)
    assert (where.farm, where.reserved, where.port) == (None, "desk", "rfc2217://rack:4001")
    assert shared.calls == ["acquire", "show", "release"]


@pytest.mark.parametrize("error", [StageError("board on fire"), KeyboardInterrupt(), ValueError("bug")])
def test_place_is_released_when_the_block_fails(shared: Farm, error: BaseException) -> None:
    shared.offer(SERIAL)
    with pytest.raises(type(error)), farm.held(DESK, boards.load(ESP), Silent()):
        raise error
    assert shared.calls[-1] == "release"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("slow", ["", "acquire", "show"])
def test_place_is_released_after_a_signal(shared: Farm, number: signal.Signals, slow: str) -> None:
    """Also when it comes while labgrid's client is at work, which is not told of it."""
    shared.offer(SERIAL)
    if slow:
        shared.answer(slow, "sleep 1.0")
    script = f"""
import time
from intarsia import boards, farm
from intarsia.request import Silent
from intarsia.runners import Place
try:
    with farm.held(Place(farm="desk"), boards.load({ESP!r}), Silent()):
        time.sleep(30)
except KeyboardInterrupt:
    print("interrupted")
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    wanted = slow or "show"
    deadline = time.monotonic() + 30
    while not (shared.folder / "calls").exists() or wanted not in shared.calls:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(number)
    said, _ = process.communicate(timeout=20)
    assert said == "interrupted\n"
    assert shared.calls[-1] == "release"


MISSING = {
    "Could not connect to coordinator": "no labgrid coordinator answers at farm.example:20408",
    "place pattern desk matches nothing": "has no place 'desk'",
    "Match rack/*/* has no matching remote resource": "place desk is not complete",
}


@pytest.mark.parametrize("said", MISSING)
def test_what_is_missing_is_named(shared: Farm, said: str) -> None:
    shared.answer("acquire", f"error {said}")
    shared.answer("places", "shelf\nbench")
    error = refused(ESP, DESK)
    assert isinstance(error, EnvironmentMissing)
    assert MISSING[said] in error.message
    assert error.hint
    assert "release" not in shared.calls
    if "matches nothing" in said:
        assert error.hint == "places: shelf, bench"


def test_taken_place_is_named_and_can_be_waited_for(shared: Farm) -> None:
    taken = "error Place desk is already acquired by host/alice. To work simultaneously, ..."
    shared.answer("acquire", taken)
    begun = time.monotonic()
    error = refused(ESP, DESK)
    assert "is taken" in error.message
    assert "host/alice" in error.message
    assert "--wait S" in str(error.hint)
    assert time.monotonic() - begun < 5
    assert refused(ESP, Place(farm="desk", wait=1.2)).message == error.message
    assert shared.calls.count("acquire") >= 3
    assert "release" not in shared.calls


def test_client_that_hangs_is_given_up(shared: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(farm, "COMMAND_SECONDS", 0.5)
    shared.answer("acquire", "sleep 60")
    begun = time.monotonic()
    assert "did not finish within 0.5 s" in refused(ESP, DESK).message
    assert time.monotonic() - begun < 5


def test_release_that_fails_is_told(shared: Farm) -> None:
    shared.offer(SERIAL)
    shared.answer("release", "error database is on fire")
    error = refused(ESP, DESK)
    assert "could not be released: database is on fire" in error.message
    assert error.hint == "labgrid-client -p desk release"


def test_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("intarsia.runners.base.find_tool", lambda program: None)
    error = refused(ESP, DESK)
    assert isinstance(error, EnvironmentMissing)
    assert "pip install 'intarsia[labgrid]'" in str(error.hint)


@pytest.mark.parametrize("board", ["host", "qemu-cortex-m4", PICO])
def test_boards_that_are_none_for_a_farm(shared: Farm, board: str) -> None:
    assert isinstance(refused(board, DESK), UsageError)
    assert not (shared.folder / "calls").exists()


def test_bad_name_of_a_place() -> None:
    assert isinstance(refused(ESP, Place(farm="-x")), UsageError)


def test_two_ports_are_not_guessed(shared: Farm) -> None:
    shared.offer(SERIAL, RAW)
    error = refused(ESP, DESK)
    assert "serial, console" in error.message
    assert "--port NAME" in str(error.hint)
    assert found(ESP, Place(farm="desk", port="console")).port == "socket://rack:4002"
    assert "no NetworkSerialPort named 'x'" in refused(ESP, Place(farm="desk", port="x")).message


def test_missing_port_and_probe(shared: Farm) -> None:
    shared.offer()
    assert "has no NetworkSerialPort" in refused(ESP, DESK).message
    shared.offer(SERIAL)
    assert "has no NetworkUSBDebugger" in refused(NUCLEO, DESK).message
    assert shared.calls.count("release") == 2


def test_port_behind_a_proxy_is_refused(shared: Farm) -> None:
    extra = {"extra": {"proxy": "gate", "proxy_required": True}}
    shared.offer((*SERIAL[:2], {**SERIAL[2], **extra}))
    assert "through a proxy" in refused(ESP, DESK).message


def test_answer_that_cannot_be_read(shared: Farm) -> None:
    shared.answer("show", "Acquired resource 'x' (a/b/c/x):\n  {'cls': __import__('os')}")
    assert "in a way that is not known" in refused(ESP, DESK).message
    assert shared.calls[-1] == "release"


def ssh_stub(folder: Path) -> None:
    """An ssh that runs the command here, and keeps it."""
    program = folder / "bin" / "ssh"
    program.write_text(
        "#!/bin/sh\nfor command; do :; done\n"
        f'echo "$@" >> {folder}/ssh.log\n'
        f'case "$command" in cat*) echo PROBE7 ;; *) PATH={folder}/there:$PATH exec /bin/sh -c "$command" ;; esac\n'
    )
    program.chmod(0o755)


@pytest.mark.parametrize(("board", "tool"), [(NUCLEO, "openocd"), (NANO, "pyocd")])
def test_probe_tool_runs_where_the_probe_is(shared: Farm, board: str, tool: str) -> None:
    """Its firmware is sent along; the probe is chosen by its serial number, read there."""
    ssh_stub(shared.folder)
    (shared.folder / "there").mkdir()
    stub = shared.folder / "there" / tool
    stub.write_text(f'#!/bin/sh\necho "$@" > {shared.folder}/used\ncp firmware.elf {shared.folder}/sent\n')
    stub.chmod(0o755)
    elf = shared.folder / "firmware"
    elf.write_bytes(bytes(range(256)))
    shared.offer(SERIAL, (*PROBE[:2], {**PROBE[2], "host": "rack"}))
    chosen = boards.load(board)
    with farm.held(DESK, chosen, Silent()) as where:
        assert (where.host, where.probe) == ("rack", "PROBE7")
        said = find_runner(chosen.runner.kind).flash(elf, chosen, where)
    assert said == f"flashed {board} through probe PROBE7"
    assert (shared.folder / "sent").read_bytes() == elf.read_bytes()
    assert "PROBE7" in (shared.folder / "used").read_text()
    assert "BatchMode=yes" in (shared.folder / "ssh.log").read_text()


def test_probe_tool_that_fails_there(shared: Farm) -> None:
    ssh_stub(shared.folder)
    (shared.folder / "there").mkdir()
    stub = shared.folder / "there" / "openocd"
    stub.write_text("#!/bin/sh\necho Error: no flash bank\nexit 7\n")
    stub.chmod(0o755)
    elf = shared.folder / "firmware"
    elf.write_bytes(b"x")
    shared.offer(SERIAL, (*PROBE[:2], {**PROBE[2], "host": "rack"}))
    chosen = boards.load(NUCLEO)
    failure = pytest.raises(StageError, match=r"(?s)openocd on rack .*\(exit code 7\).*no flash bank")
    with failure, farm.held(DESK, chosen, Silent()) as where:
        find_runner("openocd").flash(elf, chosen, where)
    assert shared.calls[-1] == "release"


def test_probe_that_is_not_there(shared: Farm) -> None:
    shared.offer(SERIAL, PROBE)
    assert "the probe 'probe' on localhost cannot be read" in refused(NUCLEO, DESK).message
    shared.offer(SERIAL, (*PROBE[:2], {**PROBE[2], "path": None}))
    assert "is at no USB device" in refused(NUCLEO, DESK).message
    shared.offer(SERIAL, (*PROBE[:2], {"host": "-oProxyCommand=x", "path": "1-2"}))
    assert "is no name of a host" in refused(NUCLEO, DESK).message
