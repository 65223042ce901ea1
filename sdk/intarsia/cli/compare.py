# SPDX-License-Identifier: Apache-2.0
"""`intarsia compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intarsia.cli import _options, _output
from intarsia.errors import GateError


def command(
    *,
    a: Annotated[Path, typer.Argument(metavar="A", help="A run.json or its folder: what was before.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="A run.json or its folder: what is now.")],
    fail_if: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONDITION",
            help="Fail when a metric changed so, as in 'latency>+5%', 'flash>2K' or 'accuracy<-0.01'. "
            "Metrics: latency, ram, flash, arena, stack, weights, code, accuracy. Repeatable.",
            show_default=False,
        ),
    ] = None,
    output: _output.Output,
) -> None:
    """Compare two runs. Exits with 3 when a condition of --fail-if holds."""
    from intarsia.report import compare

    conditions = [compare.parse_condition(text) for text in fail_if or ()]
    _options.present(a, b)

    from intarsia.report import document

    with output.console() as console:
        comparison = compare.compare(document.read(a), document.read(b), conditions, (str(a), str(b)))
        console.result(comparison.to_json(), compare.report(comparison))
    if comparison.failed:
        raise GateError(
            f"holds: {', '.join(comparison.failed)}", hint="B is worse than A by more than allowed"
        )
