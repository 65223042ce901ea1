# SPDX-License-Identifier: Apache-2.0
"""`intarsia build`."""

from __future__ import annotations

from typing import Annotated

import typer

from intarsia.cli import _console, _options


def command(
    project: _options.Project,
    ram: _options.Ram = None,
    flash: _options.Flash = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", metavar="N", min=1, help="Compile N files at a time.")
    ] = None,
    as_json: _options.Json = False,
    verbose: _options.Verbose = 0,
    quiet: _options.Quiet = 0,
    progress: _options.Progress = True,
) -> None:
    """Compile a project and print its exact sizes.

    Exits with 3 when the firmware does not fit the board or the budgets.
    """
    budget = _options.budget(ram, flash)
    _options.present(project)

    from intarsia import pipeline
    from intarsia.report import listings

    with _console.Console(verbose, quiet, progress, as_json) as console:
        console.stage("build")
        built = pipeline.build_project(project, budget=budget, jobs=jobs)
        console.result(listings.built_json(built), listings.built(built))
