# SPDX-License-Identifier: Apache-2.0
"""What broke for users of other tools (rows B01 to B57 of the list of cases): numbers, each row under its id.

A row is a few small `.tflite` files. Their outputs in our reference equal the BUILTIN_REF kernels of rule `tflm`, and
those of portable C under sanitizers equal the reference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intarsia import check, oracle, simulate
from intarsia.importers import tflite as importer
from intarsia.ir import Graph
from intarsia.ops._common import schema
from intarsia.ops._elementwise import FusedAttrs
from intarsia.ops._pooling import PoolAttrs
from intarsia.ops._reduction import ReductionAttrs
from intarsia.ops._scaled_sum import SumAttrs
from intarsia.ops.average_pool_2d import AveragePoolAttrs
from intarsia.ops.conv_2d import Conv2DAttrs
from intarsia.ops.depthwise_conv_2d import DepthwiseConv2DAttrs
from intarsia.ops.fully_connected import FullyConnectedAttrs
from intarsia.ops.reshape import ReshapeAttrs
from intarsia.ops.softmax import SoftmaxAttrs
from intarsia.ops.transpose_conv import TransposeConvAttrs
from intarsia.passes import canonicalise
from support import harness
from support.agree import assert_agree
from support.draw import sample
from support.tiny import Scale, Tiny

pytestmark = pytest.mark.tflm_oracle

SAMPLES = 3
_SHAPES = ("B01", "B03", "B05", "B07", "B26", "B29", "B31", "B41")
_SUMS = ("B10", "B19", "B22", "B24", "B54")
BOARD_ROWS = {
    "qemu-cortex-m0": ("B03", "B07", "B31"),
    "qemu-cortex-m4": _SHAPES + _SUMS,
    "qemu-cortex-m55": _SHAPES + _SUMS,
}
Row = Callable[[], Iterator[Tiny]]
ROWS: dict[str, Row] = {}


def row(name: str) -> Callable[[Row], Row]:
    def add(make: Row) -> Row:
        ROWS[name] = make
        return make

    return add


def convolution(
    shape: tuple[int, int, int, int],
    kernel: tuple[int, int],
    channels: int,
    attrs: Conv2DAttrs | DepthwiseConv2DAttrs,
    *,
    scale: Scale = 0.02,
    out_scale: float = 0.3,
    seed: int = 0,
    bias: bool | int = True,
    in_scale: float = 0.05,
    zero: int = 3,
    out_zero: int = -7,
) -> Tiny:
    """One convolution whose output shape follows TFLite's rule; `bias` -1 is an optional input that is left out."""
    t = Tiny(seed)
    x = t.input(shape, scale=in_scale, zero=zero)
    depthwise = isinstance(attrs, DepthwiseConv2DAttrs)
    weights = t.weights(
        (1, *kernel, channels) if depthwise else (channels, *kernel, shape[3]), scale, 3 if depthwise else 0
    )
    inputs = [x, weights] + ([t.bias(channels)] if bias is True else [] if bias is False else [bias])
    size = []
    for extent, k, stride, dilation in zip(shape[1:3], kernel, attrs.stride, attrs.dilation, strict=True):
        reach = (k - 1) * dilation + 1
        size.append(-(-extent // stride) if attrs.padding == "SAME" else (extent - reach) // stride + 1)
    name = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
    t.node(name, inputs, (shape[0], *size, channels), attrs, scale=out_scale, zero=out_zero)
    return t


@row("B01")
def asymmetric_same_padding() -> Iterator[Tiny]:
    for height, width in ((8, 9), (8, 8), (9, 9)):
        yield convolution((1, height, width, 3), (3, 3), 8, Conv2DAttrs("SAME", (2, 2)))


@row("B03")
def row_convolution_with_a_stride() -> Iterator[Tiny]:
    yield convolution((1, 1, 32, 4), (1, 5), 4, Conv2DAttrs("SAME", (1, 4)))


@row("B05")
def dilation() -> Iterator[Tiny]:
    for padding in ("SAME", "VALID"):
        yield convolution((1, 9, 7, 4), (3, 3), 4, Conv2DAttrs(padding, dilation=(2, 2)))
        yield convolution((1, 9, 7, 4), (3, 3), 4, DepthwiseConv2DAttrs(padding, dilation=(2, 2)))


@row("B07")
def sides_above_127() -> Iterator[Tiny]:
    yield convolution((1, 200, 3, 1), (3, 3), 2, Conv2DAttrs("SAME"))
    yield convolution((1, 1, 300, 2), (3, 3), 2, Conv2DAttrs("SAME"))


@row("B09")
def a_map_too_large_for_a_stack() -> Iterator[Tiny]:
    yield convolution((1, 144, 256, 3), (3, 3), 12, Conv2DAttrs("SAME"))


@row("B10")
def even_kernels() -> Iterator[Tiny]:
    yield convolution((1, 29, 45, 8), (2, 2), 8, Conv2DAttrs("SAME", (2, 2)))
    for op, attrs in (("MAX_POOL_2D", PoolAttrs), ("AVERAGE_POOL_2D", AveragePoolAttrs)):
        t = Tiny()
        t.node(op, [t.input((1, 29, 45, 8))], (1, 15, 23, 8), attrs("SAME", (2, 2), (2, 2)), scale=0.05)
        yield t


@row("B11")
def rounding_near_the_ends_of_the_multiplier() -> Iterator[Tiny]:
    for seed in range(64):
        factor = (0.5, 0.5 + 2**-20, 0.999, 1 - 2**-22)[seed % 4] * 2.0 ** -(seed % 3)
        out = float(np.float32(0.05 * 0.02 / factor)) * 64
        yield convolution((1, 4, 4, 8), (1, 1), 8, Conv2DAttrs("SAME"), out_scale=out, seed=seed)


@row("B13")
def a_product_with_a_factor_above_1() -> Iterator[Tiny]:
    t = Tiny()
    inputs = [t.input((1, 3, 3, 4), scale=0.37), t.input((1, 1, 1, 1), scale=1.0)]
    t.node("MUL", inputs, (1, 3, 3, 4), FusedAttrs(), scale=0.1)
    yield t


@row("B15")
def a_dead_channel() -> Iterator[Tiny]:
    for scale in (1e-30, 1e-45, 0.0):
        t = Tiny()
        data = t.random.integers(-127, 127, (4, 3, 3, 2)).astype(np.int8)
        data[2] = 0
        inputs = [t.input((1, 5, 5, 2)), t.constant(data, (0.02, 0.03, scale, 0.01)), t.bias(4)]
        t.node("CONV_2D", inputs, (1, 5, 5, 4), Conv2DAttrs("SAME"), scale=0.2)
        yield t


@row("B17")
def scale_products_that_float32_rounds_otherwise() -> Iterator[Tiny]:
    random = np.random.default_rng(17)
    for seed in range(16):
        scales = tuple(float(np.float32(s)) for s in random.uniform(1e-4, 0.1, 4))
        in_scale = float(np.float32(random.uniform(1e-3, 0.1)))
        factors: dict[str, Any] = {"scale": scales, "in_scale": in_scale, "out_scale": in_scale * 3}
        yield convolution((1, 4, 4, 8), (3, 3), 4, Conv2DAttrs("SAME"), seed=seed, **factors)


@row("B19")
def depth_multipliers() -> Iterator[Tiny]:
    for multiplier in (2, 3):
        for channels in (1, 3, 5):
            for stride in (1, 2):
                attrs = DepthwiseConv2DAttrs("SAME", (stride, stride), multiplier=multiplier)
                yield convolution((1, 7, 6, channels), (3, 3), channels * multiplier, attrs)


def dense(t: Tiny, x: int, batch: int, columns: int, units: int, *, bias: int | None, zero: int = 0) -> int:
    inputs = [x, t.weights((units, columns))] + ([] if bias is None else [bias])
    return t.node("FULLY_CONNECTED", inputs, (batch, units), FullyConnectedAttrs(), scale=0.3, zero=zero)


@row("B20")
def dense_layers_of_two_dimensions() -> Iterator[Tiny]:
    t = Tiny()
    x, columns = t.input((1, 33)), 33
    for units in (20, 10, 4):
        x, columns = dense(t, x, 1, columns, units, bias=t.bias(units)), units
    yield t


@row("B22")
def missing_biases() -> Iterator[Tiny]:
    yield convolution((1, 6, 6, 3), (3, 3), 3, DepthwiseConv2DAttrs("SAME"), bias=False)
    for absent in (None, -1):
        t = Tiny()
        dense(t, t.input((1, 12)), 1, 12, 5, bias=absent)
        yield t


@row("B24")
def long_rows_of_16_bits() -> Iterator[Tiny]:
    t = Tiny()
    x = t.input((1, 1024), "int16", 0.001)
    inputs = [x, t.weights((4, 1024), low=100), t.bias(4, 2e-5, "int64")]
    t.node("FULLY_CONNECTED", inputs, (1, 4), FullyConnectedAttrs(), dtype="int16", scale=0.1)
    yield t


@row("B26")
def batches() -> Iterator[Tiny]:
    yield convolution((3, 5, 5, 2), (3, 3), 4, Conv2DAttrs("SAME"))
    t = Tiny()
    dense(t, t.input((3, 9)), 3, 9, 5, bias=t.bias(5))
    yield t


@row("B29")
def averages_count_real_cells() -> Iterator[Tiny]:
    t = Tiny()
    x = t.input((1, 4, 4, 2), zero=-128)
    t.node(
        "AVERAGE_POOL_2D", [x], (1, 4, 4, 2), AveragePoolAttrs("SAME", (1, 1), (3, 3)), scale=0.05, zero=-128
    )
    yield t


@row("B31")
def global_average() -> Iterator[Tiny]:
    t = Tiny()
    attrs = AveragePoolAttrs("VALID", (25, 5), (25, 5))
    t.node("AVERAGE_POOL_2D", [t.input((1, 25, 5, 64))], (1, 1, 1, 64), attrs, scale=0.05)
    yield t


@row("B33")
def mean_over_channels() -> Iterator[Tiny]:
    for axis in (3, -1):
        t = Tiny()
        inputs = [t.input((1, 3, 3, 3)), t.numbers(axis)]
        t.node("MEAN", inputs, (1, 3, 3, 1), ReductionAttrs(True), scale=0.05)
        yield t


@row("B35")
def softmax_beta() -> Iterator[Tiny]:
    for beta in (1.0, 0.5):
        t = Tiny()
        t.node("SOFTMAX", [t.input((1, 10))], (1, 10), SoftmaxAttrs(beta), scale=1 / 256, zero=-128)
        yield t


@row("B37")
def softmax_of_far_logits() -> Iterator[Tiny]:
    t = Tiny()
    t.node("SOFTMAX", [t.input((4, 10), scale=0.002)], (4, 10), SoftmaxAttrs(), scale=1 / 256, zero=-128)
    yield t


@row("B39")
def hard_swish_of_every_code() -> Iterator[Tiny]:
    t = Tiny()
    codes = t.constant(np.arange(-128, 128, dtype=np.int8).reshape(1, 256), 0.13308, -23)
    x = t.input((1, 256), scale=0.13308, zero=-23)
    both = t.node(
        "MAXIMUM", [x, codes], (1, 256), options=schema().MaximumMinimumOptionsT(), scale=0.13308, zero=-23
    )
    t.node("HARD_SWISH", [both], (1, 256), scale=0.07557, zero=-123, options=schema().HardSwishOptionsT())
    yield t


@row("B41")
def limits_of_relu6() -> Iterator[Tiny]:
    for reach in (3, 6, 9):
        attrs = Conv2DAttrs("SAME", activation="RELU6")
        yield convolution((1, 5, 5, 3), (3, 3), 4, attrs, out_scale=reach / 255, out_zero=-128)


@row("B46")
def borders_are_zero_points() -> Iterator[Tiny]:
    for zero in (-128, 5):
        t = Tiny()
        paddings = t.constant(np.array([[0, 0], [1, 2], [2, 1], [0, 3]], np.int32))
        x = t.input((1, 3, 4, 2), zero=zero)
        t.node("PAD", [x, paddings], (1, 6, 7, 5), options=schema().PadOptionsT(), scale=0.05, zero=zero)
        yield t


@row("B48")
def reshape_to_what_is_left() -> Iterator[Tiny]:
    t = Tiny()
    t.node("RESHAPE", [t.input((1, 2, 3, 4)), t.numbers(1, -1)], (1, 24), ReshapeAttrs((1, -1)), scale=0.05)
    yield t
    t = Tiny()  # without a tensor of the shape
    t.node("RESHAPE", [t.input((1, 2, 3, 4))], (1, 24), ReshapeAttrs((1, -1)), scale=0.05)
    yield t


@row("B50")
def vectors_against_three_dimensions() -> Iterator[Tiny]:
    for op, attrs in (("ADD", SumAttrs()), ("MUL", FusedAttrs())):
        for turned in (False, True):
            t = Tiny()
            inputs = [t.input((1, 1, 13)), t.weights((13,), 0.05)]
            t.node(op, inputs[::-1] if turned else inputs, (1, 1, 13), attrs, scale=0.12)
            yield t


@row("B51")
def transposed_convolution() -> Iterator[Tiny]:
    for bias in (False, True):
        t = Tiny()
        inputs = [t.numbers(1, 6, 8, 3), t.weights((3, 3, 3, 2)), t.input((1, 3, 4, 2))]
        inputs += [t.bias(3)] if bias else []
        t.node("TRANSPOSE_CONV", inputs, (1, 6, 8, 3), TransposeConvAttrs("SAME", (2, 2)), scale=0.3)
        yield t


@row("B52")
def half_precision_weights() -> Iterator[Tiny]:
    t = Tiny()

    def weights(*shape: int) -> int:
        half = t.constant(t.random.normal(size=shape).astype(np.float16))
        return t.node("DEQUANTIZE", [half], shape, dtype="float32", options=schema().DequantizeOptionsT())

    x = t.input((1, 4, 4, 2), "float32")
    inputs = [x, weights(3, 3, 3, 2), weights(3)]
    x = t.node("CONV_2D", inputs, (1, 4, 4, 3), Conv2DAttrs("SAME"), dtype="float32")
    inputs = [x, weights(5, 48), weights(5)]
    t.node("FULLY_CONNECTED", inputs, (1, 5), FullyConnectedAttrs(), dtype="float32")
    yield t


@row("B54")
def sixteen_bits_by_eight() -> Iterator[Tiny]:
    t = Tiny()
    inputs = [t.input((1, 8), "int16", 0.001), t.weights((4, 8)), t.bias(4, 2e-5, "int64")]
    t.node("FULLY_CONNECTED", inputs, (1, 4), FullyConnectedAttrs(), dtype="int16", scale=0.001)
    yield t
    kinds = (
        ("CONV_2D", (4, 3, 3, 4), Conv2DAttrs("SAME")),
        ("DEPTHWISE_CONV_2D", (1, 3, 3, 4), DepthwiseConv2DAttrs("SAME")),
    )
    for op, kernel, attrs in kinds:
        t = Tiny()
        x, bias = t.input((1, 5, 6, 4), "int16", 0.001), t.bias(4, 2e-5, "int64")
        t.node(op, [x, t.weights(kernel), bias], (1, 5, 6, 4), attrs, dtype="int16", scale=0.002)
        yield t


@row("B57")
def an_output_that_nobody_reads() -> Iterator[Tiny]:
    t = Tiny()
    axis = t.constant(np.array(3, np.int32))
    x = t.input((1, 4, 4, 6))
    parts = [t.tensor((1, 4, 4, 3), "int8", 0.05) for _ in range(2)]
    options = schema().SplitOptionsT()
    options.numSplits = 2
    t.writer.operator("SPLIT", [axis, x], parts, options)
    t.tensor((1, 900), "int8", 0.05, name="unused")
    t.node("ADD", [parts[1], parts[1]], (1, 4, 4, 3), SumAttrs(), scale=0.1)
    yield t


Answer = tuple[Graph, list[list[np.ndarray]], list[list[np.ndarray]] | str]


@pytest.fixture(scope="module")
def answers() -> dict[str, list[Answer]]:
    """For each row its graphs, samples and what the interpreter says; all rows in one process."""
    graphs, jobs, owners = [], [], []
    for name, make in ROWS.items():
        for number, tiny in enumerate(make()):
            content = tiny.bytes
            graph = canonicalise(importer.parse(content, name=f"{name}_{number}"))
            check.check(graph)
            random = np.random.default_rng(number)
            samples = [[sample(graph.tensor(i), random) for i in graph.inputs] for _ in range(SAMPLES)]
            graphs.append(graph)
            jobs.append((content, samples))
            owners.append(name)
    found: dict[str, list[Answer]] = {name: [] for name in ROWS}
    for name, graph, (_, samples), answer in zip(
        owners, graphs, jobs, oracle.interpret_many(jobs, "tflm"), strict=True
    ):
        found[name].append((graph, samples, answer))
    return found


@pytest.mark.parametrize("name", list(ROWS))
def test_row(name: str, answers: dict[str, list[Answer]]) -> None:
    for graph, samples, answer in answers[name]:
        assert not isinstance(answer, str), answer
        for inputs, expected in zip(samples, answer, strict=True):
            assert_agree(graph, simulate.run(graph, inputs), expected, f"{name} against the interpreter")


def test_rows_in_c(answers: dict[str, list[Answer]], tmp_path: Path) -> None:
    """Portable C under sanitizers equals the reference."""
    cases = [(graph, samples) for found in answers.values() for graph, samples, _ in found]
    outcomes = harness.run_cases([g for g, _ in cases], [s for _, s in cases], tmp_path)
    for (graph, samples), outcome in zip(cases, outcomes, strict=True):
        for inputs, got in zip(samples, outcome.outputs, strict=True):
            assert_agree(graph, got, simulate.run(graph, inputs), graph.name)


def test_b15_a_dead_channel_holds_its_zero_point(answers: dict[str, list[Answer]]) -> None:
    """What a scale of 0 multiplies is 0, the bias too."""
    for graph, samples, _ in answers["B15"]:
        for inputs in samples:
            assert (simulate.run(graph, inputs)[0][..., 2] == graph.tensor(graph.outputs[0]).zero_point).all()


def test_b22_no_bias_is_one_of_zeros() -> None:
    """In the ways, too, that the interpreter does not run."""
    for attrs, channels in ((Conv2DAttrs("SAME"), 4), (DepthwiseConv2DAttrs("SAME"), 3)):
        outputs = []
        for bias in (False, -1, True):
            tiny = convolution((1, 6, 6, 3), (3, 3), channels, attrs, bias=bias)
            graph = canonicalise(importer.parse(tiny.bytes, name="b22"))
            if bias is True:
                index = graph.nodes[0].inputs[2]
                tensors = list(graph.tensors)
                tensors[index] = replace(tensors[index], data=np.zeros(channels, np.int32))
                graph = graph.replace(tensors=tuple(tensors))
            x = sample(graph.tensor(graph.inputs[0]), np.random.default_rng(0))
            outputs.append(simulate.run(graph, [x])[0])
        assert np.array_equal(outputs[0], outputs[1])
        assert np.array_equal(outputs[0], outputs[2])


@pytest.mark.emulator
@pytest.mark.parametrize("board", list(BOARD_ROWS))
def test_rows_on_boards(board: str, answers: dict[str, list[Answer]], tmp_path: Path) -> None:
    """B07 and B31 ask for builds of their own: every kernel of a board gives the reference's bytes."""
    names = BOARD_ROWS[board]
    cases = [(graph, samples[:1]) for name in names for graph, samples, _ in answers[name]]
    outcomes = harness.run_cases([g for g, _ in cases], [s for _, s in cases], tmp_path, board=board)
    for (graph, samples), outcome in zip(cases, outcomes, strict=True):
        assert_agree(graph, outcome.outputs[0], simulate.run(graph, samples[0]), f"{graph.name} on {board}")
