# SPDX-License-Identifier: Apache-2.0
"""What hostile data, model.itr, run and project files were once mistaken for, each in its smallest form."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intarsia import build, data, measure, modelfile
from intarsia.dtypes import INT8
from intarsia.errors import ModelError, StageError, UsageError
from intarsia.ir import Quantization, Tensor
from intarsia.report import details, document, html
from support import projects, runs, small

IMAGE = Tensor("image", (1, 2, 2, 1), INT8, Quantization((0.05,), (0,)))
Harm = Callable[[Any], None]


def put(*path: str | int, to: Any) -> Harm:
    """Puts a value into a document."""

    def harm(content: Any) -> None:
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = to

    return harm


def test_labels_of_files_that_no_system_has(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes(b"file,label\na\x00b.png,1\n")
    with pytest.raises(UsageError, match="outside the folder"):
        data.load(tmp_path, IMAGE, input_scale=1.0)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("side", [9000, 12000, 1 << 20])
def test_images_of_more_pixels_than_are_taken(side: int, tmp_path: Path) -> None:
    """A few bytes may claim any size."""
    (tmp_path / "a.pgm").write_bytes(f"P5 {side} {side} 255\n".encode() + bytes(16))
    with pytest.raises(UsageError, match=r"a\.pgm"):
        data.load(tmp_path, IMAGE, input_scale=1.0)


@pytest.mark.filterwarnings("error")
def test_arrays_of_old_writers(tmp_path: Path) -> None:
    """numpy warns of headers that Python 2 has written; they are read all the same."""
    header = b"{'descr': '|i1', 'fortran_order': False, 'shape': (2L, 2L, 2L), }          \n"
    member = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(range(8))
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("x.npy", member)
    found = data.load(tmp_path / "x.npz", IMAGE)
    assert found.inputs[0].reshape(-1).tolist() == list(range(8))


def shown(harm: Harm, folder: Path) -> None:
    content = runs.full_run()
    harm(content)
    (folder / "run.json").write_text(json.dumps(content))
    found = document.read(folder)
    details.full_report(found)
    html.render(found, runs.pictures())


@pytest.mark.parametrize(
    "harm",
    [
        put("classification", "counts", to=[[1, 2], [3]]),
        put("classification", "counts", 0, to=[1]),
        put("classification", "classes", to=[0, 1]),
        put("plan", "grid", to=[0, 2]),
        put("plan", "grid", to=[1 << 40, 1 << 40]),
        put("plan", "macs", to=10**400),
        put("arena", "buffers", 0, "last", to=1 << 40),
        put("arena", "buffers", 1, "first", to=9),
        put("latency", "total", to=10**400),
        put("latency", "layers", 0, "count", to=-(10**400)),
    ],
)
def test_runs_that_contradict_themselves(harm: Harm, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        shown(harm, tmp_path)


def model_file(folder: Path, change: Callable[[str, bytes], bytes], kind: int = zipfile.ZIP_STORED) -> Path:
    """A model.itr each member of which is changed."""
    path = folder / "model.itr"
    content = modelfile.to_bytes(small.int8_graph())
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(path, "w", kind) as target:
        for name in source.namelist():
            target.writestr(name, change(name, source.read(name)))
    return path


def _in_graph(harm: Harm) -> Callable[[str, bytes], bytes]:
    def change(name: str, member: bytes) -> bytes:
        if name != "graph.json":
            return member
        content = json.loads(member)
        harm(content)
        return json.dumps(content).encode()

    return change


GRAPH_HARMS = {
    "tensors.0.quant": put("tensors", 0, "quant", to={"scale": 1}),
    "tensors.0.quant.zero_point": put("tensors", 0, "quant", "zero_point", to=[[1]]),
    "zero point of 4000": put("tensors", 0, "quant", "zero_point", to=[4000]),
    "1 scales and 2 zero points": put("tensors", 0, "quant", "zero_point", to=[0, 0]),
    "scale of 0": put("tensors", 0, "quant", "scale", to=[0.0]),
    "tensors.0.quant.scale.0": put("tensors", 0, "quant", "scale", to=[float("nan")]),
    "scale per channel": put(
        "tensors", 0, "quant", to={"scale": [1.0] * 3, "zero_point": [0] * 3, "axis": 3}
    ),
    "tensors.0.dtype": put("tensors", 0, "dtype", to=[]),
    "tensors.0.shape.1": put("tensors", 0, "shape", to=[1, [2], 3, 4]),
    "too large": put("tensors", 0, "shape", to=[1, 1 << 20, 1 << 20, 3]),
    "dimensions": put("tensors", 0, "shape", to=[1] * 40),
    "codes of 1 widths": put("tensors", 0, "quant", "bits", to=[4]),
    "CONV_2D: stride": put("nodes", 0, "attrs", "stride", to=[1, 1, 1]),
    "CONV_2D: activation": put("nodes", 0, "attrs", "activation", to="SIN"),
    "CONV_2D: padding": put("nodes", 0, "attrs", "padding", to="ALL"),
    "nodes.0.attrs.dilation": put("nodes", 0, "attrs", "dilation", to={"a": 1}),
    "no operator": put("nodes", 0, "op", to="NOTHING"),
    "unknown rounding rule": put("rule", to="other"),
    "states.0": put("states", to=[[1]]),
    "is not of schema": put("schema_version", to=[]),
}


@pytest.mark.parametrize("message", GRAPH_HARMS)
def test_graphs_that_are_none(message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=message):
        modelfile.load(model_file(tmp_path, _in_graph(GRAPH_HARMS[message])))


@pytest.mark.parametrize(
    ("name", "member"),
    [
        ("graph.json", b"[" * 100_000),
        ("graph.json", b"\xff\xfe{"),
        ("graph.json", b"[]"),
        ("t1.npy", b"\x93NUMPY\x01\x00\x10\x00{'a': (((((((  \n"),
        ("t1.npy", b"\x93NUMPY\x01\x00\x02\x00" + b"1\n"),
        ("t1.npy", b""),
    ],
)
def test_members_that_cannot_be_read(name: str, member: bytes, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.itr"):
        modelfile.load(model_file(tmp_path, lambda own, content: member if own == name else content))


def test_members_that_would_grow(tmp_path: Path) -> None:
    """Ours are stored as they are; a compressed one may be a thousand times larger than the file."""
    with pytest.raises(ModelError, match="is compressed"):
        modelfile.load(model_file(tmp_path, lambda name, content: content, zipfile.ZIP_DEFLATED))


def project(harm: Harm, folder: Path) -> build.Project:
    content = projects.description()
    harm(content)
    (folder / build.MARKER).write_text(json.dumps(content))
    return build.open_project(folder)


PROJECT_HARMS = {
    "not a project": put("schema", to=None),
    "schema version": put("schema_version", to=2),
    "identifier": put("identifier", to="a b"),
    "hash": put("hash", to="xyz"),
    "rule": put("rule", to="none"),
    "optimize": put("optimize", to="beauty"),
    "unknown board": put("board", to="nothing"),
    "link": put("link", to=[]),
    "outputs.0.shape": put("outputs", 0, "shape", to=[1 << 30, 1 << 30]),
    "outputs.0.dtype": put("outputs", 0, "dtype", to="int7"),
    "layers.0.macs": put("layers", 0, "macs", to=-1),
    "damaged plan": put(
        "plan", to={"schema": "intarsia.plan", "schema_version": 1, "model": "m", "split_after": -1}
    ),
    "not a plan": put("plan", to={}),
    "is a library": put("schema", to="intarsia.library"),
}


@pytest.mark.parametrize("message", PROJECT_HARMS)
def test_projects_that_are_none(message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        project(PROJECT_HARMS[message], tmp_path)


@pytest.mark.parametrize("key", sorted(set(projects.description()) - {"harness", "intarsia", "schema"}))
def test_every_part_of_a_project_is_needed(key: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        project(lambda content: content.pop(key), tmp_path)


def test_answers_that_are_not_the_projects(tmp_path: Path) -> None:
    found = project(put("model", to="any"), tmp_path)
    assert measure.split_outputs(np.arange(5, dtype=np.int8).tobytes(), found)[0].tolist() == [
        [0, 1, 2, 3, 4]
    ]
    with pytest.raises(StageError, match="4 bytes"):
        measure.split_outputs(bytes(4), found)
