# SPDX-License-Identifier: Apache-2.0
"""`intarsia quantize`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intarsia.cli import _console, _options


def command(
    model: _options.Model,
    calib: Annotated[
        Path,
        typer.Option(metavar="DATA", help="Samples: .npz with x, or a folder of images.", show_default=False),
    ],
    out: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="FILE", help="The .itr file to write.", show_default=False),
    ],
    board: _options.OptionalBoard = None,
    ram: _options.Ram = None,
    flash: _options.Flash = None,
    reference: _options.Reference = None,
    estimator: _options.Range = None,
    samples: _options.Samples = None,
    input_scale: _options.InputScale = None,
    input_offset: _options.InputOffset = 0.0,
    label_column: _options.LabelColumn = None,
    as_json: _options.Json = False,
    verbose: _options.Verbose = 0,
    quiet: _options.Quiet = 0,
    progress: _options.Progress = True,
) -> None:
    """Quantize a float model to int8 with calibration samples.

    With --board it is refused when it cannot fit the board or the budgets.
    """
    from intarsia.errors import UsageError

    _options.choice(reference, _options.RULES, "--reference")
    budget = _options.budget(ram, flash)
    options = _options.quantization(estimator, calib)
    _options.check_samples(samples, input_scale, input_offset, calib)
    if board is None and (budget.ram or budget.flash):
        raise UsageError("--ram and --flash are checked against a board's firmware", hint="give --board too")
    if out.suffix != ".itr":
        raise UsageError(f"-o: '{out}' does not end in .itr", hint="such as -o model.itr")
    _options.present(model, calib)

    from intarsia import boards, pipeline
    from intarsia.report import listings

    source = _options.source(calib, input_scale, input_offset, label_column, samples)
    with _console.Console(verbose, quiet, progress, as_json) as console:
        target = boards.load(board) if board else None
        quantized = pipeline.quantize_file(
            model, source, out, target, rule=reference, options=options, budget=budget, watcher=console
        )
        console.result(listings.quantized_json(quantized, out), listings.quantized(quantized, out))
