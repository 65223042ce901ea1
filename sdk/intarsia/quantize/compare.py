# SPDX-License-Identifier: Apache-2.0
"""What quantization costs a classifier, for several options: the table behind the default estimator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from intarsia import accuracy, batching
from intarsia.calibrate import Statistics
from intarsia.data import Dataset, convert
from intarsia.errors import UsageError
from intarsia.ir import Graph
from intarsia.quantize import Options, quantize


@dataclass(frozen=True)
class Row:
    """`options` is None for the float model. `agreement`: how often the first class is the float model's."""

    options: Options | None
    top1: float
    agreement: float
    samples: int


def compare(graph: Graph, statistics: Statistics, test: Dataset, choices: Sequence[Options]) -> Iterator[Row]:
    """Rows for the float graph and for each choice, as they are measured.

    `test` holds labelled samples for the float graph. Raises UsageError when it has no labels of classes.
    """
    scores = batching.outputs(graph, test.inputs)[0]
    expected = _first(scores)
    yield Row(None, _top1(scores, test), 1.0, len(test))
    for options in choices:
        quantized = quantize(graph, statistics, options)
        scores = batching.outputs(quantized, quantized_inputs(quantized, test))[0]
        yield Row(options, _top1(scores, test), float((_first(scores) == expected).mean()), len(test))


def quantized_inputs(graph: Graph, real: Dataset) -> list[np.ndarray]:
    """Real-valued samples in the types of a quantized graph's inputs."""
    tensors = [graph.tensor(index) for index in graph.inputs]
    return [
        convert(x, tensor, "the test data", input_scale=None, input_offset=0.0) if x.dtype.kind == "f" else x
        for x, tensor in zip(real.inputs, tensors, strict=True)
    ]


def _first(scores: np.ndarray) -> np.ndarray:
    first: np.ndarray = scores.reshape(len(scores), -1).argmax(axis=1)
    return first


def _top1(scores: np.ndarray, test: Dataset) -> float:
    measured = accuracy.measure(scores, test.labels)
    if measured is None:
        raise UsageError("the test data are no classifier's", hint="give labels, one class per sample")
    return measured.value
