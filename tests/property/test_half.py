# SPDX-License-Identifier: Apache-2.0
"""Layers in half precision: the reference's bytes in portable C, casts where they belong, conversion of every value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from intarsia import check, ops, simulate
from intarsia.dtypes import FLOAT16, FLOAT32
from intarsia.ir import Attrs, Graph, Node, Tensor
from intarsia.passes import half
from support import harness
from support.agree import describe
from support.draw import SeededDraw, sample
from support.networks import network

OPERATORS = sorted(name for name, operator in ops.registry().items() if operator.half)
CASES = 6


def real_cases(operator: str, count: int) -> list[Graph]:
    """Supported float32 cases of an operator."""
    found: list[Graph] = []
    for seed in range(400):
        graph = ops.registry()[operator].cases(SeededDraw(seed))
        converted = half.converts(graph.nodes[0], graph)
        if converted and check.fault(graph.nodes[0], graph) is None:
            found.append(graph)
        if len(found) == count:
            break
    return found


def run(graphs: list[Graph], folder: Path, board: str = "host") -> None:
    """Equal bits: the order of sums and the place of each rounding are the reference's."""
    random = np.random.default_rng(2)
    samples = [[[sample(g.tensor(i), random) for i in g.inputs] for _ in range(2)] for g in graphs]
    outcomes = harness.run_cases(graphs, samples, folder, board=board, isas=("scalar",))
    for graph, inputs, outcome in zip(graphs, samples, outcomes, strict=True):
        for values, got in zip(inputs, outcome.outputs, strict=True):
            for a, b in zip(got, simulate.run(graph, values), strict=True):
                assert np.array_equal(a, b.reshape(a.shape), equal_nan=True), describe(graph)


@pytest.mark.parametrize("operator", OPERATORS)
def test_portable_kernels_equal_the_reference(operator: str, tmp_path: Path) -> None:
    graphs = [half.run(graph) for graph in real_cases(operator, CASES)]
    assert graphs
    assert all(check.fault(node, graph) is None for graph in graphs for node in graph.nodes)
    run(graphs, tmp_path)


@pytest.mark.emulator
@pytest.mark.parametrize("board", ["qemu-cortex-m4", "qemu-riscv32"])
def test_boards_equal_the_reference(board: str, tmp_path: Path) -> None:
    kinds = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "AVERAGE_POOL_2D", "MAX_POOL_2D")
    run([half.run(graph) for kind in kinds for graph in real_cases(kind, 2)], tmp_path, board)


def casts(source: np.ndarray, board: str, folder: Path) -> np.ndarray:
    """The values cast on a board to the other of float16 and float32."""
    kinds = (FLOAT16, FLOAT32) if source.dtype == np.float16 else (FLOAT32, FLOAT16)
    x, y = (Tensor(name, source.shape, kind) for name, kind in zip("xy", kinds, strict=True))
    graph = Graph("cast", (x, y), (Node("CAST", (0,), (1,), Attrs(), "cast"),), (0,), (1,))
    (outcome,) = harness.run_cases([graph], [[[source]]], folder, board=board, isas=("scalar",))
    return outcome.outputs[0][0]


@pytest.mark.emulator
@pytest.mark.parametrize("board", ["host", "qemu-cortex-m0", "qemu-cortex-m4"])
def test_every_half_and_the_edges_of_rounding(board: str, tmp_path: Path) -> None:
    step = 1 if board != "qemu-cortex-m0" else 31
    every = np.arange(0, 1 << 16, step, np.uint32).astype(np.uint16).view(np.float16)
    every = every[~np.isnan(every)][:1500] if board == "qemu-cortex-m0" else every[~np.isnan(every)]
    wide = every.astype(np.float32)
    assert np.array_equal(casts(every, board, tmp_path / "widen"), wide)
    bits = wide.view(np.uint32)
    edges = np.concatenate([bits, bits + 0x0FFF, bits + 0x1000, bits + 0x1001, bits + 0x1FFF]).view(
        np.float32
    )
    edges = np.append(edges[np.isfinite(edges)], np.float32([65519.0, 65520.0, 1e30, np.inf, -np.inf, 1e-40]))
    edges = edges[:: 7 if board == "qemu-cortex-m0" else 1].copy()
    with np.errstate(over="ignore"):
        want = edges.astype(np.float16)
    assert np.array_equal(casts(edges, board, tmp_path / "narrow"), want)


@pytest.mark.parametrize("seed", range(12))
def test_networks_keep_their_interface(seed: int) -> None:
    graph = network(SeededDraw(seed))
    halved = half.run(graph)
    for index, other in zip((*graph.inputs, *graph.outputs), (*halved.inputs, *halved.outputs), strict=True):
        assert graph.tensor(index).dtype == halved.tensor(other).dtype
    values = [sample(graph.tensor(i), np.random.default_rng(seed)) for i in graph.inputs]
    if graph.tensor(graph.inputs[0]).dtype == FLOAT32:
        assert any(t.dtype == FLOAT16 for t in halved.tensors)
        for a, b in zip(simulate.run(graph, values), simulate.run(halved, values), strict=True):
            assert np.allclose(a, b, rtol=0.02, atol=0.02 * float(np.abs(a).max()))
    else:
        assert halved.nodes == graph.nodes


def test_a_map_is_cast_once() -> None:
    """Two readers in half precision, one in float32, which is the output too."""
    x, y, z = (Tensor(name, (1, 4), FLOAT32) for name in "xyz")
    nodes = (
        Node("ADD", (0, 0), (1,), ops.registry()["ADD"].attrs(), "add"),
        Node("LOGISTIC", (1,), (2,), Attrs(), "logistic"),
    )
    halved = half.run(Graph("g", (x, y, z), nodes, (0,), (1, 2)).verify())
    assert [node.op for node in halved.nodes] == ["CAST", "ADD", "CAST", "LOGISTIC"]


def test_weights_beyond_half_precision_are_refused() -> None:
    (graph,) = real_cases("FULLY_CONNECTED", 1)
    tensors = list(graph.tensors)
    index = graph.nodes[0].inputs[1]
    data = np.full(tensors[index].shape, 1e6, np.float32)
    tensors[index] = Tensor("weights", data.shape, FLOAT32, None, data)
    with pytest.raises(OverflowError, match="weights"):
        half.run(graph.replace(tensors=tuple(tensors)))
