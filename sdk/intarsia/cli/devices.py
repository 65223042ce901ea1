# SPDX-License-Identifier: Apache-2.0
"""`intarsia devices`."""

from __future__ import annotations

from intarsia.cli import _console, _options


def command(
    as_json: _options.Json = False,
    verbose: _options.Verbose = 0,
    quiet: _options.Quiet = 0,
) -> None:
    """List serial ports and debug probes.

    Choose among them with --port and --probe of other commands."""
    from intarsia import devices
    from intarsia.report import listings

    with _console.Console(verbose, quiet, as_json=as_json) as console:
        found = devices.find()
        console.result(found.to_json(), listings.devices(found))
