# SPDX-License-Identifier: Apache-2.0
"""`intarsia diff`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intarsia.cli import _connection, _options, _output, _samples
from intarsia.errors import GateError, UsageError


def command(
    *,
    project: _options.Project,
    sample: Annotated[int, typer.Option(metavar="N", help="Which sample of the data, from 0 on.")] = 0,
    data: _options.Data = None,
    inputs: Annotated[
        Path | None, typer.Option(metavar="DATA", help="The same as --data.", show_default=False)
    ] = None,
    reading: _samples.Reading,
    reference_kernels: _options.ReferenceKernels = None,
    connection: _connection.Connection,
    farm: _connection.Farm = None,
    output: _output.Output,
) -> None:
    """Find the first layer in which the device differs from the reference, where and by how much.

    A second firmware is built that sends every feature map; one sample runs on it and on the exact reference. Layers
    that run patch by patch are compared so, and the map that is stitched from the patches once more.

    With --reference-kernels the project is generated afresh, without changes made to it by hand. Exits with 3 when a
    value differs.
    """
    if sample < 0:
        raise UsageError(f"--sample: {sample} is no number of a sample", hint="the first is 0")
    if data is not None and inputs is not None:
        raise UsageError("--data and --inputs are the same", hint="give one of them")
    source = data or inputs
    place = connection.place(farm)
    portable = _options.layers(reference_kernels)
    reading.check(None, source)
    _options.present(project, source)

    from intarsia import diffing
    from intarsia.report import differences
    from intarsia.request import Request

    wanted = reading.source(source, sample + 1)
    with output.console() as console:
        found = diffing.diff(project, Request(wanted, place=place), sample, portable, watcher=console)
        console.result(differences.to_json(found), differences.text(found))
    if found.first is not None:
        raise GateError(differences.first_text(found.first), hint=differences.hint(found.first))
