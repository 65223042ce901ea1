# SPDX-License-Identifier: Apache-2.0
"""`intarsia flash`."""

from __future__ import annotations

from intarsia.cli import _console, _options


def command(
    project: _options.Project,
    probe: _options.Probe = None,
    port: _options.Port = None,
    wait: _options.Wait = 0.0,
    farm: _options.Farm = None,
    verbose: _options.Verbose = 0,
    quiet: _options.Quiet = 0,
) -> None:
    """Write a built firmware to its board. Emulators and this computer need no flashing.

    The tool for that is the board's; `intarsia doctor --board B` tells whether it is there. Exits with 4 when tool,
    probe or port is missing, and with 1 and the tool's own message when flashing fails.
    """
    place = _options.place(probe, port, wait, farm)
    _options.present(project)

    from intarsia import pipeline

    with _console.Console(verbose, quiet) as console:
        console.result({}, pipeline.flash_project(project, place, watcher=console))
