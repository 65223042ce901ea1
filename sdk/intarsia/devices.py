# SPDX-License-Identifier: Apache-2.0
"""What is connected: serial ports, and debug probes where pyocd is installed."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import asdict, dataclass
from typing import Any

SCHEMA, SCHEMA_VERSION = "intarsia.devices", 1


@dataclass(frozen=True)
class SerialPort:
    """`usb` is VID:PID of its adapter, None for ports that are not on USB."""

    port: str
    description: str
    usb: str | None
    serial_number: str | None


@dataclass(frozen=True)
class Probe:
    """A debug probe; `id` is what tools take to choose it."""

    id: str
    description: str


@dataclass(frozen=True)
class Devices:
    """`probes` is None when pyocd is not installed, so that nobody has looked for any."""

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
    return Devices(_ports(), _probes())


def _ports() -> tuple[SerialPort, ...]:
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


def _probes() -> tuple[Probe, ...] | None:
    if importlib.util.find_spec("pyocd") is None:
        return None
    helper = importlib.import_module("pyocd.core.helpers").ConnectHelper
    found = helper.get_all_connected_probes(blocking=False, print_wait_message=False)
    return tuple(Probe(probe.unique_id, probe.description) for probe in found)
