# SPDX-License-Identifier: Apache-2.0
"""`intarsia run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intarsia.cli import _console, _options
from intarsia.errors import UsageError


def command(
    project: _options.Project,
    inputs: Annotated[
        Path | None,
        typer.Option(metavar="DATA", help="Samples, as for `profile --data`. [default: 8 random]"),
    ] = None,
    samples: _options.Samples = None,
    input_scale: _options.InputScale = None,
    input_offset: _options.InputOffset = 0.0,
    label_column: _options.LabelColumn = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="Write the outputs to this .npz.", show_default=False
        ),
    ] = None,
    stream: Annotated[bool, typer.Option("--stream", help="Print JSON lines as results arrive.")] = False,
    probe: _options.Probe = None,
    port: _options.Port = None,
    wait: _options.Wait = 0.0,
    farm: _options.Farm = None,
    resume: _options.Resume = False,
    as_json: _options.Json = False,
    verbose: _options.Verbose = 0,
    quiet: _options.Quiet = 0,
    progress: _options.Progress = True,
) -> None:
    """Run a project on samples and print its outputs.

    It is built first where it is not up to date."""
    if stream and as_json:
        raise UsageError("--stream and --json exclude each other", hint="--stream prints JSON lines already")
    if out is not None and out.suffix != ".npz":
        raise UsageError(f"-o: '{out}' does not end in .npz", hint="such as -o outputs.npz")
    place = _options.place(probe, port, wait, farm)
    _options.check_samples(samples, input_scale, input_offset, inputs)
    _options.present(project, inputs)

    from intarsia import pipeline
    from intarsia.report import files, listings
    from intarsia.request import Request

    source = _options.source(inputs, input_scale, input_offset, label_column, samples) if inputs else None
    with _console.Console(verbose, quiet, progress, as_json) as console:
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
