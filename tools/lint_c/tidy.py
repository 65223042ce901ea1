# SPDX-License-Identifier: Apache-2.0
"""clang-tidy, by the checks of .clang-tidy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from compilers import TARGETS
from units import Unit

PROGRAM = Path(sys.executable).with_name("clang-tidy")
CONFIGURATION = Path(__file__).resolve().parents[2] / ".clang-tidy"
DEPTH = ("-Xclang", "-analyzer-config", "-Xclang", "max-nodes=10000")
"""How far the analyzer follows one function: a small part of its default, for a tenth of the time."""


def check(unit: Unit, freestanding: Path) -> str:
    """What clang-tidy says; empty when it says nothing."""
    arch = unit.board.target.arch
    bare = [] if arch == "host" else ["-ffreestanding", "-isystem", str(freestanding)]
    command = [str(PROGRAM), "--quiet", f"--config-file={CONFIGURATION}", str(unit.source), "--"]
    command += [*TARGETS[arch], *unit.flags, *bare, *DEPTH]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    return done.stdout + done.stderr if done.returncode else ""
