# SPDX-License-Identifier: Apache-2.0
"""The function of a depthwise layer: rows of the image are kept as planes with their padding, a row of outputs at a
time is computed from them (xpulp/depthwise.py)."""

from __future__ import annotations

import numpy as np

from intarsia.kernelcall import KernelCall
from intarsia_codegen import layertext
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.rowwise.geometry import Geometry
from intarsia_codegen.xpulp import depthwise
from intarsia_codegen.xpulp.product import WORD, channel_table, rule, scaled
from intarsia_codegen.xpulp.sources import shared

STRIDES = (1, 2, 4)
TRANSPOSE_STACK = 16
LOAD_CYCLES = 1.5
"""Of a byte that becomes part of a plane, padding included."""


def layer(call: KernelCall, name: str, in_bits: int) -> GeneratedKernel | None:
    """For inputs of so many bits. None where no form of requantization is proved, for windows that are dilated along a
    row or too large for the registers, and for odd strides."""
    geometry = Geometry.of(call)
    kernel_h, kernel_w, channels = (call.integer(p) for p in ("kernel_h", "kernel_w", "in_c"))
    weights = call.constant("weights").reshape(kernel_h, kernel_w, channels).transpose(2, 0, 1)
    plain = geometry.served and (call.integer("dilation_w") == 1 or kernel_w == 1)
    if not plain or call.integer("stride_w") not in STRIDES:
        return None
    found = scaled(call, weights.reshape(channels, -1), rule(call, channels), in_bits)
    if found is None:
        return None
    split, table = found
    words = -(-kernel_w // WORD)
    kernel = depthwise.Kernel(kernel_h, words, call.integer("stride_w"), split)
    if not kernel.fits:
        return None
    packed = np.zeros((channels, kernel_h, words * WORD), np.int8)
    packed[:, :, :kernel_w] = weights << split.up
    pitch = _pitch(geometry, words)
    fields: dict[str, int | str] = {
        "channels": channels,
        "plane": pitch,
        **{limit: call.integer(limit) for limit in ("minimum", "maximum")},
        "weights": f"{name}_weights",
        "q": f"{name}_channels",
    }
    signature = layertext.prototype(name)
    includes = ["itr_xpulp_depthwise.h", "itr_xpulp_planes.h"]
    if geometry.branches:
        signature = signature.replace("(", f"(const itr_{call.contract}_params *p, ", 1)
        includes.append(f"intarsia/{call.op}.h")
    source = layertext.layer(
        name,
        title="DEPTHWISE_CONV_2D, rows kept as planes.",
        includes=includes,
        declarations=[kernel.prototype],
        definitions=[
            layertext.array(f"{name}_weights", packed),
            channel_table(name, table),
            layertext.structure("itr_xpulp_depthwise", f"{name}_layer", fields),
        ],
        body=_body(geometry, name, kernel.name, pitch),
        signature=signature,
    )
    headers = shared("itr_xpulp.inc", "itr_xpulp_channel.h", "itr_xpulp_depthwise.h", "itr_xpulp_planes.h")
    rows = shared("itr_xpulp_planes.c", "itr_xpulp_transpose.S")
    return GeneratedKernel(
        function=name,
        prototype=signature + ";",
        sources=(source, kernel.source(), *headers, *rows),
        cost=_cost(geometry, kernel, channels),
        scratch=geometry.kept * channels * pitch,
        inplace=((0, 0),) if _ahead(geometry) else (),
        stack_bytes={kernel.name: kernel.frame.size, "itr_xpulp_transpose": TRANSPOSE_STACK},
        takes_params=geometry.branches,
    )


def _before(geometry: Geometry) -> int:
    """Bytes before an image's columns: those of the widest padding, in whole words."""
    return -(-max(*geometry.each("pad_left"), 0) // WORD) * WORD


def _pitch(geometry: Geometry, words: int) -> int:
    """Bytes of a plane: all that the words of the last window reach, in whole words."""
    last = (max(geometry.each("out_w")) - 1) * geometry["stride_w"] + words * WORD
    needed = max(_before(geometry) + last, _before(geometry) + max(geometry.each("in_w")))
    return -(-needed // WORD) * WORD


def _ahead(geometry: Geometry) -> bool:
    """Whether rows are read before outputs would overwrite them."""
    same = all(list(geometry.each(f"in_{a}")) == list(geometry.each(f"out_{a}")) for a in "hw")
    return same and geometry["stride_h"] == 1 and not geometry.branches


def _cost(geometry: Geometry, kernel: depthwise.Kernel, channels: int) -> int:
    """Cycles."""
    outputs = max(geometry.each("out_h")) * channels * kernel.cycles(max(geometry.each("out_w")))
    inputs = (max(geometry.each("in_h")) + geometry.kept) * max(geometry.each("in_w")) * channels
    return geometry["batch"] * round(outputs + inputs * LOAD_CYCLES)


def _body(g: Geometry, name: str, function: str, pitch: int) -> str:
    channels, before = g["in_c"], _before(g)
    top, left = g.text("pad_top"), g.text("pad_left")
    room = pitch - before
    if g.branches:
        columns = f"""  const int32_t skipped = {left} < 0 ? -{left} : 0;
  const int32_t rest = {g.text("in_w")} - skipped;
  const int32_t there = rest < {room} ? rest : {room};
  const int32_t first = {before} - ({left} > 0 ? {left} : 0);
"""
        there, source, first = "there", f"in + skipped * {channels}", "first"
    else:
        columns, skipped = "", max(-g["pad_left"], 0)
        source = f"in + {skipped * channels}" if skipped else "in"
        there, first = str(min(g["in_w"] - skipped, room)), str(before - max(g["pad_left"], 0))
    return f"""{columns}  const itr_xpulp_planes planes = {{{g.text("in_h")}, {g.text("in_w")}, {channels}, {there},
                                   {g.kept}, {pitch}, {before}, {g["in_zero"]}}};
  for (int32_t n = 0; n < {g["batch"]}; n++, in += {g.text("in_h")} * {g.text("in_w")} * {channels}) {{
    int32_t next = -{top};
    itr_xpulp_planes_start(scratch, &planes);
    for (int32_t y = -{top}; y < {g.text("out_h")} * {g["stride_h"]} - {top}; y += {g["stride_h"]}) {{
      const int8_t *rows[{g["kernel_h"]}];
      for (; next < y + {g.kept}; next++) {{
        itr_xpulp_planes_load(scratch, {source}, &planes, next);
      }}
      for (int32_t i = 0; i < {g["kernel_h"]}; i++) {{
        rows[i] = itr_xpulp_planes_row(scratch, &planes, y + i * {g["dilation_h"]}) + {first};
      }}
      {function}(rows, out, &{name}_layer, {g.text("out_w")});
      out += {g.text("out_w")} * {channels};
    }}
  }}
"""
