# SPDX-License-Identifier: Apache-2.0
"""Models that keep states: several inferences in a row equal the interpreter's, and `init` forgets them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from intarsia import calibrate, exactness, modelfile, oracle, pipeline, simulate
from intarsia.boards import load as load_board
from intarsia.data import Dataset
from intarsia.errors import UsageError
from intarsia.ir import Graph
from intarsia.quantize import quantize
from intarsia.request import Patching, Request
from support import harness
from support.agree import assert_agree
from support.draw import sample

pytestmark = pytest.mark.data

STATES = {
    "mww_okay_nabu_int8": 6,
    "sww_streaming_int8": 0,
    "tflm_dtln_noise_suppression": 4,
    "tflm_keyword_scrambled_int16state": 7,
    "tflm_keyword_scrambled_int8": 7,
    "tflm_mnist_lstm_float": 2,
    "tflm_mnist_lstm_int8": 2,
}
CRASHES_INTERPRETER = "tflm_keyword_scrambled_int8"
"""tflite-runtime has no SVDF with an int8 state, and dies; TFLM has."""
INFERENCES = 5


def sequence(graph: Graph, seed: int) -> list[list[np.ndarray]]:
    """Inputs of several inferences; floats stay small, as pixels are."""
    random = np.random.default_rng(seed)
    samples = [[sample(graph.tensor(i), random) for i in graph.inputs] for _ in range(INFERENCES)]
    return [[x / np.float32(16) if x.dtype == np.float32 else x for x in xs] for xs in samples]


@pytest.mark.parametrize("name", sorted(STATES))
def test_inferences_in_a_row(name: str, models: Path, tmp_path: Path) -> None:
    """C under sanitizers = reference; started again, it gives the same."""
    graph = pipeline.load_model(models / f"{name}.tflite")
    assert len(graph.states) == STATES[name]
    samples = sequence(graph, 1)
    expected = simulate.run_sequence(graph, samples)
    (outcome,) = harness.run_cases([graph], [samples], tmp_path)
    for got, want in zip(outcome.outputs, expected, strict=True):
        assert_agree(graph, got, want, f"{name} in C")


@pytest.mark.tflm_oracle
@pytest.mark.parametrize("name", sorted(set(STATES) - {CRASHES_INTERPRETER}))
def test_reference_equals_interpreter(name: str, models: Path) -> None:
    path = models / f"{name}.tflite"
    graph = pipeline.load_model(path)
    for seed in (2, 3):
        samples = sequence(graph, seed)
        expected = simulate.run_sequence(graph, samples)
        answers = oracle.interpret(path.read_bytes(), samples, "tflm")
        for got, want in zip(expected, answers, strict=True):
            assert_agree(graph, got, want, f"{name} against the interpreter")


def test_states_make_a_difference(models: Path) -> None:
    graph = pipeline.load_model(models / "tflm_dtln_noise_suppression.tflite")
    samples = [sequence(graph, 2)[0]] * 3
    first, second, third = (outputs[0] for outputs in simulate.run_sequence(graph, samples))
    assert not np.array_equal(first, second)
    assert not np.array_equal(second, third)


def test_a_model_file_keeps_states(models: Path, tmp_path: Path) -> None:
    graph = pipeline.load_model(models / "tflm_mnist_lstm_int8.tflite")
    modelfile.save(graph, tmp_path / "m.itr")
    again = modelfile.load(tmp_path / "m.itr")
    assert [(s.before, s.after) for s in again.states] == [(s.before, s.after) for s in graph.states]
    assert all(np.array_equal(a.initial, b.initial) for a, b in zip(again.states, graph.states, strict=True))
    name, outputs = exactness.reference(again, sequence(again, 4), "intarsia")
    assert name.startswith("intarsia")
    assert len(outputs) == INFERENCES


@pytest.mark.emulator
@pytest.mark.parametrize("name", ["mww_okay_nabu_int8", "tflm_mnist_lstm_int8"])
def test_every_feature_map_on_a_board(name: str, models: Path) -> None:
    """What a first inference shows, states that are written in their place included."""
    run = pipeline.profile(
        models / f"{name}.tflite", load_board("qemu-cortex-m4"), Request(feature_maps=True)
    )
    found = run.document().reference.maps
    assert found is not None
    assert len(found.layers) > 4
    assert not any(layer.mismatched for layer in found.layers)


@pytest.mark.emulator
def test_profile_on_a_board(models: Path) -> None:
    """One firmware takes all samples in their order, and no output differs from the interpreter's."""
    board, model = load_board("qemu-cortex-m4"), models / "tflm_dtln_noise_suppression.tflite"
    document = pipeline.profile(model, board, Request()).document()
    assert document.reference is not None
    assert document.reference.mismatched_outputs == 0


def test_patches_and_quantization_are_refused(models: Path) -> None:
    graph = pipeline.load_model(models / "tflm_mnist_lstm_float.tflite")
    dataset = Dataset(tuple(np.stack(column) for column in zip(*sequence(graph, 5), strict=True)))
    with pytest.raises(UsageError, match="keeps states"):
        quantize(graph, calibrate.calibrate(graph, dataset))
    with pytest.raises(UsageError, match="keeps states"):
        pipeline.plan_for(graph, load_board("host"), Patching(patches=(2, 2)), None)
