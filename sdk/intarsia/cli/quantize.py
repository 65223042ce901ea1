# SPDX-License-Identifier: Apache-2.0
"""`intarsia quantize`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intarsia.cli import _bits, _console, _options


def command(
    model: _options.Model,
    out: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="FILE", help="The .itr file to write.", show_default=False),
    ],
    calib: _options.Calibration = None,
    board: _options.OptionalBoard = None,
    ram: _options.Ram = None,
    flash: _options.Flash = None,
    optimize: _options.Optimize = "balanced",
    bits: _bits.Bits = "8",
    weight_bits: _bits.WeightBits = "8",
    method: _bits.Method = None,
    max_drop: _bits.MaxDrop = None,
    balance: _bits.Lambda = None,
    vdpc: _bits.Vdpc = None,
    outlier_share: _bits.OutlierShare = None,
    outlier_z: _bits.OutlierZ = None,
    outlier_coverage: _bits.OutlierCoverage = None,
    patches: _options.Patches = "auto",
    input_mode: _options.InputMode = "arena",
    plan: _options.PlanFile = None,
    save_plan: _bits.SavePlan = None,
    reference: _options.Reference = None,
    estimator: _options.Range = None,
    fp16: _options.Fp16 = "off",
    samples: _options.Samples = None,
    input_scale: _options.InputScale = None,
    input_offset: _options.InputOffset = 0.0,
    label_column: _options.LabelColumn = None,
    as_json: _options.Json = False,
    verbose: _options.Verbose = 0,
    quiet: _options.Quiet = 0,
    progress: _options.Progress = True,
) -> None:
    """Quantize a float model to int8, or fewer bits, with calibration samples; or to half precision without.

    With --board it is refused when it cannot fit the board or the budgets. Where --bits or --weight-bits allow fewer
    than 8 bits, an int8 model will do too; the bits are chosen for the patches that the board's RAM asks for.
    """
    from intarsia.errors import UsageError

    _options.choice(reference, _options.RULES, "--reference")
    budget = _options.budget(ram, flash, optimize)
    options = _options.quantization(estimator, calib, fp16, max_drop)
    if calib is None and options.half == "off":
        raise UsageError("int8 needs samples to calibrate with", hint="give them with --calib, or --fp16 all")
    outliers = _bits.outlying(outlier_share, outlier_z, outlier_coverage)
    mixing = _bits.mixing(
        bits,
        weight_bits,
        method,
        max_drop,
        calib,
        balance=balance,
        vdpc=vdpc,
        outliers=outliers,
        plan=plan,
        fp16=fp16,
    )
    patching = _options.patching(patches, input_mode, plan)
    _options.check_samples(samples, input_scale, input_offset, calib)
    if board is None and (budget.ram or budget.flash):
        raise UsageError("--ram and --flash are checked against a board's firmware", hint="give --board too")
    if board is None and (patches, input_mode) != ("auto", "arena"):
        raise UsageError("--patches and --input are about a board's firmware", hint="give --board too")
    if out.suffix != ".itr":
        raise UsageError(f"-o: '{out}' does not end in .itr", hint="such as -o model.itr")
    _options.present(model, calib, plan)

    from intarsia import boards, pipeline
    from intarsia.report import listings, precision

    source = _options.source(calib, input_scale, input_offset, label_column, samples) if calib else None
    with _console.Console(verbose, quiet, progress, as_json) as console:
        target = boards.load(board) if board else None
        made = pipeline.quantize_file(
            model,
            source,
            out,
            target,
            rule=reference,
            options=options,
            mixing=mixing,
            budget=budget,
            patching=patching,
            plan_out=save_plan,
            watcher=console,
        )
        if made.precision is None:
            console.result(listings.quantized_json(made.graph, out), listings.quantized(made.graph, out))
        else:
            chosen = made.precision
            console.result(precision.quantized_json(chosen, out), precision.quantized(chosen, out))
