# SPDX-License-Identifier: Apache-2.0
"""`intarsia generate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intarsia.cli import _bits, _options, _output, _quantizing, _samples


def command(
    *,
    model: _options.Model,
    board: _options.Board,
    out: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="The folder to write.", show_default=False)
    ],
    quantizing: _quantizing.Quantizing,
    choosing: _bits.Choosing,
    samples: _samples.Samples = None,
    reading: _samples.Reading,
    arena_section: _options.ArenaSection = None,
    reference_kernels: _options.ReferenceKernels = None,
    link: _options.Link = None,
    harness: _options.HarnessName = None,
    benchmark: _options.BenchmarkName = None,
    library_format: _options.LibraryFormat = None,
    output: _output.Output,
) -> None:
    """Write a C project for a board.

    It is plain C and CMake, stands alone, and has only the kernels it uses. With --format, what is written is a
    library with the network alone, for a project of yours.

    A float model is quantized first when --calib gives samples, and stays float otherwise. Where --bits or
    --weight-bits allow fewer than 8 bits, they are chosen for the board with the same samples.
    """
    _options.choice(link, _options.LINKS, "--link")
    portable = _options.layers(reference_kernels)
    recipe = quantizing.recipe(choosing, reading, samples)
    section = _options.section(arena_section)
    reading.check(samples, quantizing.calib)
    _options.present(model, quantizing.calib, quantizing.plan)

    spoken = _options.harness(harness, benchmark)
    _options.library(library_format, harness, link)

    from intarsia import boards, pipeline
    from intarsia.report import listings, precision

    with output.console() as console:
        target = _options.linked(boards.load(board), link)
        if spoken is not None and target.target.link == "semihosting":
            target = target.with_link("uart")
        made = pipeline.quantized(model, recipe, target, watcher=console)
        if made.precision is not None:
            console.note(precision.summary(made.precision))
        console.stage(f"generate for {target.name}")
        pipeline.generate(
            made.graph,
            target,
            out,
            budget=recipe.budget,
            portable=portable,
            patching=recipe.patching,
            plan=made.plan,
            harness=spoken,
            library_format=library_format,
            arena_section=section,
        )
        document = listings.project_json(out)
        console.result(document, listings.project(document))
