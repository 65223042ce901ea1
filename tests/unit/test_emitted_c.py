# SPDX-License-Identifier: Apache-2.0
"""What we write in C is read by people: it is formatted, and it compiles without a warning on its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from intarsia import boards, pipeline
from intarsia_codegen import project

ROOT = Path(__file__).resolve().parents[2]
CLANG_FORMAT = Path(sys.executable).with_name("clang-format")
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wundef", "-Werror")


@pytest.fixture(scope="module", params=["host", "qemu-cortex-m4", "qemu-cortex-m55", "qemu-riscv32-v"])
def generated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example network's project for a board."""
    graph = pipeline.load_model(ROOT / "examples" / "digits96" / "digits96_int8.tflite")
    board = boards.load(request.param)
    folder = tmp_path_factory.mktemp(request.param) / "fw"
    project.write(project.lower_for(graph, board), board, folder)
    return folder


def test_emitted_c_is_formatted(generated: Path) -> None:
    files = [str(p) for p in sorted(generated.rglob("*")) if p.suffix in (".c", ".h")]
    (generated / ".clang-format").write_text((ROOT / ".clang-format").read_text())
    done = subprocess.run(
        [CLANG_FORMAT, "--dry-run", "-Werror", *files],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[:2000]


def test_header_is_included_twice_and_from_cpp(generated: Path, tmp_path: Path) -> None:
    (header,) = list((generated / "model").glob("digits96_int8.h"))
    text = f'#include "{header.name}"\n#include "{header.name}"\nint main(void) {{ return 0; }}\n'
    includes = [f"-I{generated / 'model'}", f"-I{generated / 'include'}"]
    for compiler, name in (("gcc", "twice.c"), ("g++", "twice.cpp")):
        (tmp_path / name).write_text(text)
        command = [compiler, *WARNINGS, *includes, "-fsyntax-only", str(tmp_path / name)]
        subprocess.run(command, check=True, timeout=60)
