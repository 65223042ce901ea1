# SPDX-License-Identifier: Apache-2.0
"""Independent witnesses: TFLite interpreters, each under the rounding rule that its reference kernels follow."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np

from intarsia import interpret as program
from intarsia import programs
from intarsia.errors import EnvironmentMissing, StageError

DISTRIBUTIONS = {"tflm": "tflite-runtime", "litert": "ai-edge-litert"}
"""The interpreter whose BUILTIN_REF kernels follow each rule."""

REFERENCE_KERNELS, OTHER_KERNELS = "BUILTIN_REF", "BUILTIN_WITHOUT_DEFAULT_DELEGATES"
"""Kernels of an interpreter. The others round sums in ways of their own; few operators have no reference kernel."""

_MODULES = {"tflm": "tflite_runtime", "litert": "ai_edge_litert"}
TFLITE_RUNTIME_PYTHON = "INTARSIA_TFLITE_RUNTIME_PYTHON"
"""Environment variable: Python of another environment that has tflite-runtime (it needs Python 3.11 and numpy < 2)."""


@cache
def _python(rule: str) -> str | None:
    """The interpreter program for a rule, or None when it is not installed anywhere we know."""
    if importlib.util.find_spec(_MODULES[rule]) is not None:
        return sys.executable
    if rule == "tflm" and (other := os.environ.get(TFLITE_RUNTIME_PYTHON)) and Path(other).exists():
        return other
    return None


def available(rule: str) -> bool:
    """Whether the interpreter of that rule can be run."""
    return _python(rule) is not None


@cache
def version(rule: str) -> str:
    """Name and version of the interpreter of a rule, as reports print it. Raises EnvironmentMissing."""
    python = _require(rule)
    if python == sys.executable:
        return f"{DISTRIBUTIONS[rule]} {metadata.version(DISTRIBUTIONS[rule])}"
    code = f"from importlib.metadata import version; print(version({DISTRIBUTIONS[rule]!r}))"
    return f"{DISTRIBUTIONS[rule]} {programs.run([python, '-c', code], programs.VERSION_SECONDS).out.strip()}"


def _require(rule: str) -> str:
    python = _python(rule)
    if python is None:
        name = DISTRIBUTIONS[rule]
        hint = f"pip install {name}"
        if rule == "tflm":
            hint = (
                "with Python 3.11: python3.11 -m venv ENV && ENV/bin/pip install 'tflite-runtime==2.14.0' 'numpy<2', "
                f"then set {TFLITE_RUNTIME_PYTHON}=ENV/bin/python"
            )
        raise EnvironmentMissing(
            f"{name} is not installed; it is the interpreter of rule '{rule}'", hint=hint
        )
    return python


def interpret(
    model: bytes, samples: Sequence[Sequence[np.ndarray]], rule: str, *, timeout: float = 600.0
) -> list[list[np.ndarray]]:
    """Outputs of the BUILTIN_REF kernels that follow `rule`, for each sample.

    `samples` hold one array per model input. Raises EnvironmentMissing when that interpreter is not installed and
    StageError when it refuses the model.
    """
    (answer,) = interpret_many([(model, samples)], rule, timeout=timeout)
    if isinstance(answer, str):
        raise StageError(f"{DISTRIBUTIONS[rule]} refused the model: {answer}")
    return answer


def interpret_many(
    jobs: Sequence[tuple[bytes, Sequence[Sequence[np.ndarray]]]],
    rule: str,
    *,
    timeout: float = 600.0,
    kernels: str = REFERENCE_KERNELS,
) -> list[list[list[np.ndarray]] | str]:
    """`interpret` for several (model, samples) in one process; the message instead where a model is refused."""
    python = _require(rule)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, (model, samples) in enumerate(jobs):
            (folder / f"m{number}.tflite").write_bytes(model)
            arrays = {f"s{i}_{j}": x for i, xs in enumerate(samples) for j, x in enumerate(xs)}
            np.savez(folder / f"in{number}.npz", **arrays)  # type: ignore[arg-type]
        command = [python, program.__file__, _MODULES[rule], str(folder), kernels]
        done = programs.run(command, timeout, label=DISTRIBUTIONS[rule])
        if done.code != 0:
            last = (done.err.strip().splitlines() or [f"exit code {done.code}"])[-1]
            raise StageError(f"{DISTRIBUTIONS[rule]} failed: {last}")
        return [_answer(folder, number) for number in range(len(jobs))]


def _answer(folder: Path, number: int) -> list[list[np.ndarray]] | str:
    error = folder / f"error{number}.txt"
    if error.exists():
        return error.read_text().strip()
    with np.load(folder / f"out{number}.npz") as arrays:
        results: list[list[np.ndarray]] = []
        while f"s{len(results)}_0" in arrays:
            prefix = f"s{len(results)}_"
            outputs: list[np.ndarray] = []
            while f"{prefix}{len(outputs)}" in arrays:
                outputs.append(arrays[f"{prefix}{len(outputs)}"])
            results.append(outputs)
        return results
