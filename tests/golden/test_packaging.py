# SPDX-License-Identifier: Apache-2.0
"""The wheel in an empty environment, far from the checkout, does what the checkout does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel made from a clean clone through the source distribution."""
    folder = tmp_path_factory.mktemp("wheel")
    clone = folder / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True, timeout=120)
    command = [sys.executable, "-m", "build", "--no-isolation", "-o", str(folder), str(clone)]
    subprocess.run(command, check=True, timeout=300, capture_output=True)
    (found,) = folder.glob("*.whl")
    return found


def test_wheel_holds_firmware_and_boards(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for name in (
        "intarsia/_assets/firmware/include/intarsia/fixedpoint.h",
        "intarsia/_assets/firmware/kernels/conv_2d/conv_2d_s8_s8__scalar.c",
        "intarsia/_assets/boards/qemu-cortex-m4/board.toml",
        "intarsia_codegen/templates/model.c.j2",
        "intarsia/cli/app.py",
    ):
        assert name in names
    assert not [n for n in names if n.startswith(("tests/", "examples/"))]


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.emulator
def test_installed_wheel_profiles_from_a_folder_with_an_accent(
    wheel: Path, data: Path, tmp_path: Path
) -> None:
    place = tmp_path / "ein schöner Ordner"
    place.mkdir()
    venv.create(place / "env", with_pip=True)
    binaries = place / "env" / "bin"
    subprocess.run([binaries / "pip", "install", "-q", wheel], check=True, timeout=600, capture_output=True)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "INTARSIA"))}
    command = [binaries / "intarsia", "profile", data / "models" / "kws_dscnn_int8.tflite"]
    command += ["--board", "qemu-cortex-m4", "--data", data / "datasets" / "kws01" / "test.npz", "--json"]
    done = subprocess.run(
        command, cwd=place, env=environment, check=True, timeout=300, capture_output=True, text=True
    )
    run = json.loads(done.stdout)
    assert run["reference"]["mismatched_outputs"] == 0
    assert run["accuracy"] == {"metric": "top1", "value": pytest.approx(0.907, abs=5e-4), "samples": 600}
