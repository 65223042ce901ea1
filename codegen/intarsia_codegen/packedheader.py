# SPDX-License-Identifier: Apache-2.0
"""Makes `firmware/include/intarsia/packed.h` from the definition of packed types in `intarsia.dtypes`.

Run `python -m intarsia_codegen.packedheader` after a change there; a test compares the file with `text()`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from intarsia import assets
from intarsia.dtypes import NARROW, DType
from intarsia_codegen import ctext

_HEAD = """// SPDX-License-Identifier: Apache-2.0
/* Feature maps and weights of 8, 4 and 2 bits. Made by `python -m intarsia_codegen.packedheader`
 * from sdk/intarsia/dtypes.py: change it there.
 *
 * A run is all elements along the innermost axis. Element i lies at bit i * bits of its run, counted
 * from the lowest bit of the first byte, as two's complement. Every run starts at a byte; bits
 * behind its last element mean nothing. */
#ifndef INTARSIA_PACKED_H
#define INTARSIA_PACKED_H

#include <stdint.h>

/* Elements that kernels unpack at once: whole bytes at every width. */
#define ITR_PACKED_BLOCK 32

/* Bytes of a run. */
static inline int32_t itr_packed_bytes(int32_t count, int32_t bits) {
  return (count * bits + 7) >> 3;
}

/* The code in the lowest bits of a field. */
static inline int32_t itr_packed_code(uint32_t field, int32_t bits) {
  return (int32_t)(field << (32 - bits)) >> (32 - bits);
}

/* The lowest bits of a code, as the index into a table of all codes. */
static inline uint32_t itr_packed_field(int32_t code, int32_t bits) {
  return (uint32_t)code & ((1u << bits) - 1u);
}

/* Element i of a run. */
static inline int32_t itr_packed_load(const uint8_t *run, int32_t i, int32_t bits) {
  const int32_t place = i * bits;
  return itr_packed_code((uint32_t)run[place >> 3] >> (place & 7), bits);
}

/* Writes element i of a run and leaves the others. */
static inline void itr_packed_store(uint8_t *run, int32_t i, int32_t bits, int32_t code) {
  const int32_t place = i * bits;
  const uint32_t mask = ((1u << bits) - 1u) << (place & 7);
  const uint32_t field = itr_packed_field(code, bits) << (place & 7);
  run[place >> 3] = (uint8_t)((run[place >> 3] & ~mask) | field);
}

/* Writes element i of a run that is written in ascending order: what lies behind it is lost. */
static inline void itr_packed_append(uint8_t *run, int32_t i, int32_t bits, int32_t code) {
  const int32_t place = i * bits;
  const uint32_t before = (place & 7) == 0 ? 0u : run[place >> 3];
  run[place >> 3] = (uint8_t)(before | (itr_packed_field(code, bits) << (place & 7)));
}
"""

_DISPATCH = """
/* out[i] = element i - zero */
static inline void itr_unpack(const uint8_t *run, int32_t count, int32_t bits, int32_t zero, int16_t *out) {{
{unpack}
}}

/* sums[0] += sum over i of x[i] * element i of run, sums[1] the same for `other`. */
static inline void itr_packed_dot2(const int16_t *x, const uint8_t *run, const uint8_t *other, int32_t count,
                                   int32_t bits, int32_t sums[2]) {{
{dot}
}}

/* sums[i] += (element i - zero) * factors[i] */
static inline void itr_packed_add(const uint8_t *run, int32_t count, int32_t bits, int32_t zero,
                                  const int16_t *factors, int32_t *sums) {{
{add}
}}

#endif
"""


def _by_width(calls: dict[DType, str]) -> str:
    """An if-else chain over the widths, the widest last."""
    narrow = [
        f"if (bits == {dtype.bits}) {{ {call} }} else " for dtype, call in calls.items() if dtype.is_packed
    ]
    wide = [call for dtype, call in calls.items() if not dtype.is_packed]
    return "".join(narrow) + f"{{ {wide[0]} }}"


Element = Callable[[str, Callable[[str], str]], str]
"""Statements for one element: of its place, and of what turns the name of a byte into the element's code in it."""


def _loop(dtype: DType, loads: str, element: Element) -> str:
    """A loop over a run byte by byte; `loads` reads the bytes."""
    per = 8 // dtype.bits
    places = [_element(element, dtype, k) for k in range(per)]
    if per == 1:
        return f"for (int32_t i = 0; i < count; i++) {{ {loads} {places[0]} }}"
    rest = places[0] + "".join(f"if (i + {k} < count) {{ {places[k]} }}" for k in range(1, per - 1))
    return (
        f"int32_t i = 0;\nfor (; i + {per - 1} < count; i += {per}) {{ {loads} {''.join(places)} }}\n"
        f"if (i < count) {{ {loads} {rest} }}"
    )


def _element(element: Element, dtype: DType, k: int) -> str:
    """Statements for the element at place k of a byte."""
    place, shift = (f"i + {k}", f" >> {k * dtype.bits}") if k else ("i", "")
    return element(place, lambda byte: f"itr_packed_code({byte}{shift}, {dtype.bits})")


def _unpack(dtype: DType) -> str:
    """The loop that unpacks a run of one width."""
    loads = "const uint32_t byte = *run++;"
    return _loop(dtype, loads, lambda i, code: f"out[{i}] = (int16_t)({code('byte')} - zero);\n")


def _dot2(dtype: DType) -> str:
    """The loop that multiplies values with two runs of one width."""
    loads = "const uint32_t first = *run++; const uint32_t second = *other++;\n"
    loop = _loop(
        dtype, loads, lambda i, code: f"a += x[{i}] * {code('first')};\nb += x[{i}] * {code('second')};\n"
    )
    return f"int32_t a = sums[0];\nint32_t b = sums[1];\n{loop}\nsums[0] = a;\nsums[1] = b;"


def _multiply_add(dtype: DType) -> str:
    """The loop that adds products of a run of one width, each to a sum of its own."""
    loads = "const uint32_t byte = *run++;"
    return _loop(dtype, loads, lambda i, code: f"sums[{i}] += ({code('byte')} - zero) * factors[{i}];\n")


def _type(dtype: DType) -> str:
    """The functions of one width."""
    word, run = dtype.code, "const uint8_t *run"
    return f"""
static inline void itr_unpack_{word}({run}, int32_t count, int32_t zero, int16_t *out) {{{_unpack(dtype)}}}

static inline void itr_packed_dot2_{word}(const int16_t *x, {run}, const uint8_t *other, int32_t count,
                                          int32_t sums[2]) {{{_dot2(dtype)}}}

static inline void itr_packed_add_{word}({run}, int32_t count, int32_t zero, const int16_t *factors,
                                         int32_t *sums) {{{_multiply_add(dtype)}}}
"""


def text() -> str:
    """The header."""
    unpack = {d: f"itr_unpack_{d.code}(run, count, zero, out);" for d in NARROW}
    dot = {d: f"itr_packed_dot2_{d.code}(x, run, other, count, sums);" for d in NARROW}
    add = {d: f"itr_packed_add_{d.code}(run, count, zero, factors, sums);" for d in NARROW}
    types = "".join(_type(dtype) for dtype in NARROW)
    return ctext.tidy(
        _HEAD + types + _DISPATCH.format(unpack=_by_width(unpack), dot=_by_width(dot), add=_by_width(add))
    )


def path() -> Path:
    """Where the header lies in the checkout."""
    return assets.firmware() / "include" / "intarsia" / "packed.h"


if __name__ == "__main__":
    path().write_text(text())
