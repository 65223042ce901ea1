# SPDX-License-Identifier: Apache-2.0
"""Calibration and quantization to int8: statistics, ranges, codes, and graphs an interpreter agrees with."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intarsia import batching, calibrate, data, ops, oracle, simulate
from intarsia.dtypes import FLOAT32, INT8, INT32
from intarsia.errors import UsageError
from intarsia.exporters.tflite import export
from intarsia.ir import Attrs, Graph, Node, Quantization, Tensor
from intarsia.ops.average_pool_2d import AveragePoolAttrs
from intarsia.ops.base import Operator, Shape, Values
from intarsia.ops.concatenation import ConcatenationAttrs
from intarsia.ops.conv_2d import Conv2DAttrs
from intarsia.ops.depthwise_conv_2d import DepthwiseConv2DAttrs
from intarsia.ops.fully_connected import FullyConnectedAttrs
from intarsia.ops.reshape import ReshapeAttrs
from intarsia.quantize import IO_TYPES, Options, correction, parameters, quantize
from intarsia.quantize.compare import compare, quantized_inputs
from intarsia.quantize.ranges import ESTIMATORS, minmax
from support.draw import SeededDraw, sample

FIXED_SCALE_ERROR, ERROR = 0.35, 0.06
FIXED_SCALE = ("SOFTMAX", "LOG_SOFTMAX")
POSITIVE = ("DIV", "RSQRT", "SQRT")
"""Operators that give no number for some others."""
CODES = st.floats(-1e3, 1e3, width=32)


class Builder:
    """Adds nodes of one feature map each, shapes by the operators' own inference."""

    def __init__(self, shape: Shape, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.tensors = [Tensor("input", shape, FLOAT32)]
        self.nodes: list[Node] = []

    def constant(self, data: np.ndarray) -> int:
        kind = INT32 if data.dtype == np.int32 else FLOAT32
        self.tensors.append(Tensor(f"c{len(self.tensors)}", data.shape, kind, None, data))
        return len(self.tensors) - 1

    def weights(self, *shape: int) -> int:
        return self.constant(self.random.normal(0, 0.4, shape).astype(np.float32))

    def node(self, op: str, inputs: tuple[int, ...], attrs: Attrs, quant: Quantization | None = None) -> int:
        node = Node(op, inputs, (), attrs, f"n{len(self.nodes)}")
        graph = Graph("g", tuple(self.tensors), (), (), ())
        (shape,) = ops.registry()[op].infer(node, graph)
        kind = FLOAT32 if quant is None else INT8
        self.tensors.append(Tensor(f"n{len(self.nodes)}", shape, kind, quant))
        self.nodes.append(replace(node, outputs=(len(self.tensors) - 1,)))
        return len(self.tensors) - 1

    def graph(self, *outputs: int, rule: str = "litert") -> Graph:
        return Graph("g", tuple(self.tensors), tuple(self.nodes), (0,), outputs, rule).verify()


def network(rule: str = "litert") -> Graph:
    """A small classifier with branches: every kind of scale that quantization has to choose."""
    b = Builder((1, 8, 8, 3))
    conv = b.node("CONV_2D", (0, b.weights(6, 3, 3, 3), b.weights(6)), Conv2DAttrs(activation="RELU6"))
    deep = b.node(
        "DEPTHWISE_CONV_2D",
        (conv, b.weights(1, 3, 3, 6), b.weights(6)),
        DepthwiseConv2DAttrs(activation="RELU"),
    )
    point = b.node("CONV_2D", (deep, b.weights(6, 1, 1, 6)), Conv2DAttrs())
    added = b.node("ADD", (point, conv), ops.registry()["ADD"].attrs())
    joined = b.node("CONCATENATION", (added, deep), ConcatenationAttrs(axis=3))
    pooled = b.node(
        "AVERAGE_POOL_2D", (joined,), AveragePoolAttrs(padding="VALID", stride=(8, 8), window=(8, 8))
    )
    flat = b.node("RESHAPE", (pooled, b.constant(np.array([1, 12], np.int32))), ReshapeAttrs())
    dense = b.node("FULLY_CONNECTED", (flat, b.weights(5, 12), b.weights(5)), FullyConnectedAttrs())
    return b.graph(b.node("SOFTMAX", (dense,), ops.registry()["SOFTMAX"].attrs()), rule=rule)


def inputs(graph: Graph, count: int = 24, seed: int = 0) -> data.Dataset:
    return data.random_samples(graph, count, seed)


def real(graph: Graph, index: int, codes: np.ndarray) -> np.ndarray:
    tensor = graph.tensor(index)
    if tensor.quant is None:
        return codes
    return (codes.astype(np.float64) - tensor.zero_point) * tensor.scale


def relative_error(expected: np.ndarray, got: np.ndarray) -> float:
    power = np.square(expected.astype(np.float64)).mean()
    return float(np.sqrt(np.square(expected - got).mean() / max(power, 1e-9)))


# --- batches


def test_batches_give_what_single_samples_give() -> None:
    graph = quantize(network(), calibrate.calibrate(network(), inputs(network())))
    dataset = inputs(graph, 70)
    expected = np.stack([simulate.run(graph, x)[0] for x in dataset.samples])
    assert np.array_equal(batching.outputs(graph, dataset.inputs)[0], expected)


def test_graphs_that_mix_samples_are_not_batched() -> None:
    b = Builder((1, 4))
    joined = b.node("CONCATENATION", (0, 0), ConcatenationAttrs(axis=0))
    graph = b.graph(joined)
    assert batching.rebatch(graph, 3) is None
    assert batching.outputs(graph, inputs(graph, 5).inputs)[0].shape == (5, 2, 4)
    assert batching.rebatch(network(), 3) is not None


# --- statistics


@given(st.lists(st.lists(CODES, min_size=6, max_size=6), min_size=1, max_size=5), st.randoms())
def test_statistics_are_those_of_the_values_in_any_order(rows: list[list[float]], random: object) -> None:
    graph = Graph("g", (Tensor("x", (1, 3, 2), FLOAT32),), (), (0,), (0,))
    x = np.array(rows, np.float32).reshape(-1, 1, 3, 2)
    found = calibrate.calibrate(graph, [x]).of(graph, 0)
    wide = x.astype(np.float64)
    assert (found.minimum, found.maximum) == (x.min(), x.max())
    assert np.isclose(found.mean, wide.mean(), atol=1e-9)
    assert np.isclose(found.variance, wide.var(), rtol=1e-6, atol=1e-6)
    assert np.allclose(found.channel_mean, wide.mean(axis=(0, 1, 2)))
    assert np.array_equal(found.channel_minimum, wide.min(axis=(0, 1, 2)))
    assert np.array_equal(found.channel_maximum, wide.max(axis=(0, 1, 2)))
    edges = (np.arange(calibrate.BINS + 1) - calibrate.BINS // 2) * found.bin_width
    assert np.array_equal(found.histogram, np.histogram(wide, edges)[0])
    one_by_one = calibrate._Collector("x", (1, 3, 2))
    order = np.arange(len(x))
    random.shuffle(order)  # type: ignore[attr-defined]
    for position in order:
        one_by_one.add(x[position])
    assert one_by_one.exponent == found.exponent
    assert np.array_equal(one_by_one.histogram, found.histogram)


def test_statistics_survive_the_file(tmp_path: Path) -> None:
    graph = network()
    statistics = calibrate.calibrate(graph, inputs(graph))
    calibrate.save(statistics, tmp_path / "calib.npz")
    loaded = calibrate.load(tmp_path / "calib.npz")
    assert loaded.samples == 24
    assert loaded.maps.keys() == statistics.maps.keys() == {0} | {n.outputs[0] for n in graph.nodes}
    for index, found in loaded.maps.items():
        for name, value in vars(statistics.maps[index]).items():
            assert np.array_equal(getattr(found, name), value), name


@given(st.data())
@settings(max_examples=60)
def test_damaged_statistics_are_refused(
    tmp_path_factory: pytest.TempPathFactory, draw: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("statistics") / "calib.npz"
    graph = Graph("g", (Tensor("x", (1, 3, 2), FLOAT32),), (), (0,), (0,))
    calibrate.save(calibrate.calibrate(graph, [np.ones((2, 1, 3, 2), np.float32)]), path)
    content = bytearray(path.read_bytes())
    if draw.draw(st.booleans()):
        del content[draw.draw(st.integers(0, len(content) - 1)) :]
    else:
        content[draw.draw(st.integers(0, len(content) - 1))] ^= draw.draw(st.integers(1, 255))
    path.write_bytes(bytes(content))
    with contextlib.suppress(UsageError):
        assert calibrate.load(path).of(graph, 0).mean == 1.0


def test_statistics_that_are_refused(tmp_path: Path) -> None:
    graph = network()
    with pytest.raises(UsageError, match="no calibration samples"):
        calibrate.calibrate(graph, [np.zeros((0, 1, 8, 8, 3), np.float32)])
    with pytest.raises(UsageError, match="NaN or infinite"):
        calibrate.calibrate(graph, [np.full((1, 1, 8, 8, 3), np.inf, np.float32)])
    with pytest.raises(UsageError, match="no such file"):
        calibrate.load(tmp_path / "missing.npz")
    np.savez(tmp_path / "data.npz", x=np.zeros(3))
    with pytest.raises(UsageError, match="not a calibration file"):
        calibrate.load(tmp_path / "data.npz")
    other = calibrate.calibrate(Builder((1, 4)).graph(0), [np.ones((1, 1, 4), np.float32)])
    with pytest.raises(UsageError, match="does not know feature map 'input'"):
        quantize(graph, other)


# --- ranges


def statistics_of(values: np.ndarray) -> calibrate.MapStatistics:
    collector = calibrate._Collector("x", (1, 1))
    collector.add(values.astype(np.float32))
    return collector.result()


@pytest.mark.parametrize("name", ESTIMATORS)
@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 1e6), st.sampled_from((-np.inf, 0.0)), st.floats(-3, 3))
@settings(max_examples=25)
def test_ranges_lie_within_what_was_measured(
    name: str, seed: int, scale: float, cut: float, shift: float
) -> None:
    random = np.random.default_rng(seed)
    values = np.maximum((random.standard_t(3, 500) + shift) * scale, cut)
    statistics = statistics_of(values)
    low, high = ESTIMATORS[name](statistics)
    whole = minmax(statistics)
    assert whole[0] <= low <= 0.0 <= high <= whole[1]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_ranges_of_nothing_but_zeros(name: str) -> None:
    assert ESTIMATORS[name](statistics_of(np.zeros(9))) == (0.0, 0.0)


def test_percentiles_leave_out_the_outermost_values() -> None:
    values = np.concatenate([np.linspace(-1, 1, 100_000), [-50.0, 80.0]])
    low, high = ESTIMATORS["percentile-99.99"](statistics_of(values))
    assert -1.05 < low < -0.95
    assert 0.95 < high < 1.05


def test_the_least_squares_range_is_better_than_the_whole() -> None:
    values = np.concatenate([np.random.default_rng(0).normal(size=1_000_000), [40.0]])

    def error(span: tuple[float, float]) -> float:
        quant = parameters.activation(*span)
        restored = (parameters.codes(values, quant).astype(float) - quant.zero_point[0]) * quant.scale[0]
        return float(np.square(restored - values).mean())

    statistics = statistics_of(values)
    assert error(ESTIMATORS["mse"](statistics)) < 0.8 * error(minmax(statistics))


# --- codes


@given(st.floats(-1e4, 0), st.floats(0, 1e4))
def test_activation_codes_span_their_range_and_hold_zero(low: float, high: float) -> None:
    quant = parameters.activation(low, high)
    (scale,), (zero_point,) = quant.scale, quant.zero_point
    assert parameters.codes(np.zeros(1), quant)[0] == zero_point
    values = np.linspace(low, high, 300)
    restored = (parameters.codes(values, quant).astype(float) - zero_point) * scale
    assert np.abs(restored - values).max() <= scale * 1.001 + 1e-30


@given(st.integers(0, 2**32 - 1), st.sampled_from((None, 0, 3)), st.floats(1e-6, 1e3))
def test_weights_are_restored_to_half_a_step(seed: int, axis: int | None, size: float) -> None:
    data = np.random.default_rng(seed).normal(0, size, (4, 3, 3, 2)).astype(np.float32)
    made = parameters.weights(Tensor("w", data.shape, FLOAT32, None, data), axis, None, 0.1)
    assert made.data is not None
    assert made.quant is not None
    assert np.abs(made.data.astype(int)).max() == 127
    assert set(made.quant.zero_point) == {0}
    assert len(made.quant.scale) == (1 if axis is None else data.shape[axis])
    scales = correction._scales(made)
    assert (np.abs(made.data * scales - data) <= scales * 0.5001).all()


@given(st.floats(0, 1e20), st.floats(1e-20, 1.0), st.sampled_from((0.0, 1e-25, 1.0)))
def test_biases_stay_within_int32(size: float, scale: float, weight: float) -> None:
    bias = np.array([size, -size, 0.0])
    data = np.full((3, 1, 1, 2), weight, np.float32)
    made = parameters.weights(Tensor("w", data.shape, FLOAT32, None, data), 0, bias, scale)
    coded = parameters.bias("b", bias, scale, made)
    assert coded.data is not None
    assert made.quant is not None
    restored = coded.data * scale * np.array(made.quant.scale, np.float64)
    assert np.allclose(restored, bias, rtol=1e-6, atol=scale * max(made.quant.scale))


# --- graphs


@pytest.mark.parametrize("io", IO_TYPES)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_network_computes_the_same_in_integers(io: str, estimator: str) -> None:
    graph = network()
    dataset = inputs(graph, 200)
    made = quantize(graph, calibrate.calibrate(graph, dataset), Options(estimator, io))
    kinds = [made.tensor(i).dtype.name for i in (*made.inputs, *made.outputs)]
    assert kinds == [io, io]
    assert made.rule == graph.rule
    conversions = {"QUANTIZE", "DEQUANTIZE"}
    assert ({n.op for n in made.nodes} & conversions) == (conversions if io == "float32" else set())
    expected = batching.outputs(graph, dataset.inputs)[0]
    got = real(made, made.outputs[0], batching.outputs(made, quantized_inputs(made, dataset))[0])
    assert relative_error(expected, got) < 0.05


@pytest.mark.parametrize("rule", ["litert", pytest.param("tflm", marks=pytest.mark.tflm_oracle)])
@pytest.mark.parametrize("io", IO_TYPES)
def test_an_interpreter_computes_the_same_bytes(rule: str, io: str) -> None:
    graph = network(rule)
    dataset = inputs(graph)
    made = quantize(graph, calibrate.calibrate(graph, dataset), Options(io=io))
    samples = list(zip(*quantized_inputs(made, dataset), strict=True))
    for sample_in, expected in zip(samples, oracle.interpret(export(made), samples, rule), strict=True):
        assert np.array_equal(simulate.run(made, sample_in)[0], expected[0])


def test_scales_are_shared_where_codes_are_passed_on() -> None:
    graph = network()
    made = quantize(graph, calibrate.calibrate(graph, inputs(graph)))
    nodes = {node.op: node for node in made.nodes}
    for op in ("CONCATENATION", "AVERAGE_POOL_2D", "RESHAPE"):
        node = nodes[op]
        maps = [i for i in (*node.inputs, *node.outputs) if made.tensor(i).data is None]
        assert len({made.tensor(i).quant for i in maps}) == 1, op
    assert made.tensor(made.outputs[0]).quant == Quantization((1 / 256,), (-128,))
    for op in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
        source, weights, bias = (made.tensor(i) for i in nodes[op].inputs[:3])
        assert weights.quant is not None
        assert bias.quant is not None
        assert np.allclose(bias.quant.scale, source.scale * np.array(weights.quant.scale), rtol=1e-6)


class FloatOnly(Operator):
    """Squares, and has no int8 form."""

    name = "SQUARE"

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        return None if graph.required(node, 0).dtype.is_float else "int8 input"

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        return [graph.required(node, 0).shape]

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        assert values[0] is not None
        return [np.square(values[0])]


def test_what_has_no_int8_form_stays_float_between_conversions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ops.registry(), "SQUARE", FloatOnly())
    b = Builder((1, 4, 4, 2))
    conv = b.node("CONV_2D", (0, b.weights(3, 1, 1, 2)), Conv2DAttrs())
    twice = b.node("SQUARE", (b.node("SQUARE", (conv,), Attrs()),), Attrs())
    last = b.node("CONV_2D", (twice, b.weights(2, 1, 1, 3)), Conv2DAttrs())
    graph = b.graph(last, twice)
    dataset = inputs(graph)
    made = quantize(graph, calibrate.calibrate(graph, dataset))
    order = ["CONV_2D", "DEQUANTIZE", "SQUARE", "SQUARE", "QUANTIZE", "CONV_2D"]
    assert [node.op for node in made.nodes] == order
    assert all(made.tensor(i).dtype == INT8 for i in made.outputs)
    got = batching.outputs(made, quantized_inputs(made, dataset))
    for expected, index, codes in zip(
        batching.outputs(graph, dataset.inputs), made.outputs, got, strict=True
    ):
        assert relative_error(expected, real(made, index, codes)) < ERROR


def test_bound_scales_are_requantized_for_operators_that_pass_codes_on() -> None:
    b = Builder((1, 4))
    soft = b.node("SOFTMAX", (0,), ops.registry()["SOFTMAX"].attrs())
    dense = b.node("FULLY_CONNECTED", (0, b.weights(4, 4)), FullyConnectedAttrs())
    graph = b.graph(b.node("CONCATENATION", (soft, dense), ConcatenationAttrs(axis=1)))
    dataset = inputs(graph)
    made = quantize(graph, calibrate.calibrate(graph, dataset))
    assert [node.op for node in made.nodes] == ["SOFTMAX", "FULLY_CONNECTED", "QUANTIZE", "CONCATENATION"]
    got = real(made, made.outputs[0], batching.outputs(made, quantized_inputs(made, dataset))[0])
    assert relative_error(batching.outputs(graph, dataset.inputs)[0], got) < ERROR


def test_the_models_own_conversions_vanish() -> None:
    b = Builder((1, 4))
    quant = Quantization((0.0125,), (3,))
    coded = b.node("QUANTIZE", (0,), Attrs(), quant)
    reshaped = b.node("RESHAPE", (coded, b.constant(np.array([1, 2, 2], np.int32))), ReshapeAttrs(), quant)
    graph = b.graph(b.node("DEQUANTIZE", (reshaped,), Attrs()))
    statistics = calibrate.calibrate(graph, inputs(graph))
    made = quantize(graph, statistics)
    assert [node.op for node in made.nodes] == ["RESHAPE"]
    assert made.tensor(made.inputs[0]).quant == made.tensor(made.outputs[0]).quant == quant
    kept = quantize(graph, statistics, Options(io="float32"))
    assert [node.op for node in kept.nodes] == ["QUANTIZE", "RESHAPE", "DEQUANTIZE"]


def test_bias_correction_removes_the_mean_error() -> None:
    b = Builder((1, 6, 6, 16), seed=3)
    spread = b.random.normal(0, 0.02, (8, 1, 1, 16)).astype(np.float32)
    spread[:, 0, 0, 0] = 3.0
    graph = b.graph(b.node("CONV_2D", (0, b.constant(spread)), Conv2DAttrs()))
    dataset = data.Dataset((b.random.uniform(0, 4, (64, 1, 6, 6, 16)).astype(np.float32),))
    statistics = calibrate.calibrate(graph, dataset)
    expected = batching.outputs(graph, dataset.inputs)[0]
    errors = []
    for correct_bias in (False, True):
        made = quantize(graph, statistics, Options(correct_bias=correct_bias))
        got = real(made, made.outputs[0], batching.outputs(made, quantized_inputs(made, dataset))[0])
        errors.append(np.abs((got - expected).mean(axis=(0, 1, 2, 3))).mean())
    assert errors[1] < 0.2 * errors[0]


def test_options_that_are_refused() -> None:
    graph = network()
    statistics = calibrate.calibrate(graph, inputs(graph))
    with pytest.raises(UsageError, match="'best'"):
        quantize(graph, statistics, Options("best"))
    with pytest.raises(UsageError, match="'int4'"):
        quantize(graph, statistics, Options(io="int4"))


def test_comparison_of_options() -> None:
    graph = network()
    calibration = inputs(graph)
    labels = batching.outputs(graph, calibration.inputs)[0].reshape(24, -1).argmax(axis=1)
    test = data.Dataset(calibration.inputs, labels)
    rows = list(compare(graph, calibrate.calibrate(graph, calibration), test, [Options("minmax")]))
    assert [row.options for row in rows] == [None, Options("minmax")]
    assert (rows[0].top1, rows[0].agreement, rows[0].samples) == (1.0, 1.0, 24)
    assert rows[1].top1 == rows[1].agreement >= 0.8
    with pytest.raises(UsageError, match="classifier"):
        list(compare(graph, calibrate.calibrate(graph, calibration), calibration, []))


OWN_FORM = ("QUANTIZE", "DEQUANTIZE")
BOOLEAN = ("LOGICAL_AND", "LOGICAL_OR", "REDUCE_ALL", "REDUCE_ANY")
QUANTIZABLE = [
    n for n, o in sorted(ops.registry().items()) if n not in (*OWN_FORM, *BOOLEAN) and not o.states
]


@pytest.mark.parametrize("name", QUANTIZABLE)
def test_every_operator_quantizes_and_an_interpreter_agrees(name: str) -> None:
    operator = ops.registry()[name]
    done = 0
    for seed in range(40):
        graph = replace(operator.cases(SeededDraw(seed)), rule="litert")
        node = graph.nodes[0]
        floats = any(graph.tensor(i).dtype == FLOAT32 for i in graph.inputs)
        if not floats or operator.unsupported(node, graph) is not None or done == 3:
            continue
        random = np.random.default_rng(seed)
        arrays = [np.stack([sample(graph.tensor(i), random) for _ in range(8)]) for i in graph.inputs]
        if name in POSITIVE:
            arrays = [np.abs(array) + np.float32(0.5) for array in arrays]
        dataset = data.Dataset(tuple(arrays))
        if not all(np.isfinite(y).all() for x in dataset.samples for y in simulate.run(graph, x)):
            continue
        done += 1
        made = quantize(graph, calibrate.calibrate(graph, dataset))
        assert all(ops.registry()[n.op].unsupported(n, made) is None for n in made.nodes)
        samples = list(zip(*quantized_inputs(made, dataset), strict=True))
        got = [simulate.run(made, x) for x in samples]
        for position, index in enumerate(made.outputs):
            expected = np.stack([simulate.run(graph, x)[position] for x in dataset.samples])
            codes = np.stack([y[position] for y in got])
            limit = FIXED_SCALE_ERROR if name in FIXED_SCALE else ERROR
            if made.tensor(index).dtype.name in ("int32", "int64"):
                continue  # places and numbers are not near to others
            assert relative_error(expected, real(made, index, codes)) < limit
        kernels = oracle.REFERENCE_KERNELS if operator.reference_kernel else oracle.OTHER_KERNELS
        (wanted,) = oracle.interpret_many([(export(made), samples)], "litert", kernels=kernels)
        assert not isinstance(wanted, str), wanted
        for expected_out, out in zip(wanted, got, strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(expected_out, out, strict=True))
    assert done, f"{name} has no float form among its cases"
