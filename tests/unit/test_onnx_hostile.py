# SPDX-License-Identifier: Apache-2.0
"""ONNX files that are damaged, or made to do harm: an error that names the place, in time, and nothing else."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from intarsia import boards, pipeline
from intarsia.cli import app
from intarsia.errors import IntarsiaError, ModelError
from intarsia.importers import load
from intarsia.models import canonical
from support.onnxes import Net, computed, imported, runtime
from support.onnxmutants import Mutator

EXPORTED = Path(__file__).resolve().parents[1] / "exported"
MUTANTS = 250
SECONDS = 1.0


@pytest.mark.parametrize(
    "name", ["mobile_torchscript", "residual_dynamo", "upwards_torchscript", "quantized_dynamo"]
)
def test_mutants_are_read_or_refused_in_time(name: str) -> None:
    mutator = Mutator((EXPORTED / f"{name}.onnx").read_bytes(), seed=7)
    for _ in range(MUTANTS):
        mutant, start = mutator.mutant(), time.monotonic()
        with contextlib.suppress(IntarsiaError):
            canonical(imported(mutant))
        assert time.monotonic() - start < SECONDS


def test_every_cut_is_refused() -> None:
    data = (EXPORTED / "mobile_torchscript.onnx").read_bytes()
    for length in range(0, len(data) - 1, 97):
        with pytest.raises(IntarsiaError):
            canonical(imported(data[:length]))


def model(change: Callable[[Any, Net], None] | None = None) -> bytes:
    net = Net()
    x = net.input((1, 3, 6, 6))
    y = net.node("Relu", net.node("Conv", x, net.weights(4, 3, 3, 3)))
    proto = net.model(net.node("Flatten", y))
    if change is not None:
        change(proto, net)
    data: bytes = proto.SerializeToString()
    return data


def loop(proto: Any, net: Net) -> None:
    proto.graph.node[0].input[0] = proto.graph.node[1].output[0]


def twice(proto: Any, net: Net) -> None:
    proto.graph.node[1].output[0] = proto.graph.node[0].output[0]


def nobody(proto: Any, net: Net) -> None:
    proto.graph.node[0].input[0] = "nobody"


def huge(proto: Any, net: Net) -> None:
    proto.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 1 << 62


def height(proto: Any, net: Net) -> None:
    proto.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"


def claims(proto: Any, net: Net) -> None:
    proto.graph.initializer[0].dims[0] = 1 << 40


def opset(proto: Any, net: Net) -> None:
    proto.opset_import[0].version = 99


def body(proto: Any, net: Net) -> None:
    """A graph inside a node."""
    inner = helper.make_graph([], "inner", [], [])
    node = helper.make_node("Loop", ["", "", proto.graph.node[0].output[0]], ["out"], name="body", body=inner)
    proto.graph.node.append(node)


def foreign(proto: Any, net: Net) -> None:
    proto.graph.node[1].domain = "com.example"


def tiles(proto: Any, net: Net) -> None:
    """A constant of 10^15 elements."""
    proto.graph.initializer.append(helper.make_tensor("n", TensorProto.INT64, [1], [10**15]))
    proto.graph.node.append(helper.make_node("ConstantOfShape", ["n"], ["filled"], name="filled"))


FAULTS: dict[str, tuple[Callable[[Any, Net], None], str]] = {
    "a loop": (loop, "depends on its own output"),
    "a name written twice": (twice, "a second time"),
    "a name that nobody writes": (nobody, "which nobody writes"),
    "an input of 2^62 rows": (huge, "input 'x' has shape"),
    "a symbolic height": (height, "no fixed extent along axis 2"),
    "a constant of 2^40 rows": (claims, "too large"),
    "an unknown opset": (opset, "opset 99"),
    "control flow": (body, "Loop 'body'"),
    "an operator of another domain": (foreign, "com.example.Relu"),
    "a constant that is made large": (tiles, "ConstantOfShape 'filled'"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_named(name: str) -> None:
    change, message = FAULTS[name]
    with pytest.raises(ModelError, match=message.replace(".", r"\.").replace("^", r"\^")) as caught:
        imported(model(change))
    assert caught.value.exit_code == 2


def test_the_command_line_shows_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(model()[:-40])
    assert app.run(["analyze", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert "Traceback" not in captured.err


def test_all_operators_without_a_rule_are_listed_with_a_remedy() -> None:
    net = Net()
    x = net.input((1, 8))
    y = net.node("Erf", net.node("NonZero", x))
    with pytest.raises(ModelError) as caught:
        imported(net.bytes(net.node("Softplus", y)))
    message = caught.value.message
    assert all(kind in message for kind in ("NonZero", "Erf", "Softplus"))
    assert "0.5 * x * (1 + erf(x / sqrt(2)))" in str(caught.value.hint)


def external(folder: Path, location: str, **entries: int) -> Path:
    """A model whose weights lie in another file."""
    net = Net()
    x = net.input((1, 4))
    proto = net.model(net.node("Gemm", x, net.weights(4, 3)))
    (tensor,) = proto.graph.initializer
    (folder / "w.bin").write_bytes(b"\0" * 8 + tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, "offset": 8, "length": 48, **entries}.items():
        tensor.external_data.add(key=key, value=str(value))
    path = folder / "model.onnx"
    onnx.save_model(proto, path)
    return path


def test_weights_beside_the_model_are_read(tmp_path: Path) -> None:
    graph = load(external(tmp_path, "w.bin"))
    net = Net()
    x = net.input((1, 4))
    whole = net.bytes(net.node("Gemm", x, net.weights(4, 3)))
    sample = np.ones((1, 4), np.float32)
    assert np.allclose(computed(graph, sample)[0], runtime(whole, sample)[0], atol=1e-6)


@pytest.mark.parametrize(
    ("location", "entries", "message"),
    [
        ("../w.bin", {}, "outside the model's folder"),
        ("/etc/hostname", {}, "outside the model's folder"),
        ("missing.bin", {}, "cannot be read"),
        ("w.bin", {"offset": 40}, "bytes that"),
        ("w.bin", {"offset": -8}, "bytes that"),
        ("w.bin", {"length": 40}, "cannot be read"),
        ("", {}, "another file"),
    ],
)
def test_weights_elsewhere_are_refused(
    location: str, entries: dict[str, int], message: str, tmp_path: Path
) -> None:
    inside = tmp_path / "model"
    inside.mkdir()
    with pytest.raises(ModelError, match=message):
        load(external(inside, location, **entries))


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(b"\0" * 56)
    inside = tmp_path / "model"
    inside.mkdir()
    path = external(inside, "link.bin")
    (inside / "link.bin").symlink_to(tmp_path / "secret.bin")
    with pytest.raises(ModelError, match="outside the model's folder"):
        load(path)


NAMES = ("int", "*/ #error", "%s%n", "../../x", "a" * 10000, "\u202eabc", "x y", "x-y", "x_y", "\"'<script>")


def test_names_of_all_kinds_reach_no_c(tmp_path: Path) -> None:
    net = Net()
    x = net.input((1, 4), name=NAMES[0])
    for name in NAMES[1:]:
        net.nodes.append(helper.make_node("Tanh", [x], [name], name=name))
        x = name
    graph = canonical(imported(net.bytes(x)))
    pipeline.generate(graph, boards.load("host"), tmp_path / "fw")
    pipeline.build_project(tmp_path / "fw")
    text = "".join(p.read_text() for p in (tmp_path / "fw" / "model").glob("*.[ch]"))
    assert not any(name in text for name in ("#error", "%s%n", "../../x", "a" * 1000, "\u202e"))
