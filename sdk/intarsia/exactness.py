# SPDX-License-Identifier: Apache-2.0
"""Device outputs against a reference of the same rounding rule."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import intarsia
from intarsia import batching, oracle, simulate
from intarsia.dtypes import FLOAT16
from intarsia.errors import StageError, UsageError
from intarsia.exporters import tflite as exporter
from intarsia.ir import Graph

ORACLES = ("auto", "intarsia", "interpreter")

FLOAT_TOLERANCE = 1e-4
"""Float outputs count as different above this share of max(1, |reference|)."""

Outputs = Sequence[Sequence[np.ndarray]]


@dataclass(frozen=True)
class Comparison:
    """`compared` output values, `mismatched` of them different, `max_abs_diff` in codes or real units.

    `oracle` names the program that computed the reference, `rule` the rounding rule that both follow.
    """

    rule: str
    oracle: str
    compared: int
    mismatched: int
    max_abs_diff: float


def reference(
    graph: Graph, samples: Outputs, which: str = "auto", *, original: bytes | None = None
) -> tuple[str, list[list[np.ndarray]]]:
    """(oracle, outputs per sample) under the graph's rule.

    `interpreter` is the TFLite interpreter of the rule, `intarsia` our own exact reference; `auto` takes the
    interpreter where it is installed and takes the model. The interpreter runs the `original` file where
    there is one, so that import and passes are compared too. Feature maps in half precision are float32 to it,
    so that `auto` takes our own there. Raises EnvironmentMissing or StageError for `interpreter`.
    """
    if which not in ORACLES:
        raise UsageError(f"unknown oracle '{which}'", hint=f"one of {', '.join(ORACLES)}")
    halves = any(t.dtype == FLOAT16 and not t.is_constant for t in graph.tensors)
    if halves and which == "interpreter":
        raise StageError(
            "the interpreter does not compute in half precision", hint="compare with --oracle intarsia"
        )
    if which == "interpreter" or (which == "auto" and not halves and oracle.available(graph.rule)):
        try:
            return oracle.version(graph.rule), _interpreted(graph, samples, original)
        except StageError:
            if which == "interpreter":
                raise
    return f"intarsia {intarsia.__version__}", _own(graph, samples)


def _interpreted(graph: Graph, samples: Outputs, original: bytes | None) -> list[list[np.ndarray]]:
    """Outputs of the interpreter for the original file, or for the graph where it has none or refuses it."""
    if original is not None:
        with contextlib.suppress(StageError):
            return oracle.interpret(original, samples, graph.rule)
    return oracle.interpret(exporter.export(graph), samples, graph.rule)


def _own(graph: Graph, samples: Outputs) -> list[list[np.ndarray]]:
    """Outputs of our own reference: all at once, except where the order of float sums depends on how many."""
    if not samples or graph.states or any(t.dtype.is_float for t in graph.tensors):
        return simulate.run_sequence(graph, samples)
    batched = batching.outputs(graph, [np.stack(column) for column in zip(*samples, strict=True)])
    return [list(outputs) for outputs in zip(*batched, strict=True)]


def compare(rule: str, name: str, device: Outputs, expected: Outputs) -> Comparison:
    """Counts differing output values."""
    compared = mismatched = 0
    largest = 0.0
    for got, want in zip(device, expected, strict=True):
        for a, b in zip(got, want, strict=True):
            difference, wrong = differences(a, b.reshape(a.shape))
            compared += a.size
            mismatched += int(wrong.sum())
            largest = max(largest, float(difference.max(initial=0.0)))
    return Comparison(rule, name, compared, mismatched, largest)


def differences(device: np.ndarray, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(absolute difference as float64, whether it counts as one) of every value; both arrays of the same shape.

    Integers must be equal; floats may differ by `FLOAT_TOLERANCE`. What is not finite differs by infinity from all
    but itself.
    """
    with np.errstate(invalid="ignore"):
        difference = np.abs(device.astype(np.float64) - expected.astype(np.float64))
    difference = np.where(np.isnan(difference), np.inf, difference)
    difference = np.where((device == expected) | (np.isnan(device) & np.isnan(expected)), 0.0, difference)
    limit = FLOAT_TOLERANCE * np.maximum(1.0, np.abs(expected)) if device.dtype.kind == "f" else 0.0
    return difference, difference > limit
