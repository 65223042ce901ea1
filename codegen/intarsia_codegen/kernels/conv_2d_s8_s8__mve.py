# SPDX-License-Identifier: Apache-2.0
"""CONV_2D int8 for Helium: a matrix product over columns, which are found in one of four ways.

- "map": 1x1 over a multiple of 16 channels: the pixels of the feature map are the columns. So are those of
  fewer channels in mve/narrow.py; all else is multiplied by mve/gemm.py.
- "pixels": other 1x1 of stride 1, and those that may overwrite their input: a few pixels are copied to
  scratch first.
- "rows": multiples of 16 channels and no dilation in x: the rows of a window, padded, are kept in scratch
  (mve/rows.py), and each column is read from there as one run per kernel row.
- "columns": everything else: columns are put together from the kept rows.

Columns are padded to a multiple of 16 bytes; the weights there are 0, so what the bytes hold does not matter.
Cells outside the image hold the input's zero point, which lets the correction for it move into the bias.
Channels that no input can change (constants.py) are not computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from intarsia.kernelcall import KernelCall
from intarsia_codegen import constants, layertext
from intarsia_codegen.generated import GeneratedKernel, SourceFile
from intarsia_codegen.layertext import integers
from intarsia_codegen.mve import gemm, narrow
from intarsia_codegen.mve import rows as kept
from intarsia_codegen.mve.requantize import Requantizer, double_rounding
from intarsia_codegen.mve.rows import Rows
from intarsia_codegen.mve.sources import shared

COLUMN_BYTES = 1024
"""Scratch aimed at for columns; at least two are made at a time."""
MAX_VECTORS = 12
"""Vector copies per column that are written out; more become loops."""


@dataclass(frozen=True)
class Layout:
    """How the columns of a layer are found: `runs` of `run` bytes, `pitch` apart, in windows `step` apart."""

    way: str
    run: int
    runs: int
    pitch: int
    step: int

    @staticmethod
    def of(call: KernelCall, *, narrow: bool) -> Layout:
        """`narrow`: pixels are read exactly, whatever their number of channels."""
        channels, kernel_h, kernel_w, dilation_h, dilation_w, stride_w = integers(
            call, "in_c", "kernel_h", "kernel_w", "dilation_h", "dilation_w", "stride_w"
        )
        whole = channels % gemm.STEP == 0
        depth = _whole_steps(kernel_h * kernel_w * channels)
        if _single(call) and (whole or narrow) and not _shares_memory(call):
            return Layout("map", depth, 1, 0, stride_w * channels)
        if _pixelwise(call):
            return Layout("pixels", depth, 1, 0, depth)
        run = kernel_w * channels
        if whole and (dilation_w == 1 or kernel_w == 1) and run <= gemm.MAX_RUN * gemm.STEP:
            return Layout("rows", run, kernel_h, dilation_h * Rows.of(call).pitch, stride_w * channels)
        return Layout("columns", depth, 1, 0, depth)


@dataclass(frozen=True)
class Product:
    """The function that multiplies columns; `text` are statements for (input, output, pixels)."""

    text: tuple[str, ...]
    includes: tuple[str, ...]
    prototype: str
    definitions: tuple[str, ...]
    sources: tuple[SourceFile, ...]
    cost: int
    stack_bytes: Mapping[str, int]

    def statements(self, source: str, target: str, pixels: int | str, indent: int) -> str:
        lines = (line.format(source, target, pixels) for line in self.text)
        return f"\n{' ' * indent}".join(lines)


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """None when weights have a zero point."""
    if call.integer("weights_zero") != 0:
        return None
    requant = double_rounding(call)
    is_narrow = narrow.applies(call.integer("in_c"), call.integer("out_c"), requant)
    layout = Layout.of(call, narrow=is_narrow)
    if is_narrow and layout.way == "map":
        product = _narrow_product(call, name, layout, requant)
    else:
        product = _gemm_product(call, name, layout, requant)
    definitions, includes, sources = [*product.definitions], {*product.includes}, [*product.sources]
    if layout.way != "map":
        includes.add("itr_mve_rows.h")
        sources += kept.sources()
    if layout.way in ("rows", "columns"):
        definitions.append(layertext.structure("itr_mve_rows", f"{name}_rows", vars(Rows.of(call))))
    if layout.way == "columns" or (layout.way == "pixels" and call.integer("in_c") != layout.step):
        includes.add("<arm_mve.h>")
        definitions.append(_columns_function(call, layout))
    chunk = _chunk(call, layout)
    bodies = {"map": _map_body, "pixels": _pixels_body, "rows": _rows_body, "columns": _columns_body}
    source = layertext.layer(
        name,
        title=f"CONV_2D by {layout.way}.",
        includes=sorted(includes),
        declarations=[product.prototype],
        definitions=definitions,
        body=bodies[layout.way](call, name, product, layout, chunk),
    )
    return GeneratedKernel(
        function=name,
        prototype=layertext.prototype(name) + ";",
        sources=(source, *dict.fromkeys(sources)),
        cost=product.cost + _copy_cost(call, layout),
        scratch=_scratch(call, layout, chunk),
        inplace=((0, 0),) if layout.way == "pixels" and _shares_memory(call) else (),
        stack_bytes=product.stack_bytes,
    )


def _gemm_product(call: KernelCall, name: str, layout: Layout, requant: Requantizer) -> Product:
    batch, out_h, out_w, out_c = integers(call, "batch", "out_h", "out_w", "out_c")
    weights = _padded_weights(call, layout.run * layout.runs)
    bias = layertext.folded_bias(call, weights.sum(axis=1, dtype=np.int64))
    constant = constants.codes(call, weights)
    live = constants.live_channels(constant, gemm.BLOCK_CHANNELS)
    scattered = live.size < out_c
    kernel, runs = gemm.Kernel.of(layout.run, layout.runs, live.size, requant.form, scattered=scattered)
    packed = gemm.pack(kernel, weights[live], bias[live], requant.select(live), live)
    fields: dict[str, int | str] = {
        "in_pitch": layout.step,
        "out_pitch": out_c,
        "weights": f"{name}_weights",
        "channels": live.size,
        "zero": requant.zero,
        "minimum": requant.minimum,
        "maximum": requant.maximum,
        "run_pitch": layout.pitch or layout.run // runs,
        "runs": runs,
    }
    text = [f"{kernel.name}({{0}}, {{1}}, &{name}_layer, {{2}});"]
    includes, sources = ["itr_mve_gemm.h"], [*shared("itr_mve_gemm.h"), kernel.source()]
    definitions = [
        layertext.array(f"{name}_weights", packed),
        layertext.structure("itr_mve_gemm", f"{name}_layer", fields),
    ]
    if scattered:
        text.insert(0, f"itr_mve_repeat({{1}}, {name}_constant, {out_c}, {{2}});")
        definitions.append(layertext.array(f"{name}_constant", constant.filled(0).astype(np.int8)))
        includes.append("itr_mve_rows.h")
        sources += kept.sources()
    return Product(
        tuple(text),
        tuple(includes),
        kernel.prototype,
        tuple(definitions),
        tuple(sources),
        batch * out_h * (kernel.cost(out_w, live.size, runs) + scattered * out_w * (out_c // 4 + 10)),
        {kernel.name: kernel.stack_bytes},
    )


def _narrow_product(call: KernelCall, name: str, layout: Layout, requant: Requantizer) -> Product:
    batch, out_h, out_w, in_c, out_c = integers(call, "batch", "out_h", "out_w", "in_c", "out_c")
    weights = call.constant("weights").reshape(out_c, in_c)
    bias = layertext.folded_bias(call, weights.sum(axis=1, dtype=np.int64))
    fields: dict[str, int | str] = {
        "depth": in_c,
        "in_pitch": layout.step,
        "channels": out_c,
        "zero": requant.zero,
        "weights": f"{name}_weights",
    }
    return Product(
        (f"{narrow.name(requant.form)}({{0}}, {{1}}, &{name}_layer, {{2}});",),
        ("itr_mve_narrow.h",),
        narrow.prototype(requant.form),
        (
            layertext.array(f"{name}_weights", narrow.pack(weights, bias, requant)),
            layertext.structure("itr_mve_narrow", f"{name}_layer", fields),
        ),
        narrow.sources(requant.form),
        batch * out_h * narrow.cost(out_w, out_c, requant.form),
        {},
    )


def _whole_steps(size: int) -> int:
    return -(-size // gemm.STEP) * gemm.STEP


def _padded_weights(call: KernelCall, depth: int) -> np.ndarray:
    """int8 [out_c, depth]."""
    weights = call.constant("weights").reshape(call.integer("out_c"), -1)
    padded = np.zeros((weights.shape[0], depth), np.int8)
    padded[:, : weights.shape[1]] = weights
    return padded


def _single(call: KernelCall) -> bool:
    """One tap and no padding."""
    return integers(call, "kernel_h", "kernel_w", "pad_top", "pad_left") == [1, 1, 0, 0]


def _pixelwise(call: KernelCall) -> bool:
    return _single(call) and integers(call, "stride_h", "stride_w") == [1, 1]


def _shares_memory(call: KernelCall) -> bool:
    """Whether outputs may overwrite the input pixel by pixel."""
    return _pixelwise(call) and call.integer("out_c") <= call.integer("in_c")


def _chunk(call: KernelCall, layout: Layout) -> int:
    """Columns made at a time: an even number, no more than the image has (rounded up to even)."""
    pixels = call.integer("out_h") * call.integer("out_w")
    return max(2, min(COLUMN_BYTES // (layout.run * layout.runs), pixels + 1) // 2 * 2)


def _scratch(call: KernelCall, layout: Layout, chunk: int) -> int:
    columns = chunk * layout.step + kept.SLACK
    if layout.way == "rows":
        return Rows.of(call).size
    return {"map": 0, "pixels": columns, "columns": Rows.of(call).size + columns}[layout.way]


def _map_body(call: KernelCall, name: str, product: Product, layout: Layout, chunk: int) -> str:
    batch, in_h, in_w, in_c, out_h, out_w, out_c, stride_h = integers(
        call, "batch", "in_h", "in_w", "in_c", "out_h", "out_w", "out_c", "stride_h"
    )
    if _pixelwise(call):
        return f"  (void)scratch;\n  {product.statements('in', 'out', batch * out_h * out_w, 2)}\n"
    row = in_w * in_c
    return f"""  (void)scratch;
  for (int32_t n = 0; n < {batch}; n++, in += {in_h * row}) {{
    for (int32_t y = 0; y < {out_h}; y++, out += {out_w * out_c}) {{
      {product.statements(f"in + y * {stride_h * row}", "out", out_w, 6)}
    }}
  }}
"""


def _pixels_body(call: KernelCall, name: str, product: Product, layout: Layout, chunk: int) -> str:
    batch, out_h, out_w, in_c, out_c = integers(call, "batch", "out_h", "out_w", "in_c", "out_c")
    pixels = batch * out_h * out_w
    fetch = (
        f"itr_mve_copy(scratch, in, count * {in_c});"
        if in_c % gemm.STEP == 0
        else "columns(scratch, in, count);"
    )
    return f"""  for (int32_t left = {pixels}; left > 0; left -= {chunk}) {{
    const int32_t count = left < {chunk} ? left : {chunk};
    {fetch}
    {product.statements("scratch", "out", "count", 4)}
    in += count * {in_c};
    out += count * {out_c};
  }}
"""


def _rows_body(call: KernelCall, name: str, product: Product, layout: Layout, chunk: int) -> str:
    out_w, out_c = integers(call, "out_w", "out_c")
    step = f"""      {product.statements("scratch", "out", out_w, 6)}
      out += {out_w * out_c};
"""
    return _over_rows(call, name, "scratch", step, "")


def _columns_body(call: KernelCall, name: str, product: Product, layout: Layout, chunk: int) -> str:
    """Columns are collected across rows until `chunk` of them are there."""
    out_w, out_c, in_c, stride_w = integers(call, "out_w", "out_c", "in_c", "stride_w")
    depth = layout.step
    flush = f"""{product.statements("made", "out", "count", 10)}
          out += count * {out_c};
          count = 0;"""
    step = f"""      for (int32_t x = 0; x < {out_w};) {{
        const int32_t room = {chunk} - count;
        const int32_t fresh = {out_w} - x < room ? {out_w} - x : room;
        columns(made + count * {depth}, rows + x * {stride_w * in_c}, fresh);
        x += fresh;
        count += fresh;
        if (count == {chunk}) {{
          {flush}
        }}
      }}
"""
    last = f"""    if (count > 0) {{
      {product.statements("made", "out", "count", 6)}
      out += count * {out_c};
      count = 0;
    }}
"""
    head = f"""  int8_t *rows = scratch;
  int8_t *made = rows + {Rows.of(call).size};
  int32_t count = 0;
"""
    return head + _over_rows(call, name, "rows", step, last)


def _over_rows(call: KernelCall, name: str, rows: str, step: str, last: str) -> str:
    """`step` for every output row with its input rows in `rows`, `last` at the end of an image."""
    batch, in_h, in_w, in_c, out_h, stride_h, pad_top = integers(
        call, "batch", "in_h", "in_w", "in_c", "out_h", "stride_h", "pad_top"
    )
    return f"""  for (int32_t n = 0; n < {batch}; n++, in += {in_h * in_w * in_c}) {{
    itr_mve_rows_start({rows}, in, &{name}_rows, {-pad_top});
    for (int32_t y = 0; y < {out_h}; y++) {{
      if (y > 0) {{
        itr_mve_rows_advance({rows}, in, &{name}_rows, y * {stride_h} - {pad_top}, {stride_h});
      }}
{step}    }}
{last}  }}
"""


def _columns_function(call: KernelCall, layout: Layout) -> str:
    """Copies windows into columns by whole vectors: what one writes too far, a later one overwrites.

    Pixels of a feature map are read exactly, since nothing is known to lie behind them.
    """
    in_c, kernel_h, kernel_w, dilation_h, dilation_w, stride_w = integers(
        call, "in_c", "kernel_h", "kernel_w", "dilation_h", "dilation_w", "stride_w"
    )
    if layout.way == "pixels":
        return _columns_text(in_c, layout.step, [f"itr_mve_copy(out, in, {in_c});"])
    pitch = Rows.of(call).pitch
    adjacent = dilation_w == 1 or kernel_w == 1
    taps, size = (1, kernel_w * in_c) if adjacent else (kernel_w, in_c)
    segments = [
        ((ky * taps + kx) * size, ky * dilation_h * pitch + kx * dilation_w * in_c)
        for ky in range(kernel_h)
        for kx in range(taps)
    ]
    vectors = [(to + i, source + i) for to, source in segments for i in range(0, size, gemm.STEP)]
    if len(vectors) <= MAX_VECTORS:
        copies = [f"vstrbq_s8(out + {to}, vldrbq_s8(in + {source}));" for to, source in vectors]
    else:
        copies = [
            f"for (int32_t ky = 0; ky < {kernel_h}; ky++) {{",
            f"  for (int32_t kx = 0; kx < {taps}; kx++) {{",
            f"    itr_mve_copy(out + (ky * {taps} + kx) * {size},",
            f"                 in + ky * {dilation_h * pitch} + kx * {dilation_w * in_c}, {size});",
            "  }",
            "}",
        ]
    return _columns_text(stride_w * in_c, layout.step, copies)


def _columns_text(step: int, column: int, copies: Sequence[str]) -> str:
    body = "".join(f"    {line}\n" for line in copies)
    return f"""/* Makes `count` columns from windows {step} bytes apart. */
static void columns(int8_t *out, const int8_t *in, int32_t count) {{
  for (; count > 0; count--, in += {step}, out += {column}) {{
{body}  }}
}}
"""


def _copy_cost(call: KernelCall, layout: Layout) -> int:
    """About 3 instructions per 16 bytes copied, 10 more per row, 4 more per column."""
    batch, out_h, out_w, kernel_h, in_w, in_c = integers(
        call, "batch", "out_h", "out_w", "kernel_h", "in_w", "in_c"
    )
    cost = 0
    if layout.way in ("rows", "columns"):
        cost += batch * out_h * kernel_h * (3 * in_w * in_c // 16 + 10)
    if layout.way in ("pixels", "columns"):
        cost += batch * out_h * out_w * (3 * layout.run // 16 + 4)
    return cost
