# SPDX-License-Identifier: Apache-2.0
"""What multiplies the columns of a convolution by its weights, with the constants of the layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from intarsia.kernelcall import KernelCall
from intarsia_codegen import constants, layertext
from intarsia_codegen.generated import SourceFile
from intarsia_codegen.layertext import integers
from intarsia_codegen.mve import gemm, narrow
from intarsia_codegen.mve import rows as kept
from intarsia_codegen.mve.requantize import Requantizer
from intarsia_codegen.mve.sources import shared


@dataclass(frozen=True)
class Columns:
    """Where columns lie: `runs` of `run` bytes, `pitch` apart; those of the next pixel are `step` bytes further."""

    run: int
    runs: int
    pitch: int
    step: int


@dataclass(frozen=True)
class Product:
    """The function that multiplies columns; `text` are statements for (input, output, pixels).

    `cost` gives its instructions for a number of pixels.
    """

    text: tuple[str, ...]
    includes: tuple[str, ...]
    prototype: str
    definitions: tuple[str, ...]
    sources: tuple[SourceFile, ...]
    cost: Callable[[int], int]
    stack_bytes: Mapping[str, int]

    def statements(self, source: str, target: str, pixels: int | str, indent: int) -> str:
        lines = (line.format(source, target, pixels) for line in self.text)
        return f"\n{' ' * indent}".join(lines)


def gemm_product(call: KernelCall, name: str, columns: Columns, requant: Requantizer) -> Product:
    """The product of mve/gemm.py for columns of whole steps; the call's weights are padded with 0."""
    out_c = call.integer("out_c")
    weights = _padded_weights(call, columns.run * columns.runs)
    bias = layertext.folded_bias(call, weights.sum(axis=1, dtype=np.int64))
    constant = constants.codes(call, weights)
    live = constants.live_channels(constant, gemm.BLOCK_CHANNELS)
    scattered = live.size < out_c
    kernel, runs = gemm.Kernel.of(columns.run, columns.runs, live.size, requant.form, scattered=scattered)
    packed = gemm.pack(kernel, weights[live], bias[live], requant.select(live), live)
    fields: dict[str, int | str] = {
        "in_pitch": columns.step,
        "out_pitch": out_c,
        "weights": f"{name}_weights",
        "channels": live.size,
        "zero": requant.zero,
        "minimum": requant.minimum,
        "maximum": requant.maximum,
        "run_pitch": columns.pitch or columns.run // runs,
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
        lambda pixels: kernel.cost(pixels, live.size, runs) + scattered * pixels * (out_c // 4 + 10),
        {kernel.name: kernel.stack_bytes},
    )


def narrow_product(call: KernelCall, name: str, step: int, requant: Requantizer) -> Product:
    """The product of mve/narrow.py for pixels `step` bytes apart."""
    in_c, out_c = integers(call, "in_c", "out_c")
    weights = call.constant("weights").reshape(out_c, in_c)
    bias = layertext.folded_bias(call, weights.sum(axis=1, dtype=np.int64))
    fields: dict[str, int | str] = {
        "depth": in_c,
        "in_pitch": step,
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
        lambda pixels: narrow.cost(pixels, out_c, requant.form),
        {},
    )


def whole_steps(size: int) -> int:
    """Bytes of a column, as many as vectors hold."""
    return -(-size // gemm.STEP) * gemm.STEP


def _padded_weights(call: KernelCall, depth: int) -> np.ndarray:
    """int8 [out_c, depth]."""
    weights = call.constant("weights").reshape(call.integer("out_c"), -1)
    padded = np.zeros((weights.shape[0], depth), np.int8)
    padded[:, : weights.shape[1]] = weights
    return padded
