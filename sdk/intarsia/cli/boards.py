# SPDX-License-Identifier: Apache-2.0
"""`intarsia boards`."""

from __future__ import annotations

from typing import Annotated

import typer

from intarsia.cli import _options, _output


def command(
    *,
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Show this one in detail.", autocompletion=_options.board_names),
    ] = None,
    output: _output.Output,
) -> None:
    """List the boards, or show one."""
    from intarsia import boards
    from intarsia.report import listings

    with output.console() as console:
        chosen = [boards.load(entry) for entry in ([name] if name is not None else boards.names())]
        text = listings.boards(chosen) if name is None else listings.board(chosen[0])
        console.result(listings.boards_json(chosen), text)
