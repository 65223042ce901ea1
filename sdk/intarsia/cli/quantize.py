# SPDX-License-Identifier: Apache-2.0
"""`intarsia quantize`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intarsia.cli import _bits, _options, _output, _quantizing, _samples


def command(
    *,
    model: _options.Model,
    out: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="FILE", help="The .itr file to write.", show_default=False),
    ],
    board: _options.OptionalBoard = None,
    quantizing: _quantizing.Quantizing,
    choosing: _bits.Choosing,
    save_plan: _bits.SavePlan = None,
    samples: _samples.Samples = None,
    reading: _samples.Reading,
    output: _output.Output,
) -> None:
    """Quantize a float model to int8, or fewer bits, with calibration samples; or to half precision without.

    With --board it is refused when it cannot fit the board or the budgets. Where --bits or --weight-bits allow fewer
    than 8 bits, an int8 model will do too; the bits are chosen for the patches that the board's RAM asks for.
    """
    from intarsia.errors import UsageError
    from intarsia.request import Patching

    recipe = quantizing.recipe(choosing, reading, samples)
    if recipe.calibration is None and recipe.options.half == "off":
        raise UsageError("int8 needs samples to calibrate with", hint="give them with --calib, or --fp16 all")
    reading.check(samples, quantizing.calib)
    if board is None and (recipe.budget.ram or recipe.budget.flash):
        raise UsageError("--ram and --flash are checked against a board's firmware", hint="give --board too")
    if board is None and recipe.patching not in (Patching(), Patching(file=quantizing.plan)):
        raise UsageError("--patches, --input and --io are about a board's firmware", hint="give --board too")
    if out.suffix != ".itr":
        raise UsageError(f"-o: '{out}' does not end in .itr", hint="such as -o model.itr")
    _options.present(model, quantizing.calib, quantizing.plan)

    from intarsia import boards, pipeline
    from intarsia.report import listings, precision

    with output.console() as console:
        target = boards.load(board) if board else None
        made = pipeline.quantize_file(
            model,
            recipe,
            out,
            target,
            plan_out=save_plan,
            watcher=console,
        )
        if made.precision is None:
            console.result(listings.quantized_json(made.graph, out), listings.quantized(made.graph, out))
        else:
            chosen = made.precision
            console.result(precision.quantized_json(chosen, out), precision.quantized(chosen, out))
