# SPDX-License-Identifier: Apache-2.0
"""Estimated cycles: the log of an emulation, the listing, and what the Cortex-M4's manual says about its timing."""

from __future__ import annotations

from collections import Counter

import pytest

from intarsia import boards
from intarsia.cycles import cortex_m4, estimate, listing
from intarsia.cycles.listing import Instruction
from intarsia.cycles.trace import Log, Step
from intarsia.errors import StageError

LISTING = """
00000100 <layer>:
     100:\t2205      \tmovs\tr2, #5
     102:\tf851 0b04 \tldr.w\tr0, [r1], #4
     106:\t3a01      \tsubs\tr2, #1
     108:\td1fb      \tbne.n\t102 <layer+0x2>
     10a:\t4770      \tbx\tlr
"""
LOG = b"""
IN: invoke
0x00000080:  e7fe  b 0x100
Trace 0: 0x7f10 [00000000/00000080/00000110/ff000000] invoke
IN: itr_profile_mark
0x00000200:  4770  bx lr
Trace 0: 0x7f20 [00000000/00000200/00000110/ff000000] itr_profile_mark
IN: layer
0x00000100:  2205  movs r2, #5
0x00000102:  f851  ldr.w r0, [r1], #4
0x00000106:  3a01  subs r2, #1
0x00000108:  d1fb  bne.n 0x102
Trace 0: 0x7f30 [00000000/00000100/00000110/ff000000] layer
IN: layer
0x00000102:  f851  ldr.w r0, [r1], #4
0x00000106:  3a01  subs r2, #1
0x00000108:  d1fb  bne.n 0x102
Trace 0: 0x7f40 [00000000/00000102/00000110/ff000000] layer
Trace 0: 0x7f40 [00000000/00000102/00000110/ff000000] layer
Stopped execution of TB chain before 0x7f40 [00000102] layer
IN: layer
0x00000102:  f851  ldr.w r0, [r1], #4
Trace 0: 0x7f50 [00000000/00000102/00000110/ff000000] layer
IN: layer
0x00000106:  3a01  subs r2, #1
0x00000108:  d1fb  bne.n 0x102
Trace 0: 0x7f60 [00000000/00000106/00000110/ff000000] layer
Trace 0: 0x7f40 [00000000/00000102/00000110/ff000000] layer
Trace 0: 0x7f40 [00000000/00000102/00000110/ff000000] layer
IN: layer
0x0000010a:  4770  bx lr
Trace 0: 0x7f70 [00000000/0000010a/00000110/ff000000] layer
Trace 0: 0x7f20 [00000000/00000200/00000110/ff000000] itr_profile_mark
"""


def block(*lines: str) -> list[Instruction]:
    """Instructions written as "mnemonic operands", two bytes each."""
    parts = (line.partition(" ") for line in lines)
    return [Instruction(2 * i, 2, mnemonic, operands) for i, (mnemonic, _, operands) in enumerate(parts)]


def cycles(*lines: str, taken: bool = False) -> int:
    return cortex_m4.block_cycles(block(*lines), taken)


def test_a_log_tells_what_was_executed() -> None:
    """Blocks that did not begin, blocks that were cut, and loops into the middle of a block."""
    log = Log(invoke=0x80, mark=0x200, left_out=[range(0x200, 0x210)])
    log.read(LOG.splitlines())
    assert log.layers == [
        Counter(
            {
                Step(0x100, 0x108, 0x102): 1,
                Step(0x102, 0x108, 0x102): 2,
                Step(0x102, 0x102, 0x106): 1,
                Step(0x106, 0x108, 0x102): 1,
                Step(0x102, 0x108, 0x10A): 1,
                Step(0x10A, 0x10A, 0x200): 1,
            }
        ),
        Counter(),
    ]


def test_steps_times_cycles() -> None:
    listed = listing.parse(LISTING)
    assert [i.size for i in listed.values()] == [2, 4, 2, 2, 2]
    steps = Counter({Step(0x100, 0x108, 0x102): 1, Step(0x102, 0x108, 0x10A): 3})
    (found,) = estimate.estimate([steps], listed, cortex_m4.block_cycles)
    assert found.instructions == 4 + 3 * 3
    assert found.cycles == (1 + 2 + 1 + 1 + cortex_m4.REFILL) + 3 * (2 + 1 + 1)


def test_code_that_is_not_listed_is_named() -> None:
    with pytest.raises(StageError, match="0x300"):
        estimate.estimate([Counter({Step(0x300, 0x300, 0): 1})], {}, cortex_m4.block_cycles)


def test_loads_and_stores_overlap_as_in_the_manual() -> None:
    """The examples of "Load/store timings"."""
    assert cycles("ldr r0, [r1]", "ldr r1, [r2]") == 3
    assert cycles("ldr r0, [r1, r2]", "str r0, [r3, #20]") == 3
    assert cycles("ldr r0, [r1, r2]", "str r1, [r3, r2]") == 3
    assert cycles("ldr r0, [r1, r5]", "ldr r1, [r2]", "ldr r2, [r3, #4]") == 4
    assert cycles("ldr r0, [r1]", "ldr r2, [r0]") == 4
    assert cycles("str r0, [r1, #4]", "ldr r2, [r3]") == 3
    assert cycles("str r0, [r1, r2]") == 2
    assert cycles("ldrd r0, r1, [r2]", "ldr r3, [r4]") == 5
    assert cycles("ldrb.w r0, [r1], #1", "ldrsh.w r2, [r3, #2]") == 3


def test_addresses_that_were_just_computed_cost_a_cycle() -> None:
    assert cycles("adds r1, r1, #4", "ldr r0, [r1]") == 1 + 2 + 1
    assert cycles("adds r1, r1, #4", "movs r2, #0", "ldr r0, [r1]") == 1 + 1 + 2
    assert cycles("cmp r1, r2", "ldr r0, [r1]") == 3
    assert cycles("adds r1, r1, #4", "ldmia r1!, {r2, r3}") == 1 + 3 + 1


def test_other_instructions() -> None:
    assert cycles("smlad r0, r1, r2, r3", "ssat r0, #8, r0, asr #4", "sxtb16 r1, r2") == 3
    assert cycles("push {r4-r11, lr}") == 1 + 9
    assert cycles("vpush {d8-d9}") == 1 + 4
    assert cycles("pop {r4, pc}", taken=True) == 1 + 2 + cortex_m4.REFILL
    assert cycles("sdiv r0, r1, r2") == cortex_m4.DIVISION
    assert cycles("vfma.f32 s0, s1, s2", "vdiv.f32 s0, s1, s2", "vadd.f32 s0, s1, s2") == 3 + 14 + 1
    assert cycles("vldr s0, [r0]", "vstr d0, [r1, #8]") == 2 + 3
    assert cycles("blt.n 100") == 1
    assert cycles("bl 100", taken=True) == 1 + cortex_m4.REFILL
    assert cycles("bics r0, r1", "bfi r0, r1, #0, #8") == 2


def test_boards_with_a_timing() -> None:
    assert estimate.timing_of(boards.load("qemu-cortex-m4")) is cortex_m4.block_cycles
    assert estimate.timing_of(boards.load("qemu-cortex-m7")) is None
    assert estimate.timing_of(boards.load("host")) is None
