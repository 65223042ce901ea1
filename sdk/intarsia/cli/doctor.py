# SPDX-License-Identifier: Apache-2.0
"""`intarsia doctor`."""

from __future__ import annotations

from intarsia.cli import _options, _output


def command(
    *,
    board: _options.OptionalBoard = None,
    output: _output.Output,
) -> None:
    """Tell what is missing, and the command that installs it.

    Exits with 4 when something is missing that the board (without --board: any board) needs.
    """
    from intarsia import doctor
    from intarsia.errors import EnvironmentMissing
    from intarsia.report import listings

    with output.console() as console:
        diagnosis = doctor.diagnose(board)
        console.result(diagnosis.to_json(), listings.diagnosis(diagnosis))
    if missing := diagnosis.missing:
        names = ", ".join(check.name for check in missing)
        commands = "\n  ".join(dict.fromkeys(check.install for check in missing))
        raise EnvironmentMissing(f"missing: {names}", hint=commands)
