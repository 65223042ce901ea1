# SPDX-License-Identifier: Apache-2.0
"""Networks as libraries for CMake, Zephyr, Arduino and PlatformIO: each built as its users would, and run.

Arduino and PlatformIO are built by their own builders, on cores and platforms of a few lines (theirs cannot be had
here). For Zephyr there is a stand-in of its CMake functions; its Kconfig is read by Kconfiglib, as Zephyr does.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from intarsia import boards, pipeline, simulate
from intarsia.cli.app import run as intarsia
from intarsia.ir import Graph
from intarsia_codegen import libraries
from intarsia_codegen.project import lower_for
from support import arduino, small, tools, zephyr
from support.firmware import tool

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "examples" / "digits96" / "digits96_int8.tflite"
P = "digits96_int8"
FORMATS = sorted(libraries.formats())
M4 = "-mcpu=cortex-m4 -mthumb -mfpu=fpv4-sp-d16 -mfloat-abi=hard"
M3 = "-mcpu=cortex-m3 -mthumb"
CROSS = ("-DCMAKE_SYSTEM_NAME=Generic", "-DCMAKE_C_COMPILER=arm-none-eabi-gcc")
LIBRARY_ONLY = "-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY"

HOSTS = pytest.mark.parametrize("place", ["host", "external"])
"""Libraries that this machine runs: with inputs and outputs in the arena, and outside of it."""

pytestmark = pytest.mark.emulator


@pytest.fixture(scope="module")
def graph() -> Graph:
    return pipeline.load_model(MODEL)


@pytest.fixture(scope="module")
def made(graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Libraries in folders `<board>/<format>`, and in `external/<format>` for the host with --io external."""
    folder = tmp_path_factory.mktemp("libraries")
    for place, name in (("host", "host"), ("qemu-cortex-m4", "qemu-cortex-m4"), ("external", "host")):
        board = boards.load(name)
        program = lower_for(graph, board, external=place == "external")
        for kind in libraries.formats().values():
            kind.write(program, board, folder / place / kind.name)
    return folder


@pytest.fixture(scope="module")
def expected(graph: Graph) -> str:
    """What the examples print: the outputs for an input of zeros."""
    (source,) = (graph.tensor(t) for t in graph.inputs)
    assert source.quant is not None
    (output,) = simulate.run(graph, [np.full(source.shape, source.quant.zero_point[0], np.int8)])
    return "".join(f"output 0, {i}: {value}\n" for i, value in enumerate(output.reshape(-1).tolist()))


def cmake(source: Path, build: Path, *options: str) -> subprocess.CompletedProcess[str]:
    configure = [tool("cmake"), "-S", str(source), "-B", str(build), "-G", "Ninja", *options]
    configure.append(f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}")
    for command in (configure, [tool("cmake"), "--build", str(build)]):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            break
    return done


def output_of(program: Path) -> str:
    return subprocess.run([program], capture_output=True, text=True, timeout=60, check=True).stdout


def succeeds(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stdout + done.stderr, done.stdout + done.stderr


def flags(text: str) -> list[str]:
    return [f"-DCMAKE_{language}_FLAGS={text}" for language in ("C", "ASM")]


def machine_code(folder: Path, suffix: str) -> dict[str, bytes]:
    """Code of every object by the stem of its source, all sections of code in order."""
    found = {}
    for path in sorted(folder.rglob(f"*{suffix}")):
        raw = path.with_suffix(".raw")
        command = ["arm-none-eabi-objcopy", "-O", "binary", "-j", ".text*", str(path), str(raw)]
        subprocess.run(command, check=True, timeout=60)
        found[path.name.removesuffix(suffix).replace("_code.S", ".S")] = raw.read_bytes()
    return found


@pytest.mark.parametrize("kind", FORMATS)
def test_command_writes_a_library(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "library"
    command = ["generate", str(MODEL), "--board", "host", "--format", kind, "--json", "-q"]
    assert intarsia([*command, "--io", "external", "-o", str(tmp_path / "external")]) == 0
    assert json.loads(capsys.readouterr().out)["format"] == kind
    assert f"{P}_set_input_0(" in (tmp_path / "external" / "src" / f"{P}.h").read_text()
    assert intarsia([*command, "-o", str(out)]) == 0
    assert json.loads(capsys.readouterr().out)["format"] == kind
    readme = (out / "README.md").read_text()
    assert f"{P}_invoke" in readme
    assert "`conv_2d_s8_s8` for `scalar`" in readme
    assert (out / "src" / f"{P}.h").is_file()
    assert intarsia(["build", str(out)]) == 2
    assert "is a library" in capsys.readouterr().err


def test_options_of_firmware_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["generate", str(MODEL), "--board", "qemu-cortex-m4", "-o", str(tmp_path / "x")]
    assert intarsia([*command, "--format", "make"]) == 2
    assert "arduino, cmake, platformio, zephyr" in capsys.readouterr().err
    assert intarsia([*command, "--format", "cmake", "--link", "uart"]) == 2
    assert "--link" in capsys.readouterr().err


@HOSTS
def test_cmake_example(place: str, made: Path, expected: str, tmp_path: Path) -> None:
    succeeds(cmake(made / place / "cmake", tmp_path / "build"))
    assert output_of(tmp_path / "build" / f"{P}_example") == expected


@pytest.mark.parametrize("way", ["add_subdirectory", "FetchContent"])
def test_cmake_project_with_two_networks(way: str, made: Path, expected: str, tmp_path: Path) -> None:
    other = tmp_path / "other"
    network = small.int8_graph()
    libraries.formats()["cmake"].write(lower_for(network, boards.load("host")), boards.load("host"), other)
    folders = {P: made / "host" / "cmake", "small": other}
    if way == "FetchContent":
        lines = [f"FetchContent_Declare({name} SOURCE_DIR {folder})" for name, folder in folders.items()]
        lines = ["include(FetchContent)", *lines, f"FetchContent_MakeAvailable({' '.join(folders)})"]
    else:
        lines = [f"add_subdirectory({folder} {name})" for name, folder in folders.items()]
    main_c = (made / "host" / "cmake" / "example" / "main.c").read_text()
    main_c = main_c.replace('#include "digits', '#include "small.h"\n#include "digits')
    (tmp_path / "main.c").write_text(
        main_c.replace("  return 0;", "  small_init();\n  small_invoke();\n  return 0;")
    )
    # Whole archives: every object of both meets, as with build systems that link objects.
    whole = " ".join(f"-Wl,--whole-archive intarsia::{name} -Wl,--no-whole-archive" for name in folders)
    text = ["cmake_minimum_required(VERSION 3.20)", "project(user C ASM)", *lines]
    text += ["add_executable(user main.c)", f"target_link_libraries(user PRIVATE {whole})"]
    (tmp_path / "CMakeLists.txt").write_text("\n".join(text))
    succeeds(cmake(tmp_path, tmp_path / "build"))
    assert output_of(tmp_path / "build" / "user") == expected


def test_cmake_for_a_core_with_assembler(graph: Graph, made: Path, tmp_path: Path) -> None:
    """The library's machine code is that of the firmware that is measured, byte for byte."""
    fw, board = tmp_path / "fw", boards.load("qemu-cortex-m4")
    pipeline.generate(graph, board, fw)
    measured = tmp_path / "measured"
    succeeds(cmake(fw, measured, f"-DCMAKE_TOOLCHAIN_FILE={fw / 'toolchain.cmake'}", "-DITR_PROFILE=OFF"))
    library = made / "qemu-cortex-m4" / "cmake"
    options = flags(f"{M4} -mfp16-format=ieee")
    succeeds(cmake(library, tmp_path / "build", *CROSS, LIBRARY_ONLY, *options))
    ours = machine_code(tmp_path / "build" / "CMakeFiles" / f"intarsia_{P}.dir", ".obj")
    theirs = machine_code(measured / "CMakeFiles" / f"intarsia_{P}.dir", ".obj")
    assert any(name.endswith(".S") for name in ours)
    assert ours == theirs


@pytest.mark.parametrize("source", ["itr_dsp_gemm.S", f"{P}_layer0.c"])
def test_wrong_core_is_an_error_that_says_so(source: str, made: Path) -> None:
    folder = made / "qemu-cortex-m4" / "cmake" / "src"
    command = ["arm-none-eabi-gcc", *M3.split(), f"-I{folder}", "-c", str(folder / source), "-o", "/dev/null"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert re.search(
        r'#error "digits96_int8 was generated for qemu-cortex-m4. It needs an Arm core with', done.stderr
    )


@pytest.mark.parametrize("isa", sorted(boards.instruction_sets()))
def test_condition_of_an_instruction_set_holds_on_its_boards(isa: str, tmp_path: Path) -> None:
    """And on no board that does not have it."""
    needed = boards.instruction_sets()[isa]
    compilers = {
        "arm-none-eabi-gcc": "arm-none-eabi-gcc",
        "riscv64-unknown-elf-gcc": "riscv64-unknown-elf-gcc",
    }
    compilers |= {"clang-19-arm": "clang-19 --target=arm-none-eabi"}
    compilers |= {"clang-19-riscv": "clang-19 --target=riscv32-unknown-elf", "host": "gcc"}
    for name in boards.names():
        board = boards.load(name)
        options = [flag for flag in board.target.cpu_flags if not flag.startswith("-Wl")]
        command = [
            *compilers[board.target.toolchain].split(),
            *options,
            "-E",
            "-x",
            "assembler-with-cpp",
            "-",
            # what compilers cannot tell, the user says of the board
            *(f"-DITR_HAVE_{own.upper()}" for own in board.target.isa),
        ]
        text = f"#if !({needed.requires})\n#error no\n#endif\n"
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
        portable = isa in ("scalar", "blocked")
        assert (done.returncode == 0) == (portable or isa in board.target.isa), (name, done.stderr)


@HOSTS
def test_zephyr_sample(place: str, made: Path, expected: str, tmp_path: Path) -> None:
    package = zephyr.package(tmp_path / "zephyr")
    sample = made / place / "zephyr" / "samples" / P
    succeeds(cmake(sample, tmp_path / "build", f"-DZephyr_DIR={package}"))
    assert output_of(tmp_path / "build" / "app") == expected


def test_zephyr_module_for_a_core_with_assembler(made: Path, tmp_path: Path) -> None:
    package = zephyr.package(tmp_path / "zephyr")
    sample = made / "qemu-cortex-m4" / "zephyr" / "samples" / P
    options = [*CROSS, LIBRARY_ONLY, "-DCMAKE_CXX_COMPILER=arm-none-eabi-g++", f"-DZephyr_DIR={package}"]
    done = cmake(
        sample, tmp_path / "build", *options, *flags(M4), "-DCMAKE_EXE_LINKER_FLAGS=--specs=nosys.specs"
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.tools
def test_zephyr_module_file_and_kconfig(made: Path, tmp_path: Path) -> None:
    module = made / "host" / "zephyr"
    script = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))"
    read = tools.python(script, str(module / "zephyr" / "module.yml"))
    document = json.loads(read.stdout)
    # The keys that Zephyr's documentation of modules allows, with their types.
    assert set(document) <= {"name", "build", "tests", "samples", "boards", "blobs"}
    assert set(document["build"]) <= {"cmake", "kconfig", "cmake-ext", "kconfig-ext", "depends", "settings"}
    assert isinstance(document["name"], str)
    assert (module / document["build"]["cmake"] / "CMakeLists.txt").is_file()
    assert (module / document["build"]["kconfig"]).is_file()
    assert all((module / sample / P / "sample.yaml").is_file() for sample in document["samples"])
    # As Zephyr includes the Kconfig file of a module.
    (tmp_path / "Kconfig").write_text(
        f'mainmenu "Zephyr"\nconfig MAIN_STACK_SIZE\n\tint "stack"\n\tdefault 1024\n'
        f'menu "modules"\nosource "{module / document["build"]["kconfig"]}"\nendmenu\n'
    )
    script = """
import sys, kconfiglib
found = kconfiglib.Kconfig(sys.argv[1], warn_to_stderr=False)
found.load_config(sys.argv[2])
print(found.warnings, found.syms["INTARSIA_DIGITS96_INT8"].str_value, found.syms["MAIN_STACK_SIZE"].str_value)
"""
    done = tools.python(script, str(tmp_path / "Kconfig"), str(module / "samples" / P / "prj.conf"))
    assert done.stdout == "[] y 4096\n", done.stdout + done.stderr


@HOSTS
@pytest.mark.arduino
def test_arduino_sketch(place: str, made: Path, expected: str, tmp_path: Path) -> None:
    library = made / place / "arduino"
    succeeds(arduino.build(library, library / "examples" / f"{P}_once" / f"{P}_once.ino", tmp_path))
    assert output_of(tmp_path / "build" / "sketch.elf") == expected


@pytest.mark.arduino
def test_arduino_library_for_a_core_with_assembler(made: Path, tmp_path: Path) -> None:
    library = made / "qemu-cortex-m4" / "arduino"
    sketch = library / "examples" / f"{P}_once" / f"{P}_once.ino"
    succeeds(arduino.build(library, sketch, tmp_path, prefix="arm-none-eabi-", flags=M4, link=False))
    objects = {p.name for p in (tmp_path / "build" / "libraries" / library.name).glob("*.o")}
    assert {"itr_dsp_gemm.S.o", f"{P}.c.o"} <= objects
    done = arduino.build(library, sketch, tmp_path / "m3", prefix="arm-none-eabi-", flags=M3, link=False)
    assert done.returncode != 0
    assert "was generated for qemu-cortex-m4" in done.stderr


@pytest.mark.arduino
def test_arduino_does_not_fuse_floats(tmp_path: Path) -> None:
    """Its compilers run in GNU mode, which fuses products and sums: that would change results."""
    network, board = small.float_graph(), boards.load("qemu-cortex-m4")
    library = tmp_path / "library"
    portable = lower_for(network, board, portable=range(len(network.nodes)))
    libraries.formats()["arduino"].write(portable, board, library)
    sketch = library / "examples" / "small_once" / "small_once.ino"
    succeeds(arduino.build(library, sketch, tmp_path, prefix="arm-none-eabi-", flags=M4, link=False))
    objects = sorted((tmp_path / "build" / "libraries" / "library").glob("*.o"))
    command = ["arm-none-eabi-objdump", "-d", *map(str, objects)]
    code = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "vmul.f32" in code
    assert "vfma.f32" not in code


def platformio_project(library: Path, platform: Path, project: Path) -> Path:
    """A project that has the library's example as its program."""
    (project / "src").mkdir(parents=True)
    shutil.copy(library / "examples" / "once" / "main.c", project / "src")
    (project / "platformio.ini").write_text(
        f"[env:here]\nplatform = symlink://{platform}\nlib_deps = {P}=symlink://{library}\n"
    )
    return project


@HOSTS
@pytest.mark.tools
def test_platformio_project(place: str, made: Path, expected: str, tmp_path: Path) -> None:
    platform = tools.platform(tmp_path / "platform")
    project = platformio_project(made / place / "platformio", platform, tmp_path / "project")
    succeeds(tools.platformio(tmp_path, "run", "-v", cwd=project))
    assert output_of(project / ".pio" / "build" / "here" / "program") == expected


@pytest.mark.tools
@pytest.mark.parametrize("flags", [M4, M3])
def test_platformio_library_for_a_core_with_assembler(flags: str, made: Path, tmp_path: Path) -> None:
    platform = tools.platform(tmp_path / "platform", "arm-none-eabi-", flags, "--specs=nosys.specs")
    project = platformio_project(made / "qemu-cortex-m4" / "platformio", platform, tmp_path / "project")
    done = tools.platformio(tmp_path, "run", "-v", cwd=project)
    assert (done.returncode == 0) == (flags == M4), done.stdout + done.stderr
    if flags == M4:
        objects = {p.name for p in (project / ".pio").rglob("*.o")}
        assert {"itr_dsp_gemm.o", f"{P}_layer0.o"} <= objects
    else:
        assert "was generated for qemu-cortex-m4" in done.stderr


@pytest.mark.tools
def test_platformio_accepts_the_manifest(made: Path, tmp_path: Path) -> None:
    """Its own check, but for the name of the licence, whose list it would download."""
    library = tmp_path / "library"
    shutil.copytree(made / "host" / "platformio", library)
    manifest = json.loads((library / "library.json").read_text())
    assert manifest.pop("license") == "Apache-2.0"
    (library / "library.json").write_text(json.dumps(manifest))
    succeeds(tools.platformio(tmp_path, "pkg", "pack", "-o", str(tmp_path / "p.tar.gz"), str(library)))
    listed = subprocess.run(
        ["tar", "tzf", tmp_path / "p.tar.gz"], capture_output=True, text=True, check=True, timeout=60
    )
    assert {"library.json", f"src/{P}.c", "src/intarsia/target.h", "examples/once/main.c"} <= set(
        listed.stdout.split()
    )
