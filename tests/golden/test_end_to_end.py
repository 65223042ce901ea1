# SPDX-License-Identifier: Apache-2.0
"""Large networks with everything on the way: import, C, build, run on the host, comparison with the interpreter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from intarsia import boards, pipeline
from intarsia.request import DataSource, Request

pytestmark = [pytest.mark.data, pytest.mark.tflm_oracle]


@pytest.mark.parametrize(
    ("name", "shape", "kind"),
    [
        ("deeplabv3_mnv2_dm05_uint8", (1, 513, 513, 3), np.uint8),
        ("mp_face_detection_short_fp16", (2, 128, 128, 3), np.float32),
    ],
)
def test_no_output_differs(
    name: str, shape: tuple[int, ...], kind: type[np.generic], models: Path, tmp_path: Path
) -> None:
    x = np.random.default_rng(1).integers(0, 256, shape)
    np.savez(tmp_path / "x.npz", x=(x if kind is np.uint8 else x / 128.0 - 1.0).astype(kind))
    request = Request(DataSource(tmp_path / "x.npz"))
    document = pipeline.profile(models / f"{name}.tflite", boards.load("host"), request).document()
    assert document.reference.oracle.startswith("tflite-runtime")
    assert document.reference.mismatched_outputs == 0
