# SPDX-License-Identifier: Apache-2.0
"""`intarsia bench kernels` on an emulated board."""

from __future__ import annotations

import json

import pytest

from intarsia.cli import app

OPERATORS = ["--operator", "FULLY_CONNECTED", "--operator", "AVERAGE_POOL_2D", "--operator", "SOFTMAX"]


@pytest.mark.emulator
def test_layers_are_measured_against_portable_c(capsys: pytest.CaptureFixture[str]) -> None:
    code = app.run(["bench", "kernels", "--board", "qemu-riscv32-v", *OPERATORS, "--json"])
    out, err = capsys.readouterr()
    assert code == 0, err
    document = json.loads(out)
    assert (document["schema"], document["schema_version"]) == ("intarsia.bench.kernels", 1)
    rows = {row["layer"]: row for row in document["rows"]}
    assert len(rows) == 4
    assert all(row["mismatched_outputs"] == 0 for row in rows.values())
    dense, softmax = rows["640 -> 128"], rows["softmax 12"]
    assert dense["macs"] == 640 * 128
    assert dense["macs_per_unit"] == pytest.approx(dense["macs"] / dense["count"], abs=1e-3)
    assert dense["portable"] / dense["count"] == pytest.approx(dense["portable_ratio"], abs=1e-3)
    assert (dense["isa"], softmax["isa"]) == ("rvv", "scalar")
    assert dense["portable_ratio"] > 5
    assert softmax["portable_ratio"] == pytest.approx(1, abs=0.01)
