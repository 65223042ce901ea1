# SPDX-License-Identifier: Apache-2.0
"""Passes over the graph: what each changes, what it leaves alone, and that outputs stay what they were."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from intarsia import dtypes, ops, oracle, simulate
from intarsia.check import check, fault
from intarsia.errors import ModelError, StageError
from intarsia.exporters import tflite as exporter
from intarsia.importers import tflite as importer
from intarsia.ir import Attrs, Graph, Node, Quantization, Tensor
from intarsia.ops.add import OPERATOR as ADD
from intarsia.ops.concatenation import ConcatenationAttrs
from intarsia.ops.conv_2d import Conv2DAttrs
from intarsia.ops.reshape import ReshapeAttrs
from intarsia.passes import canonicalise, dead, dynamic_range, fold_constants, fuse, signed
from support import harness
from support.agree import assert_agree
from support.draw import SeededDraw, sample

RANDOM = np.random.default_rng(5)


class Builder:
    """Makes graphs of a few nodes."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.nodes: list[Node] = []

    def tensor(
        self, shape: tuple[int, ...], dtype: str = "float32", quant: Quantization | None = None
    ) -> int:
        self.tensors.append(Tensor(f"t{len(self.tensors)}", shape, dtypes.BY_NAME[dtype], quant))
        return len(self.tensors) - 1

    def constant(self, data: np.ndarray, quant: Quantization | None = None) -> int:
        self.tensors.append(Tensor(f"c{len(self.tensors)}", data.shape, dtypes.of(data), quant, data))
        return len(self.tensors) - 1

    def node(self, op: str, inputs: list[int], outputs: list[int], attrs: Attrs | None = None) -> None:
        self.nodes.append(Node(op, tuple(inputs), tuple(outputs), attrs or Attrs(), op.lower()))

    def graph(self, inputs: list[int], outputs: list[int]) -> Graph:
        return Graph("g", tuple(self.tensors), tuple(self.nodes), tuple(inputs), tuple(outputs)).verify()


def floats(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


def names(graph: Graph) -> list[str]:
    return [node.op for node in graph.nodes]


def assert_same_outputs(before: Graph, after: Graph) -> None:
    values = [sample(before.tensor(i), RANDOM) for i in before.inputs]
    for a, b in zip(simulate.run(before, values), simulate.run(after, values), strict=True):
        assert np.array_equal(a, b)


def half_float_layer() -> Graph:
    """ADD of an input and a float16 constant behind DEQUANTIZE."""
    b = Builder()
    x, half, real, y = (
        b.tensor((1, 4)),
        b.constant(np.arange(4, dtype=np.float16)),
        b.tensor((4,)),
        b.tensor((1, 4)),
    )
    b.node("DEQUANTIZE", [half], [real])
    b.node("ADD", [x, real], [y], ADD.attrs())
    return b.graph([x], [y])


def test_folds_half_float_weights() -> None:
    graph = half_float_layer()
    folded = fold_constants.run(graph)
    assert names(folded) == ["ADD"]
    assert folded.tensor(2).data is not None
    assert folded.tensor(2).data.dtype == np.float32  # type: ignore[union-attr]
    assert_same_outputs(graph, folded)


def test_folds_codes_per_channel() -> None:
    codes = np.array([[1, -2], [100, 127]], np.int8)
    tensor = Tensor("w", (2, 2), dtypes.INT8, Quantization((0.5, 0.25), (1, 0), 0), codes)
    real = fold_constants.dequantized(tensor)
    assert real is not None
    assert real.tolist() == [[0, -1.5], [25, 31.75]]


def test_folds_chains_but_not_graph_outputs() -> None:
    b = Builder()
    x, shape = b.constant(floats(2, 3)), b.constant(np.array([3, 2], np.int32))
    middle, order, y = b.tensor((3, 2)), b.constant(np.array([1, 0], np.int32)), b.tensor((2, 3))
    b.node("RESHAPE", [x, shape], [middle], ReshapeAttrs())
    b.node("TRANSPOSE", [middle, order], [y])
    graph = b.graph([], [y])
    folded = fold_constants.run(graph)
    assert names(folded) == ["TRANSPOSE"]
    assert_same_outputs(graph, folded)


def test_fold_leaves_what_does_not_compute_to_the_check() -> None:
    b = Builder()
    x, shape, y = b.constant(floats(2, 3)), b.constant(np.array([4, 2], np.int32)), b.tensor((4, 2))
    z = b.tensor((4, 2))
    b.node("RESHAPE", [x, shape], [y], ReshapeAttrs())
    b.node("RELU", [y], [z])
    folded = fold_constants.run(b.graph([], [z]))
    assert names(folded) == ["RESHAPE", "RELU"]
    with pytest.raises(ModelError, match=r"RESHAPE .*cannot reshape \[2, 3\] to \[4, 2\]"):
        check(folded)


def convolution(weights: np.ndarray, quant: Quantization | None = None, padding: str = "SAME") -> Graph:
    """CONV_2D of a 1x5x5x2 float input."""
    b = Builder()
    x, w = b.tensor((1, 5, 5, 2)), b.constant(weights, quant)
    y = b.tensor((1, 5, 5, weights.shape[0]))
    b.node("CONV_2D", [x, w], [y], Conv2DAttrs(padding))
    return b.graph([x], [y])


def test_hybrid_weights_become_float() -> None:
    codes = RANDOM.integers(-127, 128, (3, 3, 3, 2)).astype(np.int8)
    scales = np.array([0.5, 0.25, 2.0], np.float32)
    graph = convolution(codes, Quantization(tuple(map(float, scales)), (0, 0, 0), 0))
    real = dead.run(dynamic_range.run(graph))
    assert fault(real.nodes[0], real) is None
    expected = convolution((codes * scales[:, None, None, None]).astype(np.float32))
    assert np.array_equal(real.constant(real.nodes[0], 1), expected.constant(expected.nodes[0], 1))
    assert_same_outputs(expected, real)


def test_float_and_integer_layers_are_no_hybrids() -> None:
    for seed in range(8):
        graph = ops.registry()["CONV_2D"].cases(SeededDraw(seed))
        assert dynamic_range.run(graph).nodes == graph.nodes


def test_dead_nodes_and_tensors_go() -> None:
    b = Builder()
    x, unread, y, unused = b.tensor((4,)), b.tensor((4,)), b.tensor((4,)), b.tensor((9,))
    b.node("RELU", [x], [unread])
    b.node("RELU6", [x], [y])
    kept = dead.run(b.graph([x, unused], [y]))
    assert names(kept) == ["RELU6"]
    assert [t.name for t in kept.tensors] == ["t0", "t2", "t3"]
    assert (kept.inputs, kept.outputs) == ((0, 2), (1,))


def test_partly_read_split_stays() -> None:
    graph = next(
        g for g in (ops.registry()["SPLIT"].cases(SeededDraw(s)) for s in range(99)) if len(g.outputs) > 1
    )
    kept = dead.run(graph.replace(outputs=graph.outputs[1:]))
    assert names(kept) == ["SPLIT"]
    assert len(kept.nodes[0].outputs) == len(graph.outputs)


@pytest.mark.parametrize("activation", ["RELU", "RELU6", "RELU_N1_TO_1"])
def test_activation_fuses_into_float_layer(activation: str) -> None:
    graph = with_activation(activation)
    fused = canonicalise(graph)
    assert names(fused) == ["CONV_2D"]
    assert fused.nodes[0].attrs == Conv2DAttrs("SAME", activation=activation)
    assert_same_outputs(graph, fused)


def with_activation(activation: str) -> Graph:
    graph = convolution(floats(3, 3, 3, 2))
    middle = graph.outputs[0]
    tensors = (*graph.tensors, replace(graph.tensor(middle), name="y"))
    node = Node(activation, (middle,), (len(graph.tensors),), ops.registry()[activation].attrs(), "act")
    return graph.replace(tensors=tensors, nodes=(*graph.nodes, node), outputs=(len(graph.tensors),))


def test_activation_stays_where_its_input_is_read_elsewhere() -> None:
    graph = with_activation("RELU")
    watched = graph.replace(outputs=(graph.nodes[0].outputs[0], *graph.outputs))
    assert names(canonicalise(watched)) == ["CONV_2D", "RELU"]


def test_activation_stays_behind_another_activation() -> None:
    graph = with_activation("RELU6")
    attrs = replace(graph.nodes[0].attrs, activation="RELU")  # type: ignore[call-arg]
    graph = graph.replace(nodes=(replace(graph.nodes[0], attrs=attrs), graph.nodes[1]))
    assert names(canonicalise(graph)) == ["CONV_2D", "RELU6"]


def padded_convolution(
    paddings: list[list[int]], size: int, stride: int, value: float | None = None
) -> Graph:
    """PAD (PADV2 with `value`) of a 1 x size x size x 2 float input, then a VALID 3x3 CONV_2D."""
    b = Builder()
    x, pads = b.tensor((1, size, size, 2)), b.constant(np.array(paddings, np.int32))
    rows, columns = (size + sum(pair) for pair in paddings[1:3])
    middle = b.tensor((1, rows, columns, 2 + sum(paddings[3])))
    inputs = [x, pads] if value is None else [x, pads, b.constant(np.array(value, np.float32))]
    b.node("PAD" if value is None else "PADV2", inputs, [middle])
    weights = b.constant(floats(4, 3, 3, b.tensors[middle].shape[3]))
    y = b.tensor((1, (rows - 3) // stride + 1, (columns - 3) // stride + 1, 4))
    b.node("CONV_2D", [middle, weights], [y], Conv2DAttrs("VALID", (stride, stride)))
    return b.graph([x], [y])


NONE, ONE, BEHIND = [0, 0], [1, 1], [0, 1]


@pytest.mark.parametrize(
    ("paddings", "size", "stride"), [([NONE, ONE, ONE, NONE], 6, 1), ([NONE, BEHIND, BEHIND, NONE], 6, 2)]
)
@pytest.mark.parametrize("value", [None, 0.0])
def test_border_that_is_same_fuses(
    paddings: list[list[int]], size: int, stride: int, value: float | None
) -> None:
    graph = padded_convolution(paddings, size, stride, value)
    fused = canonicalise(graph)
    assert names(fused) == ["CONV_2D"]
    assert fused.nodes[0].attrs == Conv2DAttrs("SAME", (stride, stride))
    assert_same_outputs(graph, fused)


@pytest.mark.parametrize(
    ("paddings", "size", "stride"), [([NONE, ONE, ONE, NONE], 6, 2), ([NONE, ONE, NONE, NONE], 6, 1)]
)
def test_other_borders_become_explicit(paddings: list[list[int]], size: int, stride: int) -> None:
    graph = padded_convolution(paddings, size, stride)
    fused = canonicalise(graph)
    assert fault(fused.nodes[0], fused) is None
    assert [node.attrs for node in fused.nodes] == [
        Conv2DAttrs("EXPLICIT", (stride, stride), pads=(*paddings[1], *paddings[2]))
    ]
    assert_same_outputs(graph, fused)
    again = importer.parse(exporter.export(fused), name="again")
    assert names(again) == ["PAD", "CONV_2D"]
    assert_same_outputs(graph, again)


@pytest.mark.parametrize(
    ("paddings", "value"), [([NONE, ONE, ONE, ONE], None), ([NONE, ONE, ONE, NONE], 1.0)]
)
def test_borders_that_are_not_zero_or_not_spatial_stay(
    paddings: list[list[int]], value: float | None
) -> None:
    graph = padded_convolution(paddings, 6, 1, value)
    after = canonicalise(graph)
    assert names(after) == names(graph)
    assert_same_outputs(graph, after)


def test_quantized_border_fuses_only_without_rescaling() -> None:
    graph = padded_convolution([NONE, ONE, ONE, NONE], 6, 1)
    quant = Quantization((0.5,), (3,))
    for other, expected in ((quant, 1), (Quantization((0.5,), (4,)), 2)):
        tensors = [
            replace(t, dtype=dtypes.INT8, quant=quant if i == 0 else other) if not t.is_constant else t
            for i, t in enumerate(graph.tensors)
        ]
        weights = np.ones(tensors[3].shape, np.int8)
        tensors[3] = replace(tensors[3], dtype=dtypes.INT8, quant=Quantization((0.1,), (0,)), data=weights)
        before = graph.replace(tensors=tuple(tensors))
        after = fuse.run(before)
        assert len(after.nodes) == expected
        assert_same_outputs(before, after)


def unsigned_twin(graph: Graph, random: np.random.Generator) -> Graph:
    """The uint8 model of an int8 one; constants get any zero point, parts of a CONCATENATION any scale."""
    tensors = list(graph.tensors)
    for index, tensor in enumerate(tensors):
        if tensor.dtype != dtypes.INT8 or tensor.quant is None:
            continue
        quant = Quantization(tensor.quant.scale, tuple(z + 128 for z in tensor.quant.zero_point))
        if random.integers(2) and (tensor.is_constant or graph.nodes[0].op == "CONCATENATION"):
            factor = random.uniform(0.5, 2) if graph.nodes[0].op == "CONCATENATION" else 1.0
            quant = Quantization((float(np.float32(quant.scale[0] * factor)),), (int(random.integers(256)),))
        data = None if tensor.data is None else tensor.data.view(np.uint8) ^ np.uint8(128)
        tensors[index] = replace(tensor, dtype=dtypes.UINT8, quant=quant, data=data)
    return graph.replace(tensors=tuple(tensors))


def unsigned_cases(operator: str, count: int) -> list[Graph]:
    """uint8 models of one node whose signed form can be run."""
    cases = []
    for seed in range(count):
        graph = ops.registry()[operator].cases(SeededDraw(seed))
        per_channel = any(t.quant is not None and t.quant.per_channel for t in graph.tensors)
        kinds = {t.dtype for t in graph.tensors}
        if per_channel or dtypes.INT8 not in kinds or dtypes.INT16 in kinds:
            continue
        twin = unsigned_twin(graph, np.random.default_rng(seed))
        after = signed.run(twin)
        if not any(fault(node, after) for node in after.nodes):
            cases.append(twin)
    return cases


def samples_of(graph: Graph) -> list[list[np.ndarray]]:
    return [[sample(graph.tensor(i), np.random.default_rng(s)) for i in graph.inputs] for s in range(2)]


@pytest.mark.parametrize("rule", ["litert", pytest.param("tflm", marks=pytest.mark.tflm_oracle)])
@pytest.mark.parametrize("operator", [n for n, o in sorted(ops.registry().items()) if o.unsigned is not None])
def test_signed_equals_uint8_interpreter(operator: str, rule: str) -> None:
    """The int8 form of a uint8 model equals the interpreter's uint8 kernel."""
    graphs = [g.replace(rule=rule) for g in unsigned_cases(operator, 60)]
    jobs = [(exporter.export(graph), samples_of(graph)) for graph in graphs]
    compared = 0
    for graph, (_, inputs), answers in zip(graphs, jobs, oracle.interpret_many(jobs, rule), strict=True):
        if isinstance(answers, str):
            continue
        compared += 1
        for values, want in zip(inputs, answers, strict=True):
            assert_agree(graph, simulate.run(signed.run(graph), values), want, f"signed against {rule}")
    assert compared >= 3


def test_signed_forms_of_their_own_in_c(tmp_path: Path) -> None:
    """Kernels that only models from uint8 reach: portable C equals the reference."""
    cases = [
        signed.run(case)
        for operator in ("CONCATENATION", "RESIZE_BILINEAR", "AVERAGE_POOL_2D")
        for case in unsigned_cases(operator, 24)
    ]
    samples = [samples_of(graph) for graph in cases]
    outcomes = harness.run_cases(cases, samples, tmp_path)
    contracts = {call.call.contract for o in outcomes for layer in o.program.layers for call in layer.kernels}
    assert {"strided_lookup_s8", "resize_bilinear_u8"} <= contracts
    for graph, inputs, outcome in zip(cases, samples, outcomes, strict=True):
        for values, got in zip(inputs, outcome.outputs, strict=True):
            assert_agree(graph, got, simulate.run(graph, values), "portable C")


def test_signed_forms_of_their_own_are_not_exported() -> None:
    """The format has no field for them: an interpreter would compute something else."""
    (case, *_) = unsigned_cases("AVERAGE_POOL_2D", 20)
    with pytest.raises(StageError, match=r"AVERAGE_POOL_2D .*: no field for"):
        exporter.export(signed.run(case))


def test_signed_keeps_the_interface() -> None:
    (case, *_) = unsigned_cases("MAX_POOL_2D", 20)
    after = signed.run(case)
    assert names(after) == ["QUANTIZE", "MAX_POOL_2D", "QUANTIZE"]
    for old, new in zip((*case.inputs, *case.outputs), (*after.inputs, *after.outputs), strict=True):
        a, b = case.tensor(old), after.tensor(new)
        assert (a.name, a.dtype, a.quant, a.shape) == (b.name, b.dtype, b.quant, b.shape)


def test_signed_leaves_edges_that_quantize_themselves() -> None:
    b = Builder()
    quant = Quantization((0.5,), (130,))
    x, middle, y = b.tensor((4,), "uint8", quant), b.tensor((4,)), b.tensor((4,))
    b.node("DEQUANTIZE", [x], [middle])
    b.node("RELU", [middle], [y])
    graph = b.graph([x], [y])
    assert signed.run(graph) is graph


def test_signed_refuses_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    (case, *_) = unsigned_cases("MAX_POOL_2D", 20)
    monkeypatch.setattr(signed, "form", lambda op: None)
    with pytest.raises(ModelError, match=r"MAX_POOL_2D \(operator 0, output 'y0'\)"):
        signed.run(case)


def test_check_lists_every_offender() -> None:
    b = Builder()
    x, y, z = b.tensor((1, 4)), b.tensor((1, 5)), b.tensor((1, 4), "int8", Quantization((1.0,), (0,)))
    b.node("RELU", [x], [y])
    b.node("CONCATENATION", [x, x], [z], ConcatenationAttrs(1, "RELU"))
    with pytest.raises(ModelError) as caught:
        check(b.graph([x], [y, z]))
    message = caught.value.message
    assert "RELU (operator 0, output 't1', inputs float32): it gives [1, 4], the model says [1, 5]" in message
    assert (
        "CONCATENATION (operator 1, output 't2', inputs float32, float32): fused activation RELU" in message
    )
    assert caught.value.hint


@pytest.mark.data
def test_canonical_models_compute_what_they_did(models: Path) -> None:
    """Every integer and float model whose operators run as imported."""
    compared = 0
    for path in sorted(models.glob("*.tflite")):
        try:
            graph = importer.load(path)
            check(graph)
        except ModelError:
            continue
        assert_same_outputs(graph, canonicalise(graph))
        compared += 1
    assert compared >= 12


@pytest.mark.data
@pytest.mark.parametrize("rule", ["litert", pytest.param("tflm", marks=pytest.mark.tflm_oracle)])
@pytest.mark.parametrize("name", ["mp_face_detection_short_fp16", "mobilenet_v1_025_128_uint8_z"])
def test_canonical_models_equal_the_interpreter(name: str, rule: str, models: Path) -> None:
    path = models / f"{name}.tflite"
    graph = canonicalise(importer.load(path, rule=rule))
    check(graph)
    values = [sample(graph.tensor(i), RANDOM) for i in graph.inputs]
    (want,) = oracle.interpret(path.read_bytes(), [values], rule)
    assert_agree(graph, simulate.run(graph, values), want, rule)
