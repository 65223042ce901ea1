# SPDX-License-Identifier: Apache-2.0
"""Looks at all C, written and generated: warnings of GCC and Clang, clang-tidy, cppcheck, rules of MISRA C:2012."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "sdk"), str(ROOT / "codegen"), str(ROOT / "tests")]

import checker  # noqa: E402
import compilers  # noqa: E402
import misra  # noqa: E402
import projects  # noqa: E402
import tidy  # noqa: E402
import units  # noqa: E402

from intarsia import assets  # noqa: E402

JOBS = os.cpu_count() or 1


def each(files: Sequence[units.Unit], check: Callable[[units.Unit, Path], str]) -> list[str]:
    """What a check says about the files."""
    freestanding = assets.firmware() / "hal" / "freestanding"
    with ThreadPoolExecutor(JOBS) as pool:
        return [text for text in pool.map(lambda unit: check(unit, freestanding), files) if text]


def distinct(files: Sequence[units.Unit]) -> list[units.Unit]:
    """One of those with the same text: boards share kernels."""
    return list({unit.source.read_bytes(): unit for unit in reversed(files)}.values())


def main() -> int:
    """Prints what is found; 1 when something is."""
    with tempfile.TemporaryDirectory() as folder:
        files = [*units.firmware(), *projects.generated(Path(folder))]
        checks = {
            "GCC and Clang": lambda: each(files, compilers.check),
            "clang-tidy": lambda: each(distinct(files), tidy.check),
            "cppcheck": lambda: checker.findings(distinct(files), JOBS),
            "MISRA C": lambda: misra.differences(checker.departures(distinct(files), JOBS, Path(folder))),
        }
        found = []
        for name, check in checks.items():
            begin = time.monotonic()
            said = check()
            print(
                f"{name}: {len(said)} findings in {len(files)} files, {time.monotonic() - begin:.0f} s",
                flush=True,
            )
            found += said
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
