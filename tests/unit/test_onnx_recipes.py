# SPDX-License-Identifier: Apache-2.0
"""The lines of docs/onnx.md for PyTorch and Keras, run where their packages are installed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intarsia.models import load_model
from support.onnxes import computed

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "onnx.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_the_page_has_a_recipe_for_each() -> None:
    assert ["torch" in block for block in BLOCKS] == [True, False]


@pytest.mark.exporters
def test_the_recipe_for_pytorch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from torch import nn

    monkeypatch.chdir(tmp_path)
    layers = (nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU6(), nn.Flatten(), nn.Linear(512, 5))
    model: Any = nn.Sequential(*layers)
    samples = torch.randn(4, 3, 16, 16)
    exec(BLOCKS[0], {"torch": torch, "numpy": np, "model": model, "samples": samples})
    graph = load_model(tmp_path / "model.onnx")
    with np.load(tmp_path / "samples.npz") as arrays:
        assert arrays["x"].shape[1:] == graph.tensor(graph.inputs[0]).shape[1:]
    with torch.no_grad():
        expected = model(samples[:1]).numpy()
    assert np.abs(computed(graph, samples[:1].numpy())[0] - expected).max() < 1e-5


@pytest.mark.exporters
def test_the_recipe_for_keras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.chdir(tmp_path)
    import keras

    image = keras.Input((12, 10, 3))
    x = keras.layers.ReLU()(keras.layers.Conv2D(4, 3, strides=2, padding="same")(image))
    model = keras.Model(image, keras.layers.Dense(3)(keras.layers.Flatten()(x)))
    samples = np.random.default_rng(0).standard_normal((2, 12, 10, 3)).astype(np.float32)
    expected = model.predict(samples[:1], verbose=0)
    exec(BLOCKS[1], {"numpy": np, "model": model, "samples": samples})
    graph = load_model(tmp_path / "model.onnx")
    assert np.abs(computed(graph, samples[:1])[0] - expected).max() < 1e-5
