# SPDX-License-Identifier: Apache-2.0
"""Layers of real values on Helium: which calls are served, their constants and the C that runs them.

Products and sums are fused and in the precision of the feature maps, in the order of the reference, from the bias on.
For halves every step rounds to 11 bits: with K products the result lies within

    (K + 2) * 2**-11 * (|bias| + sum |x * w|)

of the exact one (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1: one rounding a step; the bias is
rounded to half precision as well), as long as nothing overflows or falls below 2**-14.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from intarsia.kernelcall import KernelCall, Param
from intarsia_codegen import ctext, layertext
from intarsia_codegen.generated import GeneratedKernel, SourceFile
from intarsia_codegen.mve.sources import shared as mve_shared
from intarsia_codegen.mvef.sources import blocks, formed, function, lanes, shared

PIXELS = 3


def _struct(kind: str, name: str, fields: Mapping[str, Param | str]) -> str:
    values = {k: v if isinstance(v, str) else ctext.number(v) for k, v in fields.items()}
    return layertext.structure(kind, name, values)


def _values(call: KernelCall, *names: str) -> dict[str, Param | str]:
    return {name: call.params[name] for name in names}


def convolution(call: KernelCall, name: str, half: bool) -> GeneratedKernel | None:
    """CONV_2D and FULLY_CONNECTED; None for branches of patches.

    Cost: loops over the products of three pixels, or one, by two vectors of channels.
    """
    if call.variants:
        return None
    fields = _conv_fields(call)
    kernel, in_c, out_c = (int(str(fields[k])) for k in ("kernel_h", "in_c", "out_c"))
    depth = kernel * int(str(fields["kernel_w"])) * in_c
    pixels = int(str(fields["out_h"])) * int(str(fields["out_w"]))
    direct = fields["kernel_h"] == fields["kernel_w"] == 1 and fields["pad_top"] == fields["pad_left"] == 0
    weights = call.constant("weights").reshape(out_c, depth).T
    block = 2 * lanes(half)
    size = 2 if half else 4
    fields |= {"depth": depth, "direct": int(direct), **_values(call, "minimum", "maximum")}
    fields["weights"] = f"{name}_weights"
    batch = 1 if "columns" in call.params else call.integer("batch")
    step = [int(str(fields[a])) * int(str(fields[b])) * c * size for a, b, c in _extents(in_c, out_c)]
    entry = function("conv", half)
    body = f"""  for (int32_t n = 0; n < {batch}; n++) {{
    {entry}((const char *)in + n * {step[0]}, (char *)out + n * {step[1]}, scratch, &{name}_layer);
  }}
"""
    definitions = [
        layertext.array(f"{name}_weights", blocks(weights, call.constant("bias"), block, half)),
        _struct("itr_mvef_conv", f"{name}_layer", fields),
    ]
    prototype = f"void {entry}(const void *in, void *out, void *scratch, const itr_mvef_conv *s)"
    source = _source(name, call.op, "itr_mvef_conv.h", prototype, definitions, body, scratch=True)
    headers = shared("itr_mvef_real.h", "itr_mvef_conv.h")
    rows = mve_shared("itr_mve_rows.h", "itr_mve_rows.c")
    threes, rest = divmod(pixels, PIXELS)
    columns = -(-out_c // block)
    cost = (threes * (12 * depth + 50) + rest * (6 * depth + 25)) * columns
    gathering = 0 if direct else pixels * (kernel * 40 + depth * size // 4)
    return GeneratedKernel(
        function=name,
        prototype=_prototype(name, scratch=True) + ";",
        sources=(source, *headers, *rows, formed("conv", half)),
        cost=batch * (cost + gathering + 40 * pixels),
        scratch=0 if direct else PIXELS * depth * size,
    )


def _extents(in_c: int, out_c: int) -> tuple[tuple[str, str, int], tuple[str, str, int]]:
    return ("in_h", "in_w", in_c), ("out_h", "out_w", out_c)


def _conv_fields(call: KernelCall) -> dict[str, Param | str]:
    """Geometry; the rows of a fully connected layer are the pixels of a column."""
    if "columns" in call.params:
        ones = ("kernel_h", "kernel_w", "stride_h", "stride_w", "dilation_h", "dilation_w", "in_w", "out_w")
        rows = call.integer("batch")
        sizes = {"in_c": call.integer("columns"), "out_c": call.integer("units")}
        return {**dict.fromkeys(ones, 1), "in_h": rows, "out_h": rows, "pad_top": 0, "pad_left": 0, **sizes}
    names = (
        "in_h",
        "in_w",
        "in_c",
        "kernel_h",
        "kernel_w",
        "stride_h",
        "stride_w",
        "dilation_h",
        "dilation_w",
    )
    return _values(call, *names, "pad_top", "pad_left", "out_h", "out_w", "out_c")


def depthwise(call: KernelCall, name: str, half: bool) -> GeneratedKernel | None:
    """DEPTHWISE_CONV_2D; None for several outputs per channel and branches of patches. Cost: per tap and vector."""
    if call.variants or call.integer("multiplier") != 1:
        return None
    channels = call.integer("in_c")
    names = ("in_h", "in_w", "kernel_h", "kernel_w", "stride_h", "stride_w", "dilation_h", "dilation_w")
    fields = {
        **_values(call, *names, "pad_top", "pad_left", "out_h", "out_w", "minimum", "maximum"),
        "channels": channels,
        "weights": f"{name}_weights",
    }
    weights = call.constant("weights").reshape(-1, channels)
    table = blocks(weights, call.constant("bias"), lanes(half), half)
    definitions = [
        layertext.array(f"{name}_weights", table),
        _struct("itr_mvef_depthwise", f"{name}_layer", fields),
    ]
    entry = function("depthwise", half)
    prototype = f"void {entry}(const void *in, void *out, const itr_mvef_depthwise *s)"
    body = _batched(call, entry, name, channels, half)
    source = _source(name, call.op, "itr_mvef_depthwise.h", prototype, definitions, body)
    outputs = call.integer("batch") * call.integer("out_h") * call.integer("out_w")
    return GeneratedKernel(
        function=name,
        prototype=_prototype(name) + ";",
        sources=(source, *shared("itr_mvef_real.h", "itr_mvef_depthwise.h"), formed("depthwise", half)),
        cost=outputs * (30 + -(-channels // lanes(half)) * (30 + 6 * len(weights))),
    )


def average(call: KernelCall, name: str, half: bool) -> GeneratedKernel | None:
    """AVERAGE_POOL_2D; None for branches of patches. Cost: per cell and vector."""
    if call.variants:
        return None
    names = ("in_h", "in_w", "in_c", "kernel_h", "kernel_w", "stride_h", "stride_w", "pad_top", "pad_left")
    fields = _values(call, *names, "out_h", "out_w", "minimum", "maximum")
    entry = function("pool", half)
    prototype = f"void {entry}(const void *in, void *out, const itr_mvef_pool *s)"
    body = _batched(call, entry, name, call.integer("in_c"), half)
    definitions = [_struct("itr_mvef_pool", f"{name}_layer", fields)]
    source = _source(name, call.op, "itr_mvef_pool.h", prototype, definitions, body)
    outputs = call.integer("batch") * call.integer("out_h") * call.integer("out_w")
    cells = call.integer("kernel_h") * call.integer("kernel_w")
    return GeneratedKernel(
        function=name,
        prototype=_prototype(name) + ";",
        sources=(source, *shared("itr_mvef_real.h", "itr_mvef_pool.h"), formed("pool", half)),
        cost=outputs * (40 + -(-call.integer("in_c") // lanes(half)) * (20 + 5 * cells)),
    )


def addition(call: KernelCall, name: str, half: bool) -> GeneratedKernel | None:
    """ADD of maps of equal sizes; None where one is repeated or constant. Cost: per vector."""
    size = int(np.prod(np.array(call.params["shape"])))
    plain = call.params["a_stride"] == call.params["b_stride"] and len(call.inputs) == 2
    dense = [s for s, n in zip(_tuple(call, "a_stride"), _tuple(call, "shape"), strict=True) if n > 1]
    if call.variants or not plain or 0 in dense:
        return None
    entry = function("add", half)
    limits = ", ".join(ctext.number(call.params[k]) for k in ("minimum", "maximum"))
    prototype = f"void {entry}(const void *a, const void *b, void *out, int32_t size, const float limits[2])"
    body = f"  static const float limits[2] = {{{limits}}};\n  {entry}(a, b, out, {size}, limits);\n"
    signature = f"void {name}(const void *a, const void *b, void *out)"
    source = layertext.layer(
        name,
        title="ADD.",
        includes=[],
        declarations=[prototype],
        definitions=[],
        body=body,
        signature=signature,
    )
    return GeneratedKernel(
        function=name,
        prototype=signature + ";",
        sources=(source, *shared("itr_mvef_real.h"), formed("add", half)),
        cost=20 + -(-size // lanes(half)) * 12,
        inplace=((0, 0), (1, 0)),
    )


def _tuple(call: KernelCall, name: str) -> tuple[int, ...]:
    values = call.params[name]
    assert isinstance(values, tuple)
    return tuple(int(v) for v in values)


def _batched(call: KernelCall, entry: str, name: str, out_c: int, half: bool) -> str:
    """The call of an entry for every image."""
    size = 2 if half else 4
    before = call.integer("in_h") * call.integer("in_w") * call.integer("in_c") * size
    behind = call.integer("out_h") * call.integer("out_w") * out_c * size
    return f"""  for (int32_t n = 0; n < {call.integer("batch")}; n++) {{
    {entry}((const char *)in + n * {before}, (char *)out + n * {behind}, &{name}_layer);
  }}
"""


def _prototype(name: str, *, scratch: bool = False) -> str:
    return f"void {name}(const void *in, void *out{', void *scratch' if scratch else ''})"


def _source(
    name: str,
    op: str,
    header: str,
    prototype: str,
    definitions: list[str],
    body: str,
    *,
    scratch: bool = False,
) -> SourceFile:
    return layertext.layer(
        name,
        title=f"{op.upper()} of real values.",
        includes=[header],
        declarations=[prototype],
        definitions=definitions,
        body=body,
        signature=_prototype(name, scratch=scratch),
    )
