# SPDX-License-Identifier: Apache-2.0
"""ONNX models with QuantizeLinear and DequantizeLinear: integer layers, the same bytes as from a .tflite file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from intarsia import boards, data, pipeline, simulate
from intarsia.dtypes import INT8
from intarsia.ir import Graph
from intarsia.models import canonical, load_model
from intarsia.request import DataSource, Request
from support.onnxes import Net, computed, imported, runtime
from support.toonnx import to_onnx

SHAPE = (1, 4, 9, 7)
STEP = 0.03
"""Scale of outputs."""
Build = Callable[[Net, str], str]


def codes(net: Net, *shape: int, scale: object = 0.02, axis: int = 0) -> str:
    return net.codes(net.random.integers(-127, 127, shape, endpoint=True).astype(np.int8), scale, axis=axis)


def per_channel(net: Net, count: int) -> np.ndarray:
    return net.random.uniform(0.005, 0.02, count).astype(np.float32)


def relu_conv(net: Net, x: str) -> str:
    kernel = codes(net, 6, 4, 3, 3, scale=per_channel(net, 6))
    return str(
        net.node("Relu", net.node("Conv", x, kernel, net.weights(6), pads=[1, 1, 1, 1], strides=[2, 2]))
    )


def pooled_conv(net: Net, x: str) -> str:
    """The exporter quantizes behind the pooling alone."""
    y = net.node("Clip", net.node("Conv", x, codes(net, 6, 4, 3, 3)), net.number(0.0), net.number(6.0))
    return str(net.node("MaxPool", y, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]))


def flattened(net: Net, x: str) -> str:
    """No QuantizeLinear between the pooling, the flattening and the layer."""
    y = net.node("Flatten", net.node("MaxPool", net.node("Relu", x), kernel_shape=[2, 2], strides=[2, 2]))
    return str(net.node("Gemm", y, codes(net, 5, 48, scale=per_channel(net, 5)), net.weights(5), transB=1))


def matrix(net: Net, x: str) -> str:
    y = net.node("MatMul", net.node("Flatten", x), codes(net, 252, 3, scale=per_channel(net, 3), axis=1))
    return str(net.node("Add", y, net.weights(3)))


def transposed(net: Net, x: str) -> str:
    kernel = codes(net, 4, 5, 3, 3, scale=per_channel(net, 5), axis=1)
    return str(net.node("ConvTranspose", x, kernel, strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]))


def asymmetric(net: Net, x: str) -> str:
    """uint8 weights with a zero point."""
    data = net.random.integers(0, 255, (5, 4, 1, 1), endpoint=True).astype(np.uint8)
    return str(net.node("Conv", x, net.codes(data, 0.02, 117)))


def joined(net: Net, x: str) -> str:
    y = net.quantized(net.node("Tanh", x), 1 / 128)
    return str(net.node("Concat", x, y, axis=1))


def gated(net: Net, x: str) -> str:
    """x * hard_sigmoid(x), as one operator of integers."""
    return str(net.node("Mul", x, net.node("HardSigmoid", x, alpha=1 / 6, beta=0.5)))


LAYERS: dict[str, tuple[Build, str]] = {
    "relu_conv": (relu_conv, "CONV_2D"),
    "pooled_conv": (pooled_conv, "CONV_2D"),
    "depthwise": (
        lambda net, x: net.node("Conv", x, codes(net, 4, 1, 3, 3, scale=per_channel(net, 4)), group=4),
        "DEPTHWISE_CONV_2D",
    ),
    "groups": (
        lambda net, x: net.node("Conv", x, codes(net, 6, 2, 3, 3, scale=per_channel(net, 6)), group=2),
        "CONV_2D",
    ),
    "asymmetric": (asymmetric, "CONV_2D"),
    "flattened": (flattened, "FULLY_CONNECTED"),
    "matrix": (matrix, "FULLY_CONNECTED"),
    "transposed": (transposed, "TRANSPOSE_CONV"),
    "add": (lambda net, x: net.node("Add", x, net.quantized(net.node("Relu", x), 0.02)), "ADD"),
    "add_relu": (lambda net, x: net.node("Relu", net.node("Add", x, codes(net, 4, 1, 1))), "ADD"),
    "sub": (lambda net, x: net.node("Sub", x, net.quantized(net.node("Sigmoid", x), 1 / 256, -128)), "SUB"),
    "mul": (lambda net, x: net.node("Mul", x, net.quantized(net.node("Sigmoid", x), 1 / 256, -128)), "MUL"),
    "mul_number": (lambda net, x: net.node("Mul", x, net.number(0.37)), "MUL"),
    "average": (
        lambda net, x: net.node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2]),
        "AVERAGE_POOL_2D",
    ),
    "mean": (lambda net, x: net.node("GlobalAveragePool", x), "MEAN"),
    "joined": (joined, "CONCATENATION"),
    "leaky": (lambda net, x: net.node("LeakyRelu", x, alpha=0.1), "LEAKY_RELU"),
    "sigmoid": (lambda net, x: net.node("Sigmoid", x), "LOGISTIC"),
    "tanh": (lambda net, x: net.node("Tanh", x), "TANH"),
    "softmax": (lambda net, x: net.node("Softmax", x, axis=1), "SOFTMAX"),
    "gated": (gated, "HARD_SWISH"),
    "padded": (lambda net, x: net.node("Pad", x, net.ints(0, 0, 1, 2, 0, 0, 0, 1)), "PAD"),
    "resized": (
        lambda net, x: net.node(
            "Resize",
            x,
            "",
            net.constant(np.array([1, 1, 2, 2], np.float32)),
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        ),
        "RESIZE_NEAREST_NEIGHBOR",
    ),
    "clipped": (lambda net, x: net.node("Clip", x, net.number(0.0), net.number(6.0)), "RELU6"),
}


MOST_CODES = 1.01
"""Codes by which an output of one layer may differ from ONNX Runtime's, which rounds float32 products once, half to
even; TFLite's kernels round fixed-point products, and tables have scales of their own."""


@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_integers_and_near_onnx_runtime(name: str, unsigned: bool) -> None:
    build, op = LAYERS[name]
    net, shift, kind = Net(seed=3), 128 if unsigned else 0, np.uint8 if unsigned else np.int8
    x = net.quantized(net.input(SHAPE), 0.05, 3 + shift, kind)
    model = net.bytes(net.quantized(build(net, x), STEP, -20 + shift, kind))
    graph = canonical(imported(model))
    assert op in {node.op for node in graph.nodes}
    assert all(not t.dtype.is_float for t in graph.tensors), [node.op for node in graph.nodes]
    sample = net.random.uniform(-6.0, 6.0, SHAPE).astype(np.float32)
    (got,), (want,) = computed(graph, sample), runtime(model, sample)
    want = want.transpose(0, 2, 3, 1) if want.ndim == 4 else want
    assert np.abs(got - want).max() <= MOST_CODES * STEP


def test_a_bias_of_codes_is_the_bias_of_the_layer() -> None:
    net = Net()
    x = net.quantized(net.input(SHAPE), 0.05)
    kernel = net.random.integers(-127, 127, (2, 4, 1, 1), endpoint=True).astype(np.int8)
    scale, bias = np.array([0.02, 0.01], np.float32), np.array([123456789, -7], np.int32)
    stated = (np.float32(0.05) * scale).astype(np.float32)
    y = net.node("Conv", x, net.codes(kernel, scale), net.codes(bias, stated))
    graph = canonical(imported(net.bytes(net.quantized(y, 500.0))))
    (node,) = graph.nodes
    assert graph.constant(node, 2).tolist() == bias.tolist()


def test_what_has_no_integer_form_stays_float_between_conversions() -> None:
    net = Net()
    x = net.quantized(net.input(SHAPE), 0.05)
    model = net.bytes(net.quantized(net.node("Mul", x, net.weights(4, 1, 1)), 0.01))
    graph = canonical(imported(model))
    assert [node.op for node in graph.nodes] == ["DEQUANTIZE", "MUL", "QUANTIZE"]
    sample = net.random.uniform(-6.0, 6.0, SHAPE).astype(np.float32)
    (got,), (want,) = computed(graph, sample), runtime(model, sample)
    assert np.abs(got - want.transpose(0, 2, 3, 1)).max() <= 0.0101


def test_a_model_quantized_inside_keeps_its_float_borders() -> None:
    net = Net()
    x = net.input(SHAPE)
    y = net.quantized(net.node("Conv", net.quantized(x, 0.05), codes(net, 2, 4, 1, 1)), 0.1)
    graph = canonical(imported(net.bytes(net.node("Exp", y), net.node("Neg", x))))
    assert [graph.tensor(i).dtype.name for i in (*graph.inputs, *graph.outputs)] == ["float32"] * 3
    assert "CONV_2D" in {node.op for node in graph.nodes if graph.output(node).dtype == INT8}


@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize("name", ["digits96_int8", "digits96_float"])
def test_the_same_network_from_both_formats_gives_the_same_values(
    name: str, unsigned: bool, digits: Path
) -> None:
    theirs = load_model(digits / f"{name}.tflite")
    ours = canonical(imported(to_onnx(theirs, unsigned=unsigned)))
    assert "TRANSPOSE" not in {node.op for node in ours.nodes}
    samples = data.random_samples(theirs, 2).samples
    expected, got = (simulate.run_sequence(graph, samples) for graph in (theirs, ours))
    for a, b in zip(expected, got, strict=True):
        assert [y.tobytes() for y in a] == [y.tobytes() for y in b]


def firmware_outputs(graph: Graph, samples: Path, folder: Path) -> list[np.ndarray]:
    pipeline.generate(replace(graph, name="net"), boards.load("host"), folder)
    run = pipeline.measure_project(pipeline.build_project(folder), Request(DataSource(samples)))
    return [outputs[0] for outputs in run.outputs]


def test_the_same_network_from_both_formats_gives_the_same_firmware_results(
    digits: Path, tmp_path: Path
) -> None:
    theirs = load_model(digits / "digits96_int8.tflite")
    ours = canonical(imported(to_onnx(theirs)))
    x = data.random_samples(theirs, 4).inputs[0]
    np.savez(tmp_path / "x.npz", x=x)
    expected = firmware_outputs(theirs, tmp_path / "x.npz", tmp_path / "tflite")
    got = firmware_outputs(ours, tmp_path / "x.npz", tmp_path / "onnx")
    assert np.array_equal(expected, got)
