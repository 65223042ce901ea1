# SPDX-License-Identifier: Apache-2.0
"""Third-party networks as PyTorch would export them: the same bytes as from their .tflite files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from intarsia import data, simulate
from intarsia.models import canonical, load_model
from support.onnxes import imported, runtime
from support.toonnx import to_onnx

pytestmark = pytest.mark.data

NAMES = (
    "ad_autoencoder_int8",
    "ic_resnet8_int8",
    "ic_resnet8_float",
    "kws_dscnn_int8",
    "tflm_person_detect_int8",
    "vww_mobilenetv1_025_96_int8",
)
MOST_CODES = 3
"""Largest difference of an output from ONNX Runtime's, in codes: it rounds otherwise in every layer."""


@pytest.mark.parametrize("name", NAMES)
def test_both_formats_give_the_same_values(name: str, models: Path) -> None:
    theirs = load_model(models / f"{name}.tflite")
    file = to_onnx(theirs)
    ours = canonical(imported(file))
    assert "TRANSPOSE" not in {node.op for node in ours.nodes}
    samples = data.random_samples(theirs, 2).samples
    expected, got = (simulate.run_sequence(graph, samples) for graph in (theirs, ours))
    assert [y.tobytes() for (y,) in expected] == [y.tobytes() for (y,) in got]
    source, result = theirs.tensor(theirs.inputs[0]), theirs.tensor(theirs.outputs[0])
    for (x,), (y,) in zip(samples, expected, strict=True):
        real = (
            x
            if source.quant is None
            else (x.astype(np.float32) - source.zero_point) * np.float32(source.scale)
        )
        real = real.transpose(0, 3, 1, 2) if real.ndim == 4 else real
        (want,) = runtime(file, np.ascontiguousarray(real, np.float32))
        if result.quant is None:
            assert np.allclose(y, want, atol=1e-5)
        else:
            codes = y.astype(np.float64) - result.zero_point
            assert np.abs(codes - want.reshape(y.shape) / result.scale).max() <= MOST_CODES + 0.01
