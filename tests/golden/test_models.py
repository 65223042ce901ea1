# SPDX-License-Identifier: Apache-2.0
"""Real quantized networks: reference against both interpreters on the files as shipped, host board against it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from intarsia import boards, build, exactness, measure, oracle, pipeline, simulate
from intarsia.ir import Graph
from intarsia_codegen import project
from intarsia_codegen.emit import emit
from intarsia_codegen.lower import Program
from support import harness

pytestmark = pytest.mark.data

QUANTIZED = (
    "ad_autoencoder_int8",
    "ic_resnet8_int8",
    "kws_dscnn_int8",
    "mcunet_vww_int8",
    "mnist_lenet300_100_int8",
    "mobilenet_v1_025_128_uint8",
    "mobilenet_v2_100_224_uint8",
    "sww_streaming_int8",
    "tflm_hello_world_int8",
    "tflm_micro_speech_int8",
    "tflm_person_detect_int8",
    "vww_mobilenetv1_025_96_int8",
)
OTHERS = (
    "ad_autoencoder_float",
    "deeplabv3_mnv2_dm05_uint8",
    "ic_resnet8_float",
    "kws_dscnn_dynrange",
    "mcunetv2_large_int8",
    "mobilenet_v1_025_128_float",
    "mobilenet_v1_025_128_uint8_z",
    "mp_face_detection_short_fp16",
    "tflm_hello_world_float",
    "vww_mobilenetv1_025_96_float",
)
STATES = (
    "mww_okay_nabu_int8",
    "tflm_dtln_noise_suppression",
    "tflm_keyword_scrambled_int16state",
    "tflm_keyword_scrambled_int8",
    "tflm_mnist_lstm_float",
    "tflm_mnist_lstm_int8",
)
"""Those of test_stateful.py."""
REFUSED_BY_INTERPRETERS = ("tflm_person_detect_int8",)
"""Its one-dimensional biases name a quantized axis 3: a valid model that desktop interpreters do not take."""

GOLDEN = (
    "ad_autoencoder_int8",
    "ic_resnet8_int8",
    "kws_dscnn_int8",
    "sww_streaming_int8",
    "vww_mobilenetv1_025_96_int8",
)
RULE_DEPENDENT = {"FULLY_CONNECTED", "LEAKY_RELU"}
"""Operators whose two reference kernels do not agree."""
SAMPLES = {"mobilenet_v2_100_224_uint8": 1}


def emitted(program: Program) -> dict[str, str]:
    """The program as C text."""
    return emit(program, "host", bytes(16)).files


def random_samples(graph: Graph, count: int) -> list[list[np.ndarray]]:
    random = np.random.default_rng(7)

    def draw(index: int) -> np.ndarray:
        tensor = graph.tensor(index)
        if tensor.dtype.is_float:
            return random.uniform(-1, 1, tensor.shape).astype(np.float32)
        low, high = tensor.dtype.range
        return random.integers(low, high, tensor.shape, endpoint=True).astype(tensor.dtype.numpy)

    return [[draw(index) for index in graph.inputs] for _ in range(count)]


@pytest.mark.parametrize("rule", ["litert", pytest.param("tflm", marks=pytest.mark.tflm_oracle)])
@pytest.mark.parametrize("name", [n for n in QUANTIZED if n not in REFUSED_BY_INTERPRETERS])
def test_reference_equals_interpreter(name: str, rule: str, models: Path) -> None:
    path = models / f"{name}.tflite"
    graph = pipeline.load_model(path, rule=rule)
    samples = random_samples(graph, SAMPLES.get(name, 4))
    expected = oracle.interpret(path.read_bytes(), samples, rule)
    got = [simulate.run(graph, sample) for sample in samples]
    result = exactness.compare(rule, oracle.version(rule), got, expected)
    assert result.mismatched == 0, result


@pytest.mark.parametrize("name", GOLDEN)
def test_reference_equals_golden_outputs(name: str, data: Path, models: Path) -> None:
    """Outputs recorded from tflite-runtime 2.14: the rule `tflm` without that interpreter installed."""
    graph = pipeline.load_model(models / f"{name}.tflite", rule="tflm")
    (index,) = graph.inputs
    with np.load(data / "golden" / f"{name}.npz") as golden:
        inputs = golden["input"].reshape(-1, *graph.tensor(index).shape)[:20]
        outputs = golden["output"].reshape(len(golden["output"]), -1)[:20]
    for x, want in zip(inputs, outputs, strict=True):
        assert np.array_equal(simulate.run(graph, [x])[0].reshape(-1), want)


def sanitized(folder: Path) -> None:
    """Makes a project stop at the first report of AddressSanitizer or UBSan."""
    with (folder / "toolchain.cmake").open("a", encoding="utf-8") as file:
        # without cold parts of functions, which would look like recursion to the stack analysis
        flags = " ".join([*harness.SANITIZE, "-fno-reorder-blocks-and-partition"])
        file.write(f'string(APPEND CMAKE_C_FLAGS_INIT " {flags}")\n')


@pytest.mark.parametrize("name", OTHERS)
def test_no_report_of_sanitizers(name: str, models: Path, tmp_path: Path) -> None:
    """Models that no other test runs under sanitizers, with inputs and outputs in arrays of their own."""
    graph = pipeline.load_model(models / f"{name}.tflite")
    harness.run_cases([graph], [random_samples(graph, 1)], tmp_path, apart=True)


def test_every_model_runs_under_sanitizers(models: Path) -> None:
    assert {path.stem for path in models.glob("*.tflite")} == {*QUANTIZED, *OTHERS, *STATES}


@pytest.mark.parametrize("rule", ["tflm", "litert"])
@pytest.mark.parametrize("name", QUANTIZED)
def test_host_board_equals_reference(name: str, rule: str, models: Path, tmp_path: Path) -> None:
    graph = pipeline.load_model(models / f"{name}.tflite", rule=rule)
    if rule == "litert" and not RULE_DEPENDENT.intersection(node.op for node in graph.nodes):
        other = project.lower_for(
            pipeline.load_model(models / f"{name}.tflite", rule="tflm"), boards.load("host")
        )
        assert emitted(project.lower_for(graph, boards.load("host"))) == emitted(other)
        return  # the same program as under `tflm`, which is built and run there
    board = boards.load("host")
    project.write(project.lower_for(graph, board), board, tmp_path / "fw")
    sanitized(tmp_path / "fw")
    built = build.build(tmp_path / "fw")
    samples = random_samples(graph, SAMPLES.get(name, 4))
    measured = measure.measure(built, samples)
    expected = [simulate.run(graph, sample) for sample in samples]
    assert exactness.compare(rule, "reference", measured.outputs, expected).mismatched == 0
