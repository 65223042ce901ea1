# SPDX-License-Identifier: Apache-2.0
"""Options that several verbs share, and the checks of their values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from intarsia.errors import UsageError

if TYPE_CHECKING:
    from intarsia.boards import Board as BoardType
    from intarsia.boards import LinkKind
    from intarsia_codegen.harness import Harness

RULES = ("tflm", "litert")
ORACLES = ("auto", "intarsia", "interpreter")
LINKS = ("semihosting", "uart")


def board_names() -> list[str]:
    """Names for shell completion."""
    from intarsia import boards

    return list(boards.names())


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

ArenaSection = Annotated[
    str | None,
    typer.Option(
        "--arena-section",
        metavar="NAME",
        help="Section of the linker for the arena, such as .bss.dtcm.  [default: .bss.itr_arena]",
        show_default=False,
    ),
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


def choice(value: str | None, allowed: Sequence[str], option: str) -> None:
    """Raises UsageError unless the value is one of those allowed, or not given."""
    if value is not None and value not in allowed:
        raise UsageError(f"{option}: '{value}' is not known", hint=f"one of {', '.join(allowed)}")


def share(value: float | None, option: str) -> None:
    """Raises UsageError unless the value lies in [0, 1], or is not given."""
    if value is not None and not 0.0 <= value <= 1.0:
        raise UsageError(f"{option}: {value:g} does not lie between 0 and 1", hint="0.9 means 90 %")


def present(*paths: Path | None) -> None:
    """Raises UsageError for the first path that does not exist."""
    for path in paths:
        try:
            missing = path is not None and not path.exists()
        except (OSError, ValueError):
            missing = True
        if missing:
            raise UsageError(f"no such file or folder: {path}", hint="check the path")
