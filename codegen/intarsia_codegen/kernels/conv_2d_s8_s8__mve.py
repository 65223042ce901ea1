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

from collections.abc import Sequence
from dataclasses import dataclass

from intarsia.kernelcall import KernelCall
from intarsia_codegen import layertext
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.layertext import integers
from intarsia_codegen.mve import convolution, gemm, narrow, products
from intarsia_codegen.mve import rows as kept
from intarsia_codegen.mve.products import Columns, Product
from intarsia_codegen.mve.requantize import double_rounding
from intarsia_codegen.mve.rows import Rows

COLUMN_BYTES = 1024
"""Scratch aimed at for columns; at least two are made at a time."""
MAX_VECTORS = 12
"""Vector copies per column that are written out; more become loops."""


@dataclass(frozen=True)
class Layout:
    """How the columns of a layer are found, and where they lie then."""

    way: str
    columns: Columns

    @staticmethod
    def of(call: KernelCall, *, narrow: bool) -> Layout:
        """`narrow`: pixels are read exactly, whatever their number of channels."""
        channels, kernel_h, kernel_w, dilation_h, dilation_w, stride_w = integers(
            call, "in_c", "kernel_h", "kernel_w", "dilation_h", "dilation_w", "stride_w"
        )
        whole = channels % gemm.STEP == 0
        depth = products.whole_steps(kernel_h * kernel_w * channels)
        if _single(call) and (whole or narrow) and not _shares_memory(call):
            return Layout("map", Columns(depth, 1, 0, stride_w * channels))
        if _pixelwise(call):
            return Layout("pixels", Columns(depth, 1, 0, depth))
        run = kernel_w * channels
        if whole and (dilation_w == 1 or kernel_w == 1) and run <= gemm.MAX_RUN * gemm.STEP:
            return Layout(
                "rows", Columns(run, kernel_h, dilation_h * Rows.of(call).pitch, stride_w * channels)
            )
        return Layout("columns", Columns(depth, 1, 0, depth))


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """None when weights have a zero point; branches go through mve/convolution.py."""
    if call.variants:
        return convolution.generate(call, name)
    if call.integer("weights_zero") != 0:
        return None
    requant = double_rounding(call)
    batch, out_h, out_w = integers(call, "batch", "out_h", "out_w")
    is_narrow = narrow.applies(call.integer("in_c"), call.integer("out_c"), requant)
    layout = Layout.of(call, narrow=is_narrow)
    if is_narrow and layout.way == "map":
        product = products.narrow_product(call, name, layout.columns.step, requant)
    else:
        product = products.gemm_product(call, name, layout.columns, requant)
    definitions, includes, sources = [*product.definitions], {*product.includes}, [*product.sources]
    if layout.way != "map":
        includes.add("itr_mve_rows.h")
        sources += kept.sources()
    if layout.way in ("rows", "columns"):
        definitions.append(layertext.structure("itr_mve_rows", f"{name}_rows", vars(Rows.of(call))))
    if layout.way == "columns" or (layout.way == "pixels" and call.integer("in_c") != layout.columns.step):
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
        cost=batch * out_h * product.cost(out_w) + _copy_cost(call, layout),
        scratch=_scratch(call, layout, chunk),
        inplace=((0, 0),) if layout.way == "pixels" and _shares_memory(call) else (),
        stack_bytes=product.stack_bytes,
    )


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
    return max(2, min(COLUMN_BYTES // (layout.columns.run * layout.columns.runs), pixels + 1) // 2 * 2)


def _scratch(call: KernelCall, layout: Layout, chunk: int) -> int:
    columns = chunk * layout.columns.step + kept.SLACK
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
    depth = layout.columns.step
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
        return _columns_text(in_c, layout.columns.step, [f"itr_mve_copy(out, in, {in_c});"])
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
    return _columns_text(stride_w * in_c, layout.columns.step, copies)


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
        cost += batch * out_h * out_w * (3 * layout.columns.run // 16 + 4)
    return cost
