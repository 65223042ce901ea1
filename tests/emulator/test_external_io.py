# SPDX-License-Identifier: Apache-2.0
"""Inputs and outputs outside the arena: equal bytes, inputs that stay as they are, a smaller arena."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from intarsia import boards, models, ops, simulate
from intarsia.cli import app
from intarsia.errors import UsageError
from intarsia.ir import Graph
from intarsia_codegen import external, project
from intarsia_codegen.emit import emit
from intarsia_codegen.lower import lower
from support import harness
from support.classed import drawn
from support.draw import SeededDraw, sample
from support.networks import network

BOARDS = ("host", "qemu-cortex-m4", "qemu-cortex-m55", "qemu-riscv32-v")


def samples_of(graph: Graph, seed: int, count: int = 2) -> list[list[np.ndarray]]:
    random = np.random.default_rng(seed)
    return [[sample(graph.tensor(i), random) for i in graph.inputs] for _ in range(count)]


@pytest.mark.emulator
@pytest.mark.parametrize("board", BOARDS)
def test_drawn_networks_give_the_same_bytes(board: str, tmp_path: Path) -> None:
    """Networks, layers in patches of two classes, several inputs and outputs, states."""
    classed = drawn(2)
    graphs = [network(SeededDraw(seed)) for seed in range(4)] + [graph for graph, _ in classed]
    plans = [None] * 4 + [plan for _, plan in classed]
    for name in ("SPLIT", "ADD", "UNIDIRECTIONAL_SEQUENCE_LSTM", "SVDF", "CONCATENATION", "UNPACK"):
        graphs.append(ops.registry()[name].cases(SeededDraw(1)))
        plans.append(None)
    samples = [samples_of(graph, seed) for seed, graph in enumerate(graphs)]
    outcomes = harness.run_cases(graphs, samples, tmp_path, board=board, plans=plans, apart=True)
    for graph, inputs, outcome in zip(graphs, samples, outcomes, strict=True):
        if any(graph.tensor(t).dtype.is_float for t in graph.outputs):
            continue  # other sums of floats on vectors; the run itself is the test
        for got, want in zip(outcome.outputs, simulate.run_sequence(graph, inputs), strict=True):
            assert all(np.array_equal(x, y) for x, y in zip(got, want, strict=True))


@pytest.mark.emulator
@pytest.mark.parametrize("board", [board for board in BOARDS if board != "host"])
def test_nothing_is_written_around_the_arena(board: str, digits: Path, tmp_path: Path) -> None:
    """A whole network with the kernels of a board; the harness looks at the bytes around its arena."""
    graph = models.load_model(digits / "digits96_int8.tflite")
    samples = samples_of(graph, 3, 1)
    (outcome,) = harness.run_cases([graph], [samples], tmp_path, board=board)
    assert np.array_equal(outcome.outputs[0][0], simulate.run(graph, samples[0])[0])


def test_harness_sees_what_is_written_around_the_arena(tmp_path: Path) -> None:
    program = lower(network(SeededDraw(1)), ["scalar"], prefix="case0")
    less = replace(program, placement=replace(program.placement, total=program.arena_bytes - 16))
    target = harness.Target.of("host")
    for made, code in ((program, 0), (less, 97)):
        place = tmp_path / str(code)
        elf = harness.build([made], place, target, [1])
        (values,) = samples_of(program.graph, 1, 1)
        done = subprocess.run(
            [elf], input=2 * values[0].tobytes(), capture_output=True, timeout=60, check=False
        )
        assert done.returncode == code


def test_arena_has_neither_inputs_nor_outputs() -> None:
    for seed in range(20):
        program = project.lower_for(network(SeededDraw(seed)), boards.load("host"))
        apart = external.run(program)
        kept = {f"t{t}" for t in (*program.graph.inputs, *program.graph.outputs)}
        assert not kept & {buffer.name for buffer in apart.buffers}
        assert apart.arena_bytes <= program.arena_bytes
        text = emit(apart, "test", bytes(16)).files[f"{apart.identifier}.c"]
        assert "static const void *input_0;" in text
        assert "static void *output_0;" in text


def test_view_of_an_input_is_refused() -> None:
    graph = ops.registry()["RESHAPE"].cases(SeededDraw(0))
    with pytest.raises(UsageError, match="same memory"):
        project.lower_for(graph, boards.load("host"), external=True)


def test_command_line(digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """RAM figures show it."""
    found = {}
    for io in ("arena", "external"):
        arguments = ["profile", str(digits / "digits96_int8.tflite"), "--board", "host", "--io", io, "--json"]
        assert app.run([*arguments, "--patches", "3x3"]) == 0
        found[io] = json.loads(capsys.readouterr().out)
        assert found[io]["reference"]["mismatched_outputs"] == 0
    outside = found["external"]["memory"]["image_bytes"]
    assert (found["arena"]["memory"]["image_bytes"], outside) == (0, 96 * 96 + 10)
    assert found["external"]["memory"]["arena_bytes"] <= found["arena"]["memory"]["arena_bytes"]
    assert app.run(["profile", str(digits / "digits96_int8.tflite"), "--board", "host", "--io", "none"]) == 2
