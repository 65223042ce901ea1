# SPDX-License-Identifier: Apache-2.0
"""Kinds of hostile models, each in its smallest form: the right error, in time, or the right result."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest

from fuzzing import followed, schematree
from intarsia import analyze, boards, data, simulate
from intarsia.errors import ModelError
from intarsia.importers import tflite
from intarsia.ir import Graph
from intarsia.models import canonical
from intarsia.ops._common import schema
from intarsia.ops._pooling import PoolAttrs
from intarsia.ops._scaled_sum import SumAttrs
from intarsia.ops.conv_2d import Conv2DAttrs
from intarsia.ops.fully_connected import FullyConnectedAttrs
from intarsia.ops.leaky_relu import LeakyReluAttrs
from intarsia.ops.reshape import ReshapeAttrs
from intarsia_codegen import project
from support import harness, onnxes, variables
from support.tiny import Tiny

INT32_MAX = (1 << 31) - 1
SECONDS = 1.0


def loaded(content: bytes) -> Graph:
    return canonical(tflite.parse(content, name="tiny"))


def refused(content: bytes, message: str) -> None:
    """Raises AssertionError unless the model is refused with that message, within a second of processor time."""
    begun = time.process_time()
    with pytest.raises(ModelError, match=message):
        followed.generate(loaded(content), 0)
    assert time.process_time() - begun < SECONDS


def edited(content: bytes, change: Callable[[Any], None]) -> bytes:
    """The file with its object tree changed."""
    model = schema().ModelT.InitFromPackedBuf(content, 0)
    change(model)
    return schematree.packed(model)


def doubled() -> bytes:
    """x + x."""
    t = Tiny()
    x = t.input((1, 4), name="x")
    t.node("ADD", [x, x], (1, 4), SumAttrs(), scale=0.1, name="y")
    return t.bytes


def reshaped(*shape: int) -> bytes:
    return edited(doubled(), lambda model: _set_shapes(model, shape))


def _set_shapes(model: Any, shape: tuple[int, ...]) -> None:
    for tensor in model.subgraphs[0].tensors:
        tensor.shape = np.array(shape, np.int32)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((65536, 65536), "too large"),
        ((65536, 65536, 65536, 65536), "too large"),
        ((INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX, 2), "too large"),
        ((0, INT32_MAX, INT32_MAX), "too large"),
        ((1, -5), "dynamic shape"),
        ((1,) * 9, "9 dimensions"),
    ],
)
def test_shapes_whose_product_overflows(shape: tuple[int, ...], message: str) -> None:
    refused(reshaped(*shape), message)


def test_products_of_constants_that_overflow() -> None:
    """TILE and RESHAPE take their extents from constants."""
    tiled = Tiny()
    tiled.node("TILE", [tiled.input((1, 4)), tiled.numbers(INT32_MAX, INT32_MAX)], (1, 4), scale=0.05)
    refused(tiled.bytes, "TILE")
    shaped = Tiny()
    target = (65536, 65536, -1)
    shaped.node(
        "RESHAPE", [shaped.input((1, 4)), shaped.numbers(*target)], (1, 4), ReshapeAttrs(target), scale=0.05
    )
    refused(shaped.bytes, "RESHAPE")


@pytest.mark.parametrize("place", range(4))
def test_windows_and_strides_beyond_all_measure(place: int) -> None:
    """They would overflow the counters of a kernel, and the memory of whoever pads for them."""
    stride, window = [[1, 1], [2, 2]]
    (stride, stride, window, window)[place][place % 2] = INT32_MAX
    t = Tiny()
    attrs = PoolAttrs("SAME", (stride[0], stride[1]), (window[0], window[1]))
    t.node("MAX_POOL_2D", [t.input((1, 4, 4, 1))], (1, 4, 4, 1), attrs, scale=0.05)
    refused(t.bytes, "MAX_POOL_2D .* cells")


def test_dilation_beyond_all_measure() -> None:
    t = Tiny()
    inputs = [t.input((1, 4, 4, 1)), t.weights((1, 3, 3, 1)), t.bias(1)]
    t.node("CONV_2D", inputs, (1, 4, 4, 1), Conv2DAttrs("SAME", (1, 1), (1 << 30, 1)))
    refused(t.bytes, "CONV_2D .* cells")


def test_nodes_in_a_loop() -> None:
    t = Tiny()
    x, a, b = t.input((1, 4)), t.tensor((1, 4), "int8", 0.05), t.tensor((1, 4), "int8", 0.05)
    options = schema().AddOptionsT()
    t.writer.operator("ADD", [x, b], [a], options)
    t.writer.operator("ADD", [x, a], [b], options)
    t.outputs = [b]
    refused(t.bytes, "before it is written")


def _caller(operator: str, field: str) -> bytes:
    """A model whose only subgraph is named by its own operator."""
    t = Tiny()
    x = t.input((1, 4))
    options = getattr(schema(), f"{operator.title().replace('_', '')}OptionsT")()
    setattr(options, field, 0)
    output = t.tensor((1, 4), "int8", 0.05)
    t.writer.operator(operator, [x], [output], options)
    t.outputs = [output]
    return t.bytes


@pytest.mark.parametrize(
    ("operator", "field"),
    [("WHILE", "bodySubgraphIndex"), ("IF", "thenSubgraphIndex"), ("CALL_ONCE", "initSubgraphIndex")],
)
def test_subgraphs_in_a_loop(operator: str, field: str) -> None:
    refused(_caller(operator, field), operator)


def test_an_initialiser_that_calls_itself() -> None:
    model = variables.Model()
    first = model.initialiser()
    options = schema().CallOnceOptionsT()
    options.initSubgraphIndex = 1
    first.node("CALL_ONCE", [], [], options)
    x = model.main.tensor("x")
    refused(model.finish([x], [model.main.add(x, x)]), "CALL_ONCE in the subgraph")


def test_tensors_that_share_a_buffer(tmp_path: Path) -> None:
    """Two layers of the same weights and bias: right results, in the reference and in C."""
    t = Tiny()
    x, weights, bias = t.input((1, 3, 3, 4)), t.weights((4, 1, 1, 4)), t.bias(4)
    twin = t.weights((4, 1, 1, 4))
    middle = t.node("CONV_2D", [x, weights, bias], (1, 3, 3, 4), Conv2DAttrs("VALID"), scale=0.3)
    t.node("CONV_2D", [middle, twin, bias], (1, 3, 3, 4), Conv2DAttrs("VALID"), scale=0.9)
    graph = loaded(edited(t.bytes, lambda model: _share(model, weights, twin)))
    assert np.array_equal(graph.constant(graph.nodes[0], 1), graph.constant(graph.nodes[1], 1))
    _same_in_c(graph, tmp_path)


def _share(model: Any, first: int, second: int) -> None:
    tensors = model.subgraphs[0].tensors
    tensors[second].buffer = tensors[first].buffer


def _same_in_c(graph: Graph, folder: Path) -> None:
    samples = data.random_samples(graph, 2).samples
    (outcome,) = harness.run_cases([graph], [samples], folder)
    for sample, outputs in zip(samples, outcome.outputs, strict=True):
        assert np.array_equal(outputs[0], simulate.run(graph, sample)[0])


def test_a_buffer_for_two_types_is_refused() -> None:
    t = Tiny()
    inputs = [t.input((1, 8)), t.weights((3, 8)), t.bias(3)]
    t.node("FULLY_CONNECTED", inputs, (1, 3), options=schema().FullyConnectedOptionsT())
    refused(
        edited(t.bytes, lambda model: _share(model, 1, 2)),
        r"of shape \[3\] needs 12 bytes, its buffer has 24",
    )


def _overlapping() -> bytes:
    """x + a, then + b, where the data of b lie inside those of a: the bytes of a begin with the length of b."""
    content = np.array([4, 0, 0, 0, 10, 20, 30, 40], np.uint8)

    class Inner:
        """A buffer whose vector begins at the first byte of another one's data."""

        def __init__(self, outer: Outer) -> None:
            self.outer = outer

        def Pack(self, builder: Any) -> int:
            schema().BufferStart(builder)
            schema().BufferAddData(builder, self.outer.vector - 4)
            return int(schema().BufferEnd(builder))

    class Outer:
        vector = 0

        def Pack(self, builder: Any) -> int:
            self.vector = builder.CreateNumpyVector(content)
            schema().BufferStart(builder)
            schema().BufferAddData(builder, self.vector)
            return int(schema().BufferEnd(builder))

    t = Tiny()
    x = t.input((1, 8), scale=0.5)
    a = t.constant(content.astype(np.int8).reshape(1, 8), 0.5)
    b = t.constant(np.zeros((1, 4), np.int8), 0.5)
    y = t.node("ADD", [x, a], (1, 8), SumAttrs(), scale=0.5)
    half = t.node("RESHAPE", [y, t.numbers(2, 4)], (2, 4), ReshapeAttrs((2, 4)), scale=0.5)
    t.node("ADD", [half, b], (2, 4), SumAttrs(), scale=0.5)

    def change(model: Any) -> None:
        tensors, outer = model.subgraphs[0].tensors, Outer()
        model.buffers[tensors[a].buffer] = outer
        model.buffers[tensors[b].buffer] = Inner(outer)

    return edited(t.bytes, change)


def test_buffers_that_overlap(tmp_path: Path) -> None:
    graph = loaded(_overlapping())
    found = simulate.run(graph, [np.zeros((1, 8), np.int8)])[0]
    assert found.reshape(-1).tolist() == [14, 20, 30, 40, 20, 40, 60, 80]
    _same_in_c(graph, tmp_path)


@pytest.mark.parametrize("offset", [1, 16, 1 << 31, (1 << 33) + 5, (1 << 64) - 1])
@pytest.mark.parametrize("size", [0, 4, 1 << 33, (1 << 64) - 1])
def test_data_outside_the_table(offset: int, size: int) -> None:
    """Large files keep their data behind the table; what is not in the file is never looked for."""

    def change(model: Any) -> None:
        buffer = model.buffers[model.subgraphs[0].tensors[1].buffer]
        buffer.data, buffer.offset, buffer.size = None, offset, size

    t = Tiny()
    inputs = [t.input((1, 4)), t.weights((3, 4)), t.bias(3)]
    t.node("FULLY_CONNECTED", inputs, (1, 3), options=schema().FullyConnectedOptionsT())
    refused(edited(t.bytes, change), "has 4$" if (offset, size) == (16, 4) else "outside the file")


def test_data_behind_the_table() -> None:
    """They are what they would be inside of it; the last byte may be that of the file."""
    t = Tiny()
    inputs = [t.input((1, 4)), t.weights((3, 4)), t.bias(3)]
    t.node("FULLY_CONNECTED", inputs, (1, 3), FullyConnectedAttrs(), scale=0.3)
    data: list[bytes] = []

    def change(begin: int, more: int = 0) -> Callable[[Any], None]:
        def move(model: Any) -> None:
            buffer = model.buffers[model.subgraphs[0].tensors[1].buffer]
            data.append(bytes(buffer.data))
            buffer.data, buffer.offset, buffer.size = None, begin, 12 + more

        return move

    length = len(edited(t.bytes, change(1 << 20)))
    content = edited(t.bytes, change(length)) + data[0]
    x = [np.array([[1, -2, 3, 127]], np.int8)]
    assert np.array_equal(simulate.run(loaded(content), x)[0], simulate.run(loaded(t.bytes), x)[0])
    refused(edited(t.bytes, change(length, 1)) + data[0], "outside the file")


def _many(tensors: int, name: int) -> bytes:
    """A file of one subgraph whose tensors are all one and the same table, with a name of so many bytes."""
    builder = flatbuffers.Builder(1 << 16)
    text = builder.CreateString("x" * name)
    schema().TensorStart(builder)
    schema().TensorAddName(builder, text)
    tensor = schema().TensorEnd(builder)
    schema().SubGraphStartTensorsVector(builder, tensors)
    for _ in range(tensors):
        builder.PrependUOffsetTRelative(tensor)
    vector = builder.EndVector()
    schema().SubGraphStart(builder)
    schema().SubGraphAddTensors(builder, vector)
    subgraph = schema().SubGraphEnd(builder)
    schema().ModelStartSubgraphsVector(builder, 1)
    builder.PrependUOffsetTRelative(subgraph)
    subgraphs = builder.EndVector()
    schema().ModelStart(builder)
    schema().ModelAddSubgraphs(builder, subgraphs)
    builder.Finish(schema().ModelEnd(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize(
    ("tensors", "name", "message"),
    [(8000, 1 << 20, "longer than"), (100_000, 1, "claims 100000 tensors"), (8000, 10, "names buffer 0")],
)
def test_a_small_file_that_names_its_pieces_again_and_again(tensors: int, name: int, message: str) -> None:
    refused(_many(tensors, name), message)


@pytest.mark.parametrize("port", ["inputs", "outputs"])
def test_ports_that_are_constant(port: str) -> None:
    """There is nothing to write to, or nothing that writes."""
    t = Tiny()
    x = t.input((1, 4))
    fixed = t.constant(np.ones((1, 4), np.int8), 0.1, name="fixed")
    t.node("ADD", [x, fixed], (1, 4), SumAttrs(), scale=0.1)
    setattr(t, port, [*getattr(t, port), fixed])
    refused(t.bytes, f"graph {port[:-1]} 'fixed' of shape .* is a constant")


def test_outputs_that_depend_on_no_input() -> None:
    t = Tiny()
    t.input((1, 4))
    fixed = t.constant(np.ones((1, 4), np.int8), 0.1, name="fixed")
    t.node("RESHAPE", [fixed, t.numbers(4, 1)], (4, 1), ReshapeAttrs((4, 1)), scale=0.1)
    refused(t.bytes, "reads the constant 'fixed'")


@pytest.mark.parametrize("name", boards.names())
def test_states_on_every_board(name: str) -> None:
    """Kernels of a board that could work in place must not, where their operand is a state."""
    board = boards.load(name)
    for content in variables.examples():
        graph = loaded(content)
        program = project.lower_for(graph, board)
        assert all(f"t{state.before}" not in program.placement.offsets for state in graph.states)


def test_operators_of_the_same_output_are_told_apart() -> None:
    """An unknown one does not hide what is wrong with the other, or make it known."""
    t = Tiny()
    x = t.input((1, 4))
    output = t.node("ADD", [x, x], (1, 4), SumAttrs(), scale=0.1)
    t.writer.operator("BUCKETIZE", [x], [output], schema().BucketizeOptionsT())
    with pytest.raises(ModelError, match="a second time"):
        tflite.parse(t.bytes, name="tiny", partial=True)
    apart = tflite.parse(doubled(), name="tiny", partial=True)
    unknown = replace(apart.nodes[0], op="BUCKETIZE")
    twins = apart.replace(nodes=(unknown, *apart.nodes))
    assert [bool(layer.fault) for layer in analyze.layers(twins, analyze.faults(twins))] == [True, False]


def test_truth_values_with_a_scale() -> None:
    """A scale of bool tensors says nothing, and random samples are drawn without it."""
    t = Tiny()
    flags = t.tensor((1, 4), "bool", 0.5)
    t.inputs.append(flags)
    options = schema().CastOptionsT()
    t.node("CAST", [flags], (1, 4), dtype="float32", options=options)
    graph = loaded(t.bytes)
    (sample,) = data.random_samples(graph, 1).samples
    assert simulate.run(graph, sample)[0].tolist() == sample[0].astype(np.float32).tolist()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scales", [(1e38, 1e-38), (1e-38, 1e38), (1e-45, 1e-45)])
@pytest.mark.parametrize("operator", ["LEAKY_RELU", "RSQRT", "ADD", "LOGISTIC"])
def test_scales_that_are_far_apart(operator: str, scales: tuple[float, float]) -> None:
    """Refused or run, without a word of the arithmetic on the way."""
    t = Tiny()
    x = t.input((1, 4), scale=scales[0], zero=-128)
    attrs = {"LEAKY_RELU": LeakyReluAttrs(0.1), "ADD": SumAttrs()}.get(operator)
    t.node(operator, [x, x] if operator == "ADD" else [x], (1, 4), attrs, scale=scales[1], zero=-128)
    with contextlib.suppress(ModelError):
        followed.generate(loaded(t.bytes), 2)


def test_a_bias_whose_codes_have_a_zero_point() -> None:
    """ONNX does not allow it for int32: such a layer stays in real values, and computes what the file says.

    One code apart is a tie between two orders of adding floats; without the zero point it would be 17.
    """
    net = onnxes.Net()
    x = net.quantized(net.input((1, 2, 4, 4)), 0.05, 3)
    weights = net.codes(np.full((3, 2, 1, 1), 7, np.int8), np.full(3, 0.02))
    bias = net.codes(np.array([6, 5, 3], np.int32), 0.1, 5)
    model = net.bytes(net.quantized(net.node("Conv", x, weights, bias), 0.03))
    sample = np.random.default_rng(0).normal(0, 1, (1, 2, 4, 4)).astype(np.float32)
    (wanted,) = onnxes.runtime(model, sample)
    (found,) = onnxes.computed(canonical(onnxes.imported(model)), sample)
    assert np.abs(found.transpose(0, 3, 1, 2) - wanted).max() <= 1.01 * 0.03
