# SPDX-License-Identifier: Apache-2.0
"""The digits96 network as .tflite files: in float32, and in int8 with ranges taken from sample frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from network import INPUT, Layer

from intarsia.exporters.flatbuffer import TfliteWriter

Parameters = Mapping[str, tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]

INT8_VERSIONS = {"conv": 3, "depthwise": 3, "add": 2, "pool": 2, "dense": 4, "softmax": 2}
OPERATORS = {
    "conv": "CONV_2D",
    "depthwise": "DEPTHWISE_CONV_2D",
    "add": "ADD",
    "pool": "AVERAGE_POOL_2D",
    "dense": "FULLY_CONNECTED",
    "softmax": "SOFTMAX",
}
_LARGEST_BIAS = 2**30


@dataclass(frozen=True)
class Affine:
    """real = (q - zero_point) * scale, with q in int8."""

    scale: float
    zero_point: int

    @classmethod
    def of_range(cls, low: float, high: float) -> Affine:
        """Cover [low, high] and 0 with 256 steps, such that 0 is a step."""
        low, high = min(low, 0.0), max(high, 0.0)
        scale = float(np.float32(max(high - low, 1e-6) / 255))
        return cls(scale, int(np.clip(round(-128 - low / scale), -128, 127)))


PIXELS = Affine(1 / 255, -128)  # q = x - 128 for a pixel x, whose real value is x / 255
PROBABILITIES = Affine(1 / 256, -128)  # what the softmax of TensorFlow Lite requires


def write_float(layers: tuple[Layer, ...], parameters: Parameters) -> bytes:
    """Return the float32 model; its input is pixels / 255, NHWC."""
    writer = TfliteWriter()
    tensors = {INPUT: writer.tensor(INPUT, _input_shape(layers), "float32")}
    for layer in layers:
        constants = []
        if layer.has_weights:
            weights, bias = parameters[layer.name]
            constants.append(writer.tensor(f"{layer.name}/weights", layer.weight_shape, "float32", weights))
            constants.append(writer.tensor(f"{layer.name}/bias", bias.shape, "float32", bias))
        tensors[layer.name] = writer.tensor(layer.name, _output_shape(layer), "float32")
        _write_operator(writer, layer, tensors, constants, version=1)
    return writer.finish([tensors[INPUT]], [tensors[layers[-1].name]], description="digits96 float32")


def write_int8(layers: tuple[Layer, ...], parameters: Parameters, activations: Mapping[str, Affine]) -> bytes:
    """Return the int8 model; `activations` gives the quantization of INPUT and of each layer's output.

    Weights are symmetric, with a scale per output channel except in the dense layer, which has one.
    """
    writer = TfliteWriter()
    tensors = {INPUT: _activation(writer, INPUT, _input_shape(layers), activations[INPUT])}
    for layer in layers:
        constants = []
        if layer.has_weights:
            weights, bias = parameters[layer.name]
            constants = _int8_constants(writer, layer, weights, bias, activations[layer.inputs[0]].scale)
        quantization = activations[layer.name]
        tensors[layer.name] = _activation(writer, layer.name, _output_shape(layer), quantization)
        _write_operator(writer, layer, tensors, constants, INT8_VERSIONS[layer.kind])
    return writer.finish([tensors[INPUT]], [tensors[layers[-1].name]], description="digits96 int8")


def calibrate(layers: tuple[Layer, ...], model: bytes, pixels: npt.NDArray[np.uint8]) -> dict[str, Affine]:
    """Run the float `model` on `pixels` [N,96,96,1] and return a quantization for every activation.

    Ranges are the smallest and largest values seen. Pooling keeps the quantization of its input.
    """
    interpreter = Interpreter(
        model_content=model,
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
        num_threads=1,
    )
    interpreter.allocate_tensors()
    indices = {detail["name"]: detail["index"] for detail in interpreter.get_tensor_details()}
    ranges = {layer.name: (0.0, 0.0) for layer in layers}
    for frame in pixels:
        interpreter.set_tensor(indices[INPUT], frame[None].astype(np.float32) / 255)
        interpreter.invoke()
        for name, (low, high) in ranges.items():
            values = interpreter.get_tensor(indices[name])
            ranges[name] = min(low, float(values.min())), max(high, float(values.max()))
    result = {name: Affine.of_range(low, high) for name, (low, high) in ranges.items()}
    result |= {layer.name: result[layer.inputs[0]] for layer in layers if layer.kind == "pool"}
    return result | {INPUT: PIXELS, layers[-1].name: PROBABILITIES}


def _input_shape(layers: tuple[Layer, ...]) -> tuple[int, ...]:
    first = layers[0]
    return (1, first.height * first.stride, first.width * first.stride, first.in_channels)


def _output_shape(layer: Layer) -> tuple[int, ...]:
    if layer.kind in ("dense", "softmax"):
        return (1, layer.channels)
    return (1, layer.height, layer.width, layer.channels)


def _activation(writer: TfliteWriter, name: str, shape: tuple[int, ...], quantization: Affine) -> int:
    return writer.tensor(name, shape, "int8", scale=quantization.scale, zero_point=quantization.zero_point)


def _int8_constants(
    writer: TfliteWriter,
    layer: Layer,
    weights: npt.NDArray[np.float32],
    bias: npt.NDArray[np.float32],
    input_scale: float,
) -> list[int]:
    axis = {"conv": 0, "depthwise": 3, "dense": 0}[layer.kind]
    per_channel = layer.kind != "dense"
    others = tuple(i for i in range(weights.ndim) if i != axis) if per_channel else None
    largest = np.abs(weights.astype(np.float64)).max(axis=others, keepdims=True)
    smallest_scale = np.abs(bias.astype(np.float64)) / (input_scale * _LARGEST_BIAS)
    floor = smallest_scale.reshape(largest.shape) if per_channel else smallest_scale.max()
    scale = np.maximum(np.maximum(largest / 127, floor), 1e-12).astype(np.float32)
    quantized = np.clip(np.round(weights / scale), -127, 127).astype(np.int8)
    bias_scale = np.float64(input_scale) * scale.astype(np.float64).reshape(-1)
    quantized_bias = np.round(bias / bias_scale).astype(np.int32)
    name = layer.name
    return [
        writer.tensor(
            f"{name}/weights", weights.shape, "int8", quantized, scale=scale.reshape(-1), axis=axis
        ),
        writer.tensor(f"{name}/bias", bias.shape, "int32", quantized_bias, scale=bias_scale),
    ]


def _write_operator(
    writer: TfliteWriter, layer: Layer, tensors: Mapping[str, int], constants: list[int], version: int
) -> None:
    inputs = [tensors[name] for name in layer.inputs] + constants
    writer.operator(OPERATORS[layer.kind], inputs, [tensors[layer.name]], _options(layer), version)


def _options(layer: Layer) -> Any:
    types = {
        "conv": schema.Conv2DOptionsT,
        "depthwise": schema.DepthwiseConv2DOptionsT,
        "add": schema.AddOptionsT,
        "pool": schema.Pool2DOptionsT,
        "dense": schema.FullyConnectedOptionsT,
        "softmax": schema.SoftmaxOptionsT,
    }
    options = types[layer.kind]()
    activation = schema.ActivationFunctionType
    if layer.kind != "softmax":
        options.fusedActivationFunction = activation.RELU6 if layer.relu6 else activation.NONE
    if layer.kind in ("conv", "depthwise", "pool"):
        options.padding = schema.Padding.VALID if layer.kind == "pool" else schema.Padding.SAME
        options.strideW = options.strideH = layer.kernel if layer.kind == "pool" else layer.stride
    if layer.kind == "depthwise":
        options.depthMultiplier = 1
    if layer.kind == "pool":
        options.filterWidth = options.filterHeight = layer.kernel
    if layer.kind == "softmax":
        options.beta = 1.0
    return options
