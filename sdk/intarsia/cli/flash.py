# SPDX-License-Identifier: Apache-2.0
"""`intarsia flash`."""

from __future__ import annotations

from intarsia.cli import _console, _options


def command(
    project: _options.Project,
    verbose: _options.Verbose = 0,
    quiet: _options.Quiet = 0,
) -> None:
    """Write a built firmware to its board. Emulators and this computer need no flashing."""
    _options.present(project)

    from intarsia import pipeline

    with _console.Console(verbose, quiet) as console:
        console.result({}, pipeline.flash_project(project))
