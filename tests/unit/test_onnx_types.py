# SPDX-License-Identifier: Apache-2.0
"""Element types of ONNX models: halves and doubles, weights alone in integers, int4, indices, inputs that are codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from intarsia.errors import ModelError
from intarsia.models import canonical, load_model, needs_quantization
from support.onnxes import Net, computed, imported, runtime

SHAPE = (1, 3, 6, 5)


def sample(shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(5).standard_normal(shape).astype(np.float32)


def last(y: np.ndarray) -> np.ndarray:
    return y.transpose(0, 2, 3, 1) if y.ndim == 4 else y


@pytest.mark.parametrize("kind", [np.float16, np.float64])
def test_halves_and_doubles_become_float32(kind: type[np.generic]) -> None:
    net, wide = Net(), Net()
    for each, dtype in ((net, kind), (wide, np.float32)):
        x = each.node("Cast", each.input(SHAPE), to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
        y = each.node("Conv", x, each.constant(np.ones((2, 3, 3, 3), dtype)))
        each.nodes.append(helper.make_node("Cast", [y], ["y"], to=TensorProto.FLOAT))
    graph = canonical(imported(net.bytes("y")))
    assert [node.op for node in graph.nodes] == ["CONV_2D"]
    assert np.allclose(computed(graph, sample())[0], last(runtime(wide.bytes("y"), sample())[0]), atol=1e-5)


@pytest.mark.parametrize("channels", [False, True])
def test_weights_alone_in_integers_become_float_weights(channels: bool) -> None:
    net = Net()
    data = net.random.integers(-127, 127, (4, 3, 3, 3)).astype(np.int8)
    scale = np.array([0.1, 0.02, 0.03, 0.04], np.float32) if channels else 0.02
    model = net.bytes(net.node("Conv", net.input(SHAPE), net.codes(data, scale), net.weights(4)))
    graph = canonical(imported(model))
    assert [node.op for node in graph.nodes] == ["CONV_2D"]
    assert needs_quantization(graph)
    assert np.allclose(computed(graph, sample())[0], last(runtime(model, sample())[0]), rtol=1e-5, atol=1e-4)


def test_weights_of_four_bits_are_taken_as_codes() -> None:
    net = Net(opset=21)
    codes = net.random.integers(-8, 7, (5, 12), endpoint=True).astype(np.int8)
    net.constants.append(helper.make_tensor("w", TensorProto.INT4, codes.shape, codes.reshape(-1)))
    net.constants.append(helper.make_tensor("z", TensorProto.INT4, [5], [0] * 5))
    scale = net.random.uniform(0.1, 0.2, 5).astype(np.float32)
    weights = net.node("DequantizeLinear", "w", net.constant(scale), "z", axis=0)
    x = net.quantized(net.input((1, 12)), 0.05)
    graph = canonical(imported(net.bytes(net.quantized(net.node("Gemm", x, weights, transB=1), 0.1))))
    (node,) = graph.nodes
    assert node.op == "FULLY_CONNECTED"
    assert np.array_equal(graph.constant(node, 1), codes)


def test_an_embedding_is_looked_up() -> None:
    net = Net()
    table = net.weights(11, 4)
    model = net.bytes(net.node("Gather", table, net.input((1, 6), "int64"), axis=0))
    graph = canonical(imported(model))
    indices = np.array([[0, 10, 3, 3, 7, 1]], np.int64)
    assert graph.tensor(graph.inputs[0]).dtype.name == "int32"
    assert np.array_equal(computed(graph, indices)[0], runtime(model, indices)[0])


@pytest.mark.parametrize("kind", ["int8", "uint8"])
def test_inputs_may_be_codes(kind: str) -> None:
    net = Net()
    zero = 100 if kind == "uint8" else 3
    x = net.input(SHAPE, kind)
    real = net.node("DequantizeLinear", x, net.number(0.05), net.constant(np.array(zero, kind)))
    data = net.random.integers(-127, 127, (4, 3, 3, 3)).astype(np.int8)
    model = net.bytes(net.quantized(net.node("Conv", real, net.codes(data, 0.02)), 0.1))
    graph = canonical(imported(model))
    assert graph.tensor(graph.inputs[0]).dtype.name == kind
    assert "CONV_2D" in {node.op for node in graph.nodes if graph.output(node).dtype.name == "int8"}
    codes = net.random.integers(0, 120, SHAPE).astype(kind)
    assert np.abs(computed(graph, codes)[0] - last(runtime(model, codes)[0])).max() <= 0.101


def test_outputs_may_be_inputs() -> None:
    net = Net()
    x = net.input((1, 4))
    model = net.bytes(net.node("Identity", x), net.node("Relu", x))
    graph = canonical(imported(model))
    for got, want in zip(computed(graph, sample((1, 4))), runtime(model, sample((1, 4))), strict=True):
        assert np.array_equal(got, want)


@pytest.mark.parametrize(
    ("kind", "message"), [(TensorProto.STRING, "string"), (TensorProto.COMPLEX64, "complex64")]
)
def test_other_types_are_named(kind: int, message: str) -> None:
    value = helper.make_tensor_value_info("x", kind, [1, 2])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [value], [value])
    graph.output[0].name = "y"
    with pytest.raises(ModelError, match=message):
        imported(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString())


def test_a_constant_beside_its_uses_is_one_tensor(tmp_path: Path) -> None:
    """Weights that two layers share stay shared."""
    net = Net()
    x, weights = net.input((1, 4)), net.constant(np.eye(4, dtype=np.float32))
    path = tmp_path / "m.onnx"
    path.write_bytes(net.bytes(net.node("Gemm", net.node("Relu", net.node("Gemm", x, weights)), weights)))
    graph = load_model(path)
    assert len({node.inputs[1] for node in graph.nodes}) == 1
    assert numpy_helper.to_array(net.constants[0]).shape == (4, 4)
