# SPDX-License-Identifier: Apache-2.0
"""Conv and ConvTranspose over one or two spatial axes."""

from __future__ import annotations

import numpy as np

from intarsia.importers.onnx import weights
from intarsia.importers.onnx.builder import MAX_ELEMENTS, Builder
from intarsia.importers.onnx.call import Call, Refused, Rule
from intarsia.importers.onnx.rules._windows import Windows, pair, windows
from intarsia.importers.onnx.values import Known, Map
from intarsia.ops.concatenation import ConcatenationAttrs
from intarsia.ops.conv_2d import Conv2DAttrs
from intarsia.ops.depthwise_conv_2d import DepthwiseConv2DAttrs
from intarsia.ops.split import SplitAttrs
from intarsia.ops.transpose_conv import TransposeConvAttrs

LARGEST = 1 << 24
"""Elements of the largest weights that are made."""


def _operands(call: Call) -> tuple[Map, Known, Known | None]:
    """Feature map, weights with two spatial axes, bias. Raises Refused."""
    source, kernel = call.map(0), call.known(1, "the weights")
    bias = call.known(2, "the bias") if call.operand(2) is not None else None
    if bias is not None and bias.data.ndim != 1:
        raise Refused(f"a bias of {list(bias.shape)}")
    if source.rank not in (3, 4) or kernel.data.ndim != source.rank:
        raise Refused(
            f"a feature map of {source.rank} dimensions and weights {list(kernel.shape)}; "
            "one and two spatial axes are supported"
        )
    if source.rank == 3:
        kernel = weights.shaped(kernel, (*kernel.shape[:2], 1, kernel.shape[2]), _axis(kernel))
    return source, kernel, bias


def _axis(known: Known) -> int:
    return known.quant.axis if known.quant is not None else 0


def convolution(call: Call) -> Map:
    source, kernel, bias = _operands(call)
    builder, groups = call.builder, call.integer("group", 1)
    channels, units = builder.logical(source)[1], kernel.shape[0]
    if groups < 1 or units % groups or kernel.shape[1] * groups != channels:
        raise Refused(f"weights {list(kernel.shape)} in {groups} groups for {channels} channels")
    size = call.vector(
        "kernel_shape", kernel.shape[4 - source.rank + 2 :] if source.rank == 4 else kernel.shape[3:]
    )
    extent = builder.logical(source)[2:]
    if pair(size, "windows") != kernel.shape[2:]:
        raise Refused(f"kernel_shape {list(size)} with weights {list(kernel.shape)}")
    view = windows(call, size, extent)
    image = builder.images(source)
    if groups == channels and groups > 1:
        result = _depthwise(builder, image, kernel, bias, view)
    elif groups == 1:
        result = _dense(builder, image, kernel, bias, view)
    else:
        result = _grouped(builder, image, kernel, bias, view, groups)
    return builder.from_images(result, source.rank)


def _dense(builder: Builder, image: int, kernel: Known, bias: Known | None, view: Windows) -> int:
    padding, pads = view.padding(builder.shape(image)[1:3])
    attrs = Conv2DAttrs(padding, view.stride, view.dilation, pads=pads)
    inputs = [image, weights.place(builder, weights.transposed(kernel, (0, 2, 3, 1)))]
    if bias is not None:
        inputs.append(weights.place(builder, bias))
    return builder.emit("CONV_2D", inputs, attrs)


def _depthwise(builder: Builder, image: int, kernel: Known, bias: Known | None, view: Windows) -> int:
    padding, pads = view.padding(builder.shape(image)[1:3])
    multiplier = kernel.shape[0] // builder.shape(image)[3]
    attrs = DepthwiseConv2DAttrs(padding, view.stride, view.dilation, multiplier=multiplier, pads=pads)
    inputs = [image, weights.place(builder, weights.transposed(kernel, (1, 2, 3, 0)))]
    if bias is not None:
        inputs.append(weights.place(builder, bias))
    return builder.emit("DEPTHWISE_CONV_2D", inputs, attrs)


def _grouped(
    builder: Builder, image: int, kernel: Known, bias: Known | None, view: Windows, groups: int
) -> int:
    """One convolution for each group of channels."""
    axis = builder.constant(np.array(3, np.int32))
    parts, units = builder.emit_all("SPLIT", [axis, image], SplitAttrs(groups)), kernel.shape[0] // groups
    results = []
    for group, part in enumerate(parts):
        own = slice(group * units, (group + 1) * units)
        share = None if bias is None else weights.taken(bias, own, 0)
        results.append(_dense(builder, part, weights.taken(kernel, own, 0), share, view))
    return builder.emit("CONCATENATION", results, ConcatenationAttrs(3))


def transposed(call: Call) -> Map:
    source, kernel, bias = _operands(call)
    builder, groups = call.builder, call.integer("group", 1)
    if groups > 1:
        kernel = _blocks(kernel, groups)
    if kernel.shape[0] != builder.logical(source)[1]:
        raise Refused(f"weights {list(kernel.shape)} for {builder.logical(source)[1]} channels")
    spatial = source.rank - 2
    stride = pair(call.vector("strides", [1] * spatial), "strides")
    if any(d != 1 for d in call.vector("dilations", [1] * spatial)):
        raise Refused("dilations", "use dilation 1 in transposed convolutions")
    if min(stride) < 1:
        raise Refused(f"strides {list(stride)}")
    image = builder.images(source)
    full = [
        (n - 1) * s + k for n, s, k in zip(builder.shape(image)[1:3], stride, kernel.shape[2:], strict=True)
    ]
    cut = _cuts(call, spatial, full, stride, builder.shape(image)[1:3])
    out = [n - before - behind for n, (before, behind) in zip(full, cut, strict=True)]
    if min(out) < 1:
        raise Refused(f"an output of {out}")
    shape = [builder.shape(image)[0], *full, kernel.shape[1]]
    placed = weights.place(builder, weights.transposed(kernel, (1, 2, 3, 0)))
    inputs = [builder.ints(shape), placed, image]
    if bias is not None:
        inputs.append(weights.place(builder, bias))
    same = all(
        _is_same(out[i], kernel.shape[2 + i], stride[i], builder.shape(image)[1 + i], cut[i]) for i in (0, 1)
    )
    if same and any(map(any, cut)):
        inputs[0] = builder.ints([shape[0], *out, shape[3]])
        return builder.from_images(
            builder.emit("TRANSPOSE_CONV", inputs, TransposeConvAttrs("SAME", stride)), source.rank
        )
    result = builder.emit("TRANSPOSE_CONV", inputs, TransposeConvAttrs("VALID", stride))
    return builder.from_images(_cropped(builder, result, cut, out), source.rank)


def _cuts(
    call: Call, spatial: int, full: list[int], stride: tuple[int, int], extent: tuple[int, ...]
) -> list[tuple[int, int]]:
    """Rows and columns of the whole result that are cut off before and behind; negative: that are missing."""
    extra = (
        pair(call.vector("output_padding", [0] * spatial), "output_padding")
        if spatial == 2
        else (
            0,
            call.vector("output_padding", [0])[0],
        )
    )
    kind = call.text("auto_pad", "NOTSET")
    if call.has("output_shape") or kind in ("SAME_UPPER", "SAME_LOWER"):
        stated = call.vector("output_shape", ()) if call.has("output_shape") else None
        wanted = (
            [n * s for n, s in zip(extent, stride, strict=True)]
            if stated is None
            else list(pair(stated[-spatial:], "output_shape"))
        )
        cut = []
        for n, w, e in zip(full, wanted, extra, strict=True):
            total = n + e - w
            before = total // 2 if kind == "SAME_UPPER" else total - total // 2
            cut.append((before, total - before - e))
        return cut
    pads = call.vector("pads", [0] * (2 * spatial)) if kind == "NOTSET" else (0,) * (2 * spatial)
    if len(pads) != 2 * spatial:
        raise Refused(f"pads {list(pads)}")
    pairs = [(pads[i], pads[i + spatial]) for i in range(spatial)]
    pairs = pairs if spatial == 2 else [(0, 0), *pairs]
    return [(before, behind - e) for (before, behind), e in zip(pairs, extra, strict=True)]


def _is_same(out: int, kernel: int, stride: int, extent: int, cut: tuple[int, int]) -> bool:
    """Whether SAME padding of the output cuts just that off."""
    total = max((extent - 1) * stride + kernel - out, 0)
    return -(-out // stride) == extent and cut == (total // 2, total - total // 2)


def _cropped(builder: Builder, image: int, cut: list[tuple[int, int]], out: list[int]) -> int:
    missing = [max(-behind, 0) for _, behind in cut]
    if any(before < 0 for before, _ in cut):
        raise Refused("an output that is larger than what its windows reach")
    if max(missing) >= MAX_ELEMENTS:
        raise Refused(f"an output of {out}")
    if any(missing):
        borders = np.array([[0, 0], [0, missing[0]], [0, missing[1]], [0, 0]], np.int32)
        image = builder.emit("PAD", [image, builder.constant(borders)])
    shape = builder.shape(image)
    target = (shape[0], *out, shape[3])
    if target == shape:
        return image
    begins = builder.ints([0, cut[0][0], cut[1][0], 0])
    return builder.emit("SLICE", [image, begins, builder.ints(target)])


def _blocks(kernel: Known, groups: int) -> Known:
    """Weights of a transposed convolution in groups as those of one without, zero between groups. Raises Refused."""
    if kernel.quant is not None and (kernel.quant.per_channel or kernel.quant.zero_point[0]):
        raise Refused("quantized weights in groups", "quantize the weights of this layer per tensor")
    rows, units = kernel.shape[0] // groups, kernel.shape[1]
    if rows * groups != kernel.shape[0] or kernel.data.size * groups > LARGEST:
        raise Refused(f"weights {list(kernel.shape)} in {groups} groups")
    whole = np.zeros((kernel.shape[0], units * groups, *kernel.shape[2:]), kernel.data.dtype)
    for group in range(groups):
        own = slice(group * rows, (group + 1) * rows)
        whole[own, group * units : (group + 1) * units] = kernel.data[own]
    return Known(kernel.name, whole, kernel.quant)


RULES = (
    Rule(
        "Conv",
        ("CONV_2D", "DEPTHWISE_CONV_2D", "SPLIT", "CONCATENATION"),
        convolution,
        "one or two spatial axes; groups become convolutions of their own",
    ),
    Rule(
        "ConvTranspose",
        ("TRANSPOSE_CONV", "SLICE", "PAD"),
        transposed,
        "dilation 1; pads are cut off by a SLICE",
    ),
)
