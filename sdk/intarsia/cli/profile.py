# SPDX-License-Identifier: Apache-2.0
"""`intarsia profile`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intarsia.cli import _bits, _connection, _console, _options, _output, _quantizing, _samples


def command(
    *,
    model: _options.Model,
    board: _options.Board,
    data: _options.Data = None,
    samples: _samples.Samples = None,
    reading: _samples.Reading,
    quantizing: _quantizing.Quantizing,
    choosing: _bits.Choosing,
    oracle: _options.Oracle = "auto",
    diff: Annotated[
        bool,
        typer.Option(
            "--diff", help="Compare every feature map of the first sample, too, as `intarsia diff`."
        ),
    ] = False,
    reference_kernels: _options.ReferenceKernels = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="Keep run.json, layers.csv, outputs.npz and the project there.",
            show_default=False,
        ),
    ] = None,
    link: _options.Link = None,
    connection: _connection.Connection,
    resume: _connection.Resume = False,
    output: _output.Output,
) -> None:
    """All of it in one go: from a model to figures.

    Imports, generates, builds, flashes, runs, and compares with the reference. With --board NAME@PLACE the board is at
    a place of a board farm (labgrid), which is reserved and released.

    A float model is quantized first when --calib gives samples, and stays float otherwise. Where --bits or
    --weight-bits allow fewer than 8 bits, they are chosen for the board with the same samples.
    """
    _options.choice(oracle, _options.ORACLES, "--oracle")
    portable = _options.layers(reference_kernels)
    board, where = _connection.at_place(board)
    place = connection.place(where)
    recipe = quantizing.recipe(choosing, reading)
    _options.choice(link, _options.LINKS, "--link")
    reading.check(samples, data, quantizing.calib)
    _options.present(model, data, quantizing.calib, quantizing.plan)

    from intarsia import boards, pipeline
    from intarsia.report import text
    from intarsia.request import Request

    with output.console() as console:
        run = pipeline.profile(
            model,
            _options.linked(boards.load(board), link),
            Request(
                reading.source(data, samples),
                oracle,
                place=place,
                resume=resume,
                command=_console.settings.command,
                feature_maps=diff,
            ),
            recipe,
            portable=portable,
            out=out,
            watcher=console,
        )
        document = run.document()
        console.result(document.to_json(), text.run_report(document))
        if out is not None:
            console.note(f"kept in {out}")
