# SPDX-License-Identifier: Apache-2.0
"""Whole networks on emulated boards: bytes of the reference, counts that repeat, memory that was promised."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from intarsia import boards, build, exactness, measure, pipeline, simulate
from intarsia.request import DataSource
from intarsia_codegen import project

pytestmark = [pytest.mark.emulator, pytest.mark.data]

KWS = ("kws_dscnn_int8", "kws01/test.npz", None)
RESNET = ("ic_resnet8_int8", "cifar10/ic01_official200.npz", 1.0)
VWW = ("vww_mobilenetv1_025_96_int8", "vww_coco128/test.npz", 1 / 255)


@dataclass(frozen=True)
class Expected:
    """A network on a board: samples to run and the most arena it may take."""

    network: tuple[str, str, float | None]
    board: str
    samples: int
    arena: int | None = None


CASES = [
    Expected(KWS, "qemu-cortex-m4", 40, 17_000),
    Expected(RESNET, "qemu-cortex-m4", 6, 52_000),
    Expected(VWW, "qemu-cortex-m4", 6, 58_000),
    Expected(VWW, "qemu-cortex-m7", 3),
    Expected(KWS, "qemu-cortex-m55", 6),
    Expected(RESNET, "qemu-cortex-m55", 2),
    Expected(VWW, "qemu-cortex-m55", 2),
    Expected(KWS, "qemu-cortex-m0", 4),
    Expected(KWS, "qemu-cortex-m3", 4),
    Expected(KWS, "qemu-cortex-m33", 8),
    Expected(KWS, "qemu-riscv32", 4),
    Expected(RESNET, "qemu-riscv32-v", 2),
    Expected(VWW, "qemu-riscv32-v", 2),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.network[0]}-{c.board}")
def test_network_on_board(case: Expected, data: Path, models: Path, tmp_path: Path) -> None:
    name, file, scale = case.network
    graph = pipeline.load_model(models / f"{name}.tflite")
    board = boards.load(case.board)
    source = DataSource(data / "datasets" / file, input_scale=scale, limit=case.samples)
    samples = source.load(graph).samples
    program = project.lower_for(graph, board)
    project.write(program, board, tmp_path / "fw")
    built = build.build(tmp_path / "fw")

    first = measure.measure(built, samples)
    expected = [simulate.run(graph, sample) for sample in samples]
    assert exactness.compare("tflm", "reference", first.outputs, expected).mismatched == 0

    again = measure.measure(built, samples[:2])
    assert first.layer_counts is not None
    assert again.layer_counts == first.layer_counts[:2]

    assert built.memory.arena_bytes == program.arena_bytes
    assert program.arena_bytes <= 1.05 * program.placement.lower_bound
    if case.arena:
        assert program.arena_bytes <= case.arena
    assert first.stack_bytes is not None
    assert first.stack_bytes <= built.memory.stack_bytes
