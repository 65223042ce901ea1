# SPDX-License-Identifier: Apache-2.0
"""`intarsia report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intarsia.cli import _options, _output

Run = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run.json, or the folder of `intarsia profile -o`.")
]


def command(
    *,
    run: Run,
    other: Annotated[
        Path | None,
        typer.Argument(metavar="[B]", help="A second run, to be shown beside the first.", show_default=False),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write one HTML file that needs nothing else.", show_default=False),
    ] = None,
    output: _output.Output,
) -> None:
    """Show a run, or two side by side, as text or as HTML."""
    _options.present(run, other)

    from intarsia.report import compare, details, document, files, pictures
    from intarsia.report import html as page

    with output.console() as console:
        runs = [document.read(path) for path in (run, other) if path is not None]
        if other is None:
            content, text = runs[0].to_json(), details.full_report(runs[0])
            source = page.render(runs[0], pictures.load(run)) if html is not None else ""
        else:
            found = compare.compare(runs[0], runs[1], [], (str(run), str(other)))
            content, text = found.to_json(), compare.report(found)
            source = page.render_comparison(found, runs) if html is not None else ""
        if html is not None:
            files.replace_text(html, source)
            console.note(f"written to {html}")
        if html is None or output.as_json:
            console.result(content, text)
