# SPDX-License-Identifier: Apache-2.0
"""Image rows kept in scratch with their padding, so that windows never leave the buffer."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.generated import SourceFile
from intarsia_codegen.mve.layertext import integers
from intarsia_codegen.mve.rows import Rows
from intarsia_codegen.rvv.sources import shared

__all__ = ["Rows", "cost", "loop", "sources", "windows_inside"]


def sources() -> tuple[SourceFile, ...]:
    return shared("itr_rvv_rows.h", "itr_rvv_rows.c")


def windows_inside(call: KernelCall) -> bool:
    """Whether no window of a call leaves the image."""
    top, left, out_h, out_w, stride_h, stride_w, kernel_h, kernel_w, dilation_h, dilation_w = integers(
        call,
        *("pad_top", "pad_left", "out_h", "out_w", "stride_h", "stride_w"),
        *("kernel_h", "kernel_w", "dilation_h", "dilation_w"),
    )
    below = (out_h - 1) * stride_h + (kernel_h - 1) * dilation_h - top
    beside = (out_w - 1) * stride_w + (kernel_w - 1) * dilation_w - left
    return top <= 0 and left <= 0 and below < call.integer("in_h") and beside < call.integer("in_w")


def loop(call: KernelCall, name: str, statement: str, out_bytes: int) -> str:
    """Statements that do `statement` for every row of outputs (`out_bytes` each) with its rows in scratch."""
    batch, in_h, in_w, in_c, out_h, stride_h, top = integers(
        call, "batch", "in_h", "in_w", "in_c", "out_h", "stride_h", "pad_top"
    )
    return f"""  for (int32_t n = 0; n < {batch}; n++, in += {in_h * in_w * in_c}) {{
    itr_rvv_rows_start(scratch, in, &{name}_rows, {-top});
    for (int32_t y = 0; y < {out_h}; y++, out += {out_bytes}) {{
      if (y > 0) {{
        itr_rvv_rows_advance(scratch, in, &{name}_rows, y * {stride_h} - {top}, {stride_h});
      }}
      {statement}
    }}
  }}
"""


def cost(call: KernelCall) -> int:
    """Instructions of keeping rows, with vectors of 128 bits: 128 bytes in six, ten more for each row."""
    batch, out_h, kernel_h, in_w, in_c = integers(call, "batch", "out_h", "kernel_h", "in_w", "in_c")
    return batch * out_h * kernel_h * (10 + 6 * -(-in_w * in_c // 128))
