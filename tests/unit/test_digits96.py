# SPDX-License-Identifier: Apache-2.0
"""The digits96 example as it is stored: sizes, accuracy, quantization, and where its frames come from."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "digits96"
FLOAT_BYTES, INT8_BYTES, DATA_BYTES = 450_000, 150_000, 250_000
LEAST_PEAK, MOST_PEAK = 100_000, 160_000
LEAST_WEIGHTS, MOST_WEIGHTS = 60_000, 120_000
MOST_MACS = 10_000_000
SMALL_BOARD = 48 * 1024
MODULES = ("evaluate", "export", "frames", "network")


@pytest.fixture(scope="module")
def example() -> Iterator[dict[str, ModuleType]]:
    """The example's own modules, importable only while these tests run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLE)
        yield {name: importlib.import_module(name) for name in MODULES}


@pytest.fixture(scope="module")
def report(example: dict[str, ModuleType]) -> str:
    return str(example["evaluate"].report(EXAMPLE))


def load(name: str) -> Interpreter:
    interpreter = Interpreter(
        model_path=str(EXAMPLE / name), experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    return interpreter


def top1(report: str, kind: str) -> float:
    line = next(line for line in report.splitlines() if line.startswith(f"{kind}: "))
    return float(line.rsplit(" ", 1)[1])


def test_accuracy_is_high_and_survives_quantization(report: str) -> None:
    assert top1(report, "float") >= 0.95
    assert abs(top1(report, "float") - top1(report, "int8")) <= 0.01


def test_readme_states_what_the_evaluation_prints(report: str) -> None:
    readme = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    assert all(part in readme for part in report.split("\n\n"))


def test_files_are_small() -> None:
    assert (EXAMPLE / "digits96_float.tflite").stat().st_size <= FLOAT_BYTES
    assert (EXAMPLE / "digits96_int8.tflite").stat().st_size <= INT8_BYTES
    assert sum((EXAMPLE / name).stat().st_size for name in ("calib.npz", "test.npz")) <= DATA_BYTES


def test_inputs_and_outputs() -> None:
    for name, dtype in (("digits96_float.tflite", np.float32), ("digits96_int8.tflite", np.int8)):
        interpreter = load(name)
        source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        assert (source["dtype"], result["dtype"]) == (dtype, dtype)
        assert list(source["shape"]) == [1, 96, 96, 1]
        assert list(result["shape"]) == [1, 10]
    assert source["quantization"] == (pytest.approx(1 / 255), -128)
    assert result["quantization"] == (1 / 256, -128)


def test_stored_data() -> None:
    calib, test = np.load(EXAMPLE / "calib.npz"), np.load(EXAMPLE / "test.npz")
    assert (calib["x"].dtype, calib["x"].shape) == (np.uint8, (48, 96, 96, 1))
    assert (test["x"].dtype, test["x"].shape) == (np.uint8, (150, 96, 96, 1))
    assert (test["y"].dtype, test["y"].shape) == (np.int32, (150,))
    assert set(test["y"]) == set(range(10))


def test_network_needs_patches_on_a_small_board(example: dict[str, ModuleType]) -> None:
    layers = example["network"].build()
    peak, where = example["network"].peak_bytes(layers)
    assert LEAST_PEAK <= peak <= MOST_PEAK
    names = [layer.name for layer in layers]
    split = names.index("narrow24_project")
    assert names.index(where) < split
    last_use = {source: index for index, layer in enumerate(layers) for source in layer.inputs}
    live = example["network"].live_bytes
    assert all(live(layers, last_use, step) <= SMALL_BOARD for step in range(split + 1, len(layers)))
    assert sum(layer.macs for layer in layers) <= MOST_MACS
    weights = sum(math.prod(layer.weight_shape) for layer in layers if layer.has_weights)
    assert LEAST_WEIGHTS <= weights <= MOST_WEIGHTS


def test_int8_file_follows_the_quantization_specification(example: dict[str, ModuleType]) -> None:
    content = (EXAMPLE / "digits96_int8.tflite").read_bytes()
    graph = schema.ModelT.InitFromPackedBuf(content, 0).subgraphs[0]
    kinds = {layer.name: layer for layer in example["network"].build()}
    for operator in graph.operators:
        tensors = [graph.tensors[index] for index in operator.inputs]
        layer = kinds[graph.tensors[operator.outputs[0]].name.decode()]
        if not layer.has_weights:
            continue
        source, weights, bias = (tensor.quantization for tensor in tensors)
        assert len(weights.scale) == (1 if layer.kind == "dense" else layer.channels)
        assert not np.any(weights.zeroPoint)
        assert not np.any(bias.zeroPoint)
        np.testing.assert_allclose(bias.scale, source.scale[0] * weights.scale, rtol=1e-6)


def test_frames_are_the_same_again(example: dict[str, ModuleType]) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn holds the source digits")
    frames = example["frames"]
    sources = frames.load_sources()
    for name, part, seed in (("calib.npz", "calib", 1), ("test.npz", "test", 2)):
        stored = np.load(EXAMPLE / name)
        pixels, labels = frames.make_frames(sources[part], 12, seed)
        np.testing.assert_array_equal(pixels, stored["x"][:12])
        if "y" in stored:
            np.testing.assert_array_equal(labels, stored["y"][:12])


def test_no_source_digit_is_in_two_parts(example: dict[str, ModuleType]) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn holds the source digits")
    parts = example["frames"].load_sources().values()
    seen = [image.tobytes() for part in parts for image in part.images]
    assert len(seen) == 1797
    assert len(set(seen)) == len(seen)


def test_enlarging_keeps_flat_ink_and_fades_at_the_border(example: dict[str, ModuleType]) -> None:
    opacity = example["frames"].enlarge(np.full((8, 8), 16, dtype=np.int64), 32)
    assert opacity.shape == (32, 32)
    assert np.all(opacity[2:-2, 2:-2] == 256)
    assert 0 < opacity[0, 0] < 256
    np.testing.assert_array_equal(opacity, opacity[::-1, ::-1])


def test_export_covers_the_range_and_zero(example: dict[str, ModuleType]) -> None:
    affine = example["export"].Affine
    assert affine.of_range(0.0, 6.0).zero_point == -128
    assert affine.of_range(1.0, 6.0).zero_point == -128
    centred = affine.of_range(-1.0, 1.0)
    assert (-128 - centred.zero_point) * centred.scale <= -0.99
    assert (127 - centred.zero_point) * centred.scale >= 0.99
    assert affine.of_range(0.0, 0.0).scale > 0
