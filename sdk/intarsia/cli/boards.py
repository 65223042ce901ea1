# SPDX-License-Identifier: Apache-2.0
"""`intarsia boards`."""

from __future__ import annotations

from typing import Annotated

import typer

from intarsia.cli import _console, _options


def command(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Show this one in detail.", autocompletion=_options.board_names),
    ] = None,
    as_json: _options.Json = False,
    verbose: _options.Verbose = 0,
    quiet: _options.Quiet = 0,
) -> None:
    """List the boards, or show one."""
    from intarsia import boards
    from intarsia.report import listings

    with _console.Console(verbose, quiet, as_json=as_json) as console:
        chosen = [boards.load(entry) for entry in ([name] if name is not None else boards.names())]
        text = listings.boards(chosen) if name is None else listings.board(chosen[0])
        console.result(listings.boards_json(chosen), text)
