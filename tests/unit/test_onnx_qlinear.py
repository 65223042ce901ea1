# SPDX-License-Identifier: Apache-2.0
"""Static quantization by ONNX Runtime, in both of its formats, becomes integer layers that agree with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnxruntime import quantization

from intarsia.errors import ModelError
from intarsia.models import canonical
from support.onnxes import Net, computed, imported, lying, runtime
from support.qlinears import CASES, RUNTIME, STEP, Codes

EXPORTED = Path(__file__).resolve().parents[1] / "exported"
NETWORKS = ("mobile_torchscript", "residual_torchscript", "keras_keras")
"""They become integers alone behind their input."""


@pytest.mark.parametrize("kind", [np.uint8, np.int8])
@pytest.mark.parametrize("name", CASES)
def test_an_operator_on_codes_gives_the_codes_of_onnx_runtime(name: str, kind: type[np.generic]) -> None:
    """Within 1, since the rounding rules differ, as integer layers alone."""
    codes = Codes(kind)
    model = CASES[name][1](codes)
    shapes = [[d.dim_value for d in port.type.tensor_type.shape.dim] for port in codes.net.inputs]
    inputs = [codes.net.random.standard_normal(shape).astype(np.float32) for shape in shapes]
    graph = canonical(imported(model))
    (got,), (want,) = computed(graph, *inputs), runtime(model, *inputs)
    quant = graph.tensor(graph.outputs[0]).quant
    step = 1e-5 if quant is None else quant.scale[0] * 1.001
    assert got.shape == lying(want, got.shape).shape
    assert np.abs(got - lying(want, got.shape)).max() <= step
    real = {"DEQUANTIZE"} if name == "gemm, real result" else set()
    assert {node.op for node in graph.nodes} & {"DEQUANTIZE"} <= real


class _Samples(quantization.CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, name: str, samples: np.ndarray) -> None:
        self.left: Iterator[dict[str, np.ndarray]] = iter([{name: x[None]} for x in samples])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.left, None)


@pytest.mark.parametrize("form", ["QOperator", "QDQ"])
@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("network", NETWORKS)
def test_a_network_quantized_by_onnx_runtime(
    network: str, per_channel: bool, form: str, tmp_path: Path
) -> None:
    source, target = EXPORTED / f"{network}.onnx", tmp_path / "model.onnx"
    with np.load(EXPORTED / f"{network.partition('_')[0]}.npz") as arrays:
        samples = arrays["x"]
    name = onnx.load(source).graph.input[0].name
    quantization.quantize_static(
        source,
        target,
        _Samples(name, samples),
        quant_format=getattr(quantization.QuantFormat, form),
        per_channel=per_channel,
    )
    model = target.read_bytes()
    graph = canonical(imported(model))
    assert "DEQUANTIZE" not in {node.op for node in graph.nodes}
    (quant,) = (graph.tensor(i).quant for i in graph.outputs)
    assert quant is not None
    for x in samples:
        (got,), (want,) = computed(graph, x[None]), runtime(model, x[None])
        assert np.abs(got - lying(want, got.shape)).max() <= 3 * quant.scale[0]


def test_dynamic_quantization_is_refused_with_a_remedy() -> None:
    net = Net()
    y = net.node("DynamicQuantizeLinear", net.input((1, 4)), outputs=3)[0]
    with pytest.raises(ModelError, match="DynamicQuantizeLinear") as caught:
        imported(net.bytes(y))
    assert "quantize_static" in str(caught.value.hint)


def test_codes_that_nobody_can_read_are_refused_by_name() -> None:
    codes = Codes(np.uint8)
    x, kernel = codes.input(1, 4, 5, 5), codes.weights(6, 4, 1, 1)
    wrong = codes.net.constant(np.zeros(6, np.float32))
    y = codes.net.node("QLinearConv", *x, *kernel, *codes.parameters(STEP), wrong)
    with pytest.raises(ModelError, match=r"QLinearConv 'n\d+' .* a bias of float32"):
        imported(codes.result(y))
    codes = Codes(np.uint8)
    y = codes.net.node(
        "QLinearGlobalAveragePool",
        *codes.input(1, 5, 5, 4),
        *codes.parameters(STEP),
        domain=RUNTIME,
        channels_last=1,
    )
    with pytest.raises(ModelError, match="channels_last 1"):
        imported(codes.result(y))
