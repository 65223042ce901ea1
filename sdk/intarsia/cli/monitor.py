# SPDX-License-Identifier: Apache-2.0
"""`intarsia monitor`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intarsia.cli import _console, _options
from intarsia.errors import UsageError


def command(
    project: Annotated[
        Path | None,
        typer.Argument(metavar="[PROJECT]", help="A firmware project, built.", show_default=False),
    ] = None,
    inputs: Annotated[
        Path | None,
        typer.Option(
            metavar="DATA",
            help="Samples to run, as for `run`.  [default: 8 random on a board that is started here, none at a port]",
            show_default=False,
        ),
    ] = None,
    samples: _options.Samples = None,
    input_scale: _options.InputScale = None,
    input_offset: _options.InputOffset = 0.0,
    count: Annotated[
        int | None,
        typer.Option("--count", metavar="N", min=1, help="Stop after N inferences.", show_default=False),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            metavar="S", min=0.0, help="Stop after S seconds.  [default: Ctrl-C]", show_default=False
        ),
    ] = None,
    interval: Annotated[
        float, typer.Option(metavar="S", min=0.02, help="Ask the device about itself every S seconds.")
    ] = 1.0,
    port: _options.Port = None,
    probe: _options.Probe = None,
    wait: _options.Wait = 0.0,
    farm: _options.Farm = None,
    baud: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1200,
            help="Speed of the port.  [default: the board's, or 115200]",
            show_default=False,
        ),
    ] = None,
    stream: Annotated[bool, typer.Option("--stream", help="Print JSON lines as they arrive.")] = False,
    verbose: _options.Verbose = 0,
    quiet: _options.Quiet = 0,
) -> None:
    """Watch a board at work: a live table, or JSON lines.

    At a port it attaches to what runs there and changes nothing, unless --inputs gives samples to run. A project of
    an emulated board is started. Ctrl-C ends it.
    """
    if project is None and port is None:
        raise UsageError("give a project, or the --port of a board", hint="such as `intarsia monitor fw/`")
    if project is None and farm is not None:
        raise UsageError("--place needs the project of the firmware", hint="such as `intarsia monitor fw/`")
    if project is None and inputs is not None:
        raise UsageError("--inputs needs the project of the firmware", hint="such as `intarsia monitor fw/`")
    place = _options.place(probe, port, wait, farm)
    _options.check_samples(samples, input_scale, input_offset, inputs)
    _options.present(project, inputs)

    from intarsia import pipeline
    from intarsia.monitor import Limits
    from intarsia.request import Request

    source = _options.source(inputs, input_scale, input_offset, None, samples) if inputs else None
    request = Request(source, place=place)
    with _console.Console(verbose, quiet) as console, console.live(stream) as show:
        pipeline.watch(project, request, show, Limits(interval, seconds, count), baud, watcher=console)
