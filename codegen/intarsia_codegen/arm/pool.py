# SPDX-License-Identifier: Apache-2.0
"""Pooling layers: C with a few instructions of the DSP extension, shared by all layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm import emission
from intarsia_codegen.asm import resource
from intarsia_codegen.generated import GeneratedKernel

_CELL, _GROUP, _PIXEL = 7, 110, 60
"""Instructions per cell of four channels, and beside that per four outputs and per output pixel."""


def kernel(call: KernelCall, name: str, function: str, turns: int = 1) -> GeneratedKernel | None:
    """The kernel, or None for less than 4 channels or more than 255 columns. Cost: as compiled at -O2.

    `turns` is how often the function goes through a window for four channels.

    In branches of patches the layer's constants are copied and completed with the geometry of the branch.
    """
    if call.integer("in_c") < 4 or call.integer("kernel_w") > 255:
        return None
    fields = {key: call.integer(key) for key in call.params}
    entry = _branches_entry(call, name, function) if call.variants else _entry(call, name, function)
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
        cost=sum(_cost(params, turns) for params in call.variants or (call.params,)),
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


def _cost(params: Mapping[str, Any], turns: int) -> int:
    pixels = params["batch"] * params["out_h"] * params["out_w"]
    cells = min(params["kernel_h"], params["in_h"]) * min(params["kernel_w"], params["in_w"])
    groups = -(-params["in_c"] // 4)
    return int(pixels * (groups * (turns * cells * _CELL + _GROUP) + _PIXEL))
