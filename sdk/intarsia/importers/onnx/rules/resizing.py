# SPDX-License-Identifier: Apache-2.0
"""Resize and Upsample: by an operator that places pixels just as ONNX says, or not at all."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from intarsia.importers.onnx.call import Call, Refused, Rule
from intarsia.importers.onnx.values import Map
from intarsia.ops._resizing import LARGEST, ResizeAttrs
from intarsia.ops.gather import GatherAttrs
from intarsia.ops.resize_bilinear import ResizeBilinearAttrs
from intarsia.ops.resize_nearest_neighbor import _nearest

OPTIONS = ((False, False), (False, True), (True, False))
"""(align_corners, half_pixel_centers) as TFLite has them."""
CLOSE = 1e-4
"""Difference of places, in pixels, that is taken for none: float32 against float64."""


def _extents(call: Call, extents: Sequence[int]) -> tuple[list[int], list[float]]:
    """Output shape and scales. Raises Refused."""
    first = 1 if call.node.op_type == "Upsample" or call.opset < 11 else 2
    rank = len(extents)
    if call.has("axes") or call.text("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise Refused("axes or an aspect ratio of its own", "resize by sizes or scales of all axes")
    sizes = call.integers(3, "the sizes") if first == 2 else None
    if sizes:
        if len(sizes) != rank or min(sizes) < 1 or max(sizes) > LARGEST:
            raise Refused(f"sizes {list(sizes)}")
        return list(sizes), [out / n for out, n in zip(sizes, extents, strict=True)]
    stated = (
        call.attributes.get("scales")
        if call.has("scales")
        else call.known(first, "the scales").real().reshape(-1)
    )
    scales = (
        [float(s) for s in stated or ()]
        if isinstance(stated, list)
        else [float(s) for s in np.asarray(stated)]
    )
    if len(scales) != rank or not all(math.isfinite(s) and 0 < s < 1 << 15 for s in scales):
        raise Refused(f"scales {scales}")
    out = [max(math.floor(n * s), 1) for n, s in zip(extents, scales, strict=True)]
    if max(out) > LARGEST:
        raise Refused(f"scales {scales}")
    return out, scales


def places(mode: str, size: int, out: int, scale: float) -> np.ndarray:
    """Where each output index lies in the input, in pixels, as ONNX says. Raises Refused."""
    index = np.arange(out, dtype=np.float64)
    if mode == "asymmetric":
        return index / scale
    if mode == "align_corners":
        return index * (size - 1) / (out - 1) if out > 1 else index * 0
    if mode == "pytorch_half_pixel" and out == 1:
        return index * 0
    if mode in ("half_pixel", "pytorch_half_pixel"):
        return (index + 0.5) / scale - 0.5
    if mode == "half_pixel_symmetric":
        adjustment = out / (scale * size)
        return size / 2 * (1 - adjustment) + (index + 0.5) / scale - 0.5
    raise Refused(f"coordinate_transformation_mode '{mode}'", "use half_pixel, asymmetric or align_corners")


def _rounded(at: np.ndarray, mode: str, size: int) -> np.ndarray:
    """The nearest pixels. Raises Refused."""
    rounding = {
        "floor": lambda x: np.floor(x + 1e-9),
        "ceil": lambda x: np.ceil(x - 1e-9),
        "round_prefer_floor": lambda x: np.ceil(x - 0.5 - 1e-9),
        "round_prefer_ceil": lambda x: np.floor(x + 0.5 + 1e-9),
    }
    if mode not in rounding:
        raise Refused(f"nearest_mode '{mode}'")
    found: np.ndarray = np.clip(rounding[mode](at), 0, size - 1).astype(np.int64)
    return found


def resize(call: Call) -> Map:
    source, builder = call.map(0), call.builder
    extents = builder.logical(source)
    if source.rank not in (3, 4):
        raise Refused(f"a feature map of {source.rank} dimensions")
    out, scales = _extents(call, extents)
    if out[:2] != list(extents[:2]):
        raise Refused("another batch or number of channels")
    old = call.node.op_type == "Upsample" or call.opset < 11
    transform = "asymmetric" if old else call.text("coordinate_transformation_mode", "half_pixel")
    image, mode = builder.images(source), call.text("mode", "nearest")
    inside, outside = builder.shape(image)[1:3], out[2:] if source.rank == 4 else [1, *out[2:]]
    factors = scales[2:] if source.rank == 4 else [1.0, *scales[2:]]
    at = [
        places(transform, n, m, s) if n != m else np.arange(n)
        for n, m, s in zip(inside, outside, factors, strict=True)
    ]
    if mode == "nearest":
        rounding = "floor" if old else call.text("nearest_mode", "round_prefer_floor")
        index = [_rounded(where, rounding, n) for where, n in zip(at, inside, strict=True)]
        return builder.from_images(_nearest_pixels(call, image, index), source.rank)
    if mode not in ("linear", "bilinear") or call.integer("antialias", 0):
        raise Refused(
            f"mode '{mode}'{' with antialias' if mode == 'linear' else ''}", "resize by nearest or linear"
        )
    return builder.from_images(_linear(call, image, at, transform), source.rank)


def _nearest_pixels(call: Call, image: int, index: list[np.ndarray]) -> int:
    """A resize where it takes just these rows and columns, else one GATHER for each axis."""
    builder, inside = call.builder, call.builder.shape(image)[1:3]
    for corners, centers in OPTIONS:
        attrs = ResizeAttrs(corners, centers)
        if all(np.array_equal(_nearest(n, len(i), attrs), i) for n, i in zip(inside, index, strict=True)):
            size = builder.ints([len(i) for i in index])
            return builder.emit("RESIZE_NEAREST_NEIGHBOR", [image, size], attrs)
    for axis, rows in enumerate(index):
        image = builder.emit(
            "GATHER", [image, builder.constant(rows.astype(np.int32))], GatherAttrs(axis + 1)
        )
    return image


def _linear(call: Call, image: int, at: list[np.ndarray], transform: str) -> int:
    builder, inside = call.builder, call.builder.shape(image)[1:3]
    for corners, centers in OPTIONS:
        mode = "align_corners" if corners else "half_pixel" if centers else "asymmetric"
        ours = [places(mode, n, len(where), len(where) / n) for n, where in zip(inside, at, strict=True)]
        within = [np.clip(where, 0, n - 1) for where, n in zip(at, inside, strict=True)]
        same = [np.clip(own, 0, n - 1) for own, n in zip(ours, inside, strict=True)]
        if all(np.abs(a - b).max(initial=0.0) < CLOSE for a, b in zip(within, same, strict=True)):
            size = builder.ints([len(where) for where in at])
            return builder.emit("RESIZE_BILINEAR", [image, size], ResizeBilinearAttrs(corners, centers))
    raise Refused(
        f"places of pixels by '{transform}' that no operator has",
        "resize to whole sizes, not by uneven scales",
    )


RULES = (
    Rule(
        "Resize",
        ("RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR", "GATHER"),
        resize,
        "nearest and linear, every coordinate_transformation_mode but tf_crop_and_resize",
    ),
    Rule("Upsample", ("RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR", "GATHER"), resize),
)
