# SPDX-License-Identifier: Apache-2.0
"""Single layers of real networks: our kernels against our portable C, the incumbent's and what is known to be possible.

All layers of a board run in one firmware, once with the kernels that are chosen for the board and once in portable C.
Layers below 8 bits and of real values are compared with the same layer in int8, too.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from intarsia import boards, build, exactness, measure, ops, simulate
from intarsia.bench import layers as suite
from intarsia.bench.layers import Layer
from intarsia.boards import Board
from intarsia.cycles import estimate
from intarsia.errors import UsageError
from intarsia.ir import Graph, Tensor
from intarsia.report import text
from intarsia.request import Silent, Watcher
from intarsia_codegen import project

SCHEMA = "intarsia.bench.kernels"
SCHEMA_VERSION = 1
HALF_TOLERANCE = 0.02
"""Of the largest output: sums of some hundred products that are rounded to 11 bits at every step stay within this."""
DEFAULT_BOARDS = ("qemu-cortex-m4", "qemu-cortex-m55", "qemu-riscv32-v")


@dataclass(frozen=True)
class Row:
    """One layer on one board; counts are of the board's `unit`, ratios are theirs / ours. `form`: bits of weights
    x bits of maps, or a type of real values.

    `estimated_cycles` come from the executed instructions and the core's documented timing; None where there is none.
    """

    layer: str
    form: str
    operator: str
    model: str
    model_layer: int
    board: str
    isa: str
    unit: str
    macs: int
    count: int
    macs_per_unit: float | None
    estimated_cycles: int | None
    portable: int
    portable_ratio: float
    int8_ratio: float | None
    incumbent: int | None
    incumbent_ratio: float | None
    bound_macs_per_unit: float | None
    mismatched_outputs: int


def run(
    names: Sequence[str] = DEFAULT_BOARDS,
    *,
    operators: Sequence[str] = (),
    watcher: Watcher | None = None,
) -> list[Row]:
    """Measures the layers of these operators (all by default) on boards. Raises UsageError for an unknown operator or
    a board without a counter.
    """
    chosen = _chosen(operators)
    found = [boards.load(name) for name in names]
    for board in found:
        if board.counter.ticks_per_unit is None:
            raise UsageError(
                f"board '{board.name}' has no counter", hint="choose one that counts: `intarsia boards`"
            )
    return [row for board in found for row in _on_board(board, chosen, watcher or Silent())]


def _chosen(operators: Sequence[str]) -> list[Layer]:
    known = suite.layers()
    names = {layer.operator for layer in known}
    if unknown := set(operators) - names:
        raise UsageError(
            f"no layer of operator '{sorted(unknown)[0]}'", hint=f"known: {', '.join(sorted(names))}"
        )
    return [layer for layer in known if not operators or layer.operator in operators]


def _on_board(board: Board, chosen: Sequence[Layer], watcher: Watcher) -> list[Row]:
    chosen = [layer for layer in chosen if layer.form not in suite.left_out(board.name)]
    graph = suite.graph(chosen)
    random = np.random.default_rng(5)
    sample = [_sample(graph.tensor(i), random) for i in graph.inputs]
    watcher.stage(f"kernels on {board.name} ...")
    ours = _measure(graph, board, sample, portable=False)
    watcher.stage(f"portable C on {board.name} ...")
    theirs = _measure(graph, board, sample, portable=True)
    expected = simulate.run(graph, sample)
    plain = {layer.name: ours.counts[i] for i, layer in enumerate(chosen) if layer.base is None}
    return [
        _row(layer, board, graph, i, ours, theirs, expected[i], plain.get(layer.base or ""))
        for i, layer in enumerate(chosen)
    ]


def _sample(tensor: Tensor, random: np.random.Generator) -> np.ndarray:
    if tensor.dtype.is_float:
        return random.normal(size=tensor.shape).astype(tensor.dtype.numpy)
    return random.integers(*tensor.dtype.range, tensor.shape, endpoint=True).astype(tensor.dtype.numpy)


@dataclass(frozen=True)
class _Measured:
    """Of each layer: instruction set, count, output, estimated cycles (None: no estimates)."""

    isas: list[str]
    counts: list[int]
    outputs: list[np.ndarray]
    cycles: list[int] | None


def _measure(graph: Graph, board: Board, sample: Sequence[np.ndarray], *, portable: bool) -> _Measured:
    layers = range(len(graph.nodes)) if portable else ()
    program = project.lower_for(graph, board, portable=layers)
    project.check_budget(program, board)
    with tempfile.TemporaryDirectory(prefix="intarsia-") as folder:
        project.write(program, board, Path(folder) / "fw")
        built = build.build(Path(folder) / "fw")
        sent = [
            np.frombuffer(graph.tensor(i).dtype.pack(x), np.uint8)
            for i, x in zip(graph.inputs, sample, strict=True)
        ]
        answers = measure.measure(built, [sent])
        estimates = None if portable else estimate.layers(built.project, sent)
    return _Measured(
        ["+".join(dict.fromkeys(k.isa for k in layer.kernels)) for layer in program.layers],
        answers.layers or [],
        answers.outputs[0],
        [layer.cycles for layer in estimates] if estimates is not None else None,
    )


def _row(
    layer: Layer,
    board: Board,
    graph: Graph,
    index: int,
    ours: _Measured,
    theirs: _Measured,
    expected: np.ndarray,
    plain: int | None,
) -> Row:
    """`plain`: the count of the same layer in int8."""
    node = graph.nodes[index]
    macs = ops.registry()[node.op].macs(node, graph)
    count, portable = ours.counts[index], theirs.counts[index]
    incumbent = (layer.incumbent or {}).get(board.name)
    return Row(
        layer.name,
        layer.form,
        layer.operator,
        layer.model,
        layer.layer,
        board.name,
        ours.isas[index],
        board.counter.unit,
        macs,
        count,
        round(macs / count, 3) if macs else None,
        ours.cycles[index] if ours.cycles is not None else None,
        portable,
        round(portable / count, 3),
        round(plain / count, 3) if plain else None,
        incumbent,
        round(incumbent / count, 3) if incumbent else None,
        suite.bounds(board.name).get(layer.bound),
        sum(_wrong(got, expected) for got in (ours.outputs[index], theirs.outputs[index])),
    )


def _wrong(got: np.ndarray, expected: np.ndarray) -> int:
    """Values that are not what they should be; halves that are summed as such may be off by `HALF_TOLERANCE`."""
    difference, wrong = exactness.differences(got, expected.reshape(got.shape))
    if got.dtype == np.float16:
        wrong = difference > HALF_TOLERANCE * np.abs(expected.astype(np.float64)).max()
    return int(wrong.sum())


def to_json(rows: Sequence[Row]) -> dict[str, Any]:
    """The document of schema `intarsia.bench.kernels`."""
    return {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, "rows": [asdict(row) for row in rows]}


def to_text(rows: Sequence[Row]) -> str:
    """The same as a table: how many times fewer our count is than that of portable C, of the
    same layer in int8 and of the incumbent."""
    header = (
        "board",
        "operator",
        "layer",
        "kernel",
        "count",
        "MAC/unit",
        "bound",
        "est. cycles",
        "portable",
        "int8",
        "incumbent",
        "wrong",
    )
    cells = [
        (
            row.board,
            row.operator,
            row.layer,
            row.isa,
            f"{row.count:,} {row.unit}",
            _figure(row.macs_per_unit),
            _figure(row.bound_macs_per_unit),
            text.number(row.estimated_cycles),
            f"{row.portable_ratio:.2f}x",
            "-" if row.int8_ratio is None else f"{row.int8_ratio:.2f}x",
            "-" if row.incumbent_ratio is None else f"{row.incumbent_ratio:.2f}x",
            f"{row.mismatched_outputs}",
        )
        for row in rows
    ]
    lines = text.table(header, cells, "<<<<>>>>>>>>")
    if any(row.estimated_cycles is not None for row in rows):
        lines += ["", estimate.NOTE]
    return "\n".join(lines)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
