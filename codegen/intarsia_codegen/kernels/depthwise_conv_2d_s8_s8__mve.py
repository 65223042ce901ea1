# SPDX-License-Identifier: Apache-2.0
"""DEPTHWISE_CONV_2D int8 for Helium: up to 4 x 4 taps by mve/depthwise.py, larger windows tap by tap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from intarsia.kernelcall import Constant, KernelCall
from intarsia_codegen import layertext
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.kernels import conv_2d_s8_s8__mve
from intarsia_codegen.layertext import integers
from intarsia_codegen.mve import depthwise, taps
from intarsia_codegen.mve import rows as kept
from intarsia_codegen.mve.family import MVE
from intarsia_codegen.mve.requantize import Requantizer, channel_vectors, double_rounding
from intarsia_codegen.rowwise import layer
from intarsia_codegen.rowwise.geometry import Geometry
from intarsia_codegen.rowwise.layer import Product


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """None for weights with a zero point, for depth multipliers above 1 with several input channels or in branches, and
    for branches of batches."""
    if call.integer("weights_zero") != 0 or not Geometry.of(call).served:
        return None
    if call.integer("multiplier") != 1:
        single = call.integer("in_c") == 1 and not call.variants
        return conv_2d_s8_s8__mve.generate(as_convolution(call), name) if single else None
    if max(integers(call, "kernel_h", "kernel_w")) > depthwise.MAX_TAPS:
        return _large(call, name, double_rounding(call))
    return _small(call, name, double_rounding(call))


def as_convolution(call: KernelCall) -> KernelCall:
    """With one input channel every output channel is that of an ordinary convolution."""
    kernel_h, kernel_w, channels = integers(call, "kernel_h", "kernel_w", "multiplier")
    weights = call.constant("weights").reshape(kernel_h, kernel_w, channels).transpose(2, 0, 1)
    constants = [
        Constant("weights", weights[..., None]) if constant.name == "weights" else constant
        for constant in call.constants
    ]
    params = {**call.params, "out_c": channels}
    return replace(call, contract="conv_2d_s8_s8", params=params, constants=tuple(constants))


def _folded_bias(call: KernelCall) -> np.ndarray:
    weights = call.constant("weights").reshape(-1, call.integer("in_c"))
    return layertext.folded_bias(call, weights.sum(axis=0, dtype=np.int64))


def _small(call: KernelCall, name: str, requant: Requantizer) -> GeneratedKernel:
    g = Geometry.of(call)
    channels, square, shared = g["in_c"], _is_square(g), _shares_memory(call)
    quads = max(_quad_bytes(g, out_w) for out_w in g.each("out_w"))
    row = -(-max(g.each("in_w")) * channels // 16) * 16
    weights = call.constant("weights").reshape(g["kernel_h"], g["kernel_w"], channels)
    fields: dict[str, int | str] = {key: g.text(key) for key in ("in_h", "in_w", "in_c", "out_h", "out_w")}
    fields["channels"] = fields.pop("in_c")
    fields |= {key: g.text(key) for key in ("stride_h", "stride_w", "dilation_h", "dilation_w", "pad_top")}
    fields |= {
        "left": g.text("pad_left"),
        "columns": f"({g.text('out_w')} - 1) * {g['stride_w']} + {g.reach_w}",
        "quads": quads,
        "square": int(square),
        "fill": g["in_zero"],
        "to": requant.limits,
        "records": f"{name}_records",
        "shared": int(shared),
    }
    function = depthwise.name(requant.form, requant.full)
    records = layertext.array(f"{name}_records", depthwise.pack(weights, _folded_bias(call), requant))
    constant = layertext.structure("itr_mve_depthwise", f"{name}_layer", fields)
    source = layertext.layer(
        name,
        title="DEPTHWISE_CONV_2D on interleaved rows.",
        includes=["itr_mve_depthwise.h", *([f"intarsia/{call.op}.h"] if g.branches else [])],
        declarations=[depthwise.prototype(requant.form, requant.full)],
        definitions=[records] if g.branches else [records, constant],
        body=_small_body(g, name, function, fields),
        signature=layertext.signature(call, name),
    )
    return GeneratedKernel(
        function=name,
        prototype=layertext.signature(call, name) + ";",
        sources=(source, *depthwise.sources(requant.form, requant.full), *kept.sources()),
        cost=_small_cost(g, square=square),
        scratch=quads + (1 + shared) * row,
        inplace=((0, 0),) if shared else (),
        stack_bytes=depthwise.stack_bytes(requant.form, requant.full),
        takes_params=g.branches,
    )


def _small_body(g: Geometry, name: str, function: str, fields: Mapping[str, int | str]) -> str:
    if g.branches:
        layer = layertext.local("itr_mve_depthwise", "layer", fields)
        return layertext.taking_params(f"{layer}  {function}(in, out, scratch, &layer);\n")
    channels = g["in_c"]
    return f"""  for (int32_t n = 0; n < {g["batch"]}; n++) {{
    {function}(in + n * {g["in_h"] * g["in_w"] * channels}, out + n * {g["out_h"] * g["out_w"] * channels},
        scratch, &{name}_layer);
  }}
"""


def _quad_bytes(g: Geometry, out_w: int) -> int:
    """Room for interleaved rows, with the columns that the last four windows of a row reach."""
    columns = (out_w - 1) * g["stride_w"] + g.reach_w
    touched = (-(-out_w // 4) * 4 - 1) * g["stride_w"] + 3 * g["dilation_w"] + 1
    return -(-4 * g["in_c"] * max(touched, columns) // 16) * 16 + depthwise.SLACK


def _small_cost(g: Geometry, *, square: bool) -> int:
    total = 0
    for out_h, out_w, in_w in zip(g.each("out_h"), g.each("out_w"), g.each("in_w"), strict=True):
        outputs = g["batch"] * out_h * out_w * g["in_c"]
        total += outputs * (9 if square else 13) // 2
        total += g["batch"] * out_h * in_w * g["in_c"] // 4 + 20 * g["in_c"] * out_h
    return total


def _is_square(g: Geometry) -> bool:
    """3x3 of stride 1: two rows of outputs at a time."""
    names = ("stride_h", "stride_w", "dilation_h", "dilation_w")
    return (g["kernel_h"], g["kernel_w"]) == (3, 3) and all(g[name] == 1 for name in names)


def _shares_memory(call: KernelCall) -> bool:
    """3x3 of stride 1, output shaped as the input: rows that are overwritten are saved before."""
    if call.variants or not _is_square(Geometry.of(call)):
        return False
    same = integers(call, "in_h", "in_w") == integers(call, "out_h", "out_w")
    return same and integers(call, "pad_top", "pad_left") == [1, 1]


def _large(call: KernelCall, name: str, requant: Requantizer) -> GeneratedKernel:
    """Windows of any size, over rows that are kept in scratch with their padding."""
    g = Geometry.of(call)
    channels = g["in_c"]
    fields: dict[str, int | str] = {
        "channels": channels,
        "kernel_h": g["kernel_h"],
        "kernel_w": g["kernel_w"],
        "tap_x": g["dilation_w"] * channels,
        "tap_y": g["dilation_h"] * g.pitch,
        "step": g["stride_w"] * channels,
        "to": requant.limits,
        "weights": f"{name}_weights",
        "vectors": f"{name}_vectors",
    }
    weights = call.constant("weights").reshape(g["kernel_h"], g["kernel_w"], channels)
    pixel = -(-channels // 4) * (30 + 6 * g["kernel_h"] * g["kernel_w"] + 8 * g["kernel_h"])
    product = Product(
        taps.name(requant.form),
        taps.prototype(requant.form),
        "itr_mve_taps.h",
        (
            layertext.array(f"{name}_weights", taps.pack(weights)),
            layertext.array(f"{name}_vectors", channel_vectors(requant, _folded_bias(call))),
            layertext.structure("itr_mve_taps", f"{name}_layer", fields),
        ),
        taps.sources(requant.form),
        lambda pixels: pixels * pixel,
        slack=kept.SLACK,
    )
    return layer.generate(call, name, MVE, product, out_c=channels, whole_pixels=False)
