# SPDX-License-Identifier: Apache-2.0
"""Matrix products: four pixels by two channels, or one pixel by four channels, at a time.

Activations lie in a buffer of words, two words U and V for every four values x0..x3 of a pixel:

- format `h`: U = (x0, x2) as halfwords and V = x ^ 0x007f007f = (256 x1 + 127 - x0, 256 x3 + 127 - x2).
  Weights take one word for four values: H = (256 w0 + w1, 256 w2 + w3) as true sums, so
  SXTB16(H) = (w1, w3) and
      U . H + V . SXTB16(H) = 256 (x0 w0 + .. + x3 w3) + 127 (w1 + w3);
  the last term goes into the bias. Needs |w| <= 127. Codes of 4 bits are counted from the lowest one, and 15 takes the
  place of 127.
- format `w`: U = (x0, x2), V = (x1, x3), weights as two words of halfwords (w0, w2), (w1, w3), scaled by a
  power of 2.

The code loops over groups of four values, unrolled; one group comes before the loop and takes the bias as
addend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from intarsia_codegen.arm.requantize import Requantizer
from intarsia_codegen.asm import function, label, registers
from intarsia_codegen.generated import SourceFile

UNROLL4 = 8
"""Groups of four values in the unrolled loop of `gemm4`."""

UNROLL1 = 4
"""Groups of eight values in the unrolled loop of `gemv4`."""

ACCUMULATORS = [("r4", "r5"), ("r6", "r7"), ("r8", "r9"), ("r10", "r11")]  # of pixel p, channels 0 and 1
_SAVED = ["r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11"]

# Stack frame that entry, multiplying and requantization code share.
BUFFER, BUFFER_END, ENTERED, REQUANTIZE, _OUT, _PITCH, _END = range(0, 28, 4)
FRAME = 28
STACK_BYTES = FRAME + 36

ENTRY = "itr_dsp_gemm"
TAPS = "itr_dsp_taps"


def gemm_entry() -> SourceFile:
    """itr_dsp_gemm(buffer, run, out): lays the run's fields out on the stack and jumps to its code."""
    lines = [
        f"push {registers([*_SAVED, 'lr'])}",
        f"sub sp, sp, #{FRAME}",
        "ldm r1, {r1, r4, r5, r6, r7, r8, r9}",  # the run's fields in order
        "add r9, r9, r0",
        f"strd r0, r9, [sp, #{BUFFER}]",
        f"strd r6, r7, [sp, #{ENTERED}]",
        f"strd r2, r8, [sp, #{_OUT}]",
        f"str r4, [sp, #{_END}]",
        "mov pc, r5",
    ]
    return function(
        ENTRY, "Common entry of all matrix products; the code of a run is reached by jumps.", lines
    )


def _epilogue(loop: str) -> list[str]:
    """r1 is the stream, r3 its end: goes on with the next channels or returns."""
    return ["cmp r1, r3", f"bne {loop}", f"add sp, sp, #{FRAME}", f"pop {registers([*_SAVED, 'pc'])}"]


def _group4(wide: bool, bias: tuple[str, str] | None) -> list[str]:
    """Four values of four pixels times two channels. `bias` is the addend of the first products."""
    lines = []
    for half in range(2):
        if not half or wide:
            lines.append("ldrd r12, lr, [r1], #8")
        else:
            lines += ["sxtb16 r12, r12", "sxtb16 lr, lr"]
        for pair in range(2):
            lines.append("ldrd r2, r3, [r0], #8")
            for pixel, value in ((2 * pair, "r2"), (2 * pair + 1, "r3")):
                for channel, weight in enumerate(("r12", "lr")):
                    total = ACCUMULATORS[pixel][channel]
                    addend = bias[channel] if bias and not half else total
                    lines.append(f"smlad {total}, {value}, {weight}, {addend}")
    return lines


@dataclass(frozen=True)
class Product:
    """Code that multiplies four pixels by the channels of a run, two at a time; `<symbol>_loop` is its unrolled loop.

    `group`: instructions for four values. `before`: groups before the loop. `more`: instructions for a pair of
    channels beyond those of the others. `start_bytes` of the buffer lie before the activations.
    """

    source: SourceFile
    group: int
    before: int = 1
    more: int = 0
    start_bytes: int = 0

    @property
    def symbol(self) -> str:
        return self.source.name.removesuffix(".S")

    def buffer_bytes(self, groups: int) -> int:
        return self.start_bytes + 32 * groups

    def entry(self, groups: int) -> str:
        """Where the loop is entered first, for a number of groups of four values (at least 1)."""
        left = groups - self.before
        skipped = -left % UNROLL4 if left else UNROLL4
        return f"{self.symbol}_loop + {4 * self.group * skipped}"


def gemm4(wide: bool) -> Product:
    """The product of formats `h` and `w`."""
    name = f"itr_dsp_gemm4{'w' if wide else 'h'}"
    lines = [
        f"ldr r0, [sp, #{BUFFER}]",
        "ldrd r10, r11, [r1], #8",
        *_group4(wide, ACCUMULATORS[3]),
        f"ldr pc, [sp, #{ENTERED}]",
        *label(f"{name}_loop"),
        *_group4(wide, None) * UNROLL4,
        f"ldr r2, [sp, #{BUFFER_END}]",
        "cmp r0, r2",
        f"bne {name}_loop",
        f"ldr pc, [sp, #{REQUANTIZE}]",
    ]
    comment = (
        "r0 activations, r1 weight stream, r2-r3 activations, r12 and lr weights, r4-r11 sums of\n"
        "   4 pixels x 2 channels. The bias, in the last pixel's sums, is the addend of the first products."
    )
    return Product(function(name, comment, lines), len(_group4(wide, None)))


def gemm4_requantize(
    requantizer: Requantizer, base: str, store: str = "pairs", before: Sequence[str] = ()
) -> tuple[str, SourceFile]:
    """Label and source of what the product `base` jumps to with its sums: requantizes and stores 4 x 2 outputs.

    `store` is how the two channels are stored: "pairs" side by side, as bytes or halves of a byte, "single" the first
    one only, "scattered" at offsets that the stream gives (only without a clamp). Instructions `before` make the sums.
    """
    name = f"{base}_{requantizer.name}" + ("" if store == "pairs" else f"_{store}")
    lines = [
        *before,
        *_requantize_channel(requantizer, 0),
        *_requantize_channel(requantizer, 1),
        *(_store_scattered() if store == "scattered" else _store_together(requantizer, store)),
        *_epilogue(base),
    ]
    comment = f"Requantizes the sums of {base} and stores them; constants come from the stream in r1."
    return name, function(name, comment, lines)


def _requantize_channel(requantizer: Requantizer, channel: int) -> list[str]:
    """One channel of four pixels, constants loaded once for all if registers hold them."""
    sums = [pair[channel] for pair in ACCUMULATORS]
    if requantizer.form is None:
        lines = [line for total in sums for line in requantizer.from_memory(total, "r1", 0, ("r2", "r3"))]
        return [*lines, f"add r1, r1, #{4 * requantizer.words}"]
    if requantizer.form.signed:
        constants = ("r2", "r3", "r12")
        return ["ldm r1!, {r2, r3, r12}"] + [
            line for total in sums for line in requantizer.sign_form(total, constants, "lr")
        ]
    return ["ldrd r2, r3, [r1], #8"] + [
        line for total in sums for line in requantizer.two_instructions(total, "r2", "r3")
    ]


def _store_together(requantizer: Requantizer, store: str) -> list[str]:
    """Packs the channels of a pixel, clamps them if need be and stores both, or the first."""
    first, bits = [pair[0] for pair in ACCUMULATORS], requantizer.bits
    apart = 8 if requantizer.clamps else bits
    lines = [f"bfi {low}, {high}, #{apart}, #{apart}" for low, high in ACCUMULATORS]
    if requantizer.clamps:
        lines.append("ldrd r2, r3, [r1], #8")
        lines += [line for value in first for line in clamp_bytes(value, "r2", "r3", "r12")]
    if apart > bits:
        closer = [(f"lsr {high}, {low}, #8", f"bfi {low}, {high}, #4, #4") for low, high in ACCUMULATORS]
        lines += [line for pair in closer for line in pair]
    instruction, size = ("strb", 1) if store == "single" or bits == 4 else ("strh", 2)
    return [
        *lines,
        f"ldrd r2, r12, [sp, #{_OUT}]",
        f"ldr r3, [sp, #{_END}]",
        f"{instruction} {first[1]}, [r2, r12]",
        f"{instruction} {first[2]}, [r2, r12, lsl #1]",
        "add r12, r12, r12, lsl #1",
        f"{instruction} {first[3]}, [r2, r12]",
        f"{instruction} {first[0]}, [r2], #{size}",
        f"str r2, [sp, #{_OUT}]",
    ]


def _store_scattered() -> list[str]:
    """Stores each channel at its own offset, four pixels."""
    lines = [f"ldrd r2, r12, [sp, #{_OUT}]", "add lr, r12, r12, lsl #1"]
    for channel in range(2):
        sums = [pair[channel] for pair in ACCUMULATORS]
        lines += ["ldr r3, [r1], #4", "add r3, r3, r2", f"strb {sums[0]}, [r3]", f"strb {sums[1]}, [r3, r12]"]
        lines += [f"strb {sums[2]}, [r3, r12, lsl #1]", f"strb {sums[3]}, [r3, lr]"]
    return [*lines, f"ldr r3, [sp, #{_END}]"]


def clamp_bytes(value: str, minimum: str, maximum: str, free: str) -> list[str]:
    """Clamps the four bytes of a register."""
    return [
        f"ssub8 {free}, {value}, {minimum}",
        f"sel {value}, {value}, {minimum}",
        f"ssub8 {free}, {value}, {maximum}",
        f"sel {value}, {maximum}, {value}",
    ]


def _group1(wide: bool) -> list[str]:
    """Eight values of one pixel times four channels."""
    lines = ["ldm r0!, {r2, r3, r12, lr}"]
    for u, v in (("r2", "r3"), ("r12", "lr")):
        lines.append("ldm r1!, {r8, r9, r10, r11}")
        lines += [f"smlad r{4 + c}, {u}, r{8 + c}, r{4 + c}" for c in range(4)]
        if wide:
            lines.append("ldm r1!, {r8, r9, r10, r11}")
        else:
            lines += [f"sxtb16 r{8 + c}, r{8 + c}" for c in range(4)]
        lines += [f"smlad r{4 + c}, {v}, r{8 + c}, r{4 + c}" for c in range(4)]
    return lines


def gemv4(wide: bool) -> SourceFile:
    """Multiplies one pixel by the channels of a run, four at a time; `<name>_loop` is the unrolled loop."""
    name = f"itr_dsp_gemv4{'w' if wide else 'h'}"
    lines = [
        f"ldr r0, [sp, #{BUFFER}]",
        "ldm r1!, {r4, r5, r6, r7}",
        f"ldr pc, [sp, #{ENTERED}]",
        *label(f"{name}_loop"),
        *_group1(wide) * UNROLL1,
        f"ldr r2, [sp, #{BUFFER_END}]",
        "cmp r0, r2",
        f"bne {name}_loop",
        f"ldr pc, [sp, #{REQUANTIZE}]",
    ]
    comment = "r0 buffer, r1 stream, r2, r3, r12, lr activations, r8-r11 weights, r4-r7 sums of 4 channels."
    return function(name, comment, lines)


def skip1(groups: int, wide: bool) -> int:
    """Bytes of the unrolled loop to skip on entry, for a number of groups of eight values (at least 1)."""
    return (-groups % UNROLL1) * 4 * len(_group1(wide))


def gemv4_requantize(requantizer: Requantizer, base: str) -> tuple[str, SourceFile]:
    """Label and source of what `base` jumps to with sums of four channels: requantizes and stores."""
    name = f"{base}_{requantizer.name}"
    lines = [f"ldr r8, [sp, #{_OUT}]"]
    for channel in range(4):
        total = f"r{4 + channel}"
        lines += requantizer.from_memory(total, "r1", 0, ("r2", "r3"))
        lines.append(f"add r1, r1, #{4 * requantizer.words}")
    bits = requantizer.bits
    apart = 8 if requantizer.clamps else bits
    lines += [
        f"bfi r4, {total}, #{place * apart}, #{apart}" for place, total in ((1, "r5"), (2, "r6"), (3, "r7"))
    ]
    if requantizer.clamps:
        lines += ["ldrd r2, r3, [r1], #8", *clamp_bytes("r4", "r2", "r3", "r12")]
        for place in range(1, 4 if bits < 8 else 0):
            lines += [f"lsr r5, r4, #{8 * place}", f"bfi r4, r5, #{place * bits}, #{bits}"]
    store, size = {8: "str", 4: "strh", 2: "strb"}[bits], bits // 2
    lines += [
        f"{store} r4, [r8], #{size}",
        f"str r8, [sp, #{_OUT}]",
        f"ldr r3, [sp, #{_END}]",
        *_epilogue(base),
    ]
    comment = f"Requantizes the sums of {base} and stores them; constants come from the stream in r1."
    return name, function(name, comment, lines)


def taps() -> SourceFile:
    """Depthwise products of one pixel, four channels at a time, for windows of any shape.

    A run's entry is a table of byte offsets of the window's taps, its pitch the number of pairs of taps.
    Two taps of four channels become four words of two halfwords, in 10 instructions; their weights follow
    in the stream.
    """
    lines = [
        f"ldr r0, [sp, #{BUFFER}]",
        "ldm r1!, {r4, r5, r6, r7}",
        f"ldr r3, [sp, #{ENTERED}]",
        f"ldr r2, [sp, #{_PITCH}]",
        "1:",
        "ldrd r12, lr, [r3], #8",
        "ldr r8, [r0, r12]",
        "ldr r9, [r0, lr]",
        "sxtb16 r10, r8",
        "sxtb16 r11, r8, ror #8",
        "sxtb16 r12, r9",
        "sxtb16 lr, r9, ror #8",
        "pkhbt r8, r10, r12, lsl #16",
        "pkhtb r10, r12, r10, asr #16",
        "pkhbt r9, r11, lr, lsl #16",
        "pkhtb r11, lr, r11, asr #16",
        "ldrd r12, lr, [r1], #8",
        "smlad r4, r8, r12, r4",
        "smlad r5, r9, lr, r5",
        "ldrd r12, lr, [r1], #8",
        "smlad r6, r10, r12, r6",
        "smlad r7, r11, lr, r7",
        "subs r2, r2, #1",
        "bne 1b",
        "add r0, r0, #4",
        f"str r0, [sp, #{BUFFER}]",
        f"ldr pc, [sp, #{REQUANTIZE}]",
    ]
    comment = "r0 pixel, r1 weight stream, r2 pairs of taps left, r3 offsets, r4-r7 sums of 4 channels."
    return function(TAPS, comment, lines)
