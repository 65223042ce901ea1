# SPDX-License-Identifier: Apache-2.0
"""Small models with golden outputs: each gives them, in the reference and in C, or is refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from intarsia import analyze, pipeline, simulate
from intarsia.errors import ModelError
from intarsia.ir import Graph
from support import harness
from support.agree import assert_agree

pytestmark = pytest.mark.data

CHUNK = 24
"""Models that are compiled into one program."""

REFUSED = {
    "simple_atan2_op": "ATAN2",
    "simple_floor_mod": "FLOOR_MOD",
    "simple_topk_op_runtime_k": "TOPK_V2",
}
"""Cases with golden outputs that cannot be run, and what the message names."""

REFUSED_WITHOUT_GOLDEN = {
    "blockwise_quantized": "quantized_tensor",
    "max_unpooling_2d_valid": "LiteRtMaxUnpooling2D",
    "simple_scatter_nd_op": "SCATTER_ND",
    "simple_squeeze": "SQUEEZE",
    "static_w8_a16_quantized_attn_vec_einsum": "BATCH_MATMUL",
    "static_w8_a16_quantized_k_einsum": "BATCH_MATMUL",
    "static_w8_a16_quantized_v_einsum": "BATCH_MATMUL",
}


Sample = list[np.ndarray]


def files(data: Path) -> list[Path]:
    return sorted((data / "opcases").glob("*/*.tflite"))


def golden(path: Path, graph: Graph) -> list[tuple[Sample, Sample]]:
    """Inputs and outputs of each sample of the golden file; a dynamic batch gives several."""
    with np.load(path.with_suffix(".npz")) as arrays:
        content = dict(arrays)
    inputs = [graph.tensor(i) for i in graph.inputs]
    outputs = [graph.tensor(i) for i in graph.outputs]
    first = inputs[0].elements if inputs else 1
    count = content["input0"].size // first if inputs else 1
    samples = []
    for number in range(count):
        taken = [
            (t, content[f"{kind}{k}"].reshape(count, *t.shape)[number].astype(t.dtype.numpy))
            for kind, tensors in (("input", inputs), ("output", outputs))
            for k, t in enumerate(tensors)
        ]
        values = [value for _, value in taken]
        samples.append((values[: len(inputs)], values[len(inputs) :]))
    return samples


def test_every_golden_output(data: Path, tmp_path: Path) -> None:
    """Integers are equal, floats within the bound of `support.agree`; nothing else is refused than what is listed."""
    refused: dict[str, str] = {}
    runnable: list[tuple[Graph, list[Sample], list[Sample]]] = []
    cases = [path for path in files(data) if path.with_suffix(".npz").exists()]
    for path in cases:
        try:
            graph = pipeline.load_model(path)
        except ModelError as error:
            refused[path.stem] = str(error)
            continue
        samples = golden(path, graph)
        for inputs, expected in samples:
            assert_agree(graph, simulate.run(graph, inputs), expected, f"reference of {path.stem}")
        runnable.append((graph, [s for s, _ in samples], [e for _, e in samples]))
    assert set(refused) == set(REFUSED)
    assert all(REFUSED[name] in message for name, message in refused.items())
    assert len(runnable) > 10 * len(refused)
    for start in range(0, len(runnable), CHUNK):
        part = runnable[start : start + CHUNK]
        outcomes = harness.run_cases([g for g, _, _ in part], [s for _, s, _ in part], tmp_path / str(start))
        for (graph, _, expected), outcome in zip(part, outcomes, strict=True):
            for got, want in zip(outcome.outputs, expected, strict=True):
                assert_agree(graph, got, want, f"C of {graph.name}")


def test_cases_without_golden_outputs(data: Path) -> None:
    """They can be run, or are refused by name."""
    refused = {}
    for path in files(data):
        if path.with_suffix(".npz").exists():
            continue
        try:
            pipeline.load_model(path)
        except ModelError as error:
            refused[path.stem] = str(error)
    assert set(refused) == set(REFUSED_WITHOUT_GOLDEN)
    assert all(REFUSED_WITHOUT_GOLDEN[name] in message for name, message in refused.items())


def test_what_is_refused_is_not_in_the_table() -> None:
    """The table of operators comes from the code that imports them."""
    table = {row["name"] for row in analyze.operators()}
    assert not table & {"ATAN2", "FLOOR_MOD", "TOPK_V2"}
    types = {row["name"]: row["types"] for row in analyze.operators()}
    assert "int16" in types["CONV_2D"]
    assert all(row["about"] for row in analyze.operators())
