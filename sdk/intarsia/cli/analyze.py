# SPDX-License-Identifier: Apache-2.0
"""`intarsia analyze`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intarsia.cli import _options, _output
from intarsia.errors import ModelError, UsageError


def command(
    *,
    model: Annotated[
        Path | None,
        typer.Argument(metavar="MODEL", help="A .tflite, .onnx or .itr file.", show_default=False),
    ] = None,
    board: _options.OptionalBoard = None,
    reference: _options.Reference = None,
    operators: Annotated[
        bool, typer.Option("--operators", help="List the supported operators and their types instead.")
    ] = False,
    output: _output.Output,
) -> None:
    """Show layers, MACs, weights and peak RAM of a model.

    With --board the arena is exactly the one of the firmware for it. Operators that are not supported are
    named with the reason; then the exit code is 2.
    """
    _options.choice(reference, _options.RULES, "--reference")
    if operators == (model is not None):
        raise UsageError("give either a model or --operators", hint="`intarsia analyze MODEL`")
    _options.present(model)

    from intarsia import analyze, boards, pipeline
    from intarsia.report import listings

    with output.console() as console:
        if model is None:
            known, onnx = analyze.operators(), analyze.onnx_operators()
            document = {
                "schema": analyze.OPERATORS_SCHEMA,
                "schema_version": analyze.SCHEMA_VERSION,
                "operators": known,
                "onnx": onnx,
            }
            console.result(document, f"{listings.operators(known)}\n\n{listings.onnx_operators(onnx)}")
            return
        target = boards.load(board) if board else None
        analysis = pipeline.analyze_model(model, target, rule=reference)
        console.result(analysis.to_json(), listings.analysis(analysis))
    if faults := analysis.faults:
        raise ModelError(
            f"{len(faults)} of {len(analysis.layers)} layers of {model} cannot be run",
            hint="replace these layers; `intarsia analyze --operators` lists what is supported",
        )
