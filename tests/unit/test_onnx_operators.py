# SPDX-License-Identifier: Apache-2.0
"""Every ONNX operator that has a rule, in the forms that exporters write, against ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from onnx import helper

from intarsia.importers.onnx import rules
from support import qlinears
from support.onnxes import Net, computed, imported, lying, runtime

BOUND = 2e-5
"""Largest difference of float outputs, as a share of the largest value: sums in another order."""
LAYOUT = {"RESHAPE", "TRANSPOSE"}
"""What any operator may need around it when it stands alone."""

Build = Callable[[Net, str], "str | list[str]"]
IMAGE = (1, 6, 9, 7)
CASES: dict[str, tuple[tuple[int, ...], Build]] = {}


def case(name: str, shape: tuple[int, ...] = IMAGE) -> Callable[[Build], Build]:
    def add(build: Build) -> Build:
        CASES[name] = shape, build
        return build

    return add


def one(name: str, op: str, shape: tuple[int, ...] = IMAGE, **attributes: object) -> None:
    """A node with one input."""
    CASES[name] = shape, lambda net, x: net.node(op, x, **attributes)


def conv(name: str, kernel: tuple[int, ...], shape: tuple[int, ...] = IMAGE, **attributes: object) -> None:
    CASES[name] = (
        shape,
        lambda net, x: net.node("Conv", x, net.weights(*kernel), net.weights(kernel[0]), **attributes),
    )


conv("Conv: symmetric pads, stride 2", (8, 6, 3, 3), pads=[1, 1, 1, 1], strides=[2, 2])
conv("Conv: other pads on each side", (5, 6, 3, 2), pads=[0, 2, 1, 0], strides=[1, 2])
conv("Conv: SAME_UPPER", (4, 6, 3, 3), (1, 6, 8, 8), auto_pad="SAME_UPPER", strides=[2, 2])
conv("Conv: SAME_LOWER", (4, 6, 3, 3), (1, 6, 8, 8), auto_pad="SAME_LOWER", strides=[2, 2])
conv("Conv: VALID", (4, 6, 2, 3), auto_pad="VALID", kernel_shape=[2, 3])
conv("Conv: dilations", (4, 6, 3, 3), dilations=[2, 3], pads=[2, 3, 2, 3])
conv("Conv: depthwise", (6, 1, 3, 3), group=6, pads=[1, 1, 1, 1])
conv("Conv: depthwise with a multiplier", (18, 1, 3, 3), group=6, pads=[1, 1, 0, 0], strides=[2, 1])
conv("Conv: groups", (9, 2, 3, 3), group=3, pads=[1, 1, 1, 1])
conv("Conv: sequence", (4, 6, 5), (1, 6, 20), pads=[2, 2], strides=[2])
conv("Conv: depthwise sequence", (6, 1, 3), (1, 6, 11), group=6, dilations=[2])
conv("Conv: batch", (4, 6, 3, 3), (3, 6, 5, 5))


def unconv(name: str, kernel: tuple[int, ...], shape: tuple[int, ...] = IMAGE, **attributes: object) -> None:
    CASES[name] = shape, lambda net, x: net.node("ConvTranspose", x, net.weights(*kernel), **attributes)


unconv(
    "ConvTranspose: pads and output_padding",
    (6, 4, 3, 3),
    pads=[1, 1, 1, 1],
    strides=[2, 2],
    output_padding=[1, 1],
)
unconv("ConvTranspose: whole", (6, 4, 2, 2), strides=[2, 2])
unconv("ConvTranspose: uneven pads", (6, 4, 4, 3), pads=[1, 0, 2, 1], strides=[2, 1])
unconv("ConvTranspose: groups", (6, 2, 3, 3), group=3, strides=[2, 2], pads=[1, 1, 1, 1])
unconv("ConvTranspose: output_padding without pads", (6, 4, 2, 2), strides=[2, 3], output_padding=[1, 2])
unconv("ConvTranspose: SAME_UPPER", (6, 4, 3, 3), strides=[2, 2], auto_pad="SAME_UPPER")
unconv("ConvTranspose: sequence", (6, 4, 4), (1, 6, 9), strides=[2], pads=[1, 1])

for _op, _extra in (("MaxPool", {}), ("AveragePool", {}), ("AveragePool", {"count_include_pad": 1})):
    _tag = f"{_op}{' counting pads' if _extra else ''}"
    one(
        f"{_tag}: 3x3, pads 1, stride 2",
        _op,
        kernel_shape=[3, 3],
        pads=[1, 1, 1, 1],
        strides=[2, 2],
        **_extra,
    )
    one(f"{_tag}: 2x2", _op, kernel_shape=[2, 2], strides=[2, 2], **_extra)
    one(f"{_tag}: ceil_mode", _op, kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1, **_extra)
    one(f"{_tag}: sequence", _op, (1, 6, 11), kernel_shape=[3], strides=[2], pads=[1, 1], **_extra)
one("MaxPool: SAME_LOWER", "MaxPool", kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_LOWER")
one(
    "MaxPool: ceil_mode and pads",
    "MaxPool",
    kernel_shape=[3, 3],
    strides=[2, 2],
    pads=[1, 1, 1, 1],
    ceil_mode=1,
)
one("GlobalAveragePool", "GlobalAveragePool")
one("GlobalMaxPool", "GlobalMaxPool")

for _op in (
    "Relu",
    "Sigmoid",
    "Tanh",
    "HardSwish",
    "Exp",
    "Abs",
    "Neg",
    "Elu",
    "Round",
    "Selu",
    "LeakyRelu",
    "HardSigmoid",
):
    one(_op, _op)
for _op in ("Softsign", "Identity", "LogSoftmax", "Softmax"):
    one(_op, _op)
one("LeakyRelu: alpha", "LeakyRelu", alpha=0.3)
one("Elu: alpha", "Elu", alpha=0.7)
one("HardSigmoid: sixth", "HardSigmoid", alpha=1 / 6)
one("Softmax: channels", "Softmax", axis=1)
one("Softmax: rows", "Softmax", (1, 6, 9, 7), axis=2)
one("LogSoftmax: matrix", "LogSoftmax", (3, 10), axis=1)


@case("Sqrt")
def _(net: Net, x: str) -> str:
    return str(net.node("Sqrt", net.node("Abs", x)))


@case("Clip: 0 to 6")
def _(net: Net, x: str) -> str:
    return str(net.node("Clip", x, net.number(0.0), net.number(6.0)))


@case("Clip: any")
def _(net: Net, x: str) -> str:
    return str(net.node("Clip", x, net.number(-0.3), net.number(0.4)))


@case("Clip: from below")
def _(net: Net, x: str) -> str:
    return str(net.node("Clip", x, net.number(0.0)))


@case("Clip: from above")
def _(net: Net, x: str) -> str:
    return str(net.node("Clip", x, "", net.number(0.5)))


@case("PRelu: by channel")
def _(net: Net, x: str) -> str:
    return str(net.node("PRelu", x, net.weights(6, 1, 1)))


@case("PRelu: one slope")
def _(net: Net, x: str) -> str:
    return str(net.node("PRelu", x, net.weights(1)))


@case("PRelu: matrix", (2, 5))
def _(net: Net, x: str) -> str:
    return str(net.node("PRelu", x, net.weights(5)))


@case("Pow")
def _(net: Net, x: str) -> list[str]:
    positive = net.node("Add", net.node("Abs", x), net.number(0.5))
    return [net.node("Pow", positive, net.number(e)) for e in (2.0, 0.5, -0.5, 3.0, 4.0, -1.0, 1.0)]


@case("Reciprocal")
def _(net: Net, x: str) -> str:
    return str(net.node("Reciprocal", net.node("Add", net.node("Abs", x), net.number(0.5))))


for _op in ("Add", "Sub", "Mul", "Div", "Max", "Min"):
    CASES[f"{_op}: channels"] = IMAGE, lambda net, x, op=_op: net.node(op, x, net.weights(6, 1, 1))
    CASES[f"{_op}: number first"] = (
        IMAGE,
        lambda net, x, op=_op: net.node(op, net.number(0.7), net.node("Exp", x)),
    )
    CASES[f"{_op}: columns"] = IMAGE, lambda net, x, op=_op: net.node(op, x, net.weights(9, 7))
    CASES[f"{_op}: maps"] = (
        IMAGE,
        lambda net, x, op=_op: net.node(
            op, net.node("Exp", x), net.node("Exp", net.node("GlobalMaxPool", x))
        ),
    )
CASES["Add: a constant that is larger"] = (1, 5), lambda net, x: net.node("Add", x, net.weights(4, 5))
CASES["Sum"] = IMAGE, lambda net, x: net.node("Sum", x, net.node("Relu", x), net.weights(1, 6, 1, 1))
CASES["Mean"] = IMAGE, lambda net, x: net.node("Mean", x, net.node("Relu", x), net.node("Tanh", x))


@case("Add: maps that lie differently")
def _(net: Net, x: str) -> str:
    square = net.node("Reshape", x, net.ints(1, 7, 9, 6))
    return str(net.node("Add", net.node("Transpose", square, perm=[0, 3, 2, 1]), net.node("Relu", x)))


@case("Gemm: transB", (2, 12))
def _(net: Net, x: str) -> str:
    return str(net.node("Gemm", x, net.weights(5, 12), net.weights(5), transB=1))


@case("Gemm: alpha and beta", (2, 12))
def _(net: Net, x: str) -> str:
    return str(net.node("Gemm", x, net.weights(12, 5), net.number(0.5), alpha=0.5, beta=2.0))


@case("Gemm: transA", (12, 2))
def _(net: Net, x: str) -> str:
    return str(net.node("Gemm", x, net.weights(12, 5), transA=1))


@case("Flatten: before a layer")
def _(net: Net, x: str) -> str:
    return str(net.node("Gemm", net.node("Flatten", net.node("Relu", x)), net.weights(378, 4)))


@case("Flatten: axis 2")
def _(net: Net, x: str) -> str:
    return str(net.node("Flatten", x, axis=2))


@case("MatMul: a layer on three dimensions", (1, 4, 12))
def _(net: Net, x: str) -> str:
    return str(net.node("Add", net.node("MatMul", x, net.weights(12, 5)), net.weights(5)))


@case("MatMul: maps", (2, 4, 12))
def _(net: Net, x: str) -> str:
    return str(net.node("MatMul", net.node("Relu", x), net.node("Transpose", x, perm=[0, 2, 1])))


@case("MatMul: constant on the left", (12, 5))
def _(net: Net, x: str) -> str:
    return str(net.node("MatMul", net.weights(3, 12), x))


for _op in ("ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare"):
    one(f"{_op}: places", _op, axes=[2, 3], keepdims=0)
    one(f"{_op}: channels", _op, axes=[1], keepdims=1)
    one(f"{_op}: all", _op, (2, 3), keepdims=1)
CASES["ReduceSum"] = IMAGE, lambda net, x: net.node("ReduceSum", x, net.ints(-1, 2), keepdims=0)
for _op in ("ArgMax", "ArgMin"):
    one(f"{_op}: channels", _op, axis=1, keepdims=0)
    one(f"{_op}: keeping", _op, (3, 7), axis=-1, keepdims=1)


@case("BatchNormalization: alone")
def _(net: Net, x: str) -> str:
    variance = net.constant(np.abs(net.random.standard_normal(6)).astype(np.float32) + 0.1)
    return str(net.node("BatchNormalization", x, net.weights(6), net.weights(6), net.weights(6), variance))


@case("LayerNormalization", (1, 5, 8))
def _(net: Net, x: str) -> str:
    return str(net.node("LayerNormalization", x, net.weights(8), net.weights(8), axis=-1))


@case("LayerNormalization: over an image")
def _(net: Net, x: str) -> str:
    return str(net.node("LayerNormalization", x, net.weights(6, 9, 7), axis=1))


@case("InstanceNormalization")
def _(net: Net, x: str) -> str:
    return str(net.node("InstanceNormalization", x, net.weights(6), net.weights(6)))


one("LpNormalization: channels", "LpNormalization", axis=1, p=2)

CASES["Reshape: zero and minus one"] = IMAGE, lambda net, x: net.node("Reshape", x, net.ints(0, 2, -1, 7))
CASES["Reshape: merged"] = IMAGE, lambda net, x: net.node("Reshape", x, net.ints(1, 6, 63))
CASES["Reshape: across"] = IMAGE, lambda net, x: net.node("Reshape", x, net.ints(1, 21, 18))
CASES["Unsqueeze"] = (3, 5), lambda net, x: net.node("Unsqueeze", x, net.ints(0, -1))
CASES["Squeeze"] = (1, 5, 1), lambda net, x: net.node("Squeeze", x, net.ints(-1))
CASES["Squeeze: all"] = (1, 5, 1, 3), lambda net, x: net.node("Squeeze", x)
one("Transpose: to channels last", "Transpose", perm=[0, 2, 3, 1])
one("Transpose: rows and columns", "Transpose", perm=[0, 1, 3, 2])
one("Transpose: matrix", "Transpose", (3, 5))


@case("Shape: arithmetic on shapes")
def _(net: Net, x: str) -> str:
    shape = net.node("Shape", x)
    batch = net.node("Unsqueeze", net.node("Gather", shape, net.constant(np.array(0)), axis=0), net.ints(0))
    rows = net.node("Slice", shape, net.ints(2), net.ints(3))
    rest = net.node("Div", net.node("Mul", net.node("Size", x), net.ints(1)), net.node("Mul", batch, rows))
    target = net.node("Concat", batch, rows, net.node("Cast", rest, to=7), axis=0)
    return str(net.node("Reshape", x, target))


@case("Constant and ConstantOfShape")
def _(net: Net, x: str) -> str:
    ones = net.node("ConstantOfShape", net.ints(6, 1, 1), value=helper.make_tensor("v", 1, [1], [2.0]))
    bias = net.node("Constant", value=helper.make_tensor("v", 1, [6, 1, 1], list(range(6))))
    return str(
        net.node(
            "Add", net.node("Mul", x, ones), net.node("Add", bias, net.node("Constant", value_float=1.5))
        )
    )


@case("Dropout")
def _(net: Net, x: str) -> str:
    return str(net.node("Dropout", net.node("Relu", x)))


@case("Cast")
def _(net: Net, x: str) -> str:
    return str(net.node("Cast", net.node("Cast", net.node("Mul", x, net.number(9.0)), to=6), to=1))


@case("DepthToSpace", (1, 12, 3, 5))
def _(net: Net, x: str) -> list[str]:
    return [net.node("DepthToSpace", x, blocksize=2, mode=mode) for mode in ("DCR", "CRD")]


one("SpaceToDepth", "SpaceToDepth", (1, 3, 4, 6), blocksize=2)
CASES["Expand"] = (1, 6, 1, 7), lambda net, x: net.node("Expand", x, net.ints(6, 4, 1))
CASES["Expand: more dimensions"] = (3, 1), lambda net, x: net.node("Expand", x, net.ints(2, 3, 4))
CASES["Tile"] = IMAGE, lambda net, x: net.node("Tile", x, net.ints(1, 2, 1, 3))

CASES["Concat: channels"] = (
    IMAGE,
    lambda net, x: net.node("Concat", x, net.node("Relu", x), net.weights(1, 2, 9, 7), axis=1),
)
CASES["Concat: rows"] = IMAGE, lambda net, x: net.node("Concat", x, net.node("Tanh", x), axis=-2)
CASES["Split: sizes"] = IMAGE, lambda net, x: net.node("Split", x, net.ints(1, 2, 3), outputs=3, axis=1)
CASES["Split: equal"] = IMAGE, lambda net, x: net.node("Split", x, outputs=3, axis=2)
CASES["Slice: steps"] = (
    IMAGE,
    lambda net, x: net.node("Slice", x, net.ints(1, -1), net.ints(99, 0), net.ints(1, 3), net.ints(2, -2)),
)
CASES["Slice: backwards to the start"] = (
    IMAGE,
    lambda net, x: net.node("Slice", x, net.ints(-1), net.ints(-99), net.ints(2), net.ints(-1)),
)
CASES["Slice: plain"] = (
    IMAGE,
    lambda net, x: net.node("Slice", x, net.ints(0, 2), net.ints(3, -1), net.ints(1, 2)),
)
CASES["Gather: one"] = IMAGE, lambda net, x: net.node("Gather", x, net.constant(np.array(-1)), axis=1)
CASES["Gather: some"] = IMAGE, lambda net, x: net.node("Gather", x, net.ints(4, 0, 0, 2), axis=1)
CASES["Gather: a run"] = IMAGE, lambda net, x: net.node("Gather", x, net.ints(1, 3, 5), axis=3)
CASES["Gather: a table of indices"] = (
    IMAGE,
    lambda net, x: net.node("Gather", x, net.constant(np.array([[0, 1], [2, 5]])), axis=1),
)
CASES["Pad: constant"] = (
    IMAGE,
    lambda net, x: net.node("Pad", x, net.ints(0, 1, 2, 0, 0, 0, 1, 3), net.number(1.5)),
)
CASES["Pad: zeros and cuts"] = IMAGE, lambda net, x: net.node("Pad", x, net.ints(0, 0, 2, -1, 0, 0, -3, 1))
CASES["Pad: reflect"] = (
    IMAGE,
    lambda net, x: net.node("Pad", x, net.ints(0, 0, 2, 1, 0, 0, 1, 3), mode="reflect"),
)


def resized(
    name: str, scales: tuple[float, ...], shape: tuple[int, ...] = (1, 3, 6, 8), **attributes: object
) -> None:
    CASES[f"Resize: {name}"] = (
        shape,
        lambda net, x: net.node("Resize", x, "", net.constant(np.array(scales, np.float32)), **attributes),
    )


resized("nearest as PyTorch", (1, 1, 2, 3), coordinate_transformation_mode="asymmetric", nearest_mode="floor")
resized("nearest, half pixel", (1, 1, 2, 2), mode="nearest")
resized("nearest downwards", (1, 1, 0.5, 0.5), mode="nearest")
resized("nearest, ceil", (1, 1, 1.5, 2), mode="nearest", nearest_mode="ceil")
resized(
    "nearest, aligned",
    (1, 1, 2, 2),
    coordinate_transformation_mode="align_corners",
    nearest_mode="round_prefer_ceil",
)
resized("linear, half pixel", (1, 1, 2, 3), mode="linear")
resized(
    "linear as PyTorch", (1, 1, 0.5, 2), mode="linear", coordinate_transformation_mode="pytorch_half_pixel"
)
resized("linear, aligned", (1, 1, 2, 2), mode="linear", coordinate_transformation_mode="align_corners")
resized("linear, asymmetric", (1, 1, 2, 2), mode="linear", coordinate_transformation_mode="asymmetric")
resized("sequence", (1, 1, 3), (1, 3, 5), coordinate_transformation_mode="asymmetric", nearest_mode="floor")
CASES["Resize: sizes"] = (
    (1, 3, 6, 8),
    lambda net, x: net.node("Resize", x, "", "", net.ints(1, 3, 9, 5), mode="linear"),
)


def recurrent(net: Net, x: str, directions: int, states: bool = False, **attributes: object) -> list[str]:
    """LSTM of 5 cells."""
    parts = [net.weights(directions, 20, 3), net.weights(directions, 20, 5), net.weights(directions, 40)]
    starts = ["", net.weights(directions, 1, 5), net.weights(directions, 1, 5)] if states else []
    made = net.node("LSTM", x, *parts, *starts, outputs=3, hidden_size=5, **attributes)
    return list(made)


CASES["LSTM"] = (7, 1, 3), lambda net, x: recurrent(net, x, 1)
CASES["LSTM: as PyTorch has batches first"] = (
    (1, 7, 3),
    lambda net, x: net.node(
        "Squeeze", recurrent(net, net.node("Transpose", x, perm=[1, 0, 2]), 1)[0], net.ints(1)
    ),
)
CASES["LSTM: both directions, states"] = (
    (7, 1, 3),
    lambda net, x: recurrent(net, x, 2, True, direction="bidirectional"),
)
CASES["LSTM: backwards"] = (7, 1, 3), lambda net, x: recurrent(net, x, 1, direction="reverse")
CASES["LSTM: batch"] = (4, 3, 3), lambda net, x: recurrent(net, x, 1)[0]
CASES["QuantizeLinear and DequantizeLinear"] = IMAGE, lambda net, x: net.quantized(x, 0.05, 3)

OTHER_OPSETS: dict[str, tuple[int, tuple[int, ...], Build]] = {
    "Upsample": (
        9,
        (1, 3, 4, 5),
        lambda net, x: net.node("Upsample", x, net.constant(np.array([1, 1, 2, 3], np.float32))),
    ),
    "Softmax of opset 9": (9, (3, 7), lambda net, x: net.node("Softmax", x)),
    "Clip of opset 9": (9, IMAGE, lambda net, x: net.node("Clip", x, min=0.0, max=6.0)),
    "Pad of opset 9": (9, IMAGE, lambda net, x: net.node("Pad", x, pads=[0, 0, 1, 1, 0, 0, 1, 2])),
    "Slice of opset 9": (9, IMAGE, lambda net, x: net.node("Slice", x, starts=[1], ends=[3], axes=[1])),
    "Resize of opset 10": (
        10,
        (1, 3, 4, 5),
        lambda net, x: net.node(
            "Resize", x, net.constant(np.array([1, 1, 2, 2], np.float32)), mode="nearest"
        ),
    ),
    "GroupNormalization": (
        21,
        IMAGE,
        lambda net, x: net.node("GroupNormalization", x, net.weights(6), net.weights(6), num_groups=3),
    ),
    "Gelu": (20, IMAGE, lambda net, x: net.node("Gelu", x)),
    "Gelu: by tanh": (20, IMAGE, lambda net, x: net.node("Gelu", x, approximate="tanh")),
    "Gelu of ONNX Runtime": (17, IMAGE, lambda net, x: net.node("Gelu", x, domain="com.microsoft")),
    "FastGelu": (17, IMAGE, lambda net, x: net.node("FastGelu", x, domain="com.microsoft")),
    "ReduceMean of opset 18": (
        18,
        IMAGE,
        lambda net, x: net.node("ReduceMean", x, net.ints(2, 3), keepdims=0),
    ),
}
NEWEST: dict[str, tuple[int, tuple[int, ...], Build]] = {
    "RMSNormalization": (23, (1, 5, 8), lambda net, x: net.node("RMSNormalization", x, net.weights(8))),
    "Swish": (24, IMAGE, lambda net, x: net.node("Swish", x, alpha=0.5)),
}
"""Operators that ONNX's own reference computes."""
ALL = {name: (17, *parts) for name, parts in CASES.items()} | OTHER_OPSETS | NEWEST


def build(name: str) -> tuple[Net, bytes, np.ndarray]:
    opset, shape, make = ALL[name]
    net = Net(opset)
    made = make(net, net.input(shape))
    x = net.random.standard_normal(shape).astype(np.float32)
    return net, net.bytes(*([made] if isinstance(made, str) else made)), x


def expected(name: str, model: bytes, x: np.ndarray) -> list[np.ndarray]:
    if name not in NEWEST:
        return runtime(model, x)
    from onnx.reference import ReferenceEvaluator

    return [np.asarray(y) for y in ReferenceEvaluator(model).run(None, {"x": x})]


@pytest.mark.parametrize("name", ALL)
def test_an_operator_computes_what_onnx_runtime_computes(name: str) -> None:
    _, model, x = build(name)
    graph = imported(model)
    for got, want in zip(computed(graph, x), expected(name, model, x), strict=True):
        laid = lying(want, got.shape)
        assert got.shape == laid.shape
        assert np.abs(got - laid).max() <= BOUND * max(1.0, np.abs(want).max())


def test_every_rule_has_a_case_and_says_what_it_makes() -> None:
    reached = set()
    for name in ALL:
        net, model, _ = build(name)
        known = {rules.key(node) for node in net.nodes}
        reached |= known
        allowed = LAYOUT.union(*(rules.registry()[op].makes for op in known if op in rules.registry()))
        assert {node.op for node in imported(model).nodes} <= allowed, name
    assert set(rules.registry()) <= reached | {key for key, _ in qlinears.CASES.values()}
