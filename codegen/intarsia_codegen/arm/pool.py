# SPDX-License-Identifier: Apache-2.0
"""Pooling layers: C with a few instructions of the DSP extension, shared by all layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm import emission
from intarsia_codegen.asm import resource
from intarsia_codegen.generated import GeneratedKernel

_PIXEL = 60
"""Instructions per output pixel beside its words."""


@dataclass(frozen=True)
class Function:
    """A function of `itr_dsp_pool.c` and what it costs as compiled at -O2: instructions for a word of a cell, for a row
    of a window, and beside that for a word of output, each so many times as it goes through a window for a word."""

    name: str
    group: int
    row: int = 0
    cell: int = 7
    turns: int = 1


def kernel(call: KernelCall, name: str, function: Function) -> GeneratedKernel | None:
    """The kernel, or None for less than 4 channels or more than 255 columns.

    In branches of patches the layer's constants are copied and completed with the geometry of the branch.
    """
    if call.integer("in_c") < 4 or call.integer("kernel_w") > 255:
        return None
    fields = {key: call.integer(key) for key in call.params}
    entry = _branches_entry(call, name, function.name) if call.variants else _entry(call, name, function.name)
    text = emission.source(
        name,
        ["itr_dsp_pool.h"],
        f"Pooling of windows of {fields['kernel_h']}x{fields['kernel_w']}.",
        [emission.struct("itr_dsp_pool", fields)],
        entry,
    )
    return GeneratedKernel(
        name,
        entry.prototype + ";",
        (text, resource("itr_dsp_pool.h"), resource("itr_dsp_pool.c")),
        cost=sum(_cost(params, function) for params in call.variants or (call.params,)),
        takes_params=bool(call.variants),
    )


def _entry(call: KernelCall, name: str, function: str) -> emission.Entry:
    return emission.Entry(f"void {name}({emission.maps(call)})", (), f"{function}(&layer, in, out);")


def _branches_entry(call: KernelCall, name: str, function: str) -> emission.Entry:
    body = ["itr_dsp_pool branch = layer;", *(f"branch.{field} = p->{field};" for field in emission.EXTENT)]
    return emission.Entry(
        f"void {name}({emission.parameters(call)}, {emission.maps(call)})",
        (f"intarsia/{call.op}.h",),
        "\n  ".join([*body, f"{function}(&branch, in, out);"]),
    )


def _cost(params: Mapping[str, Any], function: Function) -> int:
    pixels = params["batch"] * params["out_h"] * params["out_w"]
    rows, columns = min(params["kernel_h"], params["in_h"]), min(params["kernel_w"], params["in_w"])
    word = function.turns * (rows * (columns * function.cell + function.row) + function.group)
    return int(pixels * (-(-params["in_c"] // 4) * word + _PIXEL))
