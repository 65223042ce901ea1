# SPDX-License-Identifier: Apache-2.0
"""Which layers take half precision: those that int8 costs most accuracy, and no others."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from intarsia import halfplan, ops
from intarsia.cli import app
from intarsia.data import Dataset
from intarsia.dtypes import FLOAT16, FLOAT32, INT8
from intarsia.errors import GateError
from intarsia.exporters import tflite as exporter
from intarsia.halfplan import Halved
from intarsia.ir import Graph, Node, Tensor
from intarsia.layercosts import half_costs
from intarsia.ops.conv_2d import Conv2DAttrs
from intarsia.quantize import Options
from intarsia.request import Silent


def network() -> Graph:
    """Three convolutions; the weights of the second have a channel that is far greater, and that nothing feeds."""
    random = np.random.default_rng(3)
    tensors = [Tensor("x", (1, 6, 6, 4), FLOAT32)]
    nodes = []
    for layer in range(3):
        data = random.normal(0, 0.3, (4, 3, 3, 4)).astype(np.float32)
        if layer == 0:
            data[3] = 0.0
        if layer == 1:
            data[..., 3] = 300.0
        source = len(tensors) - 1
        tensors += [
            Tensor(f"w{layer}", data.shape, FLOAT32, None, data),
            Tensor(f"b{layer}", (4,), FLOAT32, None, np.zeros(4, np.float32)),
            Tensor(f"y{layer}", (1, 6, 6, 4), FLOAT32),
        ]
        places = (source, source + 1, source + 2)
        nodes.append(Node("CONV_2D", places, (source + 3,), Conv2DAttrs(activation="RELU"), f"y{layer}"))
    return Graph("three", tuple(tensors), tuple(nodes), (0,), (len(tensors) - 1,)).verify()


def chosen(max_drop: float, fits: Callable[[Graph], bool] = lambda graph: True) -> Halved:
    samples = np.random.default_rng(7).normal(0, 1, (24, 1, 6, 6, 4)).astype(np.float32)
    kept, held = Dataset((samples[:16],), None), Dataset((samples[16:],), None)
    options = Options(half="auto", max_drop=max_drop)

    def costs(int8: Graph, halves: Graph) -> dict[str, float]:
        return half_costs(int8, halves, None)

    return halfplan.choose(network(), kept, held, options, Silent(), costs=costs, fits=fits)


def test_the_layer_that_int8_harms() -> None:
    found = chosen(0.05)
    assert found.layers == ("y1",)
    assert found.before > 0.5
    assert found.drop <= 0.05
    kinds = {node.name: found.graph.output(node).dtype for node in found.graph.nodes if node.op == "CONV_2D"}
    assert kinds == {"y0": INT8, "y1": FLOAT16, "y2": INT8}
    assert [node.op for node in found.graph.nodes] == [
        "CONV_2D",
        "DEQUANTIZE",
        "CONV_2D",
        "QUANTIZE",
        "CONV_2D",
    ]
    assert all(ops.registry()[n.op].unsupported(n, found.graph) is None for n in found.graph.nodes)
    assert "1 of 3 layers (y1)" in found.summary()


def test_none_where_int8_does() -> None:
    found = chosen(9.0)
    assert found.layers == ()
    assert {tensor.dtype.is_float for tensor in found.graph.tensors} == {False}


def test_all_where_nothing_else_does() -> None:
    with pytest.raises(GateError, match="3 layers in half precision"):
        chosen(0.0)


def test_layers_that_do_not_fit_stay_int8() -> None:
    def fits(graph: Graph) -> bool:
        return all(graph.output(node).dtype != FLOAT16 for node in graph.nodes if node.name == "y1")

    with pytest.raises(GateError, match="2 layers in half precision"):
        chosen(0.05, fits)


def test_weights_beyond_half_precision_stay_int8() -> None:
    graph = network()
    tensors = [
        replace(t, data=t.data * 1000) if t.name == "w1" and t.data is not None else t for t in graph.tensors
    ]
    samples = np.random.default_rng(7).normal(0, 1, (16, 1, 6, 6, 4)).astype(np.float32)
    data = Dataset((samples,), None)
    options = Options(half="auto", max_drop=0.05)
    with pytest.raises(GateError, match="2 layers"):
        halfplan.choose(
            graph.replace(tensors=tuple(tensors)),
            data,
            data,
            options,
            Silent(),
            costs=lambda int8, halves: {},
            fits=lambda graph: True,
        )


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The firmware has the layer in half precision, and its outputs are those of the reference."""
    model, samples = tmp_path / "three.tflite", tmp_path / "calib.npz"
    model.write_bytes(exporter.export(network()))
    np.savez(samples, x=np.random.default_rng(7).normal(0, 1, (24, 6, 6, 4)).astype(np.float32))
    arguments = [
        "profile",
        str(model),
        "-b",
        "host",
        "--calib",
        str(samples),
        "--fp16",
        "auto",
        "--max-drop",
        "0.05",
    ]
    assert app.run([*arguments, "--json"]) == 0
    shown = capsys.readouterr()
    assert "half precision: 1 of 3 layers (y1)" in shown.err
    reference = json.loads(shown.out)["reference"]
    assert reference["mismatched_outputs"] == 0
    assert reference["oracle"].startswith("intarsia")  # maps in half precision are float32 to the interpreter
    assert app.run([*arguments, "--oracle", "interpreter"]) == 1
    assert "does not compute in half precision" in capsys.readouterr().err
