# SPDX-License-Identifier: Apache-2.0
"""Convolutions of packed maps or weights, and those of branches: a strip of output rows at a time.

The rows under a strip are made in scratch, padded and as bytes (`itr_mve_strip.h`): every window is then a column of
runs that mve/gemm.py multiplies, whatever the width of the codes and whichever branch. Pixels take whole words there
and runs whole vectors; the weights of what is too much are 0. Weights below 8 bits are unpacked a group of channels at
a time, for all pixels of a strip (mve/groups.py). Outputs below 8 bits are packed when a strip is complete.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from intarsia.dtypes import BY_BITS
from intarsia.kernelcall import KernelCall
from intarsia_codegen import constants, layertext
from intarsia_codegen.generated import GeneratedKernel, SourceFile
from intarsia_codegen.mve import gemm, groups
from intarsia_codegen.mve import rows as kept
from intarsia_codegen.mve.codes import MVE
from intarsia_codegen.mve.groups import Groups
from intarsia_codegen.mve.requantize import Requantizer, double_rounding
from intarsia_codegen.mve.sources import shared
from intarsia_codegen.rowwise.geometry import Geometry

STRIP_BYTES = 6144
"""Scratch aimed at for the rows of a strip and its outputs; at least one row of outputs is computed at a time."""
LONGEST_RUN = 31
"""Steps of a run that the product's code can reach from one pointer."""
_WORD = 4
_STRIP, _ROW = 90, 40
"""Instructions of a strip and of a row that is made, beside their bytes."""
_COPIED, _UNPACKED = 27, 81
"""Instructions of a pixel that does not fill words: it is copied alone."""


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """The kernel of a `conv_2d_packed` or `conv_2d_s8_s8` call.

    None when weights have a zero point, for branches of batches, and for windows dilated along rows.
    """
    geometry = Geometry.of(call)
    if call.integer("weights_zero") != 0 or not geometry.served:
        return None
    shape = Shape(geometry, call.integer("out_c"), *_bits(call))
    if not shape.applies:
        return None
    return _Layer(call, name, shape, double_rounding(call)).kernel()


def _bits(call: KernelCall) -> tuple[int, int]:
    packed = "in_bits" in call.params
    return (call.integer("in_bits"), call.integer("out_bits")) if packed else (8, 8)


@dataclass(frozen=True)
class Shape:
    """How a call is cut, for all its branches. Windows of single pixels are cut as if all were in one column."""

    geometry: Geometry
    out_c: int
    in_bits: int
    out_bits: int

    @property
    def applies(self) -> bool:
        g = self.geometry
        taps = g["dilation_w"] == 1 or g["kernel_w"] == 1
        return taps and (g["kernel_h"] == 1 or self.run <= LONGEST_RUN * gemm.STEP)

    @property
    def pixel(self) -> int:
        """Bytes of a pixel in a strip."""
        return -(-self.geometry["in_c"] // _WORD) * _WORD

    @property
    def run(self) -> int:
        return -(-self.geometry["kernel_w"] * self.pixel // gemm.STEP) * gemm.STEP

    @property
    def flat(self) -> bool:
        return self.geometry.pixelwise

    @property
    def width(self) -> int:
        """Pixels of a row in a strip."""
        g = self.geometry
        return 1 if self.flat else (max(g.each("out_w")) - 1) * g["stride_w"] + g.reach_w

    @property
    def pitch(self) -> int:
        return self.width * self.pixel

    def extents(self) -> list[tuple[int, int]]:
        """Output rows and columns of every branch."""
        g = self.geometry
        pairs = zip(g.each("out_h"), g.each("out_w"), strict=True)
        return [(g["batch"] * h * w, 1) if self.flat else (h, w) for h, w in pairs]

    def in_rows(self, out_rows: int) -> int:
        return (out_rows - 1) * self.geometry["stride_h"] + self.geometry.kept

    @cached_property
    def strip(self) -> int:
        """Output rows at a time."""
        row = 0 if self.out_bits == 8 else max(w for _, w in self.extents()) * self.out_c
        tallest = max(h for h, _ in self.extents())
        fitting = [n for n in range(1, tallest + 1) if self.in_rows(n) * self.pitch + n * row <= STRIP_BYTES]
        return max(fitting, default=1)

    @property
    def rows_bytes(self) -> int:
        return -(-(self.in_rows(self.strip) * self.pitch + kept.SLACK) // gemm.STEP) * gemm.STEP

    @property
    def results_bytes(self) -> int:
        """Outputs before they are packed, whole vectors of them."""
        if self.out_bits == 8:
            return 0
        return -(-self.strip * max(w for _, w in self.extents()) * self.out_c // gemm.STEP) * gemm.STEP


def _text(*lines: str) -> str:
    return "\n".join(lines) + "\n"


class _Layer:
    """One layer: its matrix product, and the text around it."""

    def __init__(self, call: KernelCall, name: str, shape: Shape, requant: Requantizer) -> None:
        self.call, self.name, self.shape, self.requant = call, name, shape, requant
        weights = self._weights()
        self.constant = constants.codes(call, weights)
        self.live = constants.live_channels(self.constant, gemm.BLOCK_CHANNELS)
        self.scattered = self.live.size < shape.out_c
        self.product, self.runs = gemm.Kernel.of(
            shape.run, shape.geometry["kernel_h"], self.live.size, requant.form, scattered=self.scattered
        )
        bias = layertext.folded_bias(call, weights.sum(axis=1, dtype=np.int64))
        rows = weights[self.live], bias[self.live], requant.select(self.live), self.live
        self.packed = gemm.pack(self.product, *rows)
        self.groups = self._groups()

    def _weights(self) -> np.ndarray:
        """int8 [out_c, kernel_h * run]: pixels of whole words, runs of whole vectors."""
        shape, g = self.shape, self.shape.geometry
        pixels = np.zeros((shape.out_c, g["kernel_h"], g["kernel_w"], shape.pixel), np.int8)
        pixels[..., : g["in_c"]] = self.call.constant("weights").reshape(*pixels.shape[:3], g["in_c"])
        runs = np.zeros((shape.out_c, g["kernel_h"], shape.run), np.int8)
        runs[..., : g["kernel_w"] * shape.pixel] = pixels.reshape(*runs.shape[:2], -1)
        return runs.reshape(shape.out_c, -1)

    def _groups(self) -> Groups | None:
        """Weights that are unpacked; None when all have 8 bits."""
        if "in_bits" not in self.call.params:
            return None
        widths = np.broadcast_to(self.call.constant("weights_bits"), self.shape.out_c)[self.live]
        if (widths == 8).any():
            return None
        blocks = -(-self.live.size // gemm.BLOCK_CHANNELS)
        products = gemm.BLOCK_CHANNELS * self.shape.geometry["kernel_h"] * self.shape.run
        before = gemm.STEP if self.product.looped else 0
        return Groups.of(self.packed.reshape(blocks, -1), widths, products, before=before)

    def kernel(self) -> GeneratedKernel:
        call, shape = self.call, self.shape
        packed = "in_bits" in call.params
        operands = ("const void *in", "void *out") if packed else ("const int8_t *in", "int8_t *out")
        params = (f"const itr_{call.contract}_params *p",) if call.variants else ()
        signature = f"void {self.name}({', '.join((*params, *operands, 'void *scratch'))})"
        source = layertext.layer(
            self.name,
            title=f"{call.op.upper()} by strips.",
            includes=self._includes(),
            declarations=[self.product.prototype],
            definitions=self._definitions(),
            body=layertext.taking_params(self._body()) if call.variants else self._body(),
            signature=signature,
        )
        pixelwise = (
            call.inplace
            if packed
            else ((0, 0),)
            if shape.flat and shape.out_c <= call.integer("in_c")
            else ()
        )
        return GeneratedKernel(
            function=self.name,
            prototype=signature + ";",
            sources=tuple(dict.fromkeys((source, *self._sources()))),
            cost=self._cost(),
            scratch=shape.rows_bytes + shape.results_bytes + (self.groups.room if self.groups else 0),
            inplace=() if call.variants else pixelwise,
            stack_bytes={self.product.name: self.product.stack_bytes},
            takes_params=bool(call.variants),
        )

    def _includes(self) -> list[str]:
        includes = ["itr_mve_gemm.h", "itr_mve_strip.h"]
        includes += [f"intarsia/{self.call.op}.h"] if self.call.variants else []
        includes += [MVE.header, "intarsia/packed.h"] if self.shape.out_bits < 8 else []
        includes += ["itr_mve_groups.h"] if self.groups else []
        return includes + (["itr_mve_rows.h"] if self.scattered else [])

    def _sources(self) -> list[SourceFile]:
        sources = [*shared("itr_mve_gemm.h", "itr_mve_strip.h", "itr_mve_strip.c"), self.product.source()]
        return [*sources, *MVE.sources(), *kept.sources(), *(groups.sources() if self.groups else ())]

    def _definitions(self) -> list[str]:
        shape, g, name = self.shape, self.shape.geometry, self.name
        fields: dict[str, int | str] = {
            "in_pitch": g["stride_w"] * shape.pixel,
            "out_pitch": shape.out_c,
            "weights": f"{name}_weights",
            "channels": self.live.size,
            "zero": self.requant.zero,
            "minimum": self.requant.minimum,
            "maximum": self.requant.maximum,
            "run_pitch": g["dilation_h"] * shape.pitch if g["kernel_h"] > 1 else shape.run // self.runs,
            "runs": self.runs,
        }
        texts = [
            layertext.array(f"{name}_weights", self.groups.data if self.groups else self.packed),
            layertext.structure("itr_mve_gemm", f"{name}_layer", fields),
        ]
        if self.scattered:
            texts.append(layertext.array(f"{name}_constant", self.constant.filled(0).astype(np.int8)))
        if self.groups and len(set(self.groups.bits)) > 1:
            texts.append(layertext.array(f"{name}_bits", np.array(self.groups.bits, np.int8)))
        return texts

    def _body(self) -> str:
        """Loops over images, strips, groups of channels and rows."""
        shape, g = self.shape, self.shape.geometry
        results, kind = ("results", "uint8_t") if shape.out_bits < 8 else ("codes", "int8_t")
        height, width, batch = g.text("out_h"), g.text("out_w"), str(g["batch"])
        if shape.flat:
            height, width, batch = f"{batch} * {height} * {width}", "1", "1"
        image = f"{g.text('in_h')} * {g.text('in_w')} * {BY_BITS[shape.in_bits].run_bytes(g['in_c'])}"
        room = [f"  int8_t *const results = rows + {shape.rows_bytes};"] if shape.out_bits < 8 else []
        return _text(
            "  int8_t *const rows = scratch;",
            *room,
            *self._group_start(),
            f"  const int32_t out_h = {height};",
            f"  const int32_t out_w = {width};",
            *self._strip(),
            "  const uint8_t *image = (const uint8_t *)in;",
            f"  {kind} *codes = out;",
            f"  for (int32_t n = 0; n < {batch}; n++, image += {image}) {{",
            f"    for (int32_t y = 0; y < out_h; y += {shape.strip}) {{",
            f"      const int32_t count = out_h - y < {shape.strip} ? out_h - y : {shape.strip};",
            *self._load(),
            *self._products(results),
            *self._finish(),
            "    }",
            "  }",
        )

    def _strip(self) -> list[str]:
        shape, g = self.shape, self.shape.geometry
        if shape.flat:
            values: list[int | str] = [
                "1",
                "out_h",
                g["in_c"],
                shape.in_bits,
                0,
                0,
                shape.pixel,
                g["in_zero"],
            ]
        else:
            values = [g.text("in_h"), g.text("in_w"), g["in_c"], shape.in_bits, g.text("pad_left")]
            values += [shape.width, shape.pixel, g["in_zero"]]
        constant = "" if shape.flat else "const "
        return [f"  {constant}itr_mve_strip s = {{{', '.join(map(str, values))}}};"]

    def _load(self) -> list[str]:
        """The rows of a strip, or as many single pixels as one row."""
        if self.shape.flat:
            return [
                "      s.left = -y;",
                "      s.width = count;",
                "      itr_mve_strip_load(rows, image, &s, 0, 1);",
            ]
        g = self.shape.geometry
        return [
            f"      itr_mve_strip_load(rows, image, &s, y * {g['stride_h']} - {g.text('pad_top')},",
            f"                         (count - 1) * {g['stride_h']} + {g.kept});",
        ]

    def _group_start(self) -> list[str]:
        if self.groups is None:
            return []
        at = self.shape.rows_bytes + self.shape.results_bytes
        return [
            f"  int8_t *const unpacked = rows + {at};",
            f"  itr_mve_gemm group = {self.name}_layer;",
            "  group.weights = unpacked;",
        ]

    def _products(self, results: str) -> list[str]:
        """The matrix product of a strip, a group of channels after the other where weights are packed."""
        scatter = f"itr_mve_repeat({results}, {self.name}_constant, {self.shape.out_c}, count * out_w);"
        lines = [f"      {scatter}"] if self.scattered else []
        if self.groups is None:
            return [*lines, *self._rows(results, f"{self.name}_layer", "      ")]
        groups, channels = self.groups, self.live.size
        size = groups.size * gemm.BLOCK_CHANNELS
        several = len(set(groups.bits)) > 1
        bits = f"{self.name}_bits[c / {size}]" if several else str(groups.bits[0])
        return [
            *lines,
            f"      const int8_t *packed = {self.name}_weights;",
            f"      for (int32_t c = 0; c < {channels}; c += {size}) {{",
            f"        group.channels = {channels} - c < {size} ? {channels} - c : {size};",
            "        packed = itr_mve_unpack_blocks(unpacked, packed, (group.channels + 3) / 4,",
            f"                                       {bits}, {groups.before}, {groups.products}, {groups.after});",
            *self._rows(results if self.scattered else f"{results} + c", "group", "        "),
            "      }",
        ]

    def _rows(self, results: str, layer: str, indent: str) -> list[str]:
        if self.shape.flat:
            return [f"{indent}{self.product.name}(rows, {results}, &{layer}, count);"]
        row = self.shape.geometry["stride_h"] * self.shape.pitch
        return [
            f"{indent}for (int32_t r = 0; r < count; r++) {{",
            f"{indent}  {self.product.name}(rows + r * {row}, {results} + r * out_w * {self.shape.out_c},",
            f"{indent}      &{layer}, out_w);",
            f"{indent}}}",
        ]

    def _finish(self) -> list[str]:
        out_c, bits = self.shape.out_c, self.shape.out_bits
        if bits == 8:
            return [f"      codes += count * out_w * {out_c};"]
        return [
            f"      itr_mve_pack(results, count * out_w, {out_c}, {bits}, codes);",
            f"      codes += count * out_w * itr_packed_bytes({out_c}, {bits});",
        ]

    def _cost(self) -> int:
        shape, g = self.shape, self.shape.geometry
        total = 0.0
        for height, width in shape.extents():
            strips = -(-height // shape.strip)
            in_rows = (height - 1) * g["stride_h"] + g.kept + (strips - 1) * max(g.kept - g["stride_h"], 0)
            total += (
                strips * _STRIP
                + self._loading(in_rows)
                + MVE.packed(height * width, shape.out_c, shape.out_bits)
            )
            calls, pixels = (strips, height / strips) if shape.flat else (height, width)
            total += calls * self.product.cost(round(pixels), self.live.size, self.runs)
            if self.groups:
                extra = len(self.groups.bits) - 1
                total += strips * self.groups.cost + calls * extra * (40 + 9 * pixels)
            total += self.scattered * height * width * (shape.out_c // 4 + 10)
        return round(total * (1 if shape.flat else g["batch"]))

    def _loading(self, in_rows: int) -> float:
        """Instructions of the rows of all strips."""
        shape, in_c = self.shape, self.shape.geometry["in_c"]
        each = MVE.unpacking * in_c if shape.in_bits < 8 else in_c / 4
        if shape.pixel != in_c:
            each = _UNPACKED if shape.in_bits < 8 else _COPIED
        return in_rows * (shape.width * each + (0 if shape.flat else _ROW))
