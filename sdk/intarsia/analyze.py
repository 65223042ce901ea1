# SPDX-License-Identifier: Apache-2.0
"""What a model is made of and needs, before anything is built."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from intarsia import check, dtypes, ops
from intarsia.boards import Board
from intarsia.errors import ModelError
from intarsia.importers import variables
from intarsia.importers.onnx import rules
from intarsia.importers.onnx.rules import folding
from intarsia.ir import ABSENT, Graph, Node, Refusal
from intarsia.ops.base import Operator
from intarsia.passes import dynamic_range, fold_constants, signed
from intarsia.plan import memory

SCHEMA = "intarsia.analysis"
OPERATORS_SCHEMA = "intarsia.operators"
SCHEMA_VERSION = 1
TYPE_CASES = 40
"""Test cases of an operator that are looked at to find the element types it takes."""


@dataclass(frozen=True)
class LayerFacts:
    """One layer: types and shapes of its feature maps, MACs (None: unknown), bytes of its constants.

    `fault` is why it cannot be run.
    """

    index: int
    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    macs: int | None
    weights_bytes: int
    fault: str | None


@dataclass(frozen=True)
class ArenaFacts:
    """Bytes of the arena and of its proven lower bound; where most is alive, and who takes it."""

    bytes: int
    lower_bound: int
    peak_layer: int | None
    consumers: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Goal:
    """What `--optimize` with one goal would give, estimated: bytes of flash of kernels and weights, instructions of an
    inference (None: unknown), and exact bytes of arena."""

    optimize: str
    flash_bytes: int
    instructions: int | None
    arena_bytes: int


@dataclass(frozen=True)
class Analysis:
    """A model, layer by layer.

    `arena` is None when some layer cannot be run, `board` is None for portable kernels. `goals` for a board.
    """

    model: str
    rule: str
    board: Board | None
    layers: tuple[LayerFacts, ...]
    arena: ArenaFacts | None
    goals: tuple[Goal, ...] = ()

    @property
    def faults(self) -> list[LayerFacts]:
        """Layers that cannot be run."""
        return [layer for layer in self.layers if layer.fault]

    @property
    def macs(self) -> int:
        return sum(layer.macs or 0 for layer in self.layers)

    @property
    def weights_bytes(self) -> int:
        return sum(layer.weights_bytes for layer in self.layers)

    def to_json(self) -> dict[str, Any]:
        """The document of schema `intarsia.analysis`."""
        arena = self.arena
        return {
            "schema": SCHEMA,
            "schema_version": SCHEMA_VERSION,
            "model": self.model,
            "rule": self.rule,
            "board": self.board.name if self.board else None,
            "supported": not self.faults,
            "macs": self.macs,
            "weights_bytes": self.weights_bytes,
            "arena": arena
            and {
                "bytes": arena.bytes,
                "lower_bound": arena.lower_bound,
                "peak_layer": arena.peak_layer,
                "consumers": [{"name": name, "bytes": size} for name, size in arena.consumers],
            },
            "goals": [asdict(goal) for goal in self.goals],
            "layers": [asdict(layer) for layer in self.layers],
        }


def faults(graph: Graph) -> list[str | None]:
    """Why each node of an imported graph cannot be run (None: it can), in canonical form where it has one.

    Nodes that have no canonical form are cut out, so that they do not hide what the others become.
    """
    obstacles = [_obstacle(node, graph) for node in graph.nodes]
    able = [node for node, obstacle in zip(graph.nodes, obstacles, strict=True) if not obstacle]
    cut = [node for node, obstacle in zip(graph.nodes, obstacles, strict=True) if obstacle]
    rest = graph.replace(
        nodes=tuple(able), inputs=(*graph.inputs, *(i for node in cut for i in node.outputs))
    )
    with contextlib.suppress(ModelError, ValueError, LookupError, TypeError):
        for step in (fold_constants, dynamic_range, signed):
            rest = step.run(rest)
    reasons = {node.outputs: check.fault(node, rest) for node in rest.nodes}
    return [
        obstacle or reasons.get(node.outputs) for node, obstacle in zip(graph.nodes, obstacles, strict=True)
    ]


def _obstacle(node: Node, graph: Graph) -> str | None:
    """Why a node cannot be brought into canonical form."""
    if ops.get(node.op) is None:
        return node.attrs.reason if isinstance(node.attrs, Refusal) else "the operator is not supported"
    if not node.outputs:
        return "it has no outputs"
    tensors = [graph.tensor(i) for i in (*node.inputs, *node.outputs) if i != ABSENT]
    unsigned = any(t.dtype == dtypes.UINT8 and t.quant is not None for t in tensors)
    known = signed.form(node.op) is not None
    return "uint8 has no exact int8 form" if unsigned and not known else None


def layers(graph: Graph, faults: Sequence[str | None] | None = None) -> tuple[LayerFacts, ...]:
    """Facts of each node; `faults` says why nodes cannot be run (None: all can)."""
    return tuple(
        LayerFacts(
            index,
            node.op,
            node.name,
            tuple(_form(graph, i) for i in node.inputs if i != ABSENT and not graph.tensor(i).is_constant),
            tuple(_form(graph, i) for i in node.outputs),
            None if faults and faults[index] else ops.registry()[node.op].macs(node, graph),
            _constant_bytes(graph, node),
            faults[index] if faults else None,
        )
        for index, node in enumerate(graph.nodes)
    )


def arena(
    placement: memory.Placement,
    buffers: Sequence[memory.Buffer],
    layer: int | None,
    named: Callable[[str], str],
) -> ArenaFacts:
    """Facts of an arena plan in whose `layer` most is alive; `named` says what buffers hold."""
    consumers = memory.peak(buffers, placement.shared)[2]
    told = tuple((named(name), size) for name, size in consumers)
    return ArenaFacts(placement.total, placement.lower_bound, layer, told)


def operators() -> list[dict[str, Any]]:
    """Supported operators by name: element types of kernels for them, and what their files say of inputs and limits."""
    found = {name: (_types(operator), _about(operator)) for name, operator in ops.registry().items()}
    states = "becomes a state that is kept between inferences when the model is read"
    found |= {name: (["any"], states) for name in variables.OPERATORS}
    return [{"name": name, "types": types, "about": about} for name, (types, about) in sorted(found.items())]


def onnx_operators() -> list[dict[str, Any]]:
    """ONNX operators that the importer has rules for: what they become, and what is special about them."""
    found = [{"name": r.name, "makes": list(r.makes), "about": r.about} for r in rules.registry().values()]
    rest = sorted(folding.FOLDED - set(rules.registry()))
    found += [{"name": name, "makes": [], "about": "between constants"} for name in rest]
    return sorted(found, key=lambda entry: str(entry["name"]))


def _about(operator: Operator) -> str:
    """The text at the head of an operator's file, without its name."""
    text = " ".join((sys.modules[type(operator).__module__].__doc__ or "").split())
    return text.removeprefix(operator.name).removeprefix(":").strip()


def _form(graph: Graph, index: int) -> str:
    tensor = graph.tensor(index)
    return f"{tensor.dtype.name}[{','.join(map(str, tensor.shape))}]"


def _constant_bytes(graph: Graph, node: Node) -> int:
    constants = (graph.tensor(i) for i in node.inputs if i != ABSENT)
    return sum(t.bytes for t in constants if t.is_constant)


class _SeededDraw:
    """A `Draw` of plain random choices."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def integer(self, low: int, high: int) -> int:
        return int(self._random.integers(low, high, endpoint=True))

    def choice(self, options: Sequence[Any]) -> Any:
        return options[self.integer(0, len(options) - 1)]

    def array(self, shape: tuple[int, ...], low: int, high: int) -> np.ndarray:
        return self._random.integers(low, high, shape, endpoint=True, dtype=np.int64)


def _types(operator: Operator) -> list[str]:
    """Element types, as `input` or `input -> output`, in the operator's own test cases: they reach all."""
    found = set()
    for seed in range(TYPE_CASES):
        graph = operator.cases(_SeededDraw(seed))
        (node,) = graph.nodes
        maps = [graph.tensor(i) for i in node.inputs if i != ABSENT and not graph.tensor(i).is_constant]
        source, result = maps[0].dtype.name if maps else "", graph.output(node).dtype.name
        found.add(result if source in (result, "") else f"{source} -> {result}")
    return sorted(found)
