# SPDX-License-Identifier: Apache-2.0
"""`intarsia validate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intarsia.cli import _connection, _console, _options, _output, _samples
from intarsia.errors import GateError


def command(
    *,
    project: _options.Project,
    data: _options.Data = None,
    samples: _samples.Samples = None,
    reading: _samples.Reading,
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
    connection: _connection.Connection,
    farm: _connection.Farm = None,
    resume: _connection.Resume = False,
    output: _output.Output,
) -> None:
    """Run a project on labelled data and check limits.

    It is built first where it is not up to date. Exits with 3 when a limit is not met.
    """
    _options.choice(oracle, _options.ORACLES, "--oracle")
    _options.share(min_accuracy, "--min-accuracy")
    _options.share(max_drop, "--max-drop")
    place = connection.place(farm)
    reading.check(samples, data)
    _options.present(project, data)

    from intarsia import pipeline
    from intarsia.report import files, gates, text
    from intarsia.request import Request

    source = reading.source(data, samples)
    limits = gates.Limits(min_accuracy, max_drop, bit_exact)
    with output.console() as console:
        request = Request(source, oracle, place=place, resume=resume, command=_console.settings.command)
        document = pipeline.validate(project, request, limits, watcher=console)
        if junit_xml is not None:
            files.replace_text(junit_xml, gates.junit(document))
        console.result(document.to_json(), text.run_report(document))
    if missed := [gate for gate in document.gates or () if not gate.passed]:
        found = "; ".join(f"{gate.name}: found {gate.value:.6g}, limit {gate.limit:g}" for gate in missed)
        raise GateError(f"not met: {found}", hint="the table shows what differs")
