# SPDX-License-Identifier: Apache-2.0
"""A platform for Arduino's own builder, for any compiler here: a core of a few lines, in a scratch folder."""

from __future__ import annotations

import subprocess
from pathlib import Path

PROGRAM = "arduino-builder"
OPTIONS_OF_THE_BUILDER = "/usr/share/arduino-builder/platform.txt"

_PLATFORM = """\
name=Test
version=1.0.0
compiler.flags={flags}
recipe.c.o.pattern={gcc} -c -Os -std=gnu11 {{compiler.flags}} {{includes}} "{{source_file}}" -o "{{object_file}}"
recipe.cpp.o.pattern={gxx} -c -Os -std=gnu++17 {{compiler.flags}} {{includes}} "{{source_file}}" -o "{{object_file}}"
recipe.S.o.pattern={gcc} -c -x assembler-with-cpp {{compiler.flags}} {{includes}} "{{source_file}}" -o "{{object_file}}"
recipe.ar.pattern={ar} rcs "{{archive_file_path}}" "{{object_file}}"
recipe.c.combine.pattern={link} {{object_files}} "{{build.path}}/core/core.a" -o "{{build.path}}/sketch.elf"
preproc.flags=-std=gnu++17 {{compiler.flags}} -w -x c++ -E -CC
recipe.preproc.macros={gxx} {{preproc.flags}} {{includes}} "{{source_file}}" -o "{{preprocessed_file_path}}"
recipe.size.pattern=true
recipe.size.regex=^$
"""

_CORE_HEADER = """\
#pragma once
#include <stdint.h>
void setup();
void loop();
void delay(unsigned long milliseconds);
struct Port {
  void begin(unsigned long baud);
  void print(const char *text);
  void print(long value);
  void println(long value);
  void println(double value, int digits);
};
extern Port Serial;
"""

_CORE = """\
#include <Arduino.h>
#include <stdio.h>
#include <stdlib.h>
Port Serial;
void Port::begin(unsigned long) {}
void Port::print(const char *text) { fputs(text, stdout); }
void Port::print(long value) { printf("%ld", value); }
void Port::println(long value) { printf("%ld\\n", value); }
void Port::println(double value, int digits) { printf("%.*f\\n", digits, value); }
void delay(unsigned long) { exit(0); }
int main() {
  setup();
  for (;;) loop();
}
"""


def build(
    library: Path, sketch: Path, folder: Path, *, prefix: str = "", flags: str = "", link: bool = True
) -> subprocess.CompletedProcess[str]:
    """Builds a sketch with a library; `folder`/build/sketch.elf is the program, which runs `loop` once.

    `prefix` is that of a GCC; without `link` compiling is all.
    """
    platform = folder / "hardware" / "test" / "any"
    core = platform / "cores" / "plain"
    core.mkdir(parents=True, exist_ok=True)
    gcc, gxx, ar = (f"{prefix}{name}" for name in ("gcc", "g++", "ar"))
    (platform / "platform.txt").write_text(
        _PLATFORM.format(gcc=gcc, gxx=gxx, ar=ar, flags=flags, link=gxx if link else "true")
    )
    (platform / "boards.txt").write_text(
        "board.name=Board\nboard.build.core=plain\nboard.build.board=BOARD\n"
    )
    (core / "Arduino.h").write_text(_CORE_HEADER)
    (core / "core.cpp").write_text(_CORE)
    libraries = folder / "libraries"
    libraries.mkdir(exist_ok=True)
    link_name = libraries / library.name
    if not link_name.exists():
        link_name.symlink_to(library)
    (folder / "tools").mkdir(exist_ok=True)
    (folder / "build").mkdir(exist_ok=True)
    command = [PROGRAM, "-compile", "-verbose", f"-hardware={folder / 'hardware'}"]
    command += [f"-hardware={Path(OPTIONS_OF_THE_BUILDER).parent}", f"-tools={folder / 'tools'}"]
    command += [f"-libraries={libraries}", "-fqbn=test:any:board", f"-build-path={folder / 'build'}"]
    return subprocess.run([*command, str(sketch)], capture_output=True, text=True, timeout=300, check=False)
