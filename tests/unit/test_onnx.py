# SPDX-License-Identifier: Apache-2.0
"""ONNX files from the command line: what they become, and what is said when they cannot be read."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from intarsia import data, errors, importers
from intarsia.cli import app
from intarsia.models import load_model
from support.onnxes import Net


def small() -> bytes:
    """A network with a symbolic batch."""
    net = Net()
    x = net.input(["batch", 3, 8, 8])
    y = net.node("Relu", net.node("Conv", x, net.weights(4, 3, 3, 3), pads=[1, 1, 1, 1], strides=[2, 2]))
    return net.bytes(net.node("Gemm", net.node("Flatten", y), net.weights(64, 5), net.weights(5)))


def test_the_content_says_which_format_a_file_is(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(small())
    graph = load_model(path)
    assert [node.op for node in graph.nodes] == ["CONV_2D", "RESHAPE", "FULLY_CONNECTED"]
    assert graph.tensor(graph.inputs[0]).shape == (1, 8, 8, 3)


def test_a_file_of_no_known_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"nothing that anybody knows")
    with pytest.raises(errors.ModelError, match="not a model file") as caught:
        importers.load(path)
    assert ".onnx, .tflite" in str(caught.value.hint)


def test_without_the_package_the_command_that_installs_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = small()
    for name in ("onnx", "google", "google.protobuf"):
        monkeypatch.setitem(sys.modules, name, None)
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    assert app.run(["analyze", str(path)]) == 4
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1] == "hint: pip install 'intarsia[onnx]'"


def unsupported() -> bytes:
    """A network with an operator that has no rule, and with one whose options are not supported."""
    net = Net()
    y = net.node("Erf", net.node("Conv", net.input(["batch", 3, 8, 8]), net.weights(4, 3, 3, 3)))
    y = net.node("MaxPool", y, kernel_shape=[2, 2], dilations=[2, 2])
    return net.bytes(net.node("Gemm", net.node("Flatten", y), net.weights(64, 5)))


def test_analyze_shows_all_layers_of_a_network_that_is_not_supported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(unsupported())
    assert app.run(["analyze", str(path), "--json"]) == 2
    captured = capsys.readouterr()
    layers = json.loads(captured.out)["layers"]
    faults = {layer["op"]: layer["fault"] for layer in layers if layer["fault"]}
    assert faults == {
        "Erf": "the operator is not supported",
        "MaxPool": "dilations",
    }
    assert next(layer["macs"] for layer in layers if layer["op"] == "CONV_2D") == 36 * 27 * 4
    assert "2 of" in captured.err


def test_analyze_lists_what_onnx_operators_become(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["analyze", "--operators", "--json"]) == 0
    known = {entry["name"]: entry["makes"] for entry in json.loads(capsys.readouterr().out)["onnx"]}
    assert known["MaxPool"] == ["MAX_POOL_2D"]
    assert known["Where"] == []


def test_doctor_says_what_reads_onnx_files(capsys: pytest.CaptureFixture[str]) -> None:
    app.run(["doctor", "--json"])
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["onnx"]["needed_by"] == [".onnx files"]
    assert not checks["onnx"]["required"]


def test_channels_first_in_data_are_recognised(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(small())
    np.savez(tmp_path / "x.npz", x=np.zeros((2, 3, 8, 8), np.float32))
    with pytest.raises(errors.UsageError) as caught:
        data.load(tmp_path / "x.npz", [load_model(path).tensor(0)])
    assert "store x.transpose(0, 2, 3, 1)" in str(caught.value.hint)
