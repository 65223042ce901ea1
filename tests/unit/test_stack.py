# SPDX-License-Identifier: Apache-2.0
"""The stack bound: frames from machine code, the deepest path, what cannot be bounded."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from intarsia import stack
from intarsia.disassembly import parse
from intarsia.errors import StageError

ARM = """
00000100 <itr_reset>:
 100:	b510      	push	{r4, lr}
 102:	f000 f803 	bl	10c <leaf>
 106:	bd10      	pop	{r4, pc}

0000010c <leaf>:
 10c:	e92d 4ff0 	stmdb	sp!, {r4, r5, r6, r7, r8, r9, sl, fp, lr}
 110:	b083      	sub	sp, #12
 112:	ed2d 8b04 	vpush	{d8-d9}
 116:	f84d ed04 	str.w	lr, [sp, #-4]!
 11a:	4770      	bx	lr
"""


def frames(text: str, arch: str) -> dict[str, int | None]:
    return {name: function.frame for name, function in parse(text.splitlines(), arch).items()}


def test_arm_frames() -> None:
    assert frames(ARM, "arm") == {"itr_reset": 8, "leaf": 36 + 12 + 16 + 4}
    assert parse(ARM.splitlines(), "arm")["itr_reset"].calls == {"leaf"}


def test_vector_instructions_taken_for_branch_futures_are_no_calls() -> None:
    """What objdump makes of `dls` behind a vector store: the target is any function."""
    text = ARM.replace(" 106:", " 104:\tf02b e801 \tbfcsel\t0, 300 <other>, 4, ge\n 106:")
    assert parse(text.splitlines(), "arm")["itr_reset"].calls == {"leaf"}


def test_far_jumps_inside_a_function_are_no_recursion() -> None:
    """GCC jumps with `bl` on Armv6-M where `b` does not reach; a call of the function itself is another matter."""
    far = ARM.replace("bl\t10c <leaf>", "bl\t1106 <itr_reset+0x1006>")
    assert parse(far.splitlines(), "arm")["itr_reset"].calls == set()
    again = ARM.replace("bl\t10c <leaf>", "bl\t100 <itr_reset>")
    assert parse(again.splitlines(), "arm")["itr_reset"].calls == {"itr_reset"}


def test_aligned_frames_count_what_the_alignment_takes() -> None:
    text = ARM.replace(" 106:", " 104:\tf36f 0403 \tbfc\tr4, #0, #4\n 106:")
    assert frames(text, "arm")["itr_reset"] == 8 + 12


def test_frame_of_variable_size_is_none() -> None:
    text = "00000100 <grow>:\n 100:\teba0 0d01 \tsub.w\tsp, sp, r1\n"
    assert frames(text, "arm") == {"grow": None}
    vectors = "00000100 <grow>:\n 100:\t40a10133          \tsub\tsp,sp,a0\n"
    assert frames(vectors, "riscv") == {"grow": None}


def test_riscv_and_x86_frames() -> None:
    riscv = "00000100 <f>:\n 100:\t1141                \taddi\tsp,sp,-16\n 102:\t0141   \taddi\tsp,sp,16\n"
    assert frames(riscv, "riscv") == {"f": 16}
    x86 = (
        "0000000000001130 <f>:\n    1130:\t55                   \tpush   %rbp\n"
        "    1131:\t48 83 ec 20          \tsub    $0x20,%rsp\n"
        "    1135:\t48 83 ec 80          \tsub    $0xffffffffffffff80,%rsp\n"
    )
    assert frames(x86, "host") == {"f": 8 + 8 + 32}


def test_addresses_made_by_movw_and_movt_are_taken() -> None:
    text = "00000100 <f>:\n 100:\tf240 1301 \tmovw\tr3, #257\n 104:\tf2c0 0302 \tmovt\tr3, #2\n"
    assert parse(text.splitlines(), "arm")["f"].addresses == {0x20101}


PROGRAM = """
#include <stdint.h>
typedef void (*step)(volatile int32_t *);
static void small(volatile int32_t *x) { x[0]++; }
__attribute__((noinline)) static void large(volatile int32_t *x) {
  volatile int32_t room[100];
  for (int i = 0; i < 100; i++) { room[i] = x[0]; }
}
const step table[2] = {small, large};
__attribute__((noinline)) void walk(volatile int32_t *x, int n) { table[n & 1](x); }
__attribute__((noinline)) void enter(volatile int32_t *x) { walk(x, x[1]); }
#ifdef RECURSIVE
__attribute__((noinline)) int down(volatile int32_t *x, int n) { return n ? down(x, n - 1) * 3 + x[0] : 0; }
#endif
__attribute__((used, section(".itr_weights"))) static const step weights_that_look_like_addresses[] = {enter};
void itr_reset(void) {
  volatile int32_t x[4] = {0};
#ifdef RECURSIVE
  x[0] = down(x, 5);
#endif
  walk(x, x[0]);
  for (;;) { }
}
"""


def compiled(folder: Path, *defines: str) -> Path:
    compiler = shutil.which("arm-none-eabi-gcc")
    assert compiler is not None
    (folder / "p.c").write_text(PROGRAM)
    flags = [
        "-mcpu=cortex-m4",
        "-mthumb",
        "-O1",
        "-fno-optimize-sibling-calls",
        "-nostdlib",
        "-Wl,-eitr_reset",
    ]
    command = [compiler, *flags, *defines, str(folder / "p.c"), "-o", str(folder / "p.elf")]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    return folder / "p.elf"


@pytest.mark.emulator
def test_calls_through_tables_count(tmp_path: Path) -> None:
    assert 400 <= stack.analyse(compiled(tmp_path), "arm", ()) <= 500


@pytest.mark.emulator
def test_recursion_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="not bounded: down calls down"):
        stack.analyse(compiled(tmp_path, "-DRECURSIVE"), "arm", ())
