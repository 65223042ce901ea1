# SPDX-License-Identifier: Apache-2.0
"""Intervals, splits, costs and the choice of patches, against figures worked out by hand and from the literature."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from intarsia.errors import BudgetError, UsageError
from intarsia.importers import tflite
from intarsia.ir import Graph
from intarsia.ops.base import Field
from intarsia.passes import canonicalise
from intarsia.plan import arena, branches, cost, lowering, patch, planfile
from intarsia.plan.head import Head, Tiling, head_at, heads
from intarsia.plan.intervals import Interval, hull, needed, parts, touching
from intarsia.plan.placement import live_bytes

MOBILENET = "mobilenet_v2_100_224_uint8"
KIB = 1024


def load(path: Path) -> Graph:
    return canonicalise(tflite.load(path))


@pytest.fixture(scope="module")
def digits96(digits: Path) -> Graph:
    return load(digits / "digits96_int8.tflite")


@pytest.fixture(scope="module")
def mobilenet(models: Path) -> Graph:
    return load(models / f"{MOBILENET}.tflite")


def test_needed_cells() -> None:
    """3 cells wide, stride 2, one cell of border: outputs 0..4 need -1..9."""
    assert needed(Interval(0, 5), Field(3, 2, 1)) == Interval(-1, 10)
    assert needed(Interval(3, 4), Field(5, 1, 2)) == Interval(1, 6)
    assert needed(Interval(2, 4), Field()) == Interval(2, 4)


@pytest.mark.parametrize("seed", range(20))
def test_needed_cells_are_those_a_window_touches(seed: int) -> None:
    random = np.random.default_rng(seed)
    kernel, stride, dilation, before = (int(random.integers(1, 6)) for _ in range(4))
    low = int(random.integers(0, 20))
    high = low + int(random.integers(1, 9))
    touched = [o * stride - before + k * dilation for o in range(low, high) for k in range(kernel)]
    field = Field((kernel - 1) * dilation + 1, stride, before)
    assert needed(Interval(low, high), field) == Interval(min(touched), max(touched) + 1)


def test_more_than_border_is_made() -> None:
    """Two cells of border in front of ten: outputs 0 and 1 alone hold none of the ten, outputs 0 to 2 one."""
    border = Field(before=2)
    assert touching(Interval(0, 2), border, 10) == Interval(0, 3)
    assert touching(Interval(0, 3), border, 10) == Interval(0, 3)
    assert touching(Interval(13, 14), border, 10) == Interval(11, 14)
    assert needed(touching(Interval(0, 1), Field(2, 3, 5), 10), Field(2, 3, 5)).clipped(10).size > 0


def test_clipping_and_hull() -> None:
    assert Interval(-2, 5).clipped(4) == Interval(0, 4)
    assert Interval(6, 9).clipped(4).size == 0
    assert hull([Interval(3, 5), Interval(1, 2)]) == Interval(1, 5)


def test_parts_need_not_divide_evenly() -> None:
    assert [p.size for p in parts(10, 4)] == [2, 3, 2, 3]
    assert parts(7, 1) == (Interval(0, 7),)
    assert [p.low for p in parts(12, 5)] == [0, 2, 4, 7, 9]
    for count in (0, 11):
        with pytest.raises(ValueError, match="cannot cut 10 cells"):
            parts(10, count)


def test_splits_are_where_the_network_narrows(digits96: Graph) -> None:
    """Not inside residual blocks (5 to 7, 12 to 14, ...), and not behind the last pooling."""
    assert [head.split_after for head in heads(digits96)][:9] == [0, 1, 2, 3, 4, 8, 9, 10, 11]
    assert max(head.split_after for head in heads(digits96)) == 32
    with pytest.raises(ValueError, match="cannot be split after layer 6"):
        head_at(digits96, 6)


def test_patches_cover_the_split_map_once(digits96: Graph) -> None:
    tiling = patch.tiling_of(digits96, 8, (3, 5), "reader")
    count = np.zeros(digits96.tensor(tiling.head.tensor).shape[1:3], int)
    for row, column in tiling.branches:
        count[branches.filled(tiling, row, column)[1:]] += 1
    assert (count == 1).all()


def test_cost_model_counts_what_branches_do(digits96: Graph) -> None:
    """MACs from intervals equal those of the branches as networks of their own."""
    tiling = patch.tiling_of(digits96, 15, (3, 2), "arena")
    stage = lowering.lower(tiling)
    assert [layer.macs for layer in stage.layers] == cost.patched_macs(tiling)[:16]
    plan = patch.plan_of(digits96, 15, (3, 2))
    assert sum(branch.macs for branch in plan.branches) == sum(cost.patched_macs(tiling)[:16])
    assert plan.bitops == 64 * plan.macs
    assert plan.bitops_layer == 64 * plan.macs_layer


def test_one_patch_costs_what_the_layers_cost(digits96: Graph) -> None:
    plan = patch.plan_of(digits96, 8, (1, 1))
    assert (plan.macs, plan.bitops) == (plan.macs_layer, plan.bitops_layer)


def test_least_computation_that_fits(digits96: Graph) -> None:
    free = patch.choose(digits96)
    assert not free.patched
    previous = free
    for ram in (100_000, 64_000, 50_000, 40_000):
        plan = patch.choose(digits96, ram=ram)
        assert plan == patch.choose(digits96, ram=ram)
        assert plan.memory.arena <= ram
        assert plan.macs >= previous.macs
        assert patch.choose(digits96, ram=ram, input_mode="reader").macs <= plan.macs
        previous = plan


def test_choice_is_the_best_of_all_grids(digits96: Graph) -> None:
    """Against every split and every grid up to 4 x 4, one by one."""
    ram = 52_000
    found = [
        patch.plan_of(digits96, split, (rows, columns)).macs
        for split in (2, 3, 4, 8)
        for rows in range(1, 5)
        for columns in range(1, 5)
        if patch.plan_of(digits96, split, (rows, columns)).memory.arena <= ram
    ]
    assert patch.choose(digits96, ram=ram).macs <= min(found)


def test_measured_arena_decides(digits96: Graph) -> None:
    """Kernels of a board that need more memory lead to finer patches."""
    portable = patch.choose(digits96, ram=60_000)
    board = patch.choose(digits96, ram=60_000, measure=lambda plan: plan.memory.arena + 10_000)
    assert board.memory.arena <= 50_000 < portable.memory.arena


def test_too_little_memory_names_what_fills_it(digits96: Graph) -> None:
    with pytest.raises(
        BudgetError, match=r"no patches bring the arena to 5,000 bytes.* most is alive in"
    ) as error:
        patch.choose(digits96, ram=5_000)
    assert "--input reader" in (error.value.hint or "")


def test_plan_file(digits96: Graph, tmp_path: Path) -> None:
    plan = patch.plan_of(digits96, 4, (2, 3), "reader")
    planfile.save(plan, tmp_path / "plan.json")
    assert planfile.load(tmp_path / "plan.json") == plan
    document = json.loads((tmp_path / "plan.json").read_text())
    assert document["schema"] == "intarsia.plan"
    assert document["grid"] == [2, 3]
    assert plan.memory.image == 96 * 96
    assert len(document["branches"]) == 6


@pytest.mark.parametrize(
    "change",
    [
        {"grid": [0, 1]},
        {"grid": "ab"},
        {"input": "x"},
        {"branches": [1]},
        {"more": 1},
        {"schema_version": 9},
        {"schema": ""},
    ],
)
def test_damaged_plan_files(digits96: Graph, tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(patch.plan_of(digits96, 4, (2, 2)).to_json() | change))
    with pytest.raises(UsageError, match="plan"):
        planfile.load(path)


def test_plan_of_another_network(digits96: Graph, models: Path) -> None:
    plan = patch.plan_of(digits96, 4, (2, 2))
    with pytest.raises(UsageError, match="which 'ic_resnet8_int8' does not have"):
        patch.tiling(load(models / "ic_resnet8_int8.tflite"), plan)


def live(tasks: list[arena.Task], lifetimes: arena.Lifetimes, size: object) -> int:
    """Most bytes alive at once, nothing in place."""
    return max(live_bytes(arena.buffers(tasks, lifetimes, size)).values())  # type: ignore[arg-type]


def bare(tasks: list[arena.Task]) -> list[arena.Task]:
    return [arena.Task(t.layer, t.reads, t.writes) for t in tasks]


def equal_size_macs(head: Head, count: int) -> list[int]:
    """MACs of each layer where every patch is as large as one in the middle, border and all."""
    windows = []
    for axis in (0, 1):
        sizes, part = {}, Interval(0, head.extents[axis] // count)
        sizes[head.tensor] = part
        for node, fields in zip(reversed(head.nodes), reversed(head.fields), strict=True):
            out = sizes[node.outputs[0]]
            sizes[node.inputs[0]] = hull(
                [needed(out, fields[axis]), sizes.get(node.inputs[0], needed(out, fields[axis]))]
            )
        windows.append([sizes] * count)
    return cost.head_macs(head, *windows)


@pytest.mark.data
def test_mobilenet_v2_geometry(mobilenet: Graph) -> None:
    """MobileNetV2 1.0 at 224, split at 28 x 28 x 32 into 4 x 4 patches, as published for patch-based inference."""
    tiling = patch.tiling_of(mobilenet, 13, (4, 4), "reader")
    head = tiling.head
    assert mobilenet.tensor(head.tensor).shape == (1, 28, 28, 32)
    assert tiling.largest(mobilenet.inputs[0]) == (1, 75, 75, 3)
    layer, patched = cost.macs(mobilenet), cost.patched_macs(tiling)
    assert sum(layer) == pytest.approx(300.8e6, rel=1e-3)
    assert sum(patched[:14]) / sum(layer[:14]) == pytest.approx(1.306, abs=5e-4)
    assert sum(patched) / sum(layer) == pytest.approx(1.093, abs=5e-4)
    equal = equal_size_macs(head, 4)
    assert sum(equal) / sum(layer[:14]) == pytest.approx(1.419, abs=5e-4)
    assert (sum(equal) + sum(layer[14:])) / sum(layer) == pytest.approx(1.127, abs=5e-4)


@pytest.mark.data
@pytest.mark.parametrize(
    ("split", "grid", "field", "stage", "net"),
    [(6, 4, 63, 1.068, 1.011), (21, 4, 107, 2.27, 1.48), (13, 2, 125, 1.096, 1.029)],
)
def test_mobilenet_v2_other_splits(
    mobilenet: Graph, split: int, grid: int, field: int, stage: float, net: float
) -> None:
    tiling = patch.tiling_of(mobilenet, split, (grid, grid), "reader")
    layer, patched = cost.macs(mobilenet), cost.patched_macs(tiling)
    end = split + 1
    assert tiling.largest(mobilenet.inputs[0])[1] == field
    assert sum(patched[:end]) / sum(layer[:end]) == pytest.approx(stage, abs=5e-3)
    assert sum(patched) / sum(layer) == pytest.approx(net, abs=5e-3)


@pytest.mark.data
def test_mobilenet_v2_memory(mobilenet: Graph) -> None:
    """The published peak of a branch counts feature maps alone, nothing in place."""
    tiling: Tiling = patch.tiling_of(mobilenet, 13, (4, 4), "reader")
    stage = lowering.lower(tiling)
    peak = live(bare(stage.portable_tasks()[:-1]), arena.Lifetimes((), ()), stage.size)
    split = mobilenet.tensor(tiling.head.tensor).bytes
    assert (peak / KIB, split / KIB) == (pytest.approx(141.9, abs=0.05), 24.5)
    in_arena, read = (patch.plan_of(mobilenet, 13, (4, 4), mode).memory for mode in ("arena", "reader"))
    assert in_arena.layer_based == 1372 * KIB
    assert in_arena.layer_based / in_arena.arena > 4
    assert in_arena.layer_based / read.arena > 6.9
    assert read.image == 224 * 224 * 3
