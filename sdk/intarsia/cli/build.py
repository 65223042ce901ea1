# SPDX-License-Identifier: Apache-2.0
"""`intarsia build`."""

from __future__ import annotations

from typing import Annotated

import typer

from intarsia.cli import _options, _output, _quantizing


def command(
    *,
    project: _options.Project,
    ram: _quantizing.Ram = None,
    flash: _quantizing.Flash = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", metavar="N", min=1, help="Compile N files at a time.")
    ] = None,
    output: _output.Output,
) -> None:
    """Compile a project and print its exact sizes.

    Exits with 3 when the firmware does not fit the board or the budgets.
    """
    budget = _quantizing.budget(ram, flash)
    _options.present(project)

    from intarsia import pipeline
    from intarsia.report import listings

    with output.console() as console:
        console.stage("build")
        built = pipeline.build_project(project, budget=budget, jobs=jobs)
        console.result(listings.built_json(built), listings.built(built))
