# SPDX-License-Identifier: Apache-2.0
"""`intarsia diff`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intarsia.cli import _console, _options
from intarsia.errors import GateError, UsageError


def command(
    project: _options.Project,
    sample: Annotated[int, typer.Option(metavar="N", help="Which sample of the data, from 0 on.")] = 0,
    data: _options.Data = None,
    inputs: Annotated[
        Path | None, typer.Option(metavar="DATA", help="The same as --data.", show_default=False)
    ] = None,
    input_scale: _options.InputScale = None,
    input_offset: _options.InputOffset = 0.0,
    reference_kernels: _options.ReferenceKernels = None,
    probe: _options.Probe = None,
    port: _options.Port = None,
    wait: _options.Wait = 0.0,
    farm: _options.Farm = None,
    as_json: _options.Json = False,
    verbose: _options.Verbose = 0,
    quiet: _options.Quiet = 0,
    progress: _options.Progress = True,
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
    place = _options.place(probe, port, wait, farm)
    portable = _options.layers(reference_kernels)
    _options.check_samples(None, input_scale, input_offset, source)
    _options.present(project, source)

    from intarsia import diffing
    from intarsia.report import differences
    from intarsia.request import Request

    wanted = _options.source(source, input_scale, input_offset, None, sample + 1) if source else None
    with _console.Console(verbose, quiet, progress, as_json) as console:
        found = diffing.diff(project, Request(wanted, place=place), sample, portable, watcher=console)
        console.result(differences.to_json(found), differences.text(found))
    if found.first is not None:
        raise GateError(differences.first_text(found.first), hint=differences.hint(found.first))
