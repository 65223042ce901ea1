# SPDX-License-Identifier: Apache-2.0
"""`intarsia doctor`."""

from __future__ import annotations

from intarsia.cli import _console, _options


def command(
    board: _options.OptionalBoard = None,
    as_json: _options.Json = False,
    verbose: _options.Verbose = 0,
    quiet: _options.Quiet = 0,
) -> None:
    """Tell what is missing, and the command that installs it.

    Exits with 4 when something is missing that the board (without --board: any board) needs.
    """
    from intarsia import doctor
    from intarsia.errors import EnvironmentMissing
    from intarsia.report import listings

    with _console.Console(verbose, quiet, as_json=as_json) as console:
        diagnosis = doctor.diagnose(board)
        console.result(diagnosis.to_json(), listings.diagnosis(diagnosis))
    if missing := diagnosis.missing:
        names = ", ".join(check.name for check in missing)
        commands = " && ".join(dict.fromkeys(check.install for check in missing))
        raise EnvironmentMissing(f"missing: {names}", hint=commands)
