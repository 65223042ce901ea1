# SPDX-License-Identifier: Apache-2.0
"""Small ONNX models, node by node, and what ONNX Runtime computes for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from intarsia import simulate
from intarsia.importers import registry
from intarsia.ir import Graph
from intarsia.models import canonical
from intarsia.ops.quantize import real_codes

TYPES = {
    "float32": TensorProto.FLOAT,
    "int8": TensorProto.INT8,
    "uint8": TensorProto.UINT8,
    "int64": TensorProto.INT64,
}


class Net:
    """One model: methods return names; `bytes` is the file."""

    def __init__(self, opset: int = 17, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.opset = opset
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[Any] = []
        self.count = 0

    def input(self, shape: Sequence[int | str], dtype: str = "float32", name: str = "x") -> str:
        self.inputs.append(helper.make_tensor_value_info(name, TYPES[dtype], shape))
        return name

    def constant(self, data: Any, name: str = "") -> str:
        self.count += 1
        name = name or f"c{self.count}"
        self.constants.append(numpy_helper.from_array(np.asarray(data), name))
        return name

    def weights(self, *shape: int, scale: float = 0.5) -> str:
        return self.constant((self.random.standard_normal(shape) * scale).astype(np.float32))

    def ints(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def number(self, value: float) -> str:
        return self.constant(np.array(value, np.float32))

    def node(self, op: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """The node's output, or a list of several."""
        self.count += 1
        names = [f"{op.lower()}{self.count}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), names, name=f"n{self.count}", **attributes))
        return names[0] if outputs == 1 else names

    def quantized(self, x: str, scale: float, zero: int = 0, kind: type[np.generic] = np.int8) -> str:
        """Real values that are quantized and dequantized again."""
        parameters = [self.number(scale), self.constant(np.array(zero, kind))]
        return str(self.node("DequantizeLinear", self.node("QuantizeLinear", x, *parameters), *parameters))

    def codes(self, data: np.ndarray, scale: Any, zero: Any = 0, axis: int = 0) -> str:
        """Real values of constant codes."""
        scales = np.asarray(scale, np.float32)
        zeros = np.broadcast_to(np.asarray(zero, data.dtype), scales.shape)
        return str(
            self.node(
                "DequantizeLinear",
                self.constant(data),
                self.constant(scales),
                self.constant(zeros),
                axis=axis,
            )
        )

    def model(self, *outputs: str) -> Any:
        ports = [helper.make_empty_tensor_value_info(name) for name in outputs]
        graph = helper.make_graph(self.nodes, "net", self.inputs, ports, self.constants)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", self.opset), helper.make_opsetid("com.microsoft", 1)],
            ir_version=8,
        )
        return onnx.shape_inference.infer_shapes(model)

    def bytes(self, *outputs: str) -> bytes:
        data: bytes = self.model(*outputs).SerializeToString()
        return data


def imported(model: bytes, rule: str = "tflm") -> Graph:
    """As the importer gives it."""
    return registry()[".onnx"].parse(model, name="net", rule=rule)


def runtime(model: bytes, *inputs: np.ndarray) -> list[np.ndarray]:
    """What ONNX Runtime computes, node by node, without its own optimizations."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    fed = {port.name: x for port, x in zip(session.get_inputs(), inputs, strict=True)}
    return [np.asarray(y) for y in session.run(None, fed)]


def computed(graph: Graph, *inputs: np.ndarray) -> list[np.ndarray]:
    """What the canonical graph computes for inputs as ONNX has them, as real values laid out as in the graph."""
    graph = canonical(graph)
    sample = []
    for index, x in zip(graph.inputs, inputs, strict=True):
        tensor = graph.tensor(index)
        laid = lying(x, tensor.shape)
        if tensor.quant is not None and x.dtype.kind == "f":
            laid = real_codes(laid, tensor.scale, tensor.zero_point, tensor.dtype.range)
        sample.append(np.ascontiguousarray(laid.astype(tensor.dtype.numpy)))
    results = []
    for index, y in zip(graph.outputs, simulate.run(graph, sample), strict=True):
        quant = graph.tensor(index).quant
        results.append(y if quant is None else (y.astype(np.float64) - quant.zero_point[0]) * quant.scale[0])
    return results


def lying(x: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """An array of ONNX as the graph has it: channels last where that is its shape and the other is not."""
    last = x.transpose(0, *range(2, x.ndim), 1) if x.ndim in (3, 4) else x
    return last if x.ndim == 4 and last.shape == tuple(shape) else x if x.shape == tuple(shape) else last
