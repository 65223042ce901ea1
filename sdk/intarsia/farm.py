# SPDX-License-Identifier: Apache-2.0
"""Boards that are shared: places of a labgrid coordinator, held while they are used and released whatever happens.

A place says where its serial port is (`NetworkSerialPort`), and where it is flashed: at a debug probe
(`NetworkUSBDebugger`), whose tool then runs on the exporter's computer, or at a GDB server (a resource named `gdb`).
labgrid's own client is used as a program, which finds the coordinator by LG_COORDINATOR.
"""

from __future__ import annotations

import ast
import contextlib
import os
import re
import signal
import textwrap
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any

from intarsia import programs
from intarsia.boards import Board
from intarsia.errors import EnvironmentMissing, IntarsiaError, StageError, UsageError
from intarsia.programs import Finished
from intarsia.request import Watcher
from intarsia.runners import Place, _remote, find_runner
from intarsia.runners._silicon import SiliconRunner
from intarsia.runners.base import Tool, require_tool

CLIENT = Tool("labgrid-client", "pip install 'intarsia[labgrid]', or pipx install labgrid")
COMMAND_SECONDS = 30.0
"""Longest that labgrid's client may take for one command."""
DEFAULT_COORDINATOR = "127.0.0.1:20408"

_POLL_SECONDS = 1.0
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_RESOURCE = re.compile(r"^Acquired resource '([^'\n]*)' \([^\n]*\):\n((?:  .*\n?)+)", re.MULTILINE)
_DEVICE = re.compile(r"[0-9]+-[0-9.]+")


class PlaceTaken(StageError):
    """Somebody else has the place."""


@dataclass(frozen=True)
class Resource:
    """One resource of a place, as its exporter describes it."""

    name: str
    kind: str
    values: dict[str, Any]

    @property
    def host(self) -> str:
        return str(self.values.get("host") or self.values.get("address") or "")


def check(board: Board) -> None:
    """Raises EnvironmentMissing without labgrid's client, UsageError when the board is none for a farm."""
    _reach(board)
    require_tool(CLIENT.program, CLIENT.install)


@contextlib.contextmanager
def held(place: Place, board: Board, watcher: Watcher) -> Iterator[Place]:
    """Reserves the farm's place for the block; yields where its port and probe are. Without a farm, does nothing.

    Raises EnvironmentMissing when client, coordinator, place or resource is missing, StageError when somebody else has
    the place for longer than `place.wait` seconds, UsageError when the board is none for a farm.
    """
    if place.farm is None:
        yield place
        return
    name, reach = place.farm, _reach(board)
    if not _NAME.fullmatch(name):
        raise UsageError(f"'{name}' is no name of a place", hint="`labgrid-client places` lists them")
    client = _Client(require_tool(CLIENT.program, CLIENT.install), name)
    ours = done = False
    deadline = time.monotonic() + place.wait
    with _Signals() as signals:
        try:
            watcher.stage(f"reserve {name}")
            while not ours:
                with signals.later():
                    refusal = client.acquire()
                    ours = refusal is None
                if isinstance(refusal, PlaceTaken) and time.monotonic() < deadline:
                    time.sleep(_POLL_SECONDS)
                elif refusal is not None:
                    raise refusal
            yield _located(client.resources(), place, reach)
            done = True
        finally:
            if ours:
                with signals.later():
                    client.release(must=done)


def _reach(board: Board) -> str:
    """How a board of that kind is flashed from afar."""
    runner = find_runner(board.runner.kind)
    if not isinstance(runner, SiliconRunner):
        raise UsageError(f"{board.name} runs on this computer, not at a place", hint="leave the place out")
    if runner.flashed_by == "hand":
        raise UsageError(
            f"{board.name} is flashed by a copy to a drive that appears when its button is pressed",
            hint="nobody can do that from afar: choose a board with a debug probe",
        )
    return runner.flashed_by


class _Signals:
    """Ctrl-C and termination end a block by KeyboardInterrupt, so that what it holds is released; not `later` than that
    block, where they are kept until it is over. Only the main thread can have that."""

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._waiting = self._came = False

    def __enter__(self) -> _Signals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._come)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _come(self, number: int, frame: FrameType | None) -> None:
        if not self._waiting:
            raise KeyboardInterrupt
        self._came = True

    @contextlib.contextmanager
    def later(self) -> Iterator[None]:
        self._waiting = True
        try:
            yield
        finally:
            self._waiting = False
        if self._came:
            self._came = False
            raise KeyboardInterrupt


class _Client:
    """labgrid's client for one place."""

    def __init__(self, program: str, place: str) -> None:
        self._program, self._place = program, place

    def acquire(self) -> IntarsiaError | None:
        """Why not; None: it is ours."""
        done = self._run("acquire")
        return self._refused(done) if done.code else None

    def release(self, *, must: bool) -> None:
        """Raises StageError when it fails and `must`; otherwise there is an error already, which says more."""
        try:
            done = self._run("release")
        except IntarsiaError:
            if must:
                raise
            return
        if done.code and must:
            raise StageError(
                f"place {self._place} could not be released: {_said(done)}",
                hint=f"labgrid-client -p {self._place} release",
            )

    def resources(self) -> list[Resource]:
        done = self._run("show")
        if done.code:
            raise self._refused(done)
        found = []
        for name, text in _RESOURCE.findall(done.out):
            try:
                entry = ast.literal_eval(textwrap.dedent(text))
                found.append(Resource(name, str(entry["cls"]), dict(entry["params"])))
            except (ValueError, SyntaxError, LookupError, TypeError):
                raise StageError(
                    f"labgrid describes resource '{name}' in a way that is not known: {text.strip()[:200]}",
                    hint="another version of labgrid may help: 23 to 26 are known",
                ) from None
        return found

    def _run(self, command: str) -> Finished:
        try:
            # In a session of its own, so that Ctrl-C is for us, who release.
            return programs.run(
                [self._program, "-p", self._place, command],
                COMMAND_SECONDS,
                label=f"labgrid-client {command}",
            )
        except programs.TimedOut as error:
            raise StageError(
                error.message,
                hint=f"does the coordinator at {_coordinator()} answer? `labgrid-client places`",
            ) from None

    def _refused(self, done: Finished) -> IntarsiaError:
        name, said = self._place, done.err
        if "connect to coordinator" in said or "coordinator is unavailable" in said:
            return EnvironmentMissing(
                f"no labgrid coordinator answers at {_coordinator()}",
                hint="start it, or set LG_COORDINATOR=HOST:PORT",
            )
        if "matches nothing" in said:
            return EnvironmentMissing(
                f"the board farm at {_coordinator()} has no place '{name}'", hint=self._known()
            )
        if "no matching remote resource" in said:
            return EnvironmentMissing(
                f"place {name} is not complete: {_said(done)}",
                hint="start the exporter of its board: labgrid-exporter",
            )
        if "already acquired" in said:
            return PlaceTaken(
                f"place {name} is taken: {_said(done)}",
                hint=f"--wait S waits for it; who has it can `labgrid-client -p {name} release`",
            )
        return StageError(f"place {name}: {_said(done)}", hint=f"labgrid-client -p {name} show")

    def _known(self) -> str:
        names = self._run("places").out.split()
        return f"places: {', '.join(names)}" if names else "it has none: `labgrid-client -p NAME create`"


def _coordinator() -> str:
    return os.environ.get("LG_COORDINATOR", DEFAULT_COORDINATOR)


def _said(done: Finished) -> str:
    lines = [line.strip() for line in (done.err or done.out).splitlines() if line.strip()]
    return (lines[-1] if lines else "no message").removeprefix("labgrid-client: Error: ")[:300]


def _located(resources: Sequence[Resource], place: Place, reach: str) -> Place:
    """Where the place's port is, and what flashes it."""
    serial = _only(resources, "NetworkSerialPort", place.port, place, "--port")
    protocol = {"raw": "socket"}.get(str(serial.values.get("protocol")), "rfc2217")
    port = f"{protocol}://{serial.host}:{serial.values['port']}"
    found = replace(place, farm=None, reserved=place.farm, probe=None, port=port, wait=0.0)
    if reach == "server":
        server = next((one for one in resources if one.name == (place.probe or "gdb")), None)
        if server is None:
            raise EnvironmentMissing(
                f"place {place.farm} has no resource named '{place.probe or 'gdb'}'",
                hint=f"{_listed(resources)}; export host and port of its GDB server under that name",
            )
        return replace(found, probe=f"{server.host}:{server.values.get('port')}")
    if reach == "probe":
        debugger = _only(resources, "NetworkUSBDebugger", place.probe, place, "--probe")
        return replace(found, probe=_serial_number(debugger), host=debugger.host)
    return found


def _only(resources: Sequence[Resource], kind: str, name: str | None, place: Place, option: str) -> Resource:
    fitting = [one for one in resources if one.kind == kind and name in (None, one.name)]
    if not fitting:
        which = kind if name is None else f"{kind} named '{name}'"
        raise EnvironmentMissing(
            f"place {place.farm} has no {which}",
            hint=f"{_listed(resources)}; see its exporter's configuration",
        )
    if len(fitting) > 1:
        names = ", ".join(one.name for one in fitting)
        raise UsageError(
            f"place {place.farm} has {len(fitting)} resources {kind}: {names}",
            hint=f"choose with {option} NAME",
        )
    if dict(fitting[0].values.get("extra") or {}).get("proxy_required"):
        raise UsageError(
            f"resource '{fitting[0].name}' of place {place.farm} is only reached through a proxy",
            hint="run this on the exporter's network, or start the exporter without --isolated",
        )
    return fitting[0]


def _listed(resources: Sequence[Resource]) -> str:
    return "it has " + (", ".join(f"{one.name} ({one.kind})" for one in resources) or "no resources")


def _serial_number(debugger: Resource) -> str:
    """The serial number of a probe, by which tools choose it, as the exporter's computer knows it."""
    device = str(debugger.values.get("path"))
    if not _DEVICE.fullmatch(device):
        raise StageError(
            f"resource '{debugger.name}' is at no USB device: {device}", hint="is the probe plugged in there?"
        )
    command = _remote.command_at(debugger.host, f"cat /sys/bus/usb/devices/{device}/serial")
    done = programs.run(
        command, COMMAND_SECONDS, label=f"reading the probe's serial number on {debugger.host}"
    )
    number = done.out.strip()
    if done.code or not number:
        raise EnvironmentMissing(
            f"the probe '{debugger.name}' on {debugger.host} cannot be read: {_said(done)}",
            hint=f"ssh {debugger.host} cat /sys/bus/usb/devices/{device}/serial",
        )
    return number
