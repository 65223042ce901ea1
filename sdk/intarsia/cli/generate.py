# SPDX-License-Identifier: Apache-2.0
"""`intarsia generate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intarsia.cli import _bits, _console, _options


def command(
    model: _options.Model,
    board: _options.Board,
    out: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="The folder to write.", show_default=False)
    ],
    calib: _options.Calibration = None,
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
    arena_section: _options.ArenaSection = None,
    plan: _options.PlanFile = None,
    reference_kernels: _options.ReferenceKernels = None,
    reference: _options.Reference = None,
    estimator: _options.Range = None,
    fp16: _options.Fp16 = "off",
    input_scale: _options.InputScale = None,
    input_offset: _options.InputOffset = 0.0,
    link: _options.Link = None,
    harness: _options.HarnessName = None,
    benchmark: _options.BenchmarkName = None,
    library_format: _options.LibraryFormat = None,
    as_json: _options.Json = False,
    verbose: _options.Verbose = 0,
    quiet: _options.Quiet = 0,
    progress: _options.Progress = True,
) -> None:
    """Write a C project for a board.

    It is plain C and CMake, stands alone, and has only the kernels it uses. With --format, what is written is a
    library with the network alone, for a project of yours.

    A float model is quantized first when --calib gives samples, and stays float otherwise. Where --bits or
    --weight-bits allow fewer than 8 bits, they are chosen for the board with the same samples.
    """
    _options.choice(reference, _options.RULES, "--reference")
    _options.choice(link, _options.LINKS, "--link")
    budget = _options.budget(ram, flash, optimize)
    patching = _options.patching(patches, input_mode, plan, io)
    portable = _options.layers(reference_kernels)
    section = _options.section(arena_section)
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
    _options.check_samples(None, input_scale, input_offset, calib)
    _options.present(model, calib, plan)

    spoken = _options.harness(harness, benchmark)
    _options.library(library_format, harness, link)

    from intarsia import boards, pipeline
    from intarsia.report import listings, precision

    source = _options.source(calib, input_scale, input_offset, None) if calib else None
    with _console.Console(verbose, quiet, progress, as_json) as console:
        target = _options.linked(boards.load(board), link)
        if spoken is not None and target.target.link == "semihosting":
            target = target.with_link("uart")
        made = pipeline.quantized(
            model, source, mixing, target, reference, options, budget, patching, console
        )
        if made.precision is not None:
            console.note(precision.summary(made.precision))
        console.stage(f"generate for {target.name}")
        pipeline.generate(
            made.graph,
            target,
            out,
            budget=budget,
            portable=portable,
            patching=patching,
            plan=made.plan,
            harness=spoken,
            library_format=library_format,
            arena_section=section,
        )
        document = listings.project_json(out)
        console.result(document, listings.project(document))
