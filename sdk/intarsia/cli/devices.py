# SPDX-License-Identifier: Apache-2.0
"""`intarsia devices`."""

from __future__ import annotations

from intarsia.cli import _output


def command(
    *,
    output: _output.Output,
) -> None:
    """List serial ports and debug probes.

    Choose among them with --port and --probe of other commands."""
    from intarsia import devices
    from intarsia.report import listings

    with output.console() as console:
        found = devices.find()
        console.result(found.to_json(), listings.devices(found))
