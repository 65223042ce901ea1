# SPDX-License-Identifier: Apache-2.0
"""Options that several verbs share, and the checks of their values."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from intarsia.errors import UsageError

if TYPE_CHECKING:
    from intarsia.boards import Board as BoardType
    from intarsia.boards import LinkKind
    from intarsia.quantize import Options
    from intarsia.request import Budget, DataSource, Patching
    from intarsia.runners import Place
    from intarsia_codegen.harness import Harness

RULES = ("tflm", "litert")
ORACLES = ("auto", "intarsia", "interpreter")
INPUT_MODES = ("arena", "reader")
IO_PLACES = ("arena", "external")
LINKS = ("semihosting", "uart")
MAX_WAIT = 3600.0

_SIZE = re.compile(r"(\d+(?:\.\d+)?)([kKmM]?)(?:i?[bB])?")
_FACTORS = {"": 1, "k": 1 << 10, "m": 1 << 20}


def board_names() -> list[str]:
    """Names for shell completion."""
    from intarsia import boards

    return list(boards.names())


Verbose = Annotated[
    int, typer.Option("--verbose", "-v", count=True, help="Tell what each stage takes.", show_default=False)
]
Quiet = Annotated[int, typer.Option("--quiet", "-q", count=True, help="Say less.", show_default=False)]
Progress = Annotated[bool, typer.Option("--progress/--no-progress", help="Tell the progress on stderr.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A .tflite, .onnx or .itr file.")]
Project = Annotated[
    Path, typer.Argument(metavar="PROJECT", help="A firmware project made by `intarsia generate`.")
]
Board = Annotated[
    str,
    typer.Option("--board", "-b", metavar="BOARD", autocompletion=board_names, help="See `intarsia boards`."),
]
OptionalBoard = Annotated[
    str | None,
    typer.Option("--board", "-b", metavar="BOARD", autocompletion=board_names, help="See `intarsia boards`."),
]
Reference = Annotated[
    str | None,
    typer.Option(
        metavar="|".join(RULES),
        autocompletion=lambda: list(RULES),
        help="Rounding rule of the imported model: tflm (default) or litert.",
    ),
]
Oracle = Annotated[
    str,
    typer.Option(
        metavar="|".join(ORACLES),
        autocompletion=lambda: list(ORACLES),
        help="What outputs are compared with: the TFLite interpreter of the rule, Intarsia's own exact "
        "reference, or the first of them that can be had.",
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        metavar="DATA",
        help="Samples: .npz with x (and y), or a folder of images with labels.csv. [default: 8 random]",
    ),
]
Calibration = Annotated[
    Path | None,
    typer.Option(metavar="DATA", help="Samples to quantize a float model with, as for --data."),
]
Samples = Annotated[
    int | None,
    typer.Option("--samples", metavar="N", help="Use the first N samples only.", show_default=False),
]
InputScale = Annotated[
    float | None,
    typer.Option(metavar="S", help="Integers x of the data mean (x - O) * S.", show_default=False),
]
InputOffset = Annotated[float, typer.Option(metavar="O", help="See --input-scale.")]
LabelColumn = Annotated[
    str | None, typer.Option(metavar="NAME", help="Column of labels.csv with the classes.")
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
Ram = Annotated[
    str | None, typer.Option(metavar="SIZE", help="RAM budget, such as 64K. [default: the board's]")
]
Flash = Annotated[
    str | None, typer.Option(metavar="SIZE", help="Flash budget, such as 1M. [default: the board's]")
]

OBJECTIVES = ("speed", "balanced", "size")
Optimize = Annotated[
    str,
    typer.Option(
        metavar="GOAL",
        autocompletion=lambda: list(OBJECTIVES),
        help="What the choice of kernels saves: speed, size (of flash), or balanced; `analyze` shows all three.",
    ),
]
HALF_PRECISION = ("off", "auto", "all")
Fp16 = Annotated[
    str,
    typer.Option(
        metavar="LAYERS",
        autocompletion=lambda: list(HALF_PRECISION),
        help="Layers of a float model in half precision: off, all that can, or, with --calib, auto: those that int8 "
        "costs most accuracy, until at most --max-drop is lost.",
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
ArenaSection = Annotated[
    str | None,
    typer.Option(
        "--arena-section",
        metavar="NAME",
        help="Section of the linker for the arena, such as .bss.dtcm.  [default: .bss.itr_arena]",
        show_default=False,
    ),
]
PlanFile = Annotated[
    Path | None, typer.Option("--plan", metavar="FILE", help="Follow a plan.json.", show_default=False)
]


ReferenceKernels = Annotated[
    str | None,
    typer.Option(
        "--reference-kernels",
        metavar="LAYER[,LAYER]",
        help="Compute these layers with portable C, to find out whether their kernels are at fault.",
        show_default=False,
    ),
]
Port = Annotated[
    str | None,
    typer.Option(
        "--port",
        metavar="PORT",
        help="Serial port of the board: name, serial number or USB id (VID:PID). See `intarsia devices`.  "
        "[default: the only one that fits]",
        show_default=False,
    ),
]
Probe = Annotated[
    str | None,
    typer.Option(
        "--probe",
        metavar="ID",
        help="Serial number of the debug probe, or the folder of a UF2 drive.  [default: the only one that fits]",
        show_default=False,
    ),
]
Wait = Annotated[
    float, typer.Option("--wait", metavar="S", help="Wait up to S seconds until the board is connected.")
]
Farm = Annotated[
    str | None,
    typer.Option(
        "--place",
        metavar="PLACE",
        help="A place of a board farm (labgrid): it is reserved, flashed, and released; --probe and --port name its "
        "resources.",
        show_default=False,
    ),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with a run that was interrupted, on the same samples.")
]
HarnessName = Annotated[
    str | None,
    typer.Option(
        "--harness",
        metavar="mlperf-tiny",
        help="Speak the serial protocol of a benchmark, for its own runner, instead of ours.",
        show_default=False,
    ),
]
BenchmarkName = Annotated[
    str | None,
    typer.Option(
        "--benchmark",
        metavar="kws01|vww01|ic01|ad01",
        help="With --harness: which benchmark the model is for.",
        show_default=False,
    ),
]


def library_formats() -> list[str]:
    """Names of the build systems that networks can be made into libraries for."""
    from intarsia_codegen import libraries

    return list(libraries.formats())


LibraryFormat = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="cmake|zephyr|arduino|platformio",
        autocompletion=library_formats,
        help="Write the network alone, as a library for this build system, instead of a firmware project.",
        show_default=False,
    ),
]
Link = Annotated[
    str | None,
    typer.Option(
        metavar="|".join(LINKS),
        autocompletion=lambda: list(LINKS),
        help="How an emulated board is talked to.  [default: semihosting]",
        show_default=False,
    ),
]


def section(name: str | None) -> str | None:
    """The name of a section. Raises UsageError when it is none."""
    if name is not None and not re.fullmatch(r"[A-Za-z_.][A-Za-z0-9_.$-]{0,99}", name):
        raise UsageError(
            f"--arena-section: '{name}' is not a name of a section",
            hint="letters, digits, and _ . $ -, such as .bss.dtcm",
        )
    return name


def layers(text: str | None) -> tuple[int, ...]:
    """Numbers of layers, from the command line. Raises UsageError."""
    if text is None:
        return ()
    if not re.fullmatch(r"\d{1,6}(,\d{1,6})*", text):
        raise UsageError(f"--reference-kernels: '{text}' are no numbers of layers", hint="such as 3 or 0,4,7")
    return tuple(int(number) for number in text.split(","))


def at_place(board: str) -> tuple[str, str | None]:
    """A board and the place of a farm where it is: `NAME@place`. Raises UsageError."""
    name, at, where = board.partition("@")
    if at and not (name and where):
        raise UsageError(f"--board: '{board}' is no board at a place", hint="such as nucleo-f446re@desk")
    return name, where or None


def place(probe: str | None, port: str | None, wait: float = 0.0, farm: str | None = None) -> Place:
    """Which of the connected devices is meant. Raises UsageError."""
    from intarsia.runners import Place

    if not 0.0 <= wait <= MAX_WAIT:
        raise UsageError(f"--wait: {wait:g} s is no time to wait", hint=f"0 to {MAX_WAIT:g} seconds")
    for option, value in (("--probe", probe), ("--port", port)):
        if value is not None and not value.strip():
            raise UsageError(f"{option}: nothing is given", hint="`intarsia devices` lists what is connected")
    return Place(probe, port, wait, farm)


def harness(name: str | None, benchmark: str | None) -> Harness | None:
    """The harness that was asked for. Raises UsageError."""
    from intarsia_codegen.harness import BENCHMARKS, HARNESSES, Harness

    choice(name, HARNESSES, "--harness")
    choice(benchmark, tuple(BENCHMARKS), "--benchmark")
    if (name is None) != (benchmark is None):
        raise UsageError(
            "--harness and --benchmark go together", hint="such as --harness mlperf-tiny --benchmark kws01"
        )
    return None if name is None or benchmark is None else Harness(name, benchmark)


def library(name: str | None, harness: str | None, link: str | None) -> None:
    """Raises UsageError for formats that do not exist, and for options that are of firmware only."""
    if name is None:
        return
    choice(name, library_formats(), "--format")
    for option, value in (("--harness", harness), ("--link", link)):
        if value is not None:
            raise UsageError(
                f"--format and {option} do not go together",
                hint="a library has no link: your program calls it",
            )


def linked(board: BoardType, link: str | None) -> BoardType:
    """The board with the link that was asked for. Raises UsageError when it has no such link."""
    choice(link, LINKS, "--link")
    return board if link is None else board.with_link(cast("LinkKind", link))


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


def choice(value: str | None, allowed: Sequence[str], option: str) -> None:
    """Raises UsageError unless the value is one of those allowed, or not given."""
    if value is not None and value not in allowed:
        raise UsageError(f"{option}: '{value}' is not known", hint=f"one of {', '.join(allowed)}")


def share(value: float | None, option: str) -> None:
    """Raises UsageError unless the value lies in [0, 1], or is not given."""
    if value is not None and not 0.0 <= value <= 1.0:
        raise UsageError(f"{option}: {value:g} does not lie between 0 and 1", hint="0.9 means 90 %")


def check_samples(
    samples: int | None,
    input_scale: float | None,
    input_offset: float,
    data: Path | None,
    others: Path | None = None,
) -> None:
    """Raises UsageError for numbers that make no sense, and for options that have no data to go with."""
    if samples is not None and samples < 1:
        raise UsageError(f"--samples: {samples} is less than 1", hint="give the number of samples to use")
    if input_scale is not None and not (math.isfinite(input_scale) and input_scale > 0):
        raise UsageError(
            f"--input-scale: {input_scale:g} is not positive", hint="such as 0.0039215686 for x / 255"
        )
    if not math.isfinite(input_offset):
        raise UsageError(f"--input-offset: {input_offset:g} is not finite", hint="give a number")
    if data is None and others is None and (samples is not None or input_scale is not None):
        raise UsageError(
            "--samples and --input-scale say how data is read, and there is none", hint="give --data"
        )


def present(*paths: Path | None) -> None:
    """Raises UsageError for the first path that does not exist."""
    for path in paths:
        try:
            missing = path is not None and not path.exists()
        except (OSError, ValueError):
            missing = True
        if missing:
            raise UsageError(f"no such file or folder: {path}", hint="check the path")


def source(
    path: Path,
    input_scale: float | None,
    input_offset: float,
    label_column: str | None,
    limit: int | None = None,
) -> DataSource:
    """Data as the pipeline takes it."""
    from intarsia.request import DataSource

    return DataSource(path, input_scale, input_offset, label_column, limit)


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
    share(max_drop, "--max-drop")
    limit = MAX_DROP if max_drop is None else max_drop
    return Options(estimator=estimator or DEFAULT_ESTIMATOR, half=fp16, max_drop=limit)
