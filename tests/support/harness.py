# SPDX-License-Identifier: Apache-2.0
"""Compiles many small graphs into one program, runs it on the host or an emulated board, returns the outputs.

The program takes raw inputs and gives raw outputs over the board's own link. Every sample runs twice with the arena
filled with different bytes before, so that a kernel that reads what nobody wrote gives two different answers.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from intarsia import assets, boards
from intarsia.boards import Board
from intarsia.errors import UsageError
from intarsia.ir import Graph
from intarsia.plan.plan import Plan
from intarsia.request import Objective
from intarsia.runners import Link, Runner, find_runner
from intarsia_codegen import external
from intarsia_codegen.emit import emit
from intarsia_codegen.generated import COMPILED
from intarsia_codegen.lower import Program, lower

SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wundef", "-Werror"]
FILLS = (0x00, 0xA5)
GUARD = 64
"""Bytes around each arena."""
TIMEOUT = 120.0
COMPILERS = {
    "host": ["gcc"],
    "arm-none-eabi-gcc": ["arm-none-eabi-gcc", "-mfp16-format=ieee"],
    "riscv64-unknown-elf-gcc": ["riscv64-unknown-elf-gcc"],
    "clang-19-arm": ["clang-19", "--target=arm-none-eabi", "-fshort-enums"],
    "clang-19-riscv": ["clang-19", "--target=riscv32-unknown-elf"],
}
LIBRARIES = {
    "arm-none-eabi-gcc": ["-lc", "-lgcc"],
    "clang-19-arm": ["-lc", "-lgcc"],
    "riscv64-unknown-elf-gcc": ["-nostdlib", "-lgcc"],
    "clang-19-riscv": ["-nostdlib", "-lgcc"],
}
FREESTANDING = {
    "riscv64-unknown-elf-gcc": ["-ffreestanding", "-mcmodel=medany"],
    "clang-19-riscv": ["-ffreestanding", "-mcmodel=medany"],
}
LINKERS = {"clang-19-arm": ["arm-none-eabi-gcc"], "clang-19-riscv": ["riscv64-unknown-elf-gcc"]}
LINK_FLAGS = {"clang-19-riscv": ["-march=rv32imac", "-mabi=ilp32"]}
ARENA_START, ARENA_END = "itr_arena_start", "itr_arena_end"


@dataclass(frozen=True)
class Outcome:
    """Outputs per sample and, where the board counts, ticks per sample."""

    outputs: list[list[np.ndarray]]
    ticks: list[int]
    program: Program


def run_cases(
    graphs: Sequence[Graph],
    samples: Sequence[Sequence[Sequence[np.ndarray]]],
    folder: Path,
    *,
    board: str = "host",
    isas: Sequence[str] | None = None,
    plans: Sequence[Plan | None] | None = None,
    objective: Objective = Objective.BALANCED,
    apart: bool = False,
) -> list[Outcome]:
    """Runs `samples[i]` (each a list of inputs) through `graphs[i]`, all in one firmware for `board`; `plans[i]` cuts
    it into patches. `apart`: inputs and outputs lie outside the arena, in arrays of their own, where they can.

    Host programs are built with AddressSanitizer and UBSan. Raises AssertionError when a program fails, writes around
    its arena, or when the outputs depend on what the arena held before.
    """
    target = Target.of(board)
    programs = [
        lower(graph, isas or target.isas, prefix=f"case{i}", plan=plan, objective=objective)
        for i, (graph, plan) in enumerate(zip(graphs, plans or [None] * len(graphs), strict=True))
    ]
    programs = [_apart(program) for program in programs] if apart else programs
    elf = build(programs, folder, target, [len(s) for s in samples])
    with contextlib.closing(target.runner.open(elf, target.board)) as link:
        first, second = (
            [_exchange(link, p, s) for p, s in zip(programs, samples, strict=True)] for _ in FILLS
        )
    for graph, a, b in zip(graphs, first, second, strict=True):
        for x, y in zip(a.outputs, b.outputs, strict=True):
            same = all(np.array_equal(u, v, equal_nan=u.dtype.kind == "f") for u, v in zip(x, y, strict=True))
            assert same, f"{graph.nodes[0].op}: outputs depend on stale memory"
    return first


def _apart(program: Program) -> Program:
    try:
        return external.run(program)
    except UsageError:
        return program  # an output that is a view of an input


def _exchange(link: Link, program: Program, samples: Sequence[Sequence[np.ndarray]]) -> Outcome:
    """Runs one model's samples: inputs go down, then ticks (uint32) and outputs come back."""
    outputs, ticks = [], []
    for sample in samples:
        ports = [program.graph.tensor(index) for index in program.graph.inputs]
        link.write(b"".join(t.dtype.pack(x) for t, x in zip(ports, sample, strict=True)), TIMEOUT)
        ticks.append(int.from_bytes(_read(link, 4), "little"))
        tensors = [program.graph.tensor(index) for index in program.graph.outputs]
        outputs.append([t.dtype.unpack(_read(link, t.bytes), t.shape) for t in tensors])
    return Outcome(outputs, ticks, program)


def _read(link: Link, count: int) -> bytes:
    data = b""
    while len(data) < count:
        chunk = link.read(count - len(data), TIMEOUT)
        assert chunk, "the program did not answer in time"
        data += chunk
    return data


def build(programs: Sequence[Program], folder: Path, target: Target, samples: Sequence[int]) -> Path:
    """Writes and compiles one program of all models; returns the executable."""
    folder.mkdir(parents=True, exist_ok=True)
    sources: set[Path] = set()
    for program in programs:
        emitted = emit(program, "test", bytes(16))
        for name, text in emitted.files.items():
            path = folder / name
            assert not path.exists() or path.read_text() == text, f"{name} differs between layers"
            path.write_text(_guarded(program, text) if name == f"{program.identifier}.c" else text)
            if path.suffix in COMPILED:
                sources.add(path)
        sources |= set(emitted.written)
    (folder / "bench.c").write_text(_bench(programs, samples))
    objects = target.compile([*sorted(sources), folder / "bench.c", *target.sources], folder)
    return target.link(objects, folder)


def _guarded(program: Program, text: str) -> str:
    """The source of a model with bytes before and behind its arena that nobody may change."""
    size, name = max(program.arena_bytes, 16), f"{program.identifier}_guarded"
    plain = f"static ITR_ARENA uint8_t arena[{size}];"
    assert plain in text
    guarded = f"ITR_ARENA uint8_t {name}[{size + 2 * GUARD}];\n#define arena ({name} + {GUARD})"
    return text.replace(plain, f"extern uint8_t {name}[];\n{guarded}")


def _bench(programs: Sequence[Program], samples: Sequence[int]) -> str:
    includes = "\n".join(f'#include "{p.identifier}.h"' for p in programs)
    table = ",\n".join(
        f"  {{&{p.identifier}_model, {count}, {p.identifier}_guarded, {max(p.arena_bytes, 16)}}}"
        for p, count in zip(programs, samples, strict=True)
    )
    includes += "".join(f"\nextern const uint8_t {p.identifier}_guarded[];" for p in programs)
    return f"""#include <string.h>

#include "intarsia/hal.h"
#include "intarsia/model.h"
{includes}
static const struct {{ const itr_model *model; int samples; const uint8_t *arena; size_t bytes; }} cases[] = {{
{table}
}};
_Noreturn void itr_fault(const itr_fault_register *registers, size_t count) {{
  (void)registers;
  (void)count;
  itr_hal_exit(99);
}}
static void fetch(void *target, uint32_t bytes) {{
  uint8_t *d = target;
  while (bytes > 0) {{
    size_t got = itr_hal_read(d, bytes);
    if (got == 0) {{ itr_hal_exit(98); }}
    d += got;
    bytes -= (uint32_t)got;
  }}
}}
static void run(const itr_model *m) {{
  for (int i = 0; i < m->input_count; i++) {{ fetch(m->inputs[i].data, m->inputs[i].bytes); }}
  const uint32_t begin = itr_hal_counter();
  m->invoke();
  const uint32_t ticks = itr_hal_counter() - begin;
  itr_hal_write(&ticks, 4);
  for (int i = 0; i < m->output_count; i++) {{ itr_hal_write(m->outputs[i].data, m->outputs[i].bytes); }}
}}
extern uint8_t {ARENA_START}[], {ARENA_END}[];
int main(void) {{
  itr_hal_init();
  for (int pass = 0; pass < 2; pass++) {{
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {{
      cases[k].model->init();
      for (int s = 0; s < cases[k].samples; s++) {{
        memset({ARENA_START}, pass ? {FILLS[1]} : {FILLS[0]}, (size_t)({ARENA_END} - {ARENA_START}));
        run(cases[k].model);
        for (size_t i = 0; i < {GUARD}; i++) {{
          const uint8_t fill = pass ? {FILLS[1]} : {FILLS[0]};
          if (cases[k].arena[i] != fill || cases[k].arena[{GUARD} + cases[k].bytes + i] != fill) {{
            itr_hal_exit(97);
          }}
        }}
      }}
    }}
  }}
  itr_hal_exit(0);
}}
"""


@dataclass(frozen=True)
class Target:
    """How to compile, link and run for one board."""

    board: Board

    @staticmethod
    def of(name: str) -> Target:
        return Target(boards.load(name))

    @property
    def host(self) -> bool:
        return self.board.target.arch == "host"

    @property
    def isas(self) -> Sequence[str]:
        return self.board.target.isa

    @property
    def runner(self) -> Runner:
        return find_runner(self.board.runner.kind)

    @property
    def sources(self) -> list[Path]:
        """HAL and board sources, without the protocol server."""
        return [p for p in self.board.sources() if p.parent.name != "runtime"]

    @property
    def compiler(self) -> list[str]:
        return COMPILERS[self.board.target.toolchain]

    @property
    def flags(self) -> list[str]:
        includes = [assets.firmware() / "include", *self.board.source_folders()]
        flags = [
            "-std=c11",
            "-ffp-contract=off",
            "-O1" if self.host else "-O2",
            *WARNINGS,
            *self.board.target.cpu_flags,
        ]
        flags += [f"-D{k}={v}" for k, v in self.board.definitions().items()] + ["-DITR_PROFILE=0"]
        flags += [f"-I{path}" for path in includes]
        if self.host:
            return [*flags, "-g", *SANITIZE, '-DITR_ARENA_SECTION="itr_arena"']
        return [
            *flags,
            *FREESTANDING.get(self.board.target.toolchain, []),
            "-ffunction-sections",
            "-fdata-sections",
        ]

    def compile(self, sources: Sequence[Path], folder: Path) -> list[Path]:
        """Objects of all sources. Raises AssertionError with the compiler's message."""

        def one(source: Path) -> Path:
            target = folder / f"{source.parent.name}_{source.name}.o"
            command = [*self.compiler, *self.flags, f"-I{folder}", "-c", str(source), "-o", str(target)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
            assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
            return target

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(one, sources))

    def link(self, objects: Sequence[Path], folder: Path) -> Path:
        """The executable of all objects. Raises AssertionError with the linker's message."""
        elf = folder / "bench.elf"
        linker = LINKERS.get(self.board.target.toolchain, self.compiler)
        flags = LINK_FLAGS.get(self.board.target.toolchain, self.board.target.cpu_flags)
        command = [*linker, *flags, *map(str, objects), "-o", str(elf)]
        if self.host:
            names = f"{ARENA_START}=__start_itr_arena", f"{ARENA_END}=__stop_itr_arena"
            command += [*SANITIZE, *(f"-Wl,--defsym={name}" for name in names)]
        else:
            command += [
                "-nostartfiles",
                "-Wl,--gc-sections",
                f"-Wl,--defsym=ITR_STACK_BYTES={self.board.memory.stack}",
            ]
            command += [f"-T{self.board.linker_script()}"]
            command += [f"-L{path}" for path in self.board.source_folders()] + LIBRARIES[
                self.board.target.toolchain
            ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
        return elf
