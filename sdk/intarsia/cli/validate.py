# SPDX-License-Identifier: Apache-2.0
"""`intarsia validate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intarsia.cli import _console, _options
from intarsia.errors import GateError


def command(
    project: _options.Project,
    data: _options.Data = None,
    samples: _options.Samples = None,
    input_scale: _options.InputScale = None,
    input_offset: _options.InputOffset = 0.0,
    label_column: _options.LabelColumn = None,
    oracle: _options.Oracle = "auto",
    min_accuracy: Annotated[
        float | None, typer.Option(metavar="A", help="Least accuracy, such as 0.9.", show_default=False)
    ] = None,
    max_drop: Annotated[
        float | None,
        typer.Option(
            metavar="D",
            help="Largest loss of accuracy against the reference's own outputs.",
            show_default=False,
        ),
    ] = None,
    bit_exact: Annotated[
        bool, typer.Option("--bit-exact", help="Every output value must equal the reference's.")
    ] = False,
    junit_xml: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the gates as JUnit XML.", show_default=False)
    ] = None,
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
    """Run a project on labelled data and check limits.

    It is built first where it is not up to date. Exits with 3 when a limit is not met.
    """
    _options.choice(oracle, _options.ORACLES, "--oracle")
    _options.share(min_accuracy, "--min-accuracy")
    _options.share(max_drop, "--max-drop")
    place = _options.place(probe, port, wait, farm)
    _options.check_samples(samples, input_scale, input_offset, data)
    _options.present(project, data)

    from intarsia import pipeline
    from intarsia.report import files, gates, text
    from intarsia.request import Request

    source = _options.source(data, input_scale, input_offset, label_column, samples) if data else None
    limits = gates.Limits(min_accuracy, max_drop, bit_exact)
    with _console.Console(verbose, quiet, progress, as_json) as console:
        request = Request(source, oracle, place=place, resume=resume, command=_console.settings.command)
        document = pipeline.validate(project, request, limits, watcher=console)
        if junit_xml is not None:
            files.replace_text(junit_xml, gates.junit(document))
        console.result(document.to_json(), text.run_report(document))
    if missed := [gate for gate in document.gates or () if not gate.passed]:
        found = "; ".join(f"{gate.name}: found {gate.value:.6g}, limit {gate.limit:g}" for gate in missed)
        raise GateError(f"not met: {found}", hint="the table shows what differs")
