# SPDX-License-Identifier: Apache-2.0
"""What is connected: serial ports and debug probes. Looked for once, and never waited for."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from intarsia import programs
from intarsia.errors import StageError
from intarsia.runners.base import find_tool

SCHEMA, SCHEMA_VERSION = "intarsia.devices", 1
LIST_SECONDS = 15.0
"""Longest that pyOCD may take to list probes."""

USB_DEVICES = Path("/sys/bus/usb/devices")
"""Where Linux describes what is plugged in; other systems have no such folder."""

_ST, _SEGGER = "0483", "1366"
_ST_LINKS = frozenset(
    ["3744", "3748", "374b", "374d", "374e", "374f", "3752", "3753", "3754", "3755", "3757"]
)
_CMSIS_DAP = "CMSIS-DAP"  # every such probe has it in its product name (CMSIS-DAP documentation, "USB")


@dataclass(frozen=True)
class SerialPort:
    """`usb` is VID:PID of its adapter, None for ports that are not on USB."""

    port: str
    description: str
    usb: str | None
    serial_number: str | None


@dataclass(frozen=True)
class Probe:
    """A debug probe; `id` (its serial number) is what tools take to choose it, `usb` is VID:PID where known."""

    id: str
    description: str
    usb: str | None = None


@dataclass(frozen=True)
class Devices:
    """`probes` is None when nobody could look for any: neither this system nor pyOCD lists them."""

    ports: tuple[SerialPort, ...]
    probes: tuple[Probe, ...] | None

    def to_json(self) -> dict[str, Any]:
        """The document of schema `intarsia.devices`."""
        return {
            "schema": SCHEMA,
            "schema_version": SCHEMA_VERSION,
            "ports": [asdict(port) for port in self.ports],
            "probes": None if self.probes is None else [asdict(probe) for probe in self.probes],
        }


def find() -> Devices:
    """Looks once, and waits for nothing."""
    return Devices(ports(), probes())


def ports() -> tuple[SerialPort, ...]:
    """Serial ports by name."""
    from serial.tools import list_ports

    return tuple(
        SerialPort(
            port.device,
            port.description or "",
            f"{port.vid:04x}:{port.pid:04x}" if port.vid is not None and port.pid is not None else None,
            port.serial_number,
        )
        for port in sorted(list_ports.comports(), key=lambda port: str(port.device))
    )


def probes() -> tuple[Probe, ...] | None:
    """Probes that the system shows, and those that only pyOCD knows; None where neither can tell."""
    shown, known = _probes_on_usb(), _probes_of_pyocd()
    if shown is None and known is None:
        return None
    by_id = {probe.id: probe for probe in (*(known or ()), *(shown or ()))}
    return tuple(by_id[key] for key in sorted(by_id))


def _probes_on_usb() -> list[Probe] | None:
    if not USB_DEVICES.is_dir():
        return None
    found = []
    for folder in sorted(USB_DEVICES.iterdir()):
        vendor, product, name, serial = (
            _text(folder / file) for file in ("idVendor", "idProduct", "product", "serial")
        )
        is_probe = (vendor == _ST and product in _ST_LINKS) or vendor == _SEGGER or _CMSIS_DAP in name
        if is_probe and serial:
            found.append(Probe(serial, name, f"{vendor}:{product}"))
    return found


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _probes_of_pyocd() -> list[Probe] | None:
    """What `pyocd json --probes` prints; None where pyOCD is missing or does not answer as it should."""
    program = find_tool("pyocd")
    if program is None:
        return None
    try:
        listed = json.loads(programs.run([program, "json", "--probes"], LIST_SECONDS).out)["boards"]
        return [Probe(str(entry["unique_id"]), str(entry.get("info", ""))) for entry in listed]
    except (StageError, ValueError, LookupError, TypeError):
        return None
