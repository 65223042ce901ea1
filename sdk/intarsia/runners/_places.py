# SPDX-License-Identifier: Apache-2.0
"""Which port or probe is meant. With two that fit, nobody guesses: the user is asked to say."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from intarsia import devices
from intarsia.devices import Probe, SerialPort
from intarsia.errors import EnvironmentMissing, UsageError
from intarsia.runners.base import Place

_SERIAL_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_.-]*")
_POLL_SECONDS = 0.1

Found = TypeVar("Found")


def awaited(look: Callable[[], Found], seconds: float) -> Found:
    """What `look` returns, tried again while it raises EnvironmentMissing, for `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return look()
        except EnvironmentMissing:
            if time.monotonic() >= deadline:
                raise
        time.sleep(_POLL_SECONDS)


def choose_port(place: Place, usb: Sequence[str], board: str) -> str:
    """Name of the serial port of a board whose adapters have the ids `usb` (none: any adapter on USB).

    Raises EnvironmentMissing when there is none, and UsageError when there are several.
    """
    if place.port is not None and "://" in place.port:
        return place.port
    found = devices.ports()
    if place.port is None:
        return _only_port(
            _ports_beside_probe(found, place.probe) or _ports_of_board(found, usb), found, board
        )
    named = [port for port in found if port.port == place.port]
    if named or Path(place.port).exists():
        return place.port
    wanted = place.port.lower()
    fitting = [port for port in found if port.serial_number == place.port or port.usb == wanted]
    if not fitting:
        raise EnvironmentMissing(
            f"there is no port {place.port}", hint=f"{_listed_ports(found)}; --wait S waits for it"
        )
    return _only_port(fitting, found, board)


def _ports_beside_probe(found: Sequence[SerialPort], probe: str | None) -> list[SerialPort]:
    """Ports of the probe that was named: on most boards probe and port are one USB device."""
    return [port for port in found if probe is not None and port.serial_number == probe]


def _ports_of_board(found: Sequence[SerialPort], usb: Sequence[str]) -> list[SerialPort]:
    return [port for port in found if port.usb is not None and (not usb or port.usb in usb)]


def _only_port(fitting: Sequence[SerialPort], found: Sequence[SerialPort], board: str) -> str:
    if not fitting:
        raise EnvironmentMissing(
            f"no serial port of {board} is connected", hint=f"{_listed_ports(found)}; choose with --port"
        )
    if len(fitting) > 1:
        names = ", ".join(_port_text(port) for port in fitting)
        raise UsageError(
            f"{len(fitting)} serial ports fit {board}: {names}",
            hint="choose with --port: a name or a serial number",
        )
    return fitting[0].port


def _port_text(port: SerialPort) -> str:
    details = " ".join(text for text in (port.usb, port.serial_number) if text)
    return f"{port.port} ({details})" if details else port.port


def _listed_ports(found: Sequence[SerialPort]) -> str:
    if not found:
        return "no serial port is connected; check the cable"
    return f"connected: {', '.join(_port_text(port) for port in found)}"


def choose_probe(place: Place, usb: Sequence[str], board: str) -> str:
    """Serial number of the debug probe of a board; `usb` are the ids of the one that is soldered to it, if any.

    Raises EnvironmentMissing when there is none, and UsageError when there are several.
    """
    if place.probe is not None and not _SERIAL_NUMBER.fullmatch(place.probe):
        raise UsageError(f"--probe: '{place.probe}' is not a serial number", hint="see `intarsia devices`")
    if place.reserved is not None and place.probe is not None:
        return place.probe
    found = devices.probes()
    if found is None:
        if place.probe is not None:
            return place.probe
        raise EnvironmentMissing(
            "nothing can list the debug probes here", hint="pip install pyocd, or choose with --probe ID"
        )
    if place.probe is not None:
        fitting = [probe for probe in found if probe.id == place.probe]
    else:
        fitting = [probe for probe in found if probe.usb in usb] or list(found)
    if not fitting:
        which = "no debug probe is connected" if place.probe is None else f"there is no probe {place.probe}"
        listed = ", ".join(_probe_text(probe) for probe in found)
        raise EnvironmentMissing(
            f"{which}; {board} needs one to be flashed",
            hint=f"connected: {listed}" if listed else "check the cable; --wait S waits for it",
        )
    if len(fitting) > 1:
        names = ", ".join(_probe_text(probe) for probe in fitting)
        raise UsageError(f"{len(fitting)} probes fit {board}: {names}", hint="choose with --probe ID")
    return fitting[0].id


def _probe_text(probe: Probe) -> str:
    return f"{probe.id} ({probe.description})" if probe.description else probe.id
