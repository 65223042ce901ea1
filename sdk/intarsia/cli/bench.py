# SPDX-License-Identifier: Apache-2.0
"""`intarsia bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intarsia.cli import _options, _output


def suites() -> list[str]:
    """Names for shell completion."""
    from intarsia.bench.suites import names

    return names()


def command(
    *,
    suite: Annotated[
        str,
        typer.Argument(
            metavar="SUITE",
            help="What to measure: kernels, models, plans, tool or zoo.",
            autocompletion=suites,
        ),
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Only this network (models, plans, zoo). Repeatable.", show_default=False
        ),
    ] = None,
    operator: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this operator (kernels). Repeatable.", show_default=False),
    ] = None,
    board: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this board. Repeatable.", show_default=False),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Samples of each network's data to run.  [default: 2; with plans all, on the host board]",
            show_default=False,
        ),
    ] = None,
    device_samples: Annotated[
        int, typer.Option(min=1, help="Samples to run on the emulated board (plans).")
    ] = 1,
    balance: Annotated[
        list[float] | None,
        typer.Option("--lambda", metavar="L", help="Of the sweep (plans). Repeatable.", show_default=False),
    ] = None,
    outlier_share: Annotated[
        list[float] | None,
        typer.Option(metavar="SHARE", help="Of the sweep (plans). Repeatable.", show_default=False),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the rows there, too, as they come (plans, zoo).", show_default=False
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Keep the rows that --csv has, and measure those it lacks (plans, zoo)."
        ),
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder of .tflite files (zoo).", show_default="$INTARSIA_DATA/models"
        ),
    ] = None,
    output: _output.Output,
) -> None:
    """Measure whole networks or single layers against the incumbents' figures (models, kernels), or this tool's speed.

    `plans` compares 8 bits with and without patches, all 4 bits and what the search chooses: accuracy on all samples,
    BitOPs, memory, instructions; it can take hours. `zoo` runs every model of a folder: whether it runs, differing
    outputs, accuracy where it is labelled, memory. The networks are third-party files: INTARSIA_DATA names the folder
    that holds models/ and datasets/. The layers of `kernels` have the shapes of real ones, but need no files.
    """
    for value in (*(balance or ()), *(outlier_share or ())):
        _options.share(value, "--lambda and --outlier-share")

    from intarsia.bench.suites import Wanted, load

    measure = load(suite)
    wanted = Wanted(
        models=model or (),
        operators=operator or (),
        boards=board or (),
        samples=samples,
        device_samples=device_samples,
        balances=balance or (),
        shares=outlier_share or (),
        csv=csv,
        resume=resume,
        folder=folder,
    )
    with output.console() as console:
        found = measure(wanted, console)
        console.result(found.document, found.text)
