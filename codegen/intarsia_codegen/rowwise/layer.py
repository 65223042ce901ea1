# SPDX-License-Identifier: Apache-2.0
"""The function of one layer: how its windows are found, and the loops around the function that computes a row of them.

- "image": windows that lie inside the image are read where they are.
- "pixels": 1x1 layers whose output fits over their input: a few pixels are copied to scratch first, so that memory can
  be shared.
- "rows": the rows under a row of windows are kept in scratch with their padding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from intarsia.kernelcall import KernelCall
from intarsia_codegen import layertext
from intarsia_codegen.generated import GeneratedKernel, SourceFile
from intarsia_codegen.rowwise.geometry import Geometry

PIXELS_BYTES = 1024
"""Scratch aimed at for pixels that are copied; at least a block of the family is."""
ROW_COST = 10
"""Instructions of keeping a row, beside its bytes."""


@dataclass(frozen=True)
class Family:
    """What keeps rows on an instruction set: `itr_<word>_rows_start` and `itr_<word>_rows_advance` of `sources`.

    `copy` is the function that copies bytes (target, source, count), declared in `copy_include`; it and the rows take
    an instruction for `bytes_per_instruction` bytes. Pixels are copied in blocks of `pixels`.
    """

    word: str
    sources: tuple[SourceFile, ...]
    copy: str
    copy_include: str
    bytes_per_instruction: float
    pixels: int = 6


@dataclass(frozen=True)
class Product:
    """What computes a row of outputs: `function(in, out, &<layer>_layer, pixels)` with the layer's `definitions`.

    `cost` gives its instructions for a number of pixels. It may read `slack` bytes behind its windows.
    `stack_bytes` as in `GeneratedKernel`.
    """

    function: str
    prototype: str
    include: str
    definitions: tuple[str, ...]
    sources: tuple[SourceFile, ...]
    cost: Callable[[int], int]
    slack: int = 0
    stack_bytes: Mapping[str, int] = field(default_factory=dict)


def generate(
    call: KernelCall,
    name: str,
    family: Family,
    product: Product,
    *,
    out_c: int,
    whole_pixels: bool,
    untyped: bool = False,
) -> GeneratedKernel:
    """The kernel of a call with `out_c` output channels. `whole_pixels`: an output needs all channels of its window.

    Channels are bytes; a call with other elements has its channels counted so, and `untyped` pointers. Then bytes
    behind the windows are zeros at first: a product with 0 shall be 0.
    The product's windows are those of `Geometry`. With branches the kernel takes their parameters.
    """
    text = _Text(call, name, family, product, out_c, whole_pixels)
    body, scratch, includes = text.body()
    signature = layertext.signature(call, name)
    if untyped:
        signature = layertext.signature(call, name, "const void *input, void *output, void *scratch")
        body = f"  const int8_t *in = input;\n  int8_t *out = output;\n{_zeros(scratch, product.slack)}{body}"
        includes.append("<string.h>")
    if text.geometry.branches:
        includes.append(f"intarsia/{call.op}.h")
        body = layertext.taking_params(body)
    source = layertext.layer(
        name,
        title=f"{call.op.upper()}, windows from {text.way}.",
        includes=[product.include, *includes],
        declarations=[product.prototype],
        definitions=product.definitions,
        body=body,
        signature=signature,
    )
    return GeneratedKernel(
        function=name,
        prototype=signature + ";",
        sources=(source, *product.sources, *(family.sources if text.keeps_rows else ())),
        cost=text.cost(),
        scratch=scratch,
        inplace=((0, 0),) if text.shares_memory else (),
        stack_bytes=product.stack_bytes,
        takes_params=text.geometry.branches,
    )


def _zeros(scratch: int, count: int) -> str:
    """Clears the last bytes of scratch."""
    return f"  memset((int8_t *)scratch + {scratch - count}, 0, {count});\n" if count else ""


class _Text:
    """Statements of one layer."""

    def __init__(
        self, call: KernelCall, name: str, family: Family, product: Product, out_c: int, whole_pixels: bool
    ) -> None:
        self.geometry = Geometry.of(call)
        self.name, self.family, self.product, self.out_c = name, family, product, out_c
        self.whole_pixels = whole_pixels
        self.way = self._way()

    def _way(self) -> str:
        g = self.geometry
        if g.pixelwise and self.whole_pixels:
            return "pixels" if self.out_c <= g["in_c"] or self.product.slack else "image"
        return "image" if g.inside and not self.product.slack else "rows"

    @property
    def keeps_rows(self) -> bool:
        return self.way == "rows" or (self.way == "pixels" and self.family.copy != "memcpy")

    @property
    def shares_memory(self) -> bool:
        """Whether outputs may overwrite the input: windows are copied before anything that they need is overwritten."""
        g = self.geometry
        same = all(list(g.each(f"in_{axis}")) == list(g.each(f"out_{axis}")) for axis in "hw")
        ahead = same and g["stride_h"] == 1 and self.out_c <= g["in_c"] and not self.whole_pixels
        fits = self.way == "pixels" and self.out_c <= g["in_c"]
        return fits or (self.way == "rows" and ahead and not g.branches)

    def body(self) -> tuple[str, int, list[str]]:
        """Statements, scratch in bytes, includes."""
        if self.way == "image":
            return self._image(), 0, []
        text, scratch, includes = self._pixels() if self.way == "pixels" else self._rows()
        return text, scratch + self.product.slack, includes

    def cost(self) -> int:
        """Instructions of all branches."""
        g = self.geometry
        extents = list(zip(g.each("out_h"), g.each("out_w"), strict=True))
        if g.pixelwise and self.whole_pixels:
            return sum(self.product.cost(g["batch"] * height * width) for height, width in extents)
        kept = round(g.kept * (ROW_COST + g.pitch / self.family.bytes_per_instruction))
        row = kept if self.way == "rows" else 0
        return g["batch"] * sum(height * (self.product.cost(width) + row) for height, width in extents)

    def _call(self, source: str, target: str, pixels: int | str) -> str:
        return f"{self.product.function}({source}, {target}, &{self.name}_layer, {pixels});"

    def _pixel_count(self) -> str:
        g = self.geometry
        if g.branches:
            return f"{g.text('out_h')} * {g.text('out_w')}"
        return str(g.outputs)

    def _pixels(self) -> tuple[str, int, list[str]]:
        in_c = self.geometry["in_c"]
        block = self.family.pixels
        chunk = min(self.geometry.outputs, max(PIXELS_BYTES // in_c // block, 1) * block)
        size = f"(size_t)(count * {in_c})" if self.family.copy == "memcpy" else f"count * {in_c}"
        text = f"""  for (int32_t left = {self._pixel_count()}; left > 0; left -= {chunk}) {{
    const int32_t count = left < {chunk} ? left : {chunk};
    {self.family.copy}(scratch, in, {size});
    {self._call("scratch", "out", "count")}
    in += count * {in_c};
    out += count * {self.out_c};
  }}
"""
        return text, chunk * in_c, [self.family.copy_include]

    def _image(self) -> str:
        g = self.geometry
        if g.pixelwise and self.whole_pixels:
            return f"  (void)scratch;\n  {self._call('in', 'out', self._pixel_count())}\n"
        row = g["in_w"] * g["in_c"]
        return f"""  (void)scratch;
  for (int32_t n = 0; n < {g["batch"]}; n++, in += {g["in_h"] * row}) {{
    for (int32_t y = 0; y < {g["out_h"]}; y++, out += {g["out_w"] * self.out_c}) {{
      {self._call(f"in + y * {g['stride_h'] * row}", "out", g["out_w"])}
    }}
  }}
"""

    def _rows(self) -> tuple[str, int, list[str]]:
        g, in_c, stride = self.geometry, self.geometry["in_c"], self.geometry["stride_h"]
        prefix = f"itr_{self.family.word}_rows"
        top = g.text("pad_top")
        text = f"""{self._extents()}  const {prefix} rows = {{{g.text("in_h")}, row, there * {in_c}, {g.kept},
                         {g.pitch}, before * {in_c}, {g["in_zero"]}}};
  for (int32_t n = 0; n < {g["batch"]}; n++, in += {g.text("in_h")} * row) {{
    {prefix}_start(scratch, in + skipped * {in_c}, &rows, -{top});
    for (int32_t y = 0; y < {g.text("out_h")}; y++, out += {g.text("out_w")} * {self.out_c}) {{
      if (y > 0) {{
        {prefix}_advance(scratch, in + skipped * {in_c}, &rows, y * {stride} - {top}, {stride});
      }}
      {self._call("scratch", "out", g.text("out_w"))}
    }}
  }}
"""
        return text, g.kept * g.pitch, [f"{prefix}.h"]

    def _extents(self) -> str:
        """Columns of the image: `before` of padding, then `there`, after `skipped` ones that no window needs."""
        g = self.geometry
        row = f"  const int32_t row = {g.text('in_w')} * {g['in_c']};\n"
        if not g.branches:
            needed = (g["out_w"] - 1) * g["stride_w"] + g.reach_w - g["pad_left"]
            values = {"before": g["pad_left"], "skipped": 0, "there": min(g["in_w"], needed)}
            return row + "".join(f"  const int32_t {key} = {value};\n" for key, value in values.items())
        left = g.text("pad_left")
        return (
            row
            + f"""  const int32_t before = {left} > 0 ? {left} : 0;
  const int32_t skipped = before - {left};
  const int32_t needed = ({g.text("out_w")} - 1) * {g["stride_w"]} + {g.reach_w} - before;
  const int32_t rest = {g.text("in_w")} - skipped;
  const int32_t there = rest < needed ? rest : needed;
"""
        )
