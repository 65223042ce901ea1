# SPDX-License-Identifier: Apache-2.0
"""What broke for users of other tools (rows of the list of cases): refusals, names, hostile files, memory, headers.

Each row under its id; numbers are in tests/golden/test_case_rows.py. Rows about ports, probes and emulators have tests
where those are tested; `ELSEWHERE` says which.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intarsia import boards, check, pipeline, planning, simulate
from intarsia.errors import BudgetError, EnvironmentMissing, ModelError
from intarsia.importers import tflite as importer
from intarsia.ir import Graph
from intarsia.ops._common import schema
from intarsia.ops._scaled_sum import SumAttrs
from intarsia.ops.concatenation import ConcatenationAttrs
from intarsia.ops.conv_2d import Conv2DAttrs
from intarsia.ops.depthwise_conv_2d import DepthwiseConv2DAttrs
from intarsia.ops.fully_connected import FullyConnectedAttrs
from intarsia.ops.reshape import ReshapeAttrs
from intarsia.passes import canonicalise
from intarsia.request import Budget
from intarsia.runners._serial import SerialLink
from intarsia_codegen import project
from intarsia_codegen.names import identifier
from support import harness
from support.tiny import Tiny

TESTS = Path(__file__).resolve().parents[1]
ELSEWHERE = {
    "B60": ("emulator/test_external_io.py", "test_drawn_networks_give_the_same_bytes"),
    "B76": ("emulator/test_portable_kernels.py", "test_every_operator"),
    "B78": ("unit/test_emitted_c.py", "test_header_is_included_twice_and_from_cpp"),
    "B85": ("unit/test_flashing.py", "test_a_failure_is_told_in_the_tools_own_words"),
    "B87": ("emulator/test_faults.py", "test_each_fault_is_counted", "test_ten_thousand_exchanges"),
    "B89": ("emulator/test_silicon_runs.py", "test_what_does_not_answer_is_named"),
    "B91": ("emulator/test_runtime_boards.py", "test_hang_ends_within_its_bound", "test_uart_exit_code"),
    "B93": ("unit/test_report.py", "test_a_board_without_counter_shows_none_and_no_zero"),
}


@pytest.mark.parametrize("name", list(ELSEWHERE))
def test_rows_that_other_files_hold(name: str) -> None:
    file, *functions = ELSEWHERE[name]
    tree = ast.parse((TESTS / file).read_text())
    assert set(functions) <= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def loaded(tiny: Tiny) -> Graph:
    graph = canonicalise(importer.parse(tiny.bytes, name="tiny"))
    check.check(graph)
    return graph


def added(*names: str) -> Tiny:
    """x + x, with names for the input and the output."""
    t = Tiny()
    x = t.input((1, 4), name=names[0])
    t.node("ADD", [x, x], (1, 4), SumAttrs(), scale=0.1, name=names[1])
    return t


@pytest.mark.emulator
def test_b09_large_maps_are_on_no_stack(tmp_path: Path) -> None:
    """The arena holds them, to the byte; the stack has a bound, and the report says both."""
    t = Tiny()
    kernel = [t.weights((12, 3, 3, 3)), t.bias(12)]
    t.node("CONV_2D", [t.input((1, 144, 256, 3)), *kernel], (1, 144, 256, 12), Conv2DAttrs("SAME"), scale=0.3)
    pipeline.generate(loaded(t), boards.load("qemu-cortex-m4"), tmp_path / "fw")
    memory = pipeline.build_project(tmp_path / "fw").memory
    maps = 144 * 256 * 15
    assert maps <= memory.arena_bytes < maps + 16_384
    assert 0 < memory.stack_bytes < 4096
    assert memory.ram_bytes >= memory.arena_bytes + memory.stack_bytes


def test_b35_missing_options() -> None:
    t = Tiny()
    t.node("SOFTMAX", [t.input((1, 4))], (1, 4), scale=1 / 256, zero=-128)
    with pytest.raises(ModelError, match=r"SOFTMAX \(operator 0, output 't2'\) has no options"):
        loaded(t)


def test_b44_parts_of_other_scales() -> None:
    t = Tiny()
    inputs = [t.input((1, 2), scale=0.05), t.input((1, 2), scale=0.1)]
    t.node("CONCATENATION", inputs, (1, 4), ConcatenationAttrs(1), scale=0.1)
    with pytest.raises(ModelError, match=r"part 0 \('t1'\) has another quantization than the output"):
        loaded(t)


def test_b48_shapes_that_do_not_fit() -> None:
    t = Tiny()
    t.node("RESHAPE", [t.input((1, 6)), t.numbers(1, 5)], (1, 5), ReshapeAttrs((1, 5)), scale=0.05)
    with pytest.raises(ModelError, match=r"\[1, 6\].*\[1, 5\]"):
        loaded(t)


B56: dict[str, tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], Any]] = {
    "FULLY_CONNECTED": ((1, 4), (3, 4), (1, 3), FullyConnectedAttrs()),
    "CONV_2D": ((1, 2, 2, 4), (3, 1, 1, 4), (1, 2, 2, 3), Conv2DAttrs("SAME")),
    "DEPTHWISE_CONV_2D": ((1, 2, 2, 3), (1, 1, 1, 3), (1, 2, 2, 3), DepthwiseConv2DAttrs("SAME")),
}


@pytest.mark.parametrize("op", list(B56))
def test_b56_bias_of_another_type(op: str) -> None:
    shape, kernel, out, attrs = B56[op]
    t = Tiny()
    bias = t.constant(np.zeros(3, np.int8), 0.001, name="small")
    t.node(op, [t.input(shape), t.weights(kernel), bias], out, attrs, scale=0.1)
    with pytest.raises(ModelError, match=r"'small' is int8\[3\]; .* int32"):
        loaded(t)


def test_b57_what_nobody_reads_overlaps_nothing() -> None:
    """SPLIT writes both halves though one is dead: what lives meanwhile keeps its bytes."""
    t = Tiny()
    x = t.input((1, 8))
    parts = [t.tensor((1, 4), "int8", 0.05) for _ in range(2)]
    options = schema().SplitOptionsT()
    options.numSplits = 2
    t.writer.operator("SPLIT", [t.constant(np.array(1, np.int32)), x], parts, options)
    t.node("ADD", [parts[0], parts[0]], (1, 4), SumAttrs(), scale=0.1)
    graph = loaded(t)
    program = project.lower_for(graph, boards.load("host"))
    dead = graph.nodes[0].outputs[1]
    spans = [(program.offset(i), program.offset(i) + 4) for i in (dead, graph.nodes[0].outputs[0])]
    assert spans[0][1] <= spans[1][0] or spans[1][1] <= spans[0][0]


def test_b60_the_input_is_consumed_and_the_header_says_so(tmp_path: Path) -> None:
    board = boards.load("host")
    project.write(project.lower_for(loaded(added("x", "y")), board), board, tmp_path / "fw")
    (header,) = (tmp_path / "fw" / "model").glob("tiny.h")
    assert "The input is consumed" in header.read_text()


def edited(content: bytes, change: Any) -> bytes:
    """The file with its object tree changed."""
    import flatbuffers

    model = schema().ModelT.InitFromPackedBuf(content, 0)
    change(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _operator_input(model: Any) -> None:
    model.subgraphs[0].operators[0].inputs = np.array([0, 9999], np.int32)


def _operator_output(model: Any) -> None:
    model.subgraphs[0].operators[0].outputs = np.array([9999], np.int32)


def _tensor_buffer(model: Any) -> None:
    model.subgraphs[0].tensors[0].buffer = 9999


def _graph_input(model: Any) -> None:
    model.subgraphs[0].inputs = np.array([9999], np.int32)


def _graph_output(model: Any) -> None:
    model.subgraphs[0].outputs = np.array([9999], np.int32)


def _operator_code(model: Any) -> None:
    model.subgraphs[0].operators[0].opcodeIndex = 9999


CHANGES = [_operator_input, _operator_output, _tensor_buffer, _graph_input, _graph_output, _operator_code]


@pytest.mark.parametrize("change", CHANGES)
def test_b63_indices_out_of_range(change: Any) -> None:
    with pytest.raises(ModelError, match="9999"):
        importer.parse(edited(added("x", "y").bytes, change), name="tiny")


def test_b65_broken_files() -> None:
    content = added("x", "y").bytes
    flipped = bytes([content[0] ^ 0xFF, *content[1:]])
    broken = [b"", b"PK\x03\x04 a zip archive", flipped]
    broken += [content[: len(content) * eighth // 8] for eighth in range(8)]
    for data in broken:
        begun = time.monotonic()
        with pytest.raises(ModelError):
            importer.parse(data, name="tiny")
        assert time.monotonic() - begun < 1


NAMES = (
    ("a;b/c", "x-y"),
    ("a:0", "a b"),
    ("1234", "output0"),
    ("model", ""),
    ("größe 数", "*/ int x; /*"),
    ("%s%n%d", "int"),
    ("../../etc/passwd", "x" * 10_000),
)


def test_b68_b70_names_of_tensors(tmp_path: Path) -> None:
    """They compile, and the project keeps them as they are."""
    graphs = [loaded(added(*pair)) for pair in NAMES]
    samples = [[[np.array([[1, -2, 3, 127]], np.int8)]] for _ in graphs]
    outcomes = harness.run_cases(graphs, samples, tmp_path)
    for graph, pair, sample, outcome in zip(graphs, NAMES, samples, outcomes, strict=True):
        assert (graph.tensor(graph.inputs[0]).name, graph.tensor(graph.outputs[0]).name) == pair
        assert np.array_equal(outcome.outputs[0][0], simulate.run(graph, sample[0])[0])


@pytest.mark.parametrize("stem", ["my-model.v2", "3net", "int", "größe", "", "..", "a" * 300])
def test_b72_names_of_files(stem: str) -> None:
    name = identifier(stem)
    assert name.isidentifier()
    assert name.isascii()
    assert len(name) < 60


def test_b74_paths_with_accents_under_the_c_locale(tmp_path: Path) -> None:
    path = tmp_path / "größe 数" / "modèle.tflite"
    path.parent.mkdir()
    path.write_bytes(added("x", "y").bytes)
    np.savez(path.with_suffix(".npz"), x=np.zeros((1, 4), np.int8))
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    program = [sys.executable, "-c", "from intarsia.cli.app import main; main()"]
    data = ["--data", str(path.with_suffix(".npz"))]
    profile = ["profile", str(path), "--board", "host", *data, "-o", str(path.with_name("läuft"))]
    for arguments in (["analyze", str(path)], profile):
        command = [*program, *arguments]
        done = subprocess.run(command, capture_output=True, env=environment, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
    assert (path.with_name("läuft") / "report.html").is_file()


def test_b76_weights_are_aligned() -> None:
    header = (TESTS.parent / "firmware" / "include" / "intarsia" / "section.h").read_text()
    for macro in ("ITR_WEIGHTS(symbol)", "ITR_ARENA ", "ITR_STATE "):
        line = next(text for text in header.splitlines() if text.startswith(f"#define {macro}"))
        assert "aligned(16)" in line


def test_b79_flash_is_checked_before_the_linker() -> None:
    t = Tiny()
    x = t.input((1, 200))
    t.node(
        "FULLY_CONNECTED", [x, t.weights((200, 200)), t.bias(200)], (1, 200), FullyConnectedAttrs(), scale=0.5
    )
    with pytest.raises(
        BudgetError,
        match=r"constants alone need 4\d,\d+ bytes, the budget is 31,000, 1\d,\d+ over; .*FULLY_CONN",
    ):
        pipeline.fit(loaded(t), boards.load("qemu-cortex-m4"), Budget(flash=31_000))


def test_b79_flash_is_checked_before_patches_are_looked_for(
    digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To look for patches of a large network can take minutes, and none makes the weights smaller."""
    monkeypatch.setattr(planning, "plan_for", lambda *_: pytest.fail("patches are looked for"))
    graph = pipeline.load_model(digits / "digits96_int8.tflite")
    with pytest.raises(BudgetError, match=r"RAM: .*\n\s*flash: the constants alone need"):
        pipeline.fit(graph, boards.load("qemu-cortex-m4"), Budget(ram=32 << 10, flash=20_000))


def test_b81_other_switches_are_an_error_of_the_linker(tmp_path: Path) -> None:
    """A model built with marks does not link with an application that has none."""
    board = boards.load("host")
    project.write(project.lower_for(loaded(added("x", "y")), board), board, tmp_path / "fw")
    (tmp_path / "main.c").write_text('#include "tiny.h"\nint main(void) { tiny_invoke(); return 0; }\n')
    sources = [*(tmp_path / "fw" / "model").glob("*.c"), *(tmp_path / "fw" / "kernels").glob("*.c")]
    for profile, links in ((0, True), (1, False)):
        command = ["gcc", f"-DITR_PROFILE={profile}", "-DITR_DUMP=0", f"-I{tmp_path / 'fw' / 'include'}"]
        command += [f"-I{tmp_path / 'fw' / 'model'}", str(tmp_path / "main.c"), *map(str, sources)]
        command += ["-o", str(tmp_path / "app")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode == 0) == links, done.stderr


@pytest.mark.parametrize("port", ["", "/dev/none"])
def test_b83_ports_that_do_not_exist(port: str) -> None:
    begun = time.monotonic()
    with pytest.raises(EnvironmentMissing, match="no port"):
        SerialLink(port, 115200)
    assert time.monotonic() - begun < 2
