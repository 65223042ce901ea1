# SPDX-License-Identifier: Apache-2.0
"""Layers of real values on RISC-V vectors: which calls are served, their constants and the C that runs them.

Sums are float32 for halves as well: VFWMACC widens as it adds, an instruction for every vector of float32 as VFMACC
takes, and the bias comes last. Products of halves are exact in float32, so that every result in half precision has the
bytes of portable C. Products of float32 are fused with their sums, one rounding less each than in portable C: with K
products both lie within (K + 1) * 2**-24 * (|bias| + sum |x * w|) of the exact sum (Higham, Accuracy and Stability of
Numerical Algorithms, section 3.1).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from intarsia.kernelcall import KernelCall, Param
from intarsia_codegen import ctext, layertext
from intarsia_codegen.generated import GeneratedKernel, SourceFile
from intarsia_codegen.rvvf.sources import LANES, formed, fragment, function, shared

PIXELS = {"m8": 3, "m4": 6, "m2": 8}
"""Pixels of a block by the registers of a sum: what 32 registers hold beside the weights, which take as many for
float32, so that fewer pixels are left room then."""
FLOAT_PIXELS = {"m8": 2, "m4": 6, "m2": 8}
_EXTENTS = ("in_h", "in_w", "in_c", "out_h", "out_w")
_WINDOW = ("kernel_h", "kernel_w", "stride_h", "stride_w", "dilation_h", "dilation_w")


def _struct(kind: str, name: str, fields: Mapping[str, Param | str]) -> str:
    values = {k: v if isinstance(v, str) else ctext.number(v) for k, v in fields.items()}
    return layertext.structure(kind, f"{name}_layer", values)


def _array(name: str, data: np.ndarray, half: bool) -> str:
    return layertext.array(name, data.astype(np.float16 if half else np.float32))


def _bias(name: str, call: KernelCall) -> list[str]:
    """float32 as bytes that are aligned."""
    return [layertext.array(f"{name}_bias", call.constant("bias").astype(np.float32))]


def convolution(call: KernelCall, name: str, half: bool) -> GeneratedKernel | None:
    """CONV_2D and FULLY_CONNECTED; None for branches of patches. Cost: products by block of pixels and channels."""
    if call.variants:
        return None
    fields = _geometry(call)
    out_c, in_c = int(str(fields["out_c"])), int(str(fields["in_c"]))
    taps = int(str(fields["kernel_h"])) * int(str(fields["kernel_w"]))
    depth, batch = taps * in_c, 1 if "columns" in call.params else call.integer("batch")
    direct = taps == 1 and fields["pad_top"] == fields["pad_left"] == 0
    group = next((g for g, lanes in reversed(LANES.items()) if out_c <= lanes), "m8")
    together = (PIXELS if half else FLOAT_PIXELS)[group]
    fields |= {"depth": depth, "direct": int(direct), "minimum": call.params["minimum"]}
    fields |= {"maximum": call.params["maximum"], "weights": f"{name}_weights"}
    fields["bias"] = f"(const float *)(const void *){name}_bias"
    weights = call.constant("weights").reshape(out_c, depth).T
    definitions = [_array(f"{name}_weights", np.ascontiguousarray(weights), half), *_bias(name, call)]
    definitions.append(_struct("itr_rvvf_conv", name, fields))
    entry = function("conv", half, f"_{group}")
    prototype = f"void {entry}(const void *in, void *out, void *scratch, const itr_rvvf_conv *s)"
    size = 2 if half else 4
    steps = [int(str(fields[a])) * int(str(fields[b])) * c * size for a, b, c in _planes(in_c, out_c)]
    body = f"""  for (int32_t n = 0; n < {batch}; n++) {{
    {entry}((const char *)in + n * {steps[0]}, (char *)out + n * {steps[1]}, scratch, &{name}_layer);
  }}
"""
    signature = f"void {name}(const void *in, void *out, void *scratch)"
    source = _source(name, call.op, "itr_rvvf_conv.h", prototype, definitions, body, signature)
    pixels = int(str(fields["out_h"])) * int(str(fields["out_w"]))
    blocks, rest = divmod(pixels, together)
    chunks = -(-out_c // LANES[group])
    cost = chunks * (blocks * (depth * (3 + 2 * together) + 12 * together) + rest * (depth * 5 + 12))
    gathering = 0 if direct else pixels * (taps * 20 + depth * size // 2)
    return GeneratedKernel(
        function=name,
        prototype=signature + ";",
        sources=(source, *shared("itr_rvvf_conv.h"), *_conv_source(entry, half, group, together)),
        cost=batch * (cost + gathering + 40 * pixels),
        scratch=0 if direct else together * depth * size,
    )


def _conv_source(entry: str, half: bool, group: str, pixels: int) -> tuple[SourceFile, ...]:
    blocks = f"{_block('several', pixels)}\n{_block('single', 1)}"
    body = fragment("conv.c").replace("ITR_BLOCKS\n", blocks)
    return formed(entry, body, half, group=group, settings={"PIXELS": pixels})


def _block(name: str, pixels: int) -> str:
    """The product of some pixels with all channels, a vector of channels after the other."""
    each = range(pixels)
    lines = [
        f"static void {name}(const real *const *windows, real *out, const itr_rvvf_conv *s) {{",
        "  size_t n;",
        "  for (int32_t channel = 0; channel < s->out_c; channel += (int32_t)n) {",
        "    n = __riscv_vsetvl_e32m8((size_t)(s->out_c - channel));",
        "    const real *weights = (const real *)s->weights + channel;",
        *(f"    const real *x{p} = windows[{p}];" for p in each),
        *(f"    sums sum{p} = zero(n);" for p in each),
        "#pragma clang loop unroll_count(4)",
        "    for (int32_t k = 0; k < s->depth; k++, weights += s->out_c) {",
        "      const reals w = load(weights, n);",
        *(f"      sum{p} = multiply(sum{p}, x{p}[k], w, n);" for p in each),
        "    }",
        *(f"    finish(out + {p} * s->out_c, sum{p}, s, channel, n);" for p in each),
        "  }",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _planes(in_c: int, out_c: int) -> tuple[tuple[str, str, int], tuple[str, str, int]]:
    return ("in_h", "in_w", in_c), ("out_h", "out_w", out_c)


def _geometry(call: KernelCall) -> dict[str, Param | str]:
    """The rows of a fully connected layer are the pixels of a column."""
    if "columns" in call.params:
        rows = call.integer("batch")
        sizes = {"in_c": call.integer("columns"), "out_c": call.integer("units")}
        ones = dict.fromkeys((*_WINDOW, "in_w", "out_w"), 1)
        return {**ones, "in_h": rows, "out_h": rows, "pad_top": 0, "pad_left": 0, **sizes}
    return {key: call.params[key] for key in (*_EXTENTS, *_WINDOW, "pad_top", "pad_left", "out_c")}


def depthwise(call: KernelCall, name: str, half: bool) -> GeneratedKernel | None:
    """DEPTHWISE_CONV_2D; None for several outputs per channel and branches of patches."""
    if call.variants or call.integer("multiplier") != 1:
        return None
    weights = call.constant("weights").reshape(-1, call.integer("in_c"))
    definitions = [_array(f"{name}_weights", weights, half), *_bias(name, call)]
    fields: dict[str, Param | str] = {"weights": f"{name}_weights"}
    fields["bias"] = f"(const float *)(const void *){name}_bias"
    return _windows(call, name, half, definitions, fields, average=False)


def average(call: KernelCall, name: str, half: bool) -> GeneratedKernel | None:
    """AVERAGE_POOL_2D; None for branches of patches."""
    if call.variants:
        return None
    return _windows(call, name, half, [], {"dilation_h": 1, "dilation_w": 1}, average=True)


def _windows(
    call: KernelCall,
    name: str,
    half: bool,
    definitions: list[str],
    fields: Mapping[str, Param | str],
    *,
    average: bool,
) -> GeneratedKernel:
    """Cost: per tap and vector of channels."""
    names = (*_EXTENTS, *_WINDOW, "pad_top", "pad_left", "minimum", "maximum")
    known = {key: call.params[key] for key in names if key in call.params}
    entry = function("average" if average else "depthwise", half)
    prototype = f"void {entry}(const void *in, void *out, const itr_rvvf_windows *s)"
    size, channels = 2 if half else 4, call.integer("in_c")
    before, behind = (
        call.integer(f"{side}_h") * call.integer(f"{side}_w") * channels * size for side in ("in", "out")
    )
    body = f"""  for (int32_t n = 0; n < {call.integer("batch")}; n++) {{
    {entry}((const char *)in + n * {before}, (char *)out + n * {behind}, &{name}_layer);
  }}
"""
    made = [*definitions, _struct("itr_rvvf_windows", name, {**known, **fields})]
    signature = f"void {name}(const void *in, void *out)"
    source = _source(name, call.op, "itr_rvvf_windows.h", prototype, made, body, signature)
    code = formed(entry, fragment("windows.c"), half, settings={"AVERAGE": int(average)})
    outputs = call.integer("batch") * call.integer("out_h") * call.integer("out_w")
    taps = call.integer("kernel_h") * call.integer("kernel_w")
    return GeneratedKernel(
        function=name,
        prototype=signature + ";",
        sources=(source, *shared("itr_rvvf_windows.h"), *code),
        cost=outputs * (60 + -(-channels // LANES["m8"]) * (30 + 8 * taps)),
    )


def addition(call: KernelCall, name: str, half: bool) -> GeneratedKernel | None:
    """ADD of maps of equal sizes; None where one is repeated or constant, and for branches. Cost: per vector."""
    shape, strides = _tuple(call, "shape"), _tuple(call, "a_stride")
    repeated = 0 in [stride for stride, extent in zip(strides, shape, strict=True) if extent > 1]
    if call.variants or repeated or strides != _tuple(call, "b_stride") or len(call.inputs) != 2:
        return None
    entry, size = function("add", half), int(np.prod(np.array(shape)))
    limits = ", ".join(ctext.number(call.params[k]) for k in ("minimum", "maximum"))
    prototype = f"void {entry}(const void *a, const void *b, void *out, int32_t size, const float limits[2])"
    body = f"  static const float limits[2] = {{{limits}}};\n  {entry}(a, b, out, {size}, limits);\n"
    signature = f"void {name}(const void *a, const void *b, void *out)"
    source = _source(name, call.op, None, prototype, [], body, signature)
    return GeneratedKernel(
        function=name,
        prototype=signature + ";",
        sources=(source, *formed(entry, fragment("add.c"), half)),
        cost=20 + -(-size // LANES["m8"]) * 14,
        inplace=((0, 0), (1, 0)),
    )


def _tuple(call: KernelCall, name: str) -> tuple[int, ...]:
    values = call.params[name]
    assert isinstance(values, tuple)
    return tuple(int(v) for v in values)


def _source(
    name: str, op: str, header: str | None, prototype: str, definitions: list[str], body: str, signature: str
) -> SourceFile:
    return layertext.layer(
        name,
        title=f"{op.upper()} of real values.",
        includes=[header] if header else [],
        declarations=[prototype],
        definitions=definitions,
        body=body,
        signature=signature,
    )
