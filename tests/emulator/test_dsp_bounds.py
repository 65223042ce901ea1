# SPDX-License-Identifier: Apache-2.0
"""DSP kernels touch nothing beside their buffers: each in turn lies against the ends of a memory region.

Beyond the region nothing answers, so a stray access ends in a fault.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from intarsia import ops, simulate
from intarsia.ir import Graph
from intarsia.kernelcall import KernelCall
from intarsia_codegen import library
from intarsia_codegen.generated import GeneratedKernel
from support import harness
from support.agree import assert_agree
from support.draw import SeededDraw, sample

BOARD = "qemu-cortex-m7"
REGION = (0x60000000, 0x61000000)
"""PSRAM of the board, nothing mapped below and above it."""

OPERATORS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "AVERAGE_POOL_2D", "MAX_POOL_2D", "ADD")
COUNT = 8
TIMEOUT = 60.0


@dataclass(frozen=True)
class Case:
    """A graph, its kernel and a sample."""

    graph: Graph
    kernel: GeneratedKernel
    values: list[np.ndarray]

    @property
    def sizes(self) -> list[int]:
        """Bytes of inputs, output and scratch, in the order of the arguments."""
        maps = [v.nbytes for v in self.values] + [self.graph.output(self.graph.nodes[0]).bytes]
        return maps + ([] if self.kernel.scratch is None else [self.kernel.scratch])


def cases(operator: str) -> list[Case]:
    """Drawn layers that have a DSP kernel."""
    found: list[Case] = []
    random = np.random.default_rng(5)
    kind = ops.registry()[operator]
    for seed in range(200):
        graph = kind.cases(SeededDraw(seed))
        if len(found) >= COUNT:
            break
        if graph.tensor(graph.inputs[0]).dtype.name != "int8" or kind.unsupported(graph.nodes[0], graph):
            continue
        (call,) = kind.lower(graph.nodes[0], graph)
        assert isinstance(call, KernelCall)
        for variant, generate in enumerate(library.generators(call.contract, "dsp")):
            kernel = generate(call, f"case_{operator.lower()}_{seed}_{variant}")
            if kernel is not None and len(set(call.inputs)) == len(call.inputs):
                values = [sample(graph.tensor(i), random) for i in call.inputs]
                found.append(Case(graph, kernel, values))
    return found


def bench(all_cases: Sequence[Case]) -> str:
    """Per case and buffer: inputs come in, the kernel runs with that buffer at either end."""
    prototypes = "\n".join(case.kernel.prototype for case in all_cases)
    calls = "\n".join(_calls(case) for case in all_cases)
    return f"""#include <string.h>
#include "intarsia/hal.h"
{prototypes}
static int8_t room[4][1 << 16] __attribute__((aligned(16)));
_Noreturn void itr_fault(const itr_fault_register *registers, size_t count) {{
  (void)registers;
  (void)count;
  itr_hal_exit(99);
}}
static void fetch(int8_t *d, uint32_t bytes) {{
  while (bytes > 0) {{
    const size_t got = itr_hal_read(d, bytes);
    if (got == 0) {{ itr_hal_exit(98); }}
    d += got;
    bytes -= (uint32_t)got;
  }}
}}
int main(void) {{
  itr_hal_init();
{calls}
  itr_hal_exit(0);
}}
"""


def _calls(case: Case) -> str:
    lines = []
    for moved in range(len(case.sizes)):
        for high in (False, True):
            places = [f"room[{k}]" for k in range(len(case.sizes))]
            places[moved] = f"(int8_t *){_address(case, moved, high):#x}u"
            for k, value in enumerate(case.values):
                lines.append(f"  fetch({places[k]}, {value.nbytes}u);")
            lines.append(f"  {case.kernel.function}({', '.join(places)});")
            out = len(case.values)
            lines.append(f"  itr_hal_write({places[out]}, {case.sizes[out]}u);")
    return "\n".join(lines)


def _address(case: Case, buffer: int, high: bool) -> int:
    """The scratch starts at a multiple of 16, feature maps end exactly at the high end."""
    if not high:
        return REGION[0]
    size = case.sizes[buffer]
    return REGION[1] - (size if buffer <= len(case.values) else -(-size // 16) * 16)


@pytest.mark.emulator
@pytest.mark.parametrize("operator", OPERATORS)
def test_nothing_beside_the_buffers_is_touched(operator: str, tmp_path: Path) -> None:
    found = cases(operator)
    assert found
    target = harness.Target.of(BOARD)
    files = {source.name: source.text for case in found for source in case.kernel.sources}
    files["bench.c"] = bench(found)
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    sources = [tmp_path / name for name in sorted(files) if not name.endswith(".h")]
    elf = target.link(target.compile([*sources, *target.sources], tmp_path), tmp_path)
    with contextlib.closing(target.runner.open(elf, target.board)) as link:
        for case in found:
            want = simulate.run(case.graph, case.values)
            for _ in range(2 * len(case.sizes)):
                link.write(b"".join(v.tobytes() for v in case.values), TIMEOUT)
                got = np.frombuffer(_read(link, want[0].nbytes), want[0].dtype).reshape(want[0].shape)
                assert_agree(case.graph, [got], want, BOARD)


def _read(link: harness.Link, count: int) -> bytes:
    data = b""
    while len(data) < count:
        chunk = link.read(count - len(data), TIMEOUT)
        assert chunk, "the kernel touched memory beside its buffers"
        data += chunk
    return data
