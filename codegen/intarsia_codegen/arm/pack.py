# SPDX-License-Identifier: Apache-2.0
"""Widening of int8 activations into the buffers of the matrix products (formats in `gemm` and `nibbles`).

Formats are named by their letter.

`order` tells, for each position of the packed window, which value of the window it holds, or -1 for a
position whose weight must be 0. A window is `rows` segments of contiguous bytes. Segments that are no
multiple of four end with a word that overlaps the one before, so nothing beyond the segment is read.
"""

from __future__ import annotations

from intarsia_codegen.asm import function, registers
from intarsia_codegen.generated import SourceFile

_POINTERS = ["r1", "r2", "r3", "r12"]  # of four pixels
_RAW = ["r4", "r5", "r6", "r7"]
_WIDE = ["r8", "r9", "r10", "r11"]
_SAVED = ["r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11"]
_WORDS, _ROWS, _STEP, _OVERLAP = 0, 4, 8, 12

ENTRY = "itr_dsp_pack4"
STACK_BYTES = 60

ENTRY_ONE = "itr_dsp_pack1"
STACK_BYTES_ONE = 16

MAX_STRAIGHT_WORDS = 24

START_BYTES = 32
"""Of a buffer of format `n`, before the activations: the start of the sums of two channels for each pixel."""


def rows_order(rows: int, segment: int) -> list[int]:
    """Order of the packed window for `pack_rows` (segment >= 4)."""
    order = []
    for row in range(rows):
        order += [row * segment + i for i in range(segment // 4 * 4)]
        if rest := segment % 4:
            order += [-1] * (4 - rest) + [row * segment + i for i in range(segment - rest, segment)]
    return order


def straight_order(rows: int, segment: int) -> list[int]:
    """Order of the window for `pack_straight`: whole words row by row, then the rest of all rows."""
    whole = segment // 4 * 4
    order = [row * segment + i for row in range(rows) for i in range(whole)]
    order += [row * segment + i for row in range(rows) for i in range(whole, segment)]
    return order + [-1] * (-len(order) % 4)


def pack_entry() -> SourceFile:
    """itr_dsp_pack4(buffer, four pixel pointers, pack): jumps to the code that `pack` names."""
    lines = [
        f"push {registers([*_SAVED, 'lr'])}",
        "ldm r2, {r3, r4, r5, r6, r7}",  # code, words, rows, step, overlap
        f"push {registers(_RAW)}",
        f"ldm r1, {registers(['r1', 'r2', 'r4', 'r12'])}",
        "mov r5, r3",
        "mov r3, r4",
        "mov pc, r5",
    ]
    return function(ENTRY, "Common entry of all ways to pack four pixels.", lines)


_EXIT = ["add sp, sp, #16", f"pop {registers([*_SAVED, 'pc'])}"]


def _widen(form: str) -> list[str]:
    """Four words of raw bytes to U and V, stored."""
    if form == "n":
        return _widen_for_nibbles()
    lines = [f"sxtb16 {w}, {r}" for w, r in zip(_WIDE, _RAW, strict=True)]
    if form == "w":
        lines += [f"sxtb16 {r}, {r}, ror #8" for r in _RAW]
    else:
        lines += [f"eor {r}, {r}, #0x007f007f" for r in _RAW]
    return [*lines, f"stm r0!, {registers(_WIDE)}", f"stm r0!, {registers(_RAW)}"]


def _widen_for_nibbles() -> list[str]:
    """Codes are counted from the lowest one: A = 16 times those of even places, B = the others minus A. Mask in lr."""
    return [
        *[f"eor {r}, {r}, #0x80808080" for r in _RAW],
        *[f"and {w}, lr, {r}, lsl #4" for w, r in zip(_WIDE, _RAW, strict=True)],
        *[f"uxtb16 {r}, {r}, ror #8" for r in _RAW],
        *[f"ssub16 {r}, {r}, {w}" for w, r in zip(_WIDE, _RAW, strict=True)],
        f"stm r0!, {registers(_WIDE)}",
        f"stm r0!, {registers(_RAW)}",
    ]


_START_FRAME, _LEFT = 8, 4


def _begin(form: str) -> list[str]:
    """Format `n` leaves room for the start of the sums, and keeps where that is, and words left."""
    if form != "n":
        return []
    return ["push {r0, lr}", f"add r0, r0, #{START_BYTES}", "movw lr, #0x0ff0", "movt lr, #0x0ff0"]


def _end(form: str) -> list[str]:
    """Leaves; format `n` first writes the starts of both channels for each pixel (see `nibbles`)."""
    if form != "n":
        return _EXIT
    lines = ["pop {r1, lr}", f"add r2, r1, #{START_BYTES}", "mvn r12, #7", "pkhbt r12, r12, r12, lsl #16"]
    lines += [f"mov {total}, #0" for total in _RAW]
    lines += ["8:", f"ldm r2, {registers(_WIDE)}", "add r2, r2, #32"]
    lines += [f"smlad {total}, {a}, r12, {total}" for total, a in zip(_RAW, _WIDE, strict=True)]
    lines += ["cmp r2, r0", "bne 8b"]
    for total, other in zip(_RAW, _WIDE, strict=True):
        lines += [f"lsl {other}, {total}, #8", f"strd {total}, {other}, [r1], #8"]
    return [*lines, *_EXIT]


def pack_rows(form: str) -> tuple[str, SourceFile]:
    """Label and source of the loop for windows of any number of rows."""
    name = f"{ENTRY}{form}_rows"
    frame, left = (_START_FRAME, "r4") if form == "n" else (0, "lr")
    load = [f"ldr {raw}, [{pointer}], #4" for raw, pointer in zip(_RAW, _POINTERS, strict=True)]
    lines = [
        *_begin(form),
        "1:",
        f"ldr {left}, [sp, #{frame + _WORDS}]",
        "2:",
        *([f"str {left}, [sp, #{_LEFT}]"] if frame else []),
        *load,
        *_widen(form),
        *([f"ldr {left}, [sp, #{_LEFT}]"] if frame else []),
        f"subs {left}, {left}, #1",
        "bne 2b",
        f"ldr r4, [sp, #{frame + _OVERLAP}]",
        "cmp r4, #0",
        "beq 3f",
        *[f"add {pointer}, {pointer}, r4" for pointer in _POINTERS],
        *load,
        *_widen(form),
        "3:",
        f"ldrd r5, r4, [sp, #{frame + _ROWS}]",
        "subs r5, r5, #1",
        f"str r5, [sp, #{frame + _ROWS}]",
        *[f"add {pointer}, {pointer}, r4" for pointer in _POINTERS],
        "bne 1b",
        *_end(form),
    ]
    return name, function(name, "r1, r2, r3, r12 pixels, r0 buffer, lr words left or mask.", lines)


def codes_order(rows: int, segment: int) -> list[int]:
    """Order of the packed window for `pack_codes`: segments of so many codes, whole words of 8."""
    words = [row * segment + word for row in range(rows) for word in range(0, segment, 8)]
    return [word + code for word in words for code in (0, 1, 4, 5, 2, 3, 6, 7)]


def vector_order(columns: int, bits: int) -> list[int]:
    """Order of a vector for `pack_one` of codes of 4 or 2 bits: whole words."""
    half = 16 // bits
    of_word = [code + place for code in range(0, half, 2) for place in (0, 1, half, half + 1)]
    return [word + code for word in range(0, columns, 2 * half) for code in of_word]


def pack_codes(form: str) -> tuple[str, SourceFile]:
    """Label and source of the loop for windows of packed codes of 4 bits, which become codes from 0 to 15."""
    name = f"{ENTRY}{form}_codes"
    lines = ["1:", f"ldr lr, [sp, #{_WORDS}]", "2:", f"str lr, [sp, #{_OVERLAP}]"]
    lines += [f"ldr {raw}, [{pointer}], #4" for raw, pointer in zip(_RAW, _POINTERS, strict=True)]
    lines += [f"eor {raw}, {raw}, #0x88888888" for raw in _RAW]
    for half in range(2):
        lines += [f"lsr {raw}, {raw}, #8" for raw in _RAW] if half else []
        lines += [f"and {u}, {raw}, #0x000f000f" for u, raw in zip(_WIDE, _RAW, strict=True)]
        lines.append(f"stm r0!, {registers(_WIDE)}")
        for v, raw in zip(_WIDE, _RAW, strict=True):
            lines.append(f"and lr, {raw}, #0x00f000f0")
            if form == "w":
                lines.append(f"lsr {v}, lr, #4")
            else:
                lines += [f"eor {v}, {v}, #0x000f000f", f"orr {v}, {v}, lr, lsl #4"]
        lines.append(f"stm r0!, {registers(_WIDE)}")
    lines += [
        f"ldr lr, [sp, #{_OVERLAP}]",
        "subs lr, lr, #1",
        "bne 2b",
        f"ldrd lr, r4, [sp, #{_ROWS}]",
        "subs lr, lr, #1",
        f"str lr, [sp, #{_ROWS}]",
        *[f"add {pointer}, {pointer}, r4" for pointer in _POINTERS],
        "bne 1b",
        *_EXIT,
    ]
    return name, function(name, "r1, r2, r3, r12 pixels, r0 buffer; words left in memory.", lines)


def pack_straight(rows: int, segment: int, pitch: int, form: str) -> tuple[str, SourceFile] | None:
    """Label and source of straight code for a small window, rows `pitch` bytes apart; else None."""
    words = len(straight_order(rows, segment)) // 4
    if words > MAX_STRAIGHT_WORDS or (rows - 1) * pitch + segment > 4095:
        return None
    name = f"{ENTRY}{form}_{rows}x{segment}_{pitch}"
    whole = segment // 4
    lines = _begin(form)
    for row in range(rows):
        for word in range(whole):
            at = row * pitch + 4 * word
            lines += [f"ldr {raw}, [{p}, #{at}]" for raw, p in zip(_RAW, _POINTERS, strict=True)]
            lines += _widen(form)
    rest = [row * pitch + i for row in range(rows) for i in range(4 * whole, segment)]
    for start in range(0, len(rest), 4):
        for raw, pointer in zip(_RAW, _POINTERS, strict=True):
            for byte, at in enumerate(rest[start : start + 4]):
                if byte == 0:
                    lines.append(f"ldrb {raw}, [{pointer}, #{at}]")
                else:
                    lines += [f"ldrb r8, [{pointer}, #{at}]", f"orr {raw}, {raw}, r8, lsl #{8 * byte}"]
        lines += _widen(form)
    lines += _end(form)
    return name, function(name, f"{rows} rows of {segment} bytes, {pitch} bytes apart.", lines)


def pack_one_entry() -> SourceFile:
    """itr_dsp_pack1(buffer, in, pack): one pixel, one segment; jumps to the code that `pack` names."""
    lines = ["push {r4, r5, r6, lr}", "ldrd r3, r4, [r2]", "ldr r5, [r2, #16]", "mov pc, r3"]
    return function(ENTRY_ONE, "Common entry of the ways to pack one pixel.", lines)


def pack_one(form: str, bits: int = 8) -> tuple[str, SourceFile]:
    """Label and source of the loop for one pixel: bytes, or packed codes of 4 or 2 bits, counted from 0 on."""
    if bits < 8:
        return _pack_one_of_codes(form, bits)
    name = f"{ENTRY_ONE}{form}"
    step = [
        "ldr r3, [r1], #4",
        "sxtb16 r2, r3",
        "sxtb16 r3, r3, ror #8" if form == "w" else "eor r3, r3, #0x007f007f",
        "strd r2, r3, [r0], #8",
    ]
    lines = [
        "1:",
        *step,
        "subs r4, r4, #1",
        "bne 1b",
        "cmp r5, #0",
        "beq 2f",
        "add r1, r1, r5",
        *step,
        "2:",
        "pop {r4, r5, r6, pc}",
    ]
    return name, function(name, "r0 buffer, r1 bytes, r4 words left, r5 overlap.", lines)


def _pack_one_of_codes(form: str, bits: int) -> tuple[str, SourceFile]:
    name = f"{ENTRY_ONE}{form}_codes{bits}"
    code = (1 << bits) - 1
    step = ["ldr r12, [r1], #4", f"eor r12, r12, #{0x88888888 if bits == 4 else 0xAAAAAAAA:#x}"]
    for group in range(8 // bits):
        u, v = (("r2", "r3"), ("r5", "r6"))[group % 2]
        step += [f"lsr r12, r12, #{2 * bits}"] if group else []
        step += [f"and {u}, r12, #{code * 0x10001:#x}", f"and lr, r12, #{(code << bits) * 0x10001:#x}"]
        if form == "w":
            step.append(f"lsr {v}, lr, #{bits}")
        else:
            step += [f"eor {v}, {u}, #0x000f000f", f"orr {v}, {v}, lr, lsl #{8 - bits}"]
        step += ["stm r0!, {r2, r3, r5, r6}"] if group % 2 else []
    lines = ["tst r4, #1", "bne 2f", "1:", *step, "2:", *step, "subs r4, r4, #2", "bgt 1b"]
    comment = "r0 buffer, r1 packed codes, r4 words left, two at a time but for the first of an odd number."
    return name, function(name, comment, [*lines, "pop {r4, r5, r6, pc}"])
