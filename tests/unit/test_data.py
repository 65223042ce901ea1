# SPDX-License-Identifier: Apache-2.0
"""Samples and labels: what is taken, how it is converted, and what is refused in which words."""

from __future__ import annotations

import contextlib
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from intarsia import accuracy, data
from intarsia.dtypes import BY_NAME
from intarsia.errors import UsageError
from intarsia.ir import Graph, Quantization, Tensor

SHAPE = (1, 4, 3, 1)


def tensor(
    dtype: str = "float32", shape: tuple[int, ...] = SHAPE, scale: float | None = None, zero_point: int = 0
) -> Tensor:
    quant = None if scale is None else Quantization((scale,), (zero_point,))
    return Tensor("input", shape, BY_NAME[dtype], quant)


def write(folder: Path, **arrays: Any) -> Path:
    path = folder / "samples.npz"
    np.savez(path, **arrays)
    return path


def refused(path: Path, target: Tensor | list[Tensor] | None = None, **options: Any) -> UsageError:
    """The error that loading ends in, within a second."""
    start = time.monotonic()
    with pytest.raises(UsageError) as caught:
        data.load(path, target or tensor(), **options)
    assert time.monotonic() - start < 1.0
    return caught.value


@pytest.mark.parametrize("shape", [(5, 4, 3, 1), (5, 1, 4, 3, 1), (5, 4, 3), (5, 1, 4, 3)])
def test_axes_of_length_one_do_not_matter(tmp_path: Path, shape: tuple[int, ...]) -> None:
    x = np.arange(60, dtype=np.float64).reshape(shape)
    dataset = data.load(write(tmp_path, x=x, y=np.arange(5)[:, None], name=np.array(list("abcde"))), tensor())
    assert len(dataset) == 5
    assert dataset.inputs[0].dtype == np.float32
    assert np.array_equal(dataset.inputs[0].reshape(-1), np.arange(60))
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [0, 1, 2, 3, 4]
    assert dataset.names == ("a", "b", "c", "d", "e")
    assert [sample[0].shape for sample in dataset.samples] == [SHAPE] * 5


@given(
    real=st.lists(st.floats(-1e6, 1e6), min_size=12, max_size=12),
    scale=st.floats(2.0**-20, 2.0**10),
    dtype=st.sampled_from(("int8", "uint8", "int16")),
    fraction=st.floats(0, 1),
)
def test_real_values_become_the_nearest_codes(
    real: list[float], scale: float, dtype: str, fraction: float
) -> None:
    low, high = BY_NAME[dtype].range
    zero_point = round(low + fraction * (high - low))
    target = tensor(dtype, scale=scale, zero_point=zero_point)
    x = np.array(real).reshape(1, *SHAPE)
    codes = data.convert(x, target, "x", input_scale=None, input_offset=0.0).astype(np.int64)
    restored = (codes - zero_point) * scale
    inside = (x >= (low - zero_point) * scale) & (x <= (high - zero_point) * scale)
    assert (np.abs(restored - x)[inside] <= scale * (0.5 + 1e-9)).all()
    assert set(codes[~inside].tolist()) <= {low, high}


def test_ties_are_rounded_away_from_zero() -> None:
    x = np.array([0.5, -0.5, 1.5, -1.5, 2.4, -2.6])
    codes = data.convert(x, tensor("int8", (6,), 1.0, 3), "x", input_scale=None, input_offset=0.0)
    assert codes.tolist() == [4, 2, 5, 1, 5, 0]


def test_integers_of_the_inputs_own_type_are_taken_as_they_are(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(-128, 128, (3, *SHAPE)).astype(np.int8)
    dataset = data.load(write(tmp_path, x=x), tensor("int8", scale=0.1, zero_point=5))
    assert np.array_equal(dataset.inputs[0], x)
    assert dataset.labels is None
    big_endian = data.load(write(tmp_path, x=x.astype(">i4")), tensor("int32"))
    assert np.array_equal(big_endian.inputs[0], x)


@given(st.integers(0, 255), st.floats(2.0**-12, 4.0), st.integers(-200, 200))
def test_a_given_scale_says_what_integers_mean(code: int, scale: float, offset: int) -> None:
    x = np.full((1, *SHAPE), code, np.uint8)
    floats = data.convert(x, tensor(), "x", input_scale=scale, input_offset=offset)
    assert floats.flat[0] == np.float32((code - offset) * scale)


def test_a_given_scale_counts_for_the_inputs_own_type_too() -> None:
    x = np.full((1, *SHAPE), 100, np.int8)
    codes = data.convert(x, tensor("int8", scale=1.0), "x", input_scale=0.5, input_offset=0.0)
    assert codes.flat[0] == 50


@pytest.mark.parametrize("target", [tensor("int8", scale=1.0), tensor(), tensor("uint8", scale=1.0)])
def test_integers_of_another_type_need_a_scale(tmp_path: Path, target: Tensor) -> None:
    error = refused(write(tmp_path, x=np.zeros((2, *SHAPE), np.int16)), target)
    assert "int16" in error.message
    assert target.dtype.name in error.message
    assert error.hint is not None
    assert "--input-scale" in error.hint


def test_several_inputs(tmp_path: Path) -> None:
    targets = [tensor(), tensor("int8", (1, 2), 0.5)]
    path = write(tmp_path, x_0=np.zeros((3, 4, 3)), x_1=np.ones((3, 2)), y=np.arange(3))
    dataset = data.load(path, targets, limit=2)
    assert [[x.shape for x in sample] for sample in dataset.samples] == [[SHAPE, (1, 2)]] * 2
    assert dataset.samples[1][1].tolist() == [[2, 2]]
    assert "'x'" in refused(path).message
    uneven = write(tmp_path, x_0=np.zeros((3, 4, 3)), x_1=np.ones((2, 2)))
    assert "[2, 3] samples" in refused(uneven, targets).message


def _object_array() -> np.ndarray:
    array = np.empty(2, object)
    array[:] = [np.zeros(3), np.zeros(4)]
    return array


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": np.zeros((2, 5, 3, 1))}, ["'x'", "[2, 5, 3, 1]", "[N, 4, 3, 1]"]),
        ({"x": np.zeros((0, *SHAPE))}, ["'x'", "empty"]),
        ({"x": np.array(1.0)}, ["'x'", "[]"]),
        ({"x": np.full((2, *SHAPE), np.nan)}, ["'x'", "NaN"]),
        ({"x": np.full((2, *SHAPE), -np.inf)}, ["'x'", "infinity"]),
        ({"x": np.full((2, *SHAPE), 1e300)}, ["'x'", "beyond float32"]),
        ({"x": _object_array()}, ["'x'", "Python objects"]),
        ({"x": np.zeros((2, *SHAPE), "<U3")}, ["'x'", "not numbers"]),
        ({"x": np.zeros((2, *SHAPE), complex)}, ["'x'", "not numbers"]),
        ({"specs": np.zeros((2, *SHAPE))}, ["'x'", "specs"]),
        ({}, ["'x'", "nothing"]),
        ({"x": np.zeros((2, *SHAPE)), "y": np.arange(3)}, ["2 samples and 3 labels"]),
        ({"x": np.zeros((2, *SHAPE)), "y": np.array(3)}, ["2 samples and no labels"]),
        ({"x": np.zeros((2, *SHAPE)), "y": np.array(["a", "b"])}, ["'y'", "not numbers"]),
        ({"x": np.zeros((2, *SHAPE)), "y": np.array([0.0, np.nan])}, ["'y'", "NaN"]),
        ({"x": np.zeros((2, *SHAPE)), "y": _object_array()}, ["'y'", "Python objects"]),
    ],
)
def test_arrays_that_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], words: list[str]) -> None:
    path = write(tmp_path, **arrays)
    error = refused(path)
    assert all(word in error.message for word in [*words, path.name]), error.message
    assert error.hint


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (pytest.fail, ("unpickled",))

    trap = np.empty(2, object)
    trap[:] = [Trap(), Trap()]
    with zipfile.ZipFile(tmp_path / "trap.npz", "w") as archive, archive.open("x.npy", "w") as stream:
        np.lib.format.write_array(stream, trap, allow_pickle=True)
    assert "Python objects" in refused(tmp_path / "trap.npz").message


@given(st.data())
def test_damaged_files_end_in_an_error_or_in_the_same_data(
    tmp_path_factory: pytest.TempPathFactory, draw: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    x = np.random.default_rng(1).normal(size=(2, *SHAPE))
    content = bytearray(write(folder, x=x, y=np.arange(2)).read_bytes())
    if draw.draw(st.booleans()):
        del content[draw.draw(st.integers(0, len(content) - 1)) :]
    else:
        content[draw.draw(st.integers(0, len(content) - 1))] ^= draw.draw(st.integers(1, 255))
    path = folder / "damaged.npz"
    path.write_bytes(bytes(content))
    with contextlib.suppress(UsageError):
        dataset = data.load(path, tensor())
        assert np.array_equal(dataset.inputs[0], x.astype(np.float32))


@pytest.mark.parametrize(("local", "central", "value"), [(8, 10, 99), (6, 8, 1)])
def test_unknown_compression_and_encryption_are_refused(
    local: int, central: int, value: int, tmp_path: Path
) -> None:
    """In both headers of the first array: the method of compression, or the flag of encryption."""
    content = bytearray(write(tmp_path, x=np.zeros((2, *SHAPE))).read_bytes())
    content[content.index(b"PK\x03\x04") + local] = value
    content[content.index(b"PK\x01\x02") + central] = value
    (tmp_path / "odd.npz").write_bytes(bytes(content))
    assert "cannot be read" in refused(tmp_path / "odd.npz").message


def test_a_huge_claim_is_refused_unread(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "huge.npz", "w") as archive, archive.open("x.npy", "w") as stream:
        header = {"descr": "<f8", "fortran_order": False, "shape": (10**13, *SHAPE)}
        np.lib.format.write_array_header_1_0(stream, header)
    assert "damaged" in refused(tmp_path / "huge.npz").message


def test_paths_and_options_that_are_refused(tmp_path: Path) -> None:
    assert "no such file" in refused(tmp_path / "missing.npz").message
    (tmp_path / "text.npz").write_text("hello")
    assert "not a .npz file" in refused(tmp_path / "text.npz").message
    path = write(tmp_path, x=np.zeros((2, *SHAPE), np.uint8))
    assert "limit" in refused(path, limit=0).message
    for scale in (0.0, -1.0, float("nan"), float("inf")):
        assert "input scale" in refused(path, input_scale=scale).message
    assert "input offset" in refused(path, input_scale=1.0, input_offset=float("nan")).message
    assert "without a scale" in refused(write(tmp_path, x=np.zeros((2, *SHAPE))), tensor("int32")).message


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for number in range(3):
        Image.fromarray(random.integers(0, 256, (8, 6, 3)).astype(np.uint8)).save(tmp_path / f"{number}.png")
    (tmp_path / "labels.csv").write_text("file,class,other\n2.png,7,1\n0.png,8,2\n1.png,9,x\n")
    return tmp_path


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_images_are_resized_and_labelled(pictures: Path, channels: int, mode: str) -> None:
    target = tensor("uint8", (1, 4, 3, channels), 1.0)
    dataset = data.load(pictures, target, label_column="class")
    assert dataset.names == ("2.png", "0.png", "1.png")
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [7, 8, 9]
    with Image.open(pictures / "0.png") as image:
        expected = np.asarray(image.convert(mode).resize((3, 4), Image.Resampling.BILINEAR))
    assert np.array_equal(dataset.inputs[0][1], expected.reshape(1, 4, 3, channels))
    real = data.load(
        pictures, tensor(shape=target.shape), label_column="class", input_scale=0.5, input_offset=1
    )
    assert np.array_equal(real.inputs[0], (dataset.inputs[0].astype(np.float32) - 1) * np.float32(0.5))


def test_images_without_labels(pictures: Path) -> None:
    (pictures / "labels.csv").unlink()
    (pictures / "notes.txt").write_text("no image")
    dataset = data.load(pictures, tensor("uint8", scale=1.0), label_column="class", limit=2)
    assert dataset.names == ("0.png", "1.png")
    assert dataset.labels is None


@pytest.mark.parametrize(
    ("table", "column", "words"),
    [
        ("file,class,other\n0.png,7,1\n", None, ["'label'", "class, other"]),
        ("file,class,other\n0.png,7,1\n", "wrong", ["'wrong'", "class, other"]),
        ("file,class\n0.png,cat\n", None, ["line 2", "'cat'"]),
        ("file,class\n0.png\n", None, ["line 2", "1 columns"]),
        ("file,class\n../0.png,1\n", None, ["line 2", "outside"]),
        ("file,class\nmissing.png,1\n", None, ["missing.png"]),
        ("file,class\n", None, ["no images"]),
        ("", None, ["no images"]),
        ("file\n0.png\n", None, ["'label'", "only file names"]),
    ],
)
def test_tables_of_labels_that_are_refused(
    pictures: Path, table: str, column: str | None, words: list[str]
) -> None:
    (pictures / "labels.csv").write_text(table)
    error = refused(pictures, tensor("uint8", scale=1.0), label_column=column)
    assert all(word in error.message for word in words), error.message


def test_images_that_are_refused(pictures: Path) -> None:
    assert (
        "no grey or RGB image"
        in refused(pictures, tensor("uint8", (1, 10), 1.0), label_column="class").message
    )
    assert "2 inputs" in refused(pictures, [tensor(), tensor()]).message
    (pictures / "1.png").write_bytes((pictures / "1.png").read_bytes()[:40])
    error = refused(pictures, tensor("uint8", scale=1.0), label_column="class")
    assert "1.png" in error.message
    empty = pictures / "empty"
    empty.mkdir()
    assert "holds no images" in refused(empty, tensor("uint8", scale=1.0)).message


def test_random_samples_are_seeded_and_fit() -> None:
    tensors = (tensor("int8", scale=1.0), tensor(), tensor("int32"), tensor("bool"))
    graph = Graph("g", tensors, (), (0, 1, 2, 3), ())
    first, again, other = (data.random_samples(graph, 4, seed) for seed in (0, 0, 1))
    assert [x.dtype.name for x in first.inputs] == ["int8", "float32", "int32", "bool"]
    assert all(x.shape == (4, *SHAPE) for x in first.inputs)
    assert all(np.array_equal(a, b) for a, b in zip(first.inputs, again.inputs, strict=True))
    assert not np.array_equal(first.inputs[0], other.inputs[0])


def test_top_k() -> None:
    scores = np.array([[1, 3, 2], [3, 3, 0], [0, 1, 2], [5, 4, 3]], np.int8)
    labels = np.array([2, 1, 2, 2])
    assert accuracy.measure(scores, labels) == accuracy.Accuracy("top1", 0.25, 4)
    assert accuracy.measure(scores, labels, 2) == accuracy.Accuracy("top2", 0.75, 4)
    assert accuracy.measure(list(scores[:, None]), labels.astype(float)) is not None


def test_what_is_no_classification_has_no_accuracy() -> None:
    scores = np.zeros((4, 1, 3))
    assert accuracy.measure(scores, None) is None
    assert accuracy.measure(scores, np.array([0.5, 1.0, 1.0, 2.0])) is None
    assert accuracy.measure(np.zeros((4, 2, 3)), np.zeros(4, int)) is None
    assert accuracy.measure(np.zeros((4, 1)), np.zeros(4, int)) is None
    with pytest.raises(UsageError, match="label 3 is no class"):
        accuracy.measure(scores, np.array([0, 1, 2, 3]))
    with pytest.raises(UsageError, match="3 labels for 4"):
        accuracy.measure(scores, np.array([0, 1, 2]))
