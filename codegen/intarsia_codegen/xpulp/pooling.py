# SPDX-License-Identifier: Apache-2.0
"""Pooling layers: C with a few instructions of Xpulp, shared by all layers (`c/itr_xpulp_pool.c`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from intarsia.kernelcall import KernelCall
from intarsia_codegen import layertext
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.xpulp.sources import shared

LANES = 8
"""Channels that are pooled together."""

_PIXEL, _ROW = 150, 12
"""Cycles of an output pixel, and of a row of a window for eight channels, beside its cells."""
_CELL = {"max": 4.5, "average": 10.5}
_GROUP = {"max": 30, "average": 305}
"""By kind, cycles of a cell and of an output of eight channels, as measured."""


def generate(call: KernelCall, name: str, kind: str) -> GeneratedKernel | None:
    """The kernel of MAX_POOL_2D or AVERAGE_POOL_2D (`kind`); None for less than eight channels."""
    if call.integer("in_c") < LANES:
        return None
    params = f"itr_{call.contract}_params"
    signature = layertext.signature(call, name, "const int8_t *in, int8_t *out")
    fields: dict[str, int | str] = {key: call.integer(key) for key in call.params}
    given = "p" if call.variants else f"&{name}_layer"
    source = layertext.layer(
        name,
        title=f"{call.op.upper()}.",
        includes=["itr_xpulp_pool.h"],
        declarations=[],
        definitions=[] if call.variants else [layertext.structure(params, f"{name}_layer", fields)],
        body=f"  itr_xpulp_{kind}_pool({given}, in, out);\n",
        signature=signature,
    )
    return GeneratedKernel(
        name,
        signature + ";",
        (source, *shared("itr_xpulp_pool.h", "itr_xpulp_pool.c")),
        cost=sum(_cost(variant, kind) for variant in call.variants or (call.params,)),
        takes_params=bool(call.variants),
    )


def _cost(params: Mapping[str, Any], kind: str) -> int:
    rows, columns = min(params["kernel_h"], params["in_h"]), min(params["kernel_w"], params["in_w"])
    group = _GROUP[kind] + rows * (_ROW + columns * _CELL[kind])
    pixels = params["batch"] * params["out_h"] * params["out_w"]
    return int(pixels * (_PIXEL + -(-params["in_c"] // LANES) * group))
