# SPDX-License-Identifier: Apache-2.0
"""`intarsia flash`."""

from __future__ import annotations

from intarsia.cli import _connection, _options, _output


def command(
    *,
    project: _options.Project,
    connection: _connection.Connection,
    farm: _connection.Farm = None,
    speech: _output.Speech,
) -> None:
    """Write a built firmware to its board. Emulators and this computer need no flashing.

    The tool for that is the board's; `intarsia doctor --board B` tells whether it is there. Exits with 4 when tool,
    probe or port is missing, and with 1 and the tool's own message when flashing fails.
    """
    place = connection.place(farm)
    _options.present(project)

    from intarsia import pipeline

    with speech.console() as console:
        console.result({}, pipeline.flash_project(project, place, watcher=console))
