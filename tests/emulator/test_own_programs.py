# SPDX-License-Identifier: Apache-2.0
"""Generated projects in a program of the user: in C++, two in one, headers included twice, the arena in a section."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from intarsia import boards, measure, pipeline, simulate
from intarsia.cli import app
from intarsia.ir import Graph
from intarsia_codegen import project
from support.draw import SeededDraw, sample
from support.firmware import tool
from support.networks import Network

MAIN = """#include <cstdio>
#include <cstring>
{includes}
namespace {{
template <typename T> void read(T *target, size_t bytes) {{
  if (std::fread(target, 1, bytes, stdin) != bytes) std::exit(3);
}}
}}  // namespace
int main() {{
{calls}
  return 0;
}}
"""
CALL = """  {P}_init();
  read({P}_input_0(), {P_}_INPUT_0_ELEMENTS);
  {P}_invoke();
  std::fwrite({P}_output_0(), 1, {P_}_OUTPUT_0_ELEMENTS, stdout);"""
LIST = """cmake_minimum_required(VERSION 3.20)
project(mine C CXX ASM)
set(CMAKE_CXX_FLAGS "-Wall -Wextra -Wconversion -Wshadow -Wundef -Werror")
add_subdirectory({a} a)
add_subdirectory({b} b)
add_executable(mine main.cpp other.c)
target_link_libraries(mine PRIVATE intarsia_first intarsia_second)
"""


def small(seed: int, name: str) -> Graph:
    """A network with the kernels that all of these have."""
    net = Network(SeededDraw(seed), (1, 9, 8, 3))
    x = net.depthwise(net.conv(net.source, 4))
    return net.finish(net.residual(x)).replace(name=name)


def built(folder: Path) -> Path:
    for step in (
        ["-S", str(folder), "-B", str(folder / "build"), "-G", "Ninja"],
        ["--build", str(folder / "build")],
    ):
        command = [tool("cmake"), *step]
        command += [f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}"] if "-S" in step else []
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "warning" not in done.stdout, done.stdout
    return folder / "build" / "mine"


def test_two_models_in_a_program_in_cpp(tmp_path: Path) -> None:
    """Both give the right bytes, though they share kernels; each header is included twice, from C++ and from C."""
    graphs = {"first": small(1, "first"), "second": small(2, "second")}
    for name, graph in graphs.items():
        board = boards.load("host")
        project.write(project.lower_for(graph, board), board, tmp_path / name)
    shared = [{p.name for p in (tmp_path / name / "kernels").iterdir()} for name in graphs]
    assert shared[0] & shared[1]
    includes = "".join(f'#include "{name}.h"\n' for name in graphs) * 2
    calls = "\n".join(CALL.format(P=name, P_=name.upper()) for name in graphs)
    (tmp_path / "main.cpp").write_text("#include <cstdlib>\n" + MAIN.format(includes=includes, calls=calls))
    (tmp_path / "other.c").write_text(f"{includes}typedef int not_empty;\n")
    (tmp_path / "CMakeLists.txt").write_text(LIST.format(a=tmp_path / "first", b=tmp_path / "second"))
    program, random = built(tmp_path), np.random.default_rng(0)
    inputs = {name: sample(graph.tensor(graph.inputs[0]), random) for name, graph in graphs.items()}
    sent = b"".join(x.tobytes() for x in inputs.values())
    done = subprocess.run([program], input=sent, capture_output=True, timeout=60, check=True)
    wanted = b"".join(simulate.run(graphs[name], [x])[0].tobytes() for name, x in inputs.items())
    assert done.stdout == wanted


@pytest.mark.emulator
@pytest.mark.parametrize("board", ["qemu-cortex-m4", "qemu-riscv32"])
def test_arena_in_a_section(board: str, digits: Path, tmp_path: Path) -> None:
    """It lies in the memory that the linker script gives, costs no flash, and results stay."""
    arguments = ["generate", str(digits / "digits96_int8.tflite"), "--board", board, "-q"]
    assert app.run([*arguments, "--arena-section", ".bss.dtcm", "-o", str(tmp_path / "fw")]) == 0
    graph = pipeline.load_model(digits / "digits96_int8.tflite")
    built = pipeline.build_project(tmp_path / "fw")
    program = project.lower_for(graph, boards.load(board))
    assert built.memory.arena_bytes == program.arena_bytes
    assert built.memory.flash_bytes < 200_000
    (listing,) = (tmp_path / "fw").rglob("digits96_int8.c")
    assert '#define ITR_ARENA_SECTION ".bss.dtcm"' in listing.read_text()
    random = np.random.default_rng(1)
    samples = [[sample(graph.tensor(i), random) for i in graph.inputs]]
    measured = measure.measure(built, samples)
    assert np.array_equal(measured.outputs[0][0], simulate.run(graph, samples[0])[0])


def test_section_is_in_the_object(digits: Path, tmp_path: Path) -> None:
    """In a library for a program of one's own: the user's linker script sees the name."""
    arguments = [
        "generate",
        str(digits / "digits96_int8.tflite"),
        "--board",
        "host",
        "--format",
        "cmake",
        "-q",
    ]
    assert app.run([*arguments, "--arena-section", ".noinit.nn", "-o", str(tmp_path / "lib")]) == 0
    source = tmp_path / "lib" / "src"
    command = [
        "gcc",
        "-std=c11",
        f"-I{source}",
        "-c",
        str(source / "digits96_int8.c"),
        "-o",
        str(tmp_path / "x.o"),
    ]
    subprocess.run(command, check=True, timeout=60)
    with (tmp_path / "x.o").open("rb") as stream:
        section = ELFFile(stream).get_section_by_name(".noinit.nn")
        assert section["sh_type"] == "SHT_NOBITS"
        assert section["sh_size"] == 110_592


@pytest.mark.parametrize("name", ["", "a b", '"x', ".bss\n", "x" * 101])
def test_bad_section_names_are_refused(name: str, digits: Path, tmp_path: Path) -> None:
    arguments = ["generate", str(digits / "digits96_int8.tflite"), "--board", "host", "-q"]
    assert app.run([*arguments, "--arena-section", name, "-o", str(tmp_path / "fw")]) == 2
