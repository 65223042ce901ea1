# SPDX-License-Identifier: Apache-2.0
"""Packed layers by kernels for int8, a strip of rows at a time (`c/strips.h`).

For widths that have no faster form of their own: sums and requantization are those of the int8 kernel, whose proof over
all int8 codes covers the fewer codes of packed maps, and whose limits are those of the narrower output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from intarsia.dtypes import BY_BITS
from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.packed.codes import Codes
from intarsia_codegen.packed.entry import strip_source
from intarsia_codegen.packed.whole import plain, whole_bytes

STRIP_BYTES = 4096
"""Least room for the unpacked rows and outputs that are held at a time."""

_PACKED_ONLY = ("in_bits", "weights_bits", "out_bits", "mixed")
_PACKED_CONSTANTS = ("weights_bits", "table")
NO_SETTINGS: Mapping[str, int] = MappingProxyType({})
_STRIP = 200
"""Instructions of a strip beside its codes and the int8 kernel."""

Generate = Callable[[KernelCall, str], GeneratedKernel | None]


@dataclass(frozen=True)
class Strips:
    """How rows are cut, for all branches of a call."""

    call: KernelCall
    out_c: int

    @property
    def branches(self) -> Sequence[Mapping[str, Any]]:
        return self.call.variants or (self.call.params,)

    @property
    def reach(self) -> int:
        call = self.call
        dilation = call.integer("dilation_h") if "dilation_h" in call.params else 1
        return (call.integer("kernel_h") - 1) * dilation + 1

    @property
    def room(self) -> int:
        """Aim for unpacked rows and outputs: as much as the packed maps take, so that all is no more than int8 maps."""
        source, target = (BY_BITS[self.call.integer(k)] for k in ("in_bits", "out_bits"))
        maps = [
            p["in_h"] * p["in_w"] * source.run_bytes(self.call.integer("in_c"))
            + p["out_h"] * p["out_w"] * target.run_bytes(self.out_c)
            for p in self.branches
        ]
        return max(STRIP_BYTES, *map(int, maps))

    @property
    def rows_h(self) -> int:
        """Output rows per strip."""
        stride = self.call.integer("stride_h")
        row = out_row = 0
        if self.call.integer("in_bits") < 8:
            row = max(p["in_w"] for p in self.branches) * self.call.integer("in_c")
        if self.call.integer("out_bits") < 8:
            out_row = max(p["out_w"] for p in self.branches) * self.out_c
        tallest = max(p["out_h"] for p in self.branches)
        fitting = [
            rows
            for rows in range(1, tallest + 1)
            if ((rows - 1) * stride + self.reach) * row + rows * out_row <= self.room
        ]
        return max(fitting, default=1)

    def params(self) -> Iterator[dict[str, Any]]:
        """Parameters of the int8 kernel for every strip of every branch; `in_h` is 0 or less where all windows of
        a strip lie beside the input."""
        stride = self.call.integer("stride_h")
        for p in self.branches:
            for y in range(0, p["out_h"], self.rows_h):
                out_h = min(self.rows_h, p["out_h"] - y)
                top = y * stride - p["pad_top"]
                first, bottom = max(top, 0), min(top + (out_h - 1) * stride + self.reach, p["in_h"])
                kept = {key: value for key, value in p.items() if key not in _PACKED_ONLY}
                yield kept | {"batch": 1, "in_h": bottom - first, "pad_top": first - top, "out_h": out_h}

    def in_bytes(self, strips: Sequence[Mapping[str, Any]]) -> int:
        if self.call.integer("in_bits") == 8:
            return 0
        return whole_bytes(max(s["in_h"] * s["in_w"] for s in strips) * self.call.integer("in_c"))

    def out_bytes(self, strips: Sequence[Mapping[str, Any]]) -> int:
        if self.call.integer("out_bits") == 8:
            return 0
        return whole_bytes(max(s["out_h"] * s["out_w"] for s in strips) * self.out_c)


def by_strips(
    call: KernelCall,
    name: str,
    codes: Codes,
    contract: str,
    out_c: int,
    generate: Generate,
    settings: Mapping[str, int] = NO_SETTINGS,
) -> GeneratedKernel | None:
    """The kernel of a packed call through the generator of the int8 contract, or None when that has none.

    `settings` are parameters that only the int8 contract has.
    """
    strips = Strips(call, out_c)
    params = [{**p, **settings} for p in strips.params()]
    if min(p["in_h"] for p in params) < 1:
        return None
    inner_call = replace(
        call,
        contract=contract,
        params=params[0],
        constants=tuple(plain(c) for c in call.constants if c.name not in _PACKED_CONSTANTS),
        variants=tuple(params),
        inplace=(),
    )
    inner = generate(inner_call, f"{name}_s8")
    if inner is None or not inner.takes_params:
        return None
    in_bytes, out_bytes = strips.in_bytes(params), strips.out_bytes(params)
    rest = "" if inner.scratch is None else ", s.rest"
    fields: dict[str, object] = {
        "out_c": out_c,
        "reach_h": strips.reach,
        "strip": strips.rows_h,
        "in_bytes": in_bytes,
        "out_bytes": out_bytes,
    }
    fields |= {
        f: f"p->{f}" for f in ("batch", "in_h", "in_w", "in_c", "out_h", "out_w", "stride_h", "pad_top")
    }
    fields |= {f: f"p->{f}" for f in ("in_bits", "out_bits")}
    names = [key for key in params[0] if key not in ("batch", "in_h", "pad_top", "out_h")]
    kept: dict[str, object] = {f: f"p->{f}" for f in names} | dict(settings)
    kept |= {"batch": 1, "in_h": "s.in_h", "pad_top": "s.pad_top", "out_h": "s.out_h"}
    statement = f"{inner.function}(&q, s.rows, s.results{rest});"
    entry, text = strip_source(call, name, codes, contract, inner.prototype, fields, kept, statement)
    bits = call.integer("in_bits"), call.integer("out_bits")
    return GeneratedKernel(
        name,
        f"{entry};",
        (text, *codes.strip_sources(), *inner.sources),
        call.integer("batch") * (inner.cost + sum(_moved(codes, p, out_c, *bits) for p in params)),
        scratch=in_bytes + out_bytes + (inner.scratch or 0),
        stack_bytes={**inner.stack_bytes, **codes.stack_bytes},
        takes_params=bool(call.variants),
    )


def _moved(codes: Codes, params: Mapping[str, Any], out_c: int, in_bits: int, out_bits: int) -> int:
    """Instructions of one strip beside the int8 kernel."""
    moving = codes.unpacked(params["in_h"] * params["in_w"], params["in_c"], in_bits)
    moving += codes.packed(params["out_h"] * params["out_w"], out_c, out_bits)
    return int(moving + _STRIP)
