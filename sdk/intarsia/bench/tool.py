# SPDX-License-Identifier: Apache-2.0
"""How long the tool itself takes on this computer, in seconds of wall time."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from intarsia import programs
from intarsia.bench.models import data_folder
from intarsia.errors import StageError
from intarsia.report import text

SCHEMA = "intarsia.bench.tool"
SCHEMA_VERSION = 1
RUNS = 5
PROFILE_SECONDS = 600.0


@dataclass(frozen=True)
class Timing:
    """The fastest of `runs` runs of a command line."""

    command: str
    seconds: float
    runs: int


def run(*, runs: int = RUNS) -> list[Timing]:
    """Times `--help` and whole profiles of the keyword network, 600 samples, on M4 and host."""
    folder = data_folder()
    model, data = folder / "models" / "kws_dscnn_int8.tflite", folder / "datasets" / "kws01" / "test.npz"
    timings = [_fastest(["--help"], "intarsia --help", runs)]
    for board in ("qemu-cortex-m4", "host"):
        arguments = ["profile", str(model), "--board", board, "--data", str(data), "--json"]
        timings.append(
            _fastest(arguments, f"intarsia profile kws_dscnn_int8 --board {board}, 600 samples", 1)
        )
    return timings


def _fastest(arguments: Sequence[str], label: str, runs: int) -> Timing:
    program = str(Path(sys.executable).with_name("intarsia"))
    seconds = []
    for _ in range(runs):
        begin = time.perf_counter()
        done = programs.run([program, *arguments], PROFILE_SECONDS, label=label)
        seconds.append(time.perf_counter() - begin)
        if done.code != 0:
            raise StageError(f"`{label}` exited with {done.code}: {done.err[-500:]}")
    return Timing(label, round(min(seconds), 3), runs)


def to_json(timings: Sequence[Timing]) -> dict[str, Any]:
    """The document of schema `intarsia.bench.tool`."""
    return {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, "rows": [asdict(t) for t in timings]}


def to_text(timings: Sequence[Timing]) -> str:
    """The same as a table."""
    rows = [(t.command, f"{t.seconds:.2f} s") for t in timings]
    return "\n".join(text.table(("command", "fastest run"), rows, "<>"))
