# SPDX-License-Identifier: Apache-2.0
"""Options that say how a model is quantized, for which memory, and how it is cut into patches."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from intarsia.cli import _bits, _samples
from intarsia.cli._options import RULES, Reference, choice
from intarsia.errors import UsageError

if TYPE_CHECKING:
    from intarsia.quantize import Options
    from intarsia.request import Budget, Patching, Recipe

INPUT_MODES = ("arena", "reader")
IO_PLACES = ("arena", "external")
OBJECTIVES = ("speed", "balanced", "size")
HALF_PRECISION = ("off", "auto", "all")

_SIZE = re.compile(r"(\d+(?:\.\d+)?)([kKmM]?)(?:i?[bB])?")
_FACTORS = {"": 1, "k": 1 << 10, "m": 1 << 20}

Calibration = Annotated[
    Path | None,
    typer.Option(metavar="DATA", help="Samples to quantize a float model with, as for --data."),
]
Range = Annotated[
    str | None,
    typer.Option(
        "--range",
        metavar="ESTIMATOR",
        help="How ranges of feature maps are found when quantizing: minmax, percentile-99.9, "
        "percentile-99.99, percentile-99.999, mse or entropy.",
        show_default=False,
    ),
]
Fp16 = Annotated[
    str,
    typer.Option(
        metavar="LAYERS",
        autocompletion=lambda: list(HALF_PRECISION),
        help="Layers of a float model in half precision: off, all that can, or, with --calib, auto: those that int8 "
        "costs most accuracy, until at most --max-drop is lost.",
    ),
]
Ram = Annotated[
    str | None, typer.Option(metavar="SIZE", help="RAM budget, such as 64K. [default: the board's]")
]
Flash = Annotated[
    str | None, typer.Option(metavar="SIZE", help="Flash budget, such as 1M. [default: the board's]")
]
Optimize = Annotated[
    str,
    typer.Option(
        metavar="GOAL",
        autocompletion=lambda: list(OBJECTIVES),
        help="What the choice of kernels saves: speed, size (of flash), or balanced; `analyze` shows all three.",
    ),
]
Patches = Annotated[
    str,
    typer.Option(
        metavar="auto|off|RxC",
        help="Run the first layers patch by patch: when the RAM asks for it, never, or in a grid of R rows and C "
        "columns.",
    ),
]
InputMode = Annotated[
    str,
    typer.Option(
        "--input",
        metavar="|".join(INPUT_MODES),
        help="With patches: the image lies in the arena, or a reader callback fetches each patch.",
    ),
]
Io = Annotated[
    str,
    typer.Option(
        metavar="|".join(IO_PLACES),
        autocompletion=lambda: list(IO_PLACES),
        help="Where inputs and outputs lie: in the arena, whose memory is used again, or in memory that you give.",
    ),
]
PlanFile = Annotated[
    Path | None, typer.Option("--plan", metavar="FILE", help="Follow a plan.json.", show_default=False)
]


@dataclass(frozen=True)
class Quantizing:
    """From a model file to the graph that is generated, and its patches."""

    calib: Calibration = None
    reference: Reference = None
    estimator: Range = None
    fp16: Fp16 = "off"
    ram: Ram = None
    flash: Flash = None
    optimize: Optimize = "balanced"
    patches: Patches = "auto"
    input_mode: InputMode = "arena"
    io: Io = "arena"
    plan: PlanFile = None

    def recipe(self, choosing: _bits.Choosing, reading: _samples.Reading, limit: int | None = None) -> Recipe:
        """All that as the pipeline takes it, with at most `limit` samples of calibration. Raises UsageError."""
        from intarsia.request import Recipe

        choice(self.reference, RULES, "--reference")
        return Recipe(
            rule=self.reference,
            calibration=reading.source(self.calib, limit),
            options=quantization(self.estimator, self.calib, self.fp16, choosing.max_drop),
            mixing=choosing.mixing(self.calib, self.plan, self.fp16),
            budget=budget(self.ram, self.flash, self.optimize),
            patching=patching(self.patches, self.input_mode, self.plan, self.io),
        )


def size(text: str | None, option: str) -> int | None:
    """Bytes of a text such as 65536, 64K or 1.5M. Raises UsageError."""
    if text is None:
        return None
    match = _SIZE.fullmatch(text.strip())
    value = float(match[1]) * _FACTORS[match[2].lower()] if match else 0.0
    if not 1 <= value < 2**40:
        raise UsageError(f"{option}: '{text}' is not a size", hint="give bytes, or a size such as 64K or 1M")
    return int(value)


def budget(ram: str | None, flash: str | None, optimize: str = "balanced") -> Budget:
    """The limits given on the command line, and what is to be saved. Raises UsageError."""
    from intarsia.request import Budget, Objective

    choice(optimize, OBJECTIVES, "--optimize")
    return Budget(size(ram, "--ram"), size(flash, "--flash"), Objective(optimize))


def patching(patches: str, mode: str, file: Path | None, io: str = "arena") -> Patching:
    """How to cut the network, from the command line. Raises UsageError."""
    from intarsia.request import Patching

    choice(mode, INPUT_MODES, "--input")
    choice(io, IO_PLACES, "--io")
    external = io == "external"
    if file is not None and patches != "auto":
        raise UsageError("--plan and --patches do not go together", hint="the plan says how to cut")
    if patches in ("auto", "off"):
        return Patching(patches, mode, file, external)
    match = re.fullmatch(r"([1-9]\d{0,2})x([1-9]\d{0,2})", patches)
    if match is None:
        raise UsageError(
            f"--patches: '{patches}' is not a grid", hint="auto, off, or rows x columns such as 3x4"
        )
    return Patching((int(match[1]), int(match[2])), mode, file, external)


def quantization(
    estimator: str | None, calibration: Path | None, fp16: str = "off", max_drop: float | None = None
) -> Options:
    """Options of quantization. Raises UsageError for an unknown estimator, one without calibration, half precision of
    all layers with it, and of some without."""
    from intarsia.quantize import DEFAULT_ESTIMATOR, MAX_DROP, Options
    from intarsia.quantize.ranges import ESTIMATORS

    choice(estimator, tuple(ESTIMATORS), "--range")
    if estimator is not None and calibration is None:
        raise UsageError("--range is for quantizing, which needs samples", hint="give them with --calib")
    choice(fp16, HALF_PRECISION, "--fp16")
    if fp16 == "all" and calibration is not None:
        raise UsageError(
            "--fp16 all and --calib do not go together",
            hint="calibration is for int8: leave one out, or take --fp16 auto",
        )
    if fp16 == "auto" and calibration is None:
        raise UsageError("--fp16 auto chooses layers with samples", hint="give them with --calib")
    limit = MAX_DROP if max_drop is None else max_drop
    return Options(estimator=estimator or DEFAULT_ESTIMATOR, half=fp16, max_drop=limit)
