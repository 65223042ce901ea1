# SPDX-License-Identifier: Apache-2.0
"""CONV_2D int8 for RISC-V vectors: a matrix product (rvv/gemm.py) over windows, which are found in one of three ways.

- "image": windows that lie inside the image are read where they are.
- "pixels": 1x1 layers whose output fits over their input: a few pixels are copied to scratch first, so that memory can
  be shared.
- "rows": the rows of a row of windows are kept in scratch with their padding (rvv/rows.py).
"""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.mve import layertext
from intarsia_codegen.mve.layertext import integers
from intarsia_codegen.rvv import rows
from intarsia_codegen.rvv.product import Product, Windows
from intarsia_codegen.rvv.rows import Rows

PIXELS_BYTES = 1024
"""Scratch aimed at for pixels that are copied; at least `MIN_PIXELS` are."""
MIN_PIXELS = 6


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """None when weights have a zero point."""
    if call.integer("weights_zero") != 0:
        return None
    batch, out_h, out_w, out_c = integers(call, "batch", "out_h", "out_w", "out_c")
    shared = _shares_memory(call)
    direct = rows.windows_inside(call)
    kept = Rows.of(call)
    pitch = call.integer("in_w") * call.integer("in_c") if direct else kept.pitch
    product = Product.of(call, name, call.constant("weights").reshape(out_c, -1), _windows(call, pitch))
    if shared:
        body, scratch = _pixels_body(call, product)
    elif direct:
        body, scratch = _image_body(call, product), 0
    else:
        body, scratch = _rows_body(call, product), kept.size
    copies = shared or not direct
    definitions = list(product.definitions)
    if not direct:
        definitions.append(layertext.structure("itr_rvv_rows", f"{name}_rows", vars(kept)))
    source = layertext.layer(
        name,
        title=f"CONV_2D, windows from {'pixels' if shared else 'the image' if direct else 'kept rows'}.",
        includes=["itr_rvv_gemm.h", *(["itr_rvv_rows.h"] if copies else [])],
        declarations=[product.kernel.prototype],
        definitions=definitions,
        body=body,
    )
    whole = batch * out_h * out_w
    pixelwise = _pixelwise(call)
    return GeneratedKernel(
        function=name,
        prototype=layertext.prototype(name) + ";",
        sources=(source, *product.sources, *(rows.sources() if copies else ())),
        cost=(product.cost(whole) if pixelwise else batch * out_h * product.cost(out_w))
        + (0 if direct else rows.cost(call)),
        scratch=scratch,
        inplace=((0, 0),) if shared else (),
    )


def _pixelwise(call: KernelCall) -> bool:
    """Output pixels are made from the input pixels at the same place."""
    names = ("kernel_h", "kernel_w", "stride_h", "stride_w", "pad_top", "pad_left")
    same = integers(call, "in_h", "in_w") == integers(call, "out_h", "out_w")
    return same and integers(call, *names) == [1, 1, 1, 1, 0, 0]


def _shares_memory(call: KernelCall) -> bool:
    """Whether outputs may overwrite the input pixel by pixel."""
    return _pixelwise(call) and call.integer("out_c") <= call.integer("in_c")


def _windows(call: KernelCall, pitch: int) -> Windows:
    """Windows over rows that are `pitch` bytes apart; neighbouring taps of a row are one run."""
    in_c, kernel_h, kernel_w, dilation_h, dilation_w, stride_w = integers(
        call, "in_c", "kernel_h", "kernel_w", "dilation_h", "dilation_w", "stride_w"
    )
    together = dilation_w == 1 or kernel_w == 1
    taps, run = (1, kernel_w * in_c) if together else (kernel_w, in_c)
    offsets = (
        ky * dilation_h * pitch + kx * dilation_w * in_c for ky in range(kernel_h) for kx in range(taps)
    )
    return Windows(tuple(offsets), run, stride_w * in_c)


def _image_body(call: KernelCall, product: Product) -> str:
    batch, in_h, in_w, in_c, out_h, out_w, out_c, stride_h = integers(
        call, "batch", "in_h", "in_w", "in_c", "out_h", "out_w", "out_c", "stride_h"
    )
    if _pixelwise(call):
        return f"  (void)scratch;\n  {product.statement('in', 'out', batch * out_h * out_w)}\n"
    row = in_w * in_c
    return f"""  (void)scratch;
  for (int32_t n = 0; n < {batch}; n++, in += {in_h * row}) {{
    for (int32_t y = 0; y < {out_h}; y++, out += {out_w * out_c}) {{
      {product.statement(f"in + y * {stride_h * row}", "out", out_w)}
    }}
  }}
"""


def _pixels_body(call: KernelCall, product: Product) -> tuple[str, int]:
    batch, out_h, out_w, in_c, out_c = integers(call, "batch", "out_h", "out_w", "in_c", "out_c")
    pixels = batch * out_h * out_w
    chunk = min(pixels, max(PIXELS_BYTES // in_c // MIN_PIXELS, 1) * MIN_PIXELS)
    body = f"""  for (int32_t left = {pixels}; left > 0; left -= {chunk}) {{
    const int32_t count = left < {chunk} ? left : {chunk};
    itr_rvv_copy(scratch, in, count * {in_c});
    {product.statement("scratch", "out", "count")}
    in += count * {in_c};
    out += count * {out_c};
  }}
"""
    return body, chunk * in_c


def _rows_body(call: KernelCall, product: Product) -> str:
    out_w, out_c = integers(call, "out_w", "out_c")
    return rows.loop(call, product.name, product.statement("scratch", "out", out_w), out_w * out_c)
