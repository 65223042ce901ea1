# SPDX-License-Identifier: Apache-2.0
"""`intarsia monitor`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intarsia.cli import _connection, _options, _output, _samples
from intarsia.errors import UsageError


def command(
    *,
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
    samples: _samples.Samples = None,
    reading: _samples.Reading,
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
    connection: _connection.Connection,
    farm: _connection.Farm = None,
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
    speech: _output.Speech,
) -> None:
    """Watch a board at work: a live table, or JSON lines.

    At a port it attaches to what runs there and changes nothing, unless --inputs gives samples to run. A project of
    an emulated board is started. Ctrl-C ends it.
    """
    if project is None and connection.port is None:
        raise UsageError("give a project, or the --port of a board", hint="such as `intarsia monitor fw/`")
    if project is None and farm is not None:
        raise UsageError("--place needs the project of the firmware", hint="such as `intarsia monitor fw/`")
    if project is None and inputs is not None:
        raise UsageError("--inputs needs the project of the firmware", hint="such as `intarsia monitor fw/`")
    place = connection.place(farm)
    reading.check(samples, inputs)
    _options.present(project, inputs)

    from intarsia import pipeline
    from intarsia.monitor import Limits
    from intarsia.request import Request

    source = reading.source(inputs, samples)
    request = Request(source, place=place)
    with speech.console() as console, console.live(stream) as show:
        pipeline.watch(project, request, show, Limits(interval, seconds, count), baud, watcher=console)
