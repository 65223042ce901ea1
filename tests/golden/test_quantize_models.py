# SPDX-License-Identifier: Apache-2.0
"""Float networks quantized with the defaults: accuracy on real data, and the interpreter's bytes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from intarsia import calibrate, data, oracle, pipeline, simulate
from intarsia.exporters.tflite import export
from intarsia.ir import Graph
from intarsia.quantize import Options, quantize
from intarsia.quantize.compare import compare, quantized_inputs

pytestmark = pytest.mark.data

MAX_DROP = 0.01


@dataclass(frozen=True)
class Task:
    """A float model, where its data lie, what integers in them mean, and how many test samples are taken."""

    model: str
    dataset: str
    input_scale: float
    input_offset: float
    samples: int
    agreement: float
    label_column: str | None = None


TASKS = (
    Task("kws_dscnn_dynrange", "kws01", 0.5847029, 83.0, 600, 0.98),
    Task("vww_mobilenetv1_025_96_float", "vww_coco128", 1 / 255, 0.0, 72, 0.97),
    Task("ic_resnet8_float", "cifar10", 1.0, 0.0, 300, 0.95),
    Task("mobilenet_v1_025_128_float", "imagenet_samples", 1 / 127.5, 127.5, 200, 0.86, "label_1001"),
)


def load(task: Task, folder: Path, graph: Graph, part: str, limit: int | None = None) -> data.Dataset:
    ending = "" if task.label_column else ".npz"
    return data.load(
        folder / "datasets" / task.dataset / f"{part}{ending}",
        [graph.tensor(index) for index in graph.inputs],
        input_scale=task.input_scale,
        input_offset=task.input_offset,
        label_column=task.label_column,
        limit=limit,
    )


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.model)
def test_int8_loses_at_most_a_point(task: Task, data: Path) -> None:
    graph = pipeline.load_model(data / "models" / f"{task.model}.tflite")
    statistics = calibrate.calibrate(graph, load(task, data, graph, "calib"))
    test = load(task, data, graph, "test", task.samples)
    real, integer = compare(graph, statistics, test, [Options()])
    assert integer.samples == task.samples
    assert integer.top1 >= real.top1 - MAX_DROP
    assert integer.agreement >= task.agreement


@pytest.mark.parametrize("rule", ["litert", pytest.param("tflm", marks=pytest.mark.tflm_oracle)])
@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.model)
def test_an_interpreter_computes_the_same_bytes(task: Task, rule: str, data: Path) -> None:
    graph = pipeline.load_model(data / "models" / f"{task.model}.tflite", rule=rule)
    calibration = load(task, data, graph, "calib", 8)
    made = quantize(graph, calibrate.calibrate(graph, calibration))
    samples = list(zip(*quantized_inputs(made, calibration), strict=True))
    for sample, expected in zip(samples, oracle.interpret(export(made), samples, rule), strict=True):
        assert np.array_equal(simulate.run(made, sample)[0], expected[0])
