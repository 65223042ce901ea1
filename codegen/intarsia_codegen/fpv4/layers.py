# SPDX-License-Identifier: Apache-2.0
"""Layers of real values on the floating-point unit of Cortex-M: which calls are served, their constants and C.

Sums are float32 in the order of the reference, bias last. The unit does not compute with halves: they are widened as
they are loaded, products of halves are exact in float32, and so every result in half precision has the bytes of
portable C. Products of float32 are fused with their sums, one rounding less each than in portable C: with K products
both lie within (K + 1) * 2**-24 * (|bias| + sum |x * w|) of the exact sum (Higham, Accuracy and Stability of Numerical
Algorithms, section 3.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

import numpy as np

from intarsia.kernelcall import KernelCall, Param
from intarsia_codegen import ctext, layertext
from intarsia_codegen.fpv4 import block
from intarsia_codegen.generated import GeneratedKernel, SourceFile

LICENSE = "// SPDX-License-Identifier: Apache-2.0\n"
DEPTHWISE_CHANNELS = 8
_EXTENTS = ("in_h", "in_w", "in_c", "out_h", "out_w")
_WINDOW = ("kernel_h", "kernel_w", "stride_h", "stride_w", "dilation_h", "dilation_w")


@cache
def _read(name: str) -> str:
    return (resources.files(__package__) / "c" / name).read_text(encoding="utf-8")


def _formed(name: str, body: str, half: bool, **settings: int | str) -> SourceFile:
    """The file `<name>.c` for one precision."""
    defines = {"HALF": int(half), "FUNCTION": name, **settings}
    head = "".join(f"#define ITR_{key} {value}\n" for key, value in defines.items())
    return SourceFile(f"{name}.c", f"{LICENSE}{head}\n{body.removeprefix(LICENSE)}")


def _function(what: str, half: bool) -> str:
    return f"itr_fpv4_{what}_{'f16' if half else 'f32'}"


def convolution(call: KernelCall, name: str, half: bool) -> GeneratedKernel | None:
    """CONV_2D and FULLY_CONNECTED; None for branches of patches."""
    if call.variants:
        return None
    fields = _geometry(call)
    out_c, in_c, kernel_h, kernel_w = (
        int(str(fields[key])) for key in ("out_c", "in_c", "kernel_h", "kernel_w")
    )
    depth = kernel_h * kernel_w * in_c
    pairs, unpadded = -(-depth // 2), fields["pad_top"] == fields["pad_left"] == 0
    direct = kernel_h == kernel_w == 1 and unpadded and depth % 2 == 0
    fields |= {"pairs": pairs, "direct": int(direct)}
    definitions = [
        _array(f"{name}_weights", _blocks(call.constant("weights").reshape(out_c, depth), pairs), half)
    ]
    entry = _function("conv", half)
    prototype = f"void {entry}(const void *in, void *out, void *scratch, const itr_fpv4_conv *s)"
    batch = 1 if "columns" in call.params else call.integer("batch")
    body = _batched(fields, batch, f"{entry}({{}}, {{}}, scratch, &{name}_layer);", out_c, half)
    signature = f"void {name}(const void *in, void *out, void *scratch)"
    pixels = int(str(fields["out_h"])) * int(str(fields["out_w"]))
    counts = dict(zip((block.PIXELS, 1), divmod(pixels, block.PIXELS), strict=True))
    turns = -(-out_c // block.CHANNELS)
    products = sum(n * (block.cost(p, half, pairs) + 20 + p * 60) for p, n in counts.items()) * turns
    gathering = 0 if direct else pixels * kernel_h * (40 + kernel_w * in_c)
    return GeneratedKernel(
        function=name,
        prototype=signature + ";",
        sources=(
            _source(call, name, "itr_fpv4_conv", prototype, definitions, fields, body, signature),
            SourceFile("itr_fpv4_conv.h", _read("itr_fpv4_conv.h")),
            _formed(entry, _read("conv.c"), half, SEVERAL=block.name(4, half), SINGLE=block.name(1, half)),
            *(block.source(p, half) for p in counts),
        ),
        cost=batch * (products + gathering + 40 * pixels),
        scratch=0 if direct else block.PIXELS * 2 * pairs * (2 if half else 4),
        stack_bytes={block.name(p, half): block.STACK_BYTES[p] for p in counts},
    )


def _blocks(weights: np.ndarray, pairs: int) -> np.ndarray:
    """[blocks of channels, 2 * pairs, channels of a block] for weights [channels, depth]."""
    channels, depth = weights.shape
    count = -(-channels // block.CHANNELS)
    table = np.zeros((count * block.CHANNELS, 2 * pairs), weights.dtype)
    table[:channels, :depth] = weights
    return np.ascontiguousarray(table.reshape(count, block.CHANNELS, -1).transpose(0, 2, 1))


def _geometry(call: KernelCall) -> dict[str, Param | str]:
    """The rows of a fully connected layer are the pixels of a column."""
    if "columns" in call.params:
        rows = call.integer("batch")
        ones = dict.fromkeys((*_WINDOW, "in_w", "out_w"), 1)
        sizes = {"in_c": call.integer("columns"), "out_c": call.integer("units")}
        return {**ones, "in_h": rows, "out_h": rows, "pad_top": 0, "pad_left": 0, **sizes}
    return {key: call.params[key] for key in (*_EXTENTS, *_WINDOW, "pad_top", "pad_left", "out_c")}


def depthwise(call: KernelCall, name: str, half: bool) -> GeneratedKernel | None:
    """DEPTHWISE_CONV_2D; None for several outputs per channel and branches of patches."""
    if call.variants or call.integer("multiplier") != 1:
        return None
    channels, batch = call.integer("in_c"), call.integer("batch")
    fields: dict[str, Param | str] = {key: call.params[key] for key in (*_EXTENTS, *_WINDOW)}
    fields |= {key: call.params[key] for key in ("pad_top", "pad_left")}
    definitions = [_array(f"{name}_weights", call.constant("weights"), half)]
    entry = _function("depthwise", half)
    prototype = f"void {entry}(const void *in, void *out, const itr_fpv4_depthwise *s)"
    body = _batched(fields, batch, f"{entry}({{}}, {{}}, &{name}_layer);", channels, half)
    signature = f"void {name}(const void *in, void *out)"
    blocks = f"{_channels('several', DEPTHWISE_CHANNELS)}\n{_channels('single', 1)}"
    text = _read("depthwise.c").replace("ITR_BLOCKS\n", blocks)
    taps = call.integer("kernel_h") * call.integer("kernel_w")
    outputs = batch * call.integer("out_h") * call.integer("out_w")
    return GeneratedKernel(
        function=name,
        prototype=signature + ";",
        sources=(
            _source(call, name, "itr_fpv4_depthwise", prototype, definitions, fields, body, signature),
            SourceFile("itr_fpv4_depthwise.h", _read("itr_fpv4_depthwise.h")),
            _formed(entry, text, half, CHANNELS=DEPTHWISE_CHANNELS),
        ),
        cost=outputs * (60 + channels * (12 + taps * (5 if half else 3))),
    )


def _channels(name: str, count: int) -> str:
    """Sums of some channels, each in a register of its own."""
    each = range(count)
    lines = [
        f"static void {name}(const window *at, itr_real *out, const itr_fpv4_depthwise *s, int32_t c) {{",
        "  const int32_t step = s->dilation_w * s->in_c;",
        *(f"  float sum{i} = 0.0f;" for i in each),
        "  for (int32_t ky = at->rows.first; ky < at->rows.last; ky++) {",
        "    const itr_real *x = at->corner + ky * s->dilation_h * s->in_w * s->in_c +",
        "                        at->columns.first * step + c;",
        "    const itr_real *w = (const itr_real *)s->weights +",
        "                        (ky * s->kernel_w + at->columns.first) * s->in_c + c;",
        "    for (int32_t kx = at->columns.first; kx < at->columns.last; kx++) {",
        *(
            f"      sum{i} = __builtin_fmaf(itr_real_get(x[{i}]), itr_real_get(w[{i}]), sum{i});"
            for i in each
        ),
        "      x += step;",
        "      w += s->in_c;",
        "    }",
        "  }",
        *(f"  out[{i}] = finished(sum{i}, s->bias[c + {i}], s);" for i in each),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _array(name: str, data: np.ndarray, half: bool) -> str:
    return layertext.array(name, data.astype(np.float16 if half else np.float32))


def _batched(fields: Mapping[str, Param | str], batch: int, statement: str, out_c: int, half: bool) -> str:
    """The statement for every image; it takes input and output."""
    size = 2 if half else 4
    height, width, channels = (int(str(fields[key])) for key in ("in_h", "in_w", "in_c"))
    before = height * width * channels * size
    behind = int(str(fields["out_h"])) * int(str(fields["out_w"])) * out_c * size
    images = statement.format(f"(const char *)in + n * {before}", f"(char *)out + n * {behind}")
    return f"  for (int32_t n = 0; n < {batch}; n++) {{\n    {images}\n  }}\n"


def _source(
    call: KernelCall,
    name: str,
    kind: str,
    prototype: str,
    definitions: list[str],
    fields: Mapping[str, Param | str],
    body: str,
    signature: str,
) -> SourceFile:
    """The layer with its biases, which are float32 in both precisions, and its structure."""
    limits = {key: call.params[key] for key in ("minimum", "maximum")}
    pointers = {"weights": f"{name}_weights", "bias": f"(const float *)(const void *){name}_bias"}
    values = {**fields, **limits, **pointers}
    texts = {key: v if isinstance(v, str) else ctext.number(v) for key, v in values.items()}
    return layertext.layer(
        name,
        title=f"{call.op.upper()} of real values.",
        includes=[f"{kind}.h"],
        declarations=[prototype],
        definitions=[
            *definitions,
            layertext.array(f"{name}_bias", call.constant("bias").astype(np.float32)),
            layertext.structure(kind, f"{name}_layer", texts),
        ],
        body=body,
        signature=signature,
    )
