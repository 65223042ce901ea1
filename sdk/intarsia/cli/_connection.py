# SPDX-License-Identifier: Apache-2.0
"""Options about the board that is connected, or at a place of a farm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from intarsia.errors import UsageError

if TYPE_CHECKING:
    from intarsia.runners import Place

MAX_WAIT = 3600.0

Probe = Annotated[
    str | None,
    typer.Option(
        "--probe",
        metavar="ID",
        help="Serial number of the debug probe, or the folder of a UF2 drive.  [default: the only one that fits]",
        show_default=False,
    ),
]
Port = Annotated[
    str | None,
    typer.Option(
        "--port",
        metavar="PORT",
        help="Serial port of the board: name, serial number or USB id (VID:PID). See `intarsia devices`.  "
        "[default: the only one that fits]",
        show_default=False,
    ),
]
Wait = Annotated[
    float, typer.Option("--wait", metavar="S", help="Wait up to S seconds until the board is connected.")
]
Farm = Annotated[
    str | None,
    typer.Option(
        "--place",
        metavar="PLACE",
        help="A place of a board farm (labgrid): it is reserved, flashed, and released; --probe and --port name its "
        "resources.",
        show_default=False,
    ),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with a run that was interrupted, on the same samples.")
]


@dataclass(frozen=True)
class Connection:
    """Which of the connected devices is meant."""

    probe: Probe = None
    port: Port = None
    wait: Wait = 0.0

    def place(self, farm: str | None = None) -> Place:
        """The same as runners take it; `farm` is a place of a board farm. Raises UsageError."""
        from intarsia.runners import Place

        if not 0.0 <= self.wait <= MAX_WAIT:
            raise UsageError(f"--wait: {self.wait:g} s is no time to wait", hint=f"0 to {MAX_WAIT:g} seconds")
        for option, value in (("--probe", self.probe), ("--port", self.port)):
            if value is not None and not value.strip():
                raise UsageError(
                    f"{option}: nothing is given", hint="`intarsia devices` lists what is connected"
                )
        return Place(self.probe, self.port, self.wait, farm)


def at_place(board: str) -> tuple[str, str | None]:
    """A board and the place of a farm where it is: `NAME@place`. Raises UsageError."""
    name, at, where = board.partition("@")
    if at and not (name and where):
        raise UsageError(f"--board: '{board}' is no board at a place", hint="such as nucleo-f446re@desk")
    return name, where or None
