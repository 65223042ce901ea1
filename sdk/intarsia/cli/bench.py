# SPDX-License-Identifier: Apache-2.0
"""`intarsia bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intarsia.cli import _console, _options
from intarsia.errors import UsageError

SUITES = ("models", "kernels", "zoo", "tool")


def command(
    suite: Annotated[str, typer.Argument(metavar="SUITE", help=f"What to measure: {', '.join(SUITES)}.")],
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this network (models, zoo). Repeatable.", show_default=False),
    ] = None,
    operator: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this operator (kernels). Repeatable.", show_default=False),
    ] = None,
    board: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this board. Repeatable.", show_default=False),
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="Samples of each network's data to run.")] = 2,
    folder: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder of .tflite files (zoo).", show_default="$INTARSIA_DATA/models"
        ),
    ] = None,
    as_json: _options.Json = False,
    progress: _options.Progress = True,
    verbose: _options.Verbose = 0,
    quiet: _options.Quiet = 0,
) -> None:
    """Measure whole networks or single layers against the incumbents' figures (models, kernels), or this tool's speed.

    `zoo` runs every model of a folder: whether it runs, differing outputs, accuracy where it is labelled, memory.
    The networks are third-party files: INTARSIA_DATA names the folder that holds models/ and datasets/. The layers of
    `kernels` have the shapes of real ones, but need no files.
    """
    if suite not in SUITES:
        raise UsageError(f"no benchmark '{suite}'", hint=f"one of {', '.join(SUITES)}")

    from intarsia.bench import kernels, models, tool, zoo

    with _console.Console(verbose, quiet, progress, as_json) as console:
        if suite == "tool":
            timings = tool.run()
            console.result(tool.to_json(timings), tool.to_text(timings))
            return
        if suite == "kernels":
            measured = kernels.run(board or kernels.DEFAULT_BOARDS, operators=operator or (), watcher=console)
            console.result(kernels.to_json(measured), kernels.to_text(measured))
            return
        if suite == "zoo":
            found = zoo.run(
                model or (), board or zoo.DEFAULT_BOARDS, folder=folder, samples=samples, watcher=console
            )
            console.result(zoo.to_json(found), zoo.to_text(found))
            return
        rows = models.run(model or (), board or models.DEFAULT_BOARDS, samples=samples, watcher=console)
        console.result(models.to_json(rows), models.to_text(rows))
