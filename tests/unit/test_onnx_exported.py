# SPDX-License-Identifier: Apache-2.0
"""Files that PyTorch and Keras have written (tests/exported/make.py), against what the networks computed there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from intarsia.models import canonical, load_model
from support.onnxes import computed, imported, lying

FOLDER = Path(__file__).resolve().parents[1] / "exported"
FILES = sorted(path.name for path in FOLDER.glob("*.onnx"))
MOVING = {"upwards": 2, "sequence": 4}
"""TRANSPOSE nodes of networks that really move elements: shuffled channels and pixels, heads of an attention."""


@pytest.mark.parametrize("name", FILES)
def test_a_network_computes_what_it_computed_where_it_was_made(name: str) -> None:
    network = name.partition("_")[0]
    graph = imported((FOLDER / name).read_bytes())
    with np.load(FOLDER / f"{network}.npz") as arrays:
        samples, expected = arrays["x"], arrays["y"]
    quant = graph.tensor(graph.outputs[0]).quant
    bound = 1e-5 if quant is None else quant.scale[0] * 1.01
    for x, y in zip(samples, expected, strict=True):
        (got,) = computed(graph, x[None])
        assert np.abs(got - lying(y[None], got.shape)).max() <= bound


@pytest.mark.parametrize("name", FILES)
def test_only_what_really_moves_is_left_of_the_layout(name: str) -> None:
    graph = canonical(imported((FOLDER / name).read_bytes()))
    assert [node.op for node in graph.nodes].count("TRANSPOSE") == MOVING.get(name.partition("_")[0], 0)
    assert graph.tensor(graph.inputs[0]).shape[0] == 1


def test_batch_normalizations_are_gone() -> None:
    ops = [node.op for node in load_model(FOLDER / "mobile_dynamo.onnx").nodes]
    assert ops == [
        "CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D", "HARD_SWISH", "MAX_POOL_2D", "RESHAPE", "FULLY_CONNECTED", "SOFTMAX"
    ]  # fmt: skip


@pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])
def test_quantization_aware_training_leaves_integers_alone(exporter: str) -> None:
    graph = load_model(FOLDER / f"quantized_{exporter}.onnx")
    assert [node.op for node in graph.nodes] == ["CONV_2D", "MAX_POOL_2D", "RESHAPE", "FULLY_CONNECTED"]
    assert {t.dtype.name for t in graph.tensors} == {"int8", "int32"}
