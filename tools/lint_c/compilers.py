# SPDX-License-Identifier: Apache-2.0
"""No warning of GCC or Clang."""

from __future__ import annotations

import subprocess
from pathlib import Path

from units import Unit

WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wundef", "-Werror")
GCC = {
    "host": ("gcc",),
    "arm": ("arm-none-eabi-gcc", "-mfp16-format=ieee"),
    "riscv": ("riscv64-unknown-elf-gcc",),
}
TARGETS = {
    "host": (),
    "arm": ("--target=arm-none-eabi", "-fshort-enums"),
    "riscv": ("--target=riscv32-unknown-elf",),
}
"""What makes Clang compile for an architecture."""


def commands(unit: Unit, freestanding: Path) -> list[list[str]]:
    """GCC with the optimisations that some warnings need, and Clang; Clang alone where GCC 12 has no intrinsics.

    `freestanding` is the folder of the <string.h> for compilers without a C library.
    """
    arch = unit.board.target.arch
    bare = [] if arch == "host" else ["-ffreestanding", "-isystem", str(freestanding)]
    common = [*unit.flags, *WARNINGS, "-ffp-contract=off"]
    source = str(unit.source)
    found = [["clang-19", *TARGETS[arch], *common, *bare, "-fsyntax-only", source]]
    if not unit.vectors:
        found.append([*GCC[arch], *common, *bare, "-O2", "-c", "-o", "/dev/null", source])
    return found


def check(unit: Unit, freestanding: Path) -> str:
    """What the compilers say; empty when they say nothing."""
    said = []
    for command in commands(unit, freestanding):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode or done.stderr:
            said.append(f"{command[0]}: {done.stderr}")
    return "\n".join(said)
