# SPDX-License-Identifier: Apache-2.0
"""`intarsia run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intarsia.cli import _connection, _options, _output, _samples
from intarsia.errors import UsageError


def command(
    *,
    project: _options.Project,
    inputs: Annotated[
        Path | None,
        typer.Option(metavar="DATA", help="Samples, as for `profile --data`. [default: 8 random]"),
    ] = None,
    samples: _samples.Samples = None,
    reading: _samples.Reading,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="Write the outputs to this .npz.", show_default=False
        ),
    ] = None,
    stream: Annotated[bool, typer.Option("--stream", help="Print JSON lines as results arrive.")] = False,
    connection: _connection.Connection,
    farm: _connection.Farm = None,
    resume: _connection.Resume = False,
    output: _output.Output,
) -> None:
    """Run a project on samples and print its outputs.

    It is built first where it is not up to date."""
    if stream and output.as_json:
        raise UsageError("--stream and --json exclude each other", hint="--stream prints JSON lines already")
    if out is not None and out.suffix != ".npz":
        raise UsageError(f"-o: '{out}' does not end in .npz", hint="such as -o outputs.npz")
    place = connection.place(farm)
    reading.check(samples, inputs)
    _options.present(project, inputs)

    from intarsia import pipeline
    from intarsia.report import files, listings
    from intarsia.request import Request

    source = reading.source(inputs, samples)
    with output.console() as console:
        console.stage("build")
        built = pipeline.build_project(project)
        request = Request(source, stream=stream, place=place, resume=resume)
        measured = pipeline.measure_project(built, request, watcher=console)
        if out is not None:
            files.write_measured(measured, out)
        if stream:
            console.close()
            console.frame({"event": "end", **listings.latency_json(measured)})
        else:
            console.result(listings.outputs_json(built, measured), listings.outputs(built, measured))
