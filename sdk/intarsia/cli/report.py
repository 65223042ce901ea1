# SPDX-License-Identifier: Apache-2.0
"""`intarsia report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intarsia.cli import _console, _options

Run = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run.json, or the folder of `intarsia profile -o`.")
]


def command(
    run: Run,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write one HTML file that needs nothing else.", show_default=False),
    ] = None,
    as_json: _options.Json = False,
    verbose: _options.Verbose = 0,
    quiet: _options.Quiet = 0,
) -> None:
    """Show a run as a table or as HTML."""
    _options.present(run)

    from intarsia.report import document, files, text

    with _console.Console(verbose, quiet, as_json=as_json) as console:
        content = document.read(run)
        if html is not None:
            from intarsia.report import html as page

            files.replace_text(html, page.render(content))
            console.note(f"written to {html}")
        if html is None or as_json:
            console.result(content.to_json(), text.run_report(content))
