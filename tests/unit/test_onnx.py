# SPDX-License-Identifier: Apache-2.0
"""ONNX files from the command line: what they become, and what is said when they cannot be read."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from intarsia import errors, importers
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
