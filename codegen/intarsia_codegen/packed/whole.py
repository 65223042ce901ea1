# SPDX-License-Identifier: Apache-2.0
"""Packed layers without windows by kernels for int8: FULLY_CONNECTED at once, ADD a few runs at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from intarsia.fixedpoint import INT32_MAX
from intarsia.kernelcall import Constant, KernelCall
from intarsia_codegen.generated import GeneratedKernel, SourceFile
from intarsia_codegen.packed.codes import Codes
from intarsia_codegen.packed.entry import Entry
from intarsia_codegen.requantization import reachable

CHUNK_CODES = 512
"""Aim for the codes of an operand that are unpacked at a time."""

_CHUNK = 60
"""Instructions of a chunk beside its codes."""

Generate = Callable[[KernelCall, str], GeneratedKernel | None]


def plain(constant: Constant) -> Constant:
    """A constant with one code per byte."""
    return replace(constant, data=constant.data.astype(np.int8), bits=()) if constant.bits else constant


def whole_bytes(count: int) -> int:
    """Bytes rounded up so that what follows is aligned."""
    return -(-count // 8) * 8


def int8_holds(call: KernelCall, matrix: np.ndarray) -> bool:
    """Whether 32 bits hold the sums of weights [channels, taps] over all int8 codes, more than a packed map has."""
    ends = reachable(
        matrix.astype(np.int64) - call.integer("weights_zero"), call.constant("bias"), call.integer("in_zero")
    )
    magnitude = np.maximum(*(np.abs(end) for end in ends))
    shift = call.constant("shift").astype(np.int64)
    if call.contract.endswith("_once"):
        factors = np.broadcast_arrays(magnitude, call.constant("multiplier"), shift)
        once = zip(*(f.tolist() for f in factors), strict=True)
        return all(m * factor + (1 << s >> 1) < 1 << 63 and m <= INT32_MAX for m, factor, s in once)
    return bool((magnitude <= INT32_MAX >> np.clip(shift, 0, 31)).all())


def _text(call: KernelCall, codes: Codes, prototype: str, inner: str, body: list[str]) -> str:
    lines = "\n".join(f"  {line}" for line in body)
    return f"""// SPDX-License-Identifier: Apache-2.0
/* Packed feature maps through an int8 kernel. */
#include "intarsia/{call.op}.h"
#include "intarsia/packed.h"
#include "{codes.header}"

{prototype};
{inner}

{prototype} {{
{lines}
}}
"""


def matrix_vector(
    call: KernelCall, name: str, codes: Codes, contract: str, generate: Generate
) -> GeneratedKernel | None:
    """FULLY_CONNECTED through the generator of the int8 contract; None where that has none."""
    if call.variants or not int8_holds(call, call.constant("weights")):
        return None
    dropped = ("in_bits", "out_bits", "mixed", "in_run")
    inner = generate(
        replace(
            call,
            contract=contract,
            params={k: v for k, v in call.params.items() if k not in dropped},
            constants=tuple(plain(c) for c in call.constants if c.name != "weights_bits"),
            scratch=None,
        ),
        f"{name}_s8",
    )
    if inner is None:
        return None
    batch, columns, units = (call.integer(k) for k in ("batch", "columns", "units"))
    in_bits, out_bits, run = (call.integer(k) for k in ("in_bits", "out_bits", "in_run"))
    in_bytes = 0 if in_bits == 8 else whole_bytes(batch * columns)
    out_bytes = 0 if out_bits == 8 else whole_bytes(batch * units)
    source = "in" if in_bits == 8 else "scratch"
    target = "out" if out_bits == 8 else f"(int8_t *)scratch + {in_bytes}"
    rest = "" if inner.scratch is None else f", (int8_t *)scratch + {in_bytes + out_bytes}"
    body = [f"{inner.function}({source}, {target}{rest});"]
    if in_bits < 8:
        body.insert(0, f"itr_{codes.word}_unpack(in, {batch * columns // run}, {run}, {in_bits}, scratch);")
    if out_bits < 8:
        body.append(f"itr_{codes.word}_pack({target}, {batch}, {units}, {out_bits}, out);")
    if not in_bytes + out_bytes + (inner.scratch or 0):
        body.append("(void)scratch;")
    moving = codes.unpacked(batch * columns // run, run, in_bits) + codes.packed(batch, units, out_bits)
    prototype = Entry(call, name).prototype
    text = SourceFile(f"{name}.c", _text(call, codes, prototype, inner.prototype, body))
    return GeneratedKernel(
        name,
        f"{prototype};",
        (text, *codes.sources(), *inner.sources),
        round(inner.cost + moving + 50),
        scratch=in_bytes + out_bytes + (inner.scratch or 0),
        stack_bytes={**inner.stack_bytes, **codes.stack_bytes},
    )


def addition(call: KernelCall, name: str, codes: Codes, generate: Generate) -> GeneratedKernel | None:
    """ADD of two feature maps through the int8 generator; None where that has none."""
    if len(call.inputs) != 2 or call.constants:
        return None
    chunks = _Chunks.of(call)
    dropped = ("runs", "count", "a_bits", "b_bits", "out_bits")
    kept = {k: v for k, v in call.params.items() if k not in dropped}
    branches = tuple({"size": size, **kept} for size in sorted(chunks.sizes, reverse=True))
    inner = generate(
        replace(call, contract="add_s8", params=branches[0], variants=branches, inplace=(), scratch=None),
        f"{name}_s8",
    )
    if inner is None or not inner.takes_params or inner.scratch is not None:
        return None
    room = whole_bytes(chunks.parts * chunks.count)
    entry = Entry(call, name, ("const void *a", "const void *b", "void *out"))
    members = ", ".join(f".{k} = {v}" for k, v in kept.items())
    total = f"p->{chunks.counted}" if entry.takes_params else str(call.integer(chunks.counted))
    runs, length = ("part", str(chunks.count)) if chunks.counted == "runs" else ("1", "part")
    body = [
        f"const int32_t total = {total};",
        "int8_t *const room = scratch;",
        f"for (int32_t r = 0; r < total; r += {chunks.parts}) {{",
        f"const int32_t part = total - r < {chunks.parts} ? total - r : {chunks.parts};",
        f"const itr_add_s8_params q = {{.size = part * {chunks.count}, {members}}};",
    ]
    arguments = []
    for place, operand in enumerate(("a", "b", "out")):
        bits = call.integer(f"{operand}_bits")
        const = "" if operand == "out" else "const "
        at = f"{operand}_part"
        before = (
            f"r * itr_packed_bytes({chunks.count}, {bits})"
            if runs == "part"
            else f"itr_packed_bytes(r, {bits})"
        )
        body.append(f"{const}uint8_t *const {at} = ({const}uint8_t *){operand} + {before};")
        if bits < 8 and operand != "out":
            body.append(f"itr_{codes.word}_unpack({at}, {runs}, {length}, {bits}, room + {place * room});")
        arguments.append(f"({const}int8_t *){at}" if bits == 8 else f"room + {place * room}")
    body.append(f"{inner.function}(&q, {', '.join(arguments)});")
    out_bits = call.integer("out_bits")
    if out_bits < 8:
        body.append(f"itr_{codes.word}_pack({arguments[2]}, {runs}, {length}, {out_bits}, out_part);")
    body.append("}")
    text = SourceFile(f"{name}.c", _text(call, codes, entry.prototype, inner.prototype, body))
    return GeneratedKernel(
        name,
        f"{entry.prototype};",
        (text, *codes.sources(), *inner.sources),
        chunks.cost(call, codes, inner.cost / sum(chunks.sizes)),
        scratch=3 * room,
        inplace=call.inplace,
        stack_bytes={**inner.stack_bytes, **codes.stack_bytes},
        takes_params=entry.takes_params,
    )


@dataclass(frozen=True)
class _Chunks:
    """How the codes of a layer are cut: `parts` at a time of what the parameter `counted` counts, `count` codes each.

    `sizes` are the codes of the chunks of all branches, `codes` those of everything in `number` chunks. Branches differ
    in the number of their runs, or, where runs are joined to one, in its length.
    """

    counted: str
    parts: int
    count: int
    sizes: frozenset[int]
    codes: int
    number: int

    @staticmethod
    def of(call: KernelCall) -> _Chunks:
        shapes = [(int(str(p["runs"])), int(str(p["count"]))) for p in call.variants or (call.params,)]
        joined = all(runs == 1 for runs, _ in shapes)
        counted, count = ("count", 1) if joined else ("runs", call.integer("count"))
        parts = CHUNK_CODES if joined else max(1, CHUNK_CODES // count)
        totals = [length if joined else runs for runs, length in shapes]
        sizes = {min(parts, total) * count for total in totals} | {total % parts * count for total in totals}
        number = sum(-(-total // parts) for total in totals)
        codes = sum(runs * length for runs, length in shapes)
        return _Chunks(counted, parts, count, frozenset(sizes - {0}), codes, number)

    def cost(self, call: KernelCall, codes: Codes, each: float) -> int:
        """Instructions, with `each` for the sum of two codes."""
        a, b, out = (call.integer(f"{operand}_bits") for operand in ("a", "b", "out"))
        runs, count = (self.codes // self.count, self.count) if self.counted == "runs" else (1, self.codes)
        moving = sum(codes.unpacked(runs, count, bits) for bits in (a, b)) + codes.packed(runs, count, out)
        return round(self.codes * each + moving + self.number * _CHUNK)
