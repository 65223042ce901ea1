# SPDX-License-Identifier: Apache-2.0
"""int4 and int2: packing, and numpy reference = portable C on every operator that takes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intarsia import dtypes, modelfile, ops, simulate
from intarsia.dtypes import INT2, INT4, NARROW, PACKED, DType
from intarsia.errors import ModelError, StageError
from intarsia.exporters import tflite as exporter
from intarsia.ir import Graph, Tensor
from intarsia.kernelcall import Constant
from intarsia.plan import patch
from intarsia.plan.head import heads
from intarsia_codegen import packedheader
from intarsia_codegen.lower import lower
from support import harness
from support.agree import assert_agree
from support.draw import SeededDraw
from support.networks import Network, network
from support.packed import NARROW_OPERATORS, narrow_case, narrow_network, narrow_weights, samples, scaled

BATCH = 30
EMULATED = ("qemu-cortex-m4", "qemu-riscv32")
COMPUTING = (
    "ADD",
    "AVERAGE_POOL_2D",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "FULLY_CONNECTED",
    "MAX_POOL_2D",
    "QUANTIZE",
    "RELU6",
)

shapes = st.lists(st.integers(0, 9), min_size=0, max_size=4).map(tuple)


def codes(dtype: DType, shape: tuple[int, ...], seed: int) -> np.ndarray:
    low, high = dtype.range
    return np.random.default_rng(seed).integers(low, high, shape, endpoint=True).astype(np.int8)


def test_header_is_fresh() -> None:
    """Otherwise: python -m intarsia_codegen.packedheader"""
    assert packedheader.path().read_text() == packedheader.text()


@given(st.sampled_from(NARROW), shapes, st.integers(0, 2**32 - 1))
def test_pack_and_unpack_are_inverse(dtype: DType, shape: tuple[int, ...], seed: int) -> None:
    array = codes(dtype, shape, seed)
    packed = dtype.pack(array)
    assert len(packed) == dtype.storage(shape) == Tensor("t", shape, dtype).bytes
    assert np.array_equal(dtype.unpack(packed, shape), array)


def test_places_of_codes() -> None:
    """Element 0 in the lowest bits, runs of the innermost axis at whole bytes."""
    assert INT4.pack(np.array([[1, -1, 7], [-8, 0, 2]])) == bytes([0xF1, 0x07, 0x08, 0x02])
    assert INT2.pack(np.array([[0, 1, -1, -2, 1]])) == bytes([0b10_11_01_00, 0b01])
    assert INT4.unpack(bytes([0xF1, 0xA7]), (3,)).tolist() == [1, -1, 7]


@pytest.mark.parametrize("dtype", PACKED)
def test_codes_beyond_the_range_are_refused(dtype: DType) -> None:
    with pytest.raises(ValueError, match=dtype.name):
        dtype.pack(np.array([dtype.range[1] + 1]))
    with pytest.raises(ValueError, match="bytes"):
        dtype.unpack(bytes(2), (1,))


def test_weights_of_several_widths_lie_one_after_the_other() -> None:
    weights = Constant("weights", np.array([[1, 2, 1], [1, 0, -1]], np.int8), (4, 2))
    assert weights.stored.tolist() == [0x21, 0x01, 0b110001]


@pytest.mark.parametrize("operator", NARROW_OPERATORS)
def test_model_file_round_trip(operator: str, tmp_path: Path) -> None:
    for seed in range(5):
        graph = narrow_case(ops.registry()[operator], seed)
        modelfile.save(graph, tmp_path / "model.itr")
        again = modelfile.load(tmp_path / "model.itr")
        assert [(t.dtype, t.quant) for t in again.tensors] == [(t.dtype, t.quant) for t in graph.tensors]
        assert modelfile.to_bytes(again) == modelfile.to_bytes(graph)


def test_damaged_model_file(tmp_path: Path) -> None:
    """Codes beyond the width that the file states."""
    graph = narrow_case(ops.registry()["CONV_2D"], 0)
    weights = graph.tensors[1]
    broken = replace(weights, dtype=INT4, data=np.full(weights.shape, 8, np.int8))
    modelfile.save(
        graph.replace(tensors=(graph.tensors[0], broken, *graph.tensors[2:])), tmp_path / "model.itr"
    )
    with pytest.raises(ModelError, match="int4"):
        modelfile.load(tmp_path / "model.itr")


def test_packed_graphs_are_no_tflite_files() -> None:
    """The comparison then takes our own reference; an interpreter would compute something else."""
    with pytest.raises(StageError, match="8 bits"):
        exporter.export(narrow_case(ops.registry()["CONV_2D"], 0))


def agree(cases: list[Graph], folder: Path, **options: object) -> list[harness.Outcome]:
    inputs = [samples(graph, seed) for seed, graph in enumerate(cases)]
    outcomes = harness.run_cases(cases, inputs, folder, **options)  # type: ignore[arg-type]
    for graph, xs, outcome in zip(cases, inputs, outcomes, strict=True):
        for values, got in zip(xs, outcome.outputs, strict=True):
            assert_agree(graph, got, simulate.run(graph, values), "portable C")
    return outcomes


@pytest.mark.parametrize("operator", NARROW_OPERATORS)
def test_portable_c_equals_reference(operator: str, tmp_path: Path) -> None:
    """C built with AddressSanitizer and UBSan gives the reference's bytes."""
    agree([narrow_case(ops.registry()[operator], seed) for seed in range(BATCH)], tmp_path)


@pytest.mark.emulator
@pytest.mark.parametrize("board", EMULATED)
def test_boards_equal_reference(board: str, tmp_path: Path) -> None:
    cases = [narrow_case(ops.registry()[name], seed) for seed, name in enumerate(3 * COMPUTING)]
    agree(cases, tmp_path, board=board, isas=["scalar"])


def wide_network(seed: int) -> Graph:
    """More channels than kernels unpack at once, and not a multiple of what a byte holds."""
    draw = SeededDraw(seed)
    net = Network(draw, (1, 7, 6, 3))
    x = net.conv(net.source, 33, same=True)
    y = net.pointwise(x, draw.choice((40, 67)))
    y = net.depthwise(y, same=True)
    y = net.sum(net.pointwise(y, 33), x)
    y = net.pool(y)
    return net.finish(net.pointwise(y, 35))


def narrow(graph: Graph, seed: int) -> Graph:
    """Feature maps and weights of random widths."""
    draw, whole = SeededDraw(seed), narrow_network(graph, seed)
    tensors = list(whole.tensors)
    for node in whole.nodes:
        rule = ops.registry()[node.op].weights
        if rule is not None:
            index = node.inputs[rule.weights]
            tensors[index] = (
                narrow_weights(tensors[index], draw) if symmetric(tensors[index]) else tensors[index]
            )
    changed = whole.replace(tensors=tuple(tensors))
    faults = [n for n in changed.nodes if ops.registry()[n.op].unsupported(n, changed)]
    return whole if faults else changed


def symmetric(weights: Tensor) -> bool:
    return weights.quant is not None and weights.quant.per_channel


def test_networks_of_many_channels(tmp_path: Path) -> None:
    outcomes = agree([narrow(wide_network(seed), seed) for seed in range(BATCH)], tmp_path)
    contracts = {k.call.contract for o in outcomes for layer in o.program.layers for k in layer.kernels}
    packed = {"conv_2d_packed", "depthwise_conv_2d_packed", "add_packed"}
    assert packed <= contracts


def test_patches_of_packed_maps(tmp_path: Path) -> None:
    """Patch by patch as layer by layer, in the bytes that the plan says."""
    graphs, plans = [], []
    for seed in range(BATCH):
        draw = SeededDraw(seed)
        graph = network(draw)
        if graph.tensor(graph.inputs[0]).dtype.is_float:
            continue
        graph = narrow_network(graph, seed)
        head = draw.choice(heads(graph))
        grid = (draw.integer(1, min(head.extents[0], 4)), draw.integer(1, min(head.extents[1], 4)))
        graphs.append(graph)
        plans.append(patch.plan_of(graph, head.split_after, grid, draw.choice(("arena", "reader"))))
    outcomes = agree(graphs, tmp_path, plans=plans)
    for outcome, plan in zip(outcomes, plans, strict=True):
        assert outcome.program.arena_bytes == plan.memory.arena


@pytest.mark.parametrize("dtype", PACKED)
def test_the_arena_shrinks(dtype: DType) -> None:
    """Inner maps of 32 channels take half and a quarter of the bytes."""
    net = Network(SeededDraw(0), (1, 16, 16, 32))
    a = net.pointwise(net.source, 64)
    graph = net.finish(net.pointwise(net.depthwise(a, same=True), 8))
    tensors = [scaled(t, dtype) if not t.is_constant else t for t in graph.tensors]
    narrowed = graph.replace(tensors=tuple(tensors))
    before, after = (lower(g, ["scalar"]).arena_bytes for g in (graph, narrowed))
    assert after < before * dtype.bits / dtypes.INT8.bits * 1.1
