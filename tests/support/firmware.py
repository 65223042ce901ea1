# SPDX-License-Identifier: Apache-2.0
"""The runtime with a model of a few lines, built for any board."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from intarsia import assets
from intarsia.boards import Board

MODEL_FOLDER = Path(__file__).parents[1] / "emulator" / "runtime_model"
DATA_BYTES = 490


def tool(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name) or name


def compile_firmware(board: Board, folder: Path, profile: bool = True) -> Path:
    """Build runtime, HAL and test model with the board's toolchain file."""
    definitions = {
        **board.definitions(),
        "ITR_MODEL": "runtime_test_model",
        "ITR_LAYER_COUNT": "2",
        "ITR_PROFILE": str(int(profile)),
    }
    source_folders = [str(f) for f in board.source_folders()]
    link_options: list[str] = []
    if board.linker_script() is not None:
        link_options = [f"-T{board.linker_script()}", *(f"-L{f}" for f in source_folders)]
    command = [tool("cmake"), "-S", str(MODEL_FOLDER), "-B", str(folder), "-G", "Ninja"]
    command += [
        f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}",
        f"-DCMAKE_TOOLCHAIN_FILE={assets.firmware()}/toolchains/{board.target.toolchain}.cmake",
        f"-DITR_CPU_FLAGS={' '.join(board.target.cpu_flags)}",
        f"-DITR_SOURCES={';'.join(str(s) for s in board.sources())}",
        f"-DITR_INCLUDES={';'.join([str(assets.firmware() / 'include'), *source_folders])}",
        f"-DITR_DEFINITIONS={';'.join(f'{k}={v}' for k, v in definitions.items())}",
        f"-DITR_LINK_OPTIONS={';'.join(link_options)}",
    ]
    for step in (command, [tool("cmake"), "--build", str(folder)]):
        done = subprocess.run(step, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "warning" not in done.stdout + done.stderr, done.stdout + done.stderr
    return folder / "firmware.elf"


def expected_outputs(data: bytes, inferences: int) -> bytes:
    """What the model makes of its data; it also counts its runs."""
    sums = bytes((value + index % 7 + 1) % 256 for index, value in enumerate(data))
    return sums + inferences.to_bytes(4, "little")
