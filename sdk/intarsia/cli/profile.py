# SPDX-License-Identifier: Apache-2.0
"""`intarsia profile`."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated

import typer

from intarsia.cli import _bits, _console, _options


def command(
    model: _options.Model,
    board: _options.Board,
    data: _options.Data = None,
    calib: _options.Calibration = None,
    samples: _options.Samples = None,
    input_scale: _options.InputScale = None,
    input_offset: _options.InputOffset = 0.0,
    label_column: _options.LabelColumn = None,
    reference: _options.Reference = None,
    oracle: _options.Oracle = "auto",
    estimator: _options.Range = None,
    fp16: _options.Fp16 = "off",
    bits: _bits.Bits = "8",
    weight_bits: _bits.WeightBits = "8",
    method: _bits.Method = None,
    max_drop: _bits.MaxDrop = None,
    balance: _bits.Lambda = None,
    vdpc: _bits.Vdpc = None,
    outlier_share: _bits.OutlierShare = None,
    outlier_z: _bits.OutlierZ = None,
    outlier_coverage: _bits.OutlierCoverage = None,
    ram: _options.Ram = None,
    flash: _options.Flash = None,
    optimize: _options.Optimize = "balanced",
    patches: _options.Patches = "auto",
    input_mode: _options.InputMode = "arena",
    io: _options.Io = "arena",
    plan: _options.PlanFile = None,
    diff: Annotated[
        bool,
        typer.Option(
            "--diff", help="Compare every feature map of the first sample, too, as `intarsia diff`."
        ),
    ] = False,
    reference_kernels: _options.ReferenceKernels = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="Keep run.json, layers.csv, outputs.npz and the project there.",
            show_default=False,
        ),
    ] = None,
    link: _options.Link = None,
    probe: _options.Probe = None,
    port: _options.Port = None,
    wait: _options.Wait = 0.0,
    resume: _options.Resume = False,
    as_json: _options.Json = False,
    verbose: _options.Verbose = 0,
    quiet: _options.Quiet = 0,
    progress: _options.Progress = True,
) -> None:
    """All of it in one go: from a model to figures.

    Imports, generates, builds, flashes, runs, and compares with the reference. With --board NAME@PLACE the board is at
    a place of a board farm (labgrid), which is reserved and released.

    A float model is quantized first when --calib gives samples, and stays float otherwise. Where --bits or
    --weight-bits allow fewer than 8 bits, they are chosen for the board with the same samples.
    """
    _options.choice(reference, _options.RULES, "--reference")
    _options.choice(oracle, _options.ORACLES, "--oracle")
    budget = _options.budget(ram, flash, optimize)
    patching = _options.patching(patches, input_mode, plan, io)
    portable = _options.layers(reference_kernels)
    options = _options.quantization(estimator, calib, fp16, max_drop)
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
    board, where = _options.at_place(board)
    place = _options.place(probe, port, wait, where)
    _options.choice(link, _options.LINKS, "--link")
    _options.check_samples(samples, input_scale, input_offset, data, calib)
    _options.present(model, data, calib, plan)

    from intarsia import boards, pipeline
    from intarsia.report import text
    from intarsia.request import Request

    samples_of = functools.partial(_options.source, input_scale=input_scale, input_offset=input_offset)
    measured = samples_of(data, label_column=label_column, limit=samples) if data else None
    with _console.Console(verbose, quiet, progress, as_json) as console:
        run = pipeline.profile(
            model,
            _options.linked(boards.load(board), link),
            Request(
                measured,
                oracle,
                place=place,
                resume=resume,
                command=_console.settings.command,
                feature_maps=diff,
            ),
            rule=reference,
            calibration=samples_of(calib, label_column=label_column) if calib else None,
            options=options,
            mixing=mixing,
            budget=budget,
            portable=portable,
            patching=patching,
            out=out,
            watcher=console,
        )
        document = run.document()
        console.result(document.to_json(), text.run_report(document))
        if out is not None:
            console.note(f"kept in {out}")
