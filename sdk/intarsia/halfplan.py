# SPDX-License-Identifier: Apache-2.0
"""Chooses the layers of a float network that compute in half precision where int8 loses too much.

A layer's harm is the mean square error of the network's outputs when it alone is int8, which counts its rounded weights
and its rounded output. Layers take half precision in the order of their harm for each instruction that they take more
than in int8, as long as the memory holds them, until samples that no range was taken from lose no more than the limit;
then those that turned out not to be needed go back to int8.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from intarsia import batching, calibrate, ops
from intarsia.calibrate import Statistics
from intarsia.data import Dataset
from intarsia.errors import GateError
from intarsia.ir import Graph, Node
from intarsia.kernelcall import Alias
from intarsia.passes import canonicalise, dead, half
from intarsia.quantize import Options, quantize
from intarsia.quantize.drop import Drop
from intarsia.request import Watcher

WEIGHED = 32
"""Most samples that harm is measured on."""

Costs = Callable[[Graph, Graph], Mapping[str, float]]
"""Instructions that a layer takes more in half precision, by the name of what it makes: for the int8 network and the
one in half precision."""


@dataclass(frozen=True, eq=False)
class Halved:
    """The `graph`, the outputs of its `layers` in half precision of `candidates` that could be, and what `held_out`
    samples lose against the float network (see `quantize.drop`), before in int8 alone."""

    graph: Graph
    layers: tuple[str, ...]
    candidates: int
    before: float
    drop: float
    held_out: int

    def summary(self) -> str:
        """One line that says what was chosen."""
        lost = f"{self.held_out} held-out samples lose {self.drop:.4f} against float"
        if not self.layers:
            return f"half precision: no layer needs it, {lost}"
        which = f"{len(self.layers)} of {self.candidates} layers ({', '.join(self.layers)})"
        return f"half precision: {which}, {lost} instead of {self.before:.4f}"


def choose(
    graph: Graph,
    kept: Dataset,
    held: Dataset,
    options: Options,
    watcher: Watcher,
    *,
    costs: Costs,
    fits: Callable[[Graph], bool],
) -> Halved:
    """The int8 graph of a float one, with the layers in half precision that keep the drop within `options.max_drop`.

    Ranges come from `kept`, the drop from `held`. `fits` says whether a graph goes into the memory. Raises GateError
    when the drop cannot be met.
    """
    watcher.stage("calibrate")
    maker = _Maker(graph, calibrate.calibrate(graph, kept, progress=watcher.progress), options)
    drop = Drop(graph, held.inputs, held.labels, kept.inputs)

    def lost(names: Collection[str]) -> float:
        return drop(maker.measured(names))

    before = loss = lost(())
    chosen: tuple[str, ...] = ()
    if before > options.max_drop:
        watcher.stage("weigh every layer in half precision")
        for name in _ranked(maker, kept, costs, watcher):
            tried = (*chosen, name)
            if not fits(maker.graph(tried)):
                continue
            chosen, loss = tried, lost(tried)
            if loss <= options.max_drop:
                break
        if loss > options.max_drop:
            raise GateError(
                f"with {len(chosen)} layers in half precision held-out samples still lose {loss:.4f}, more than "
                f"{options.max_drop:g}",
                hint="give more RAM or calibration samples, or allow more with --max-drop",
            )
        chosen = _needed(chosen, lost, options.max_drop)
        loss = lost(chosen)
    return Halved(maker.graph(chosen), chosen, len(maker.candidates), before, loss, len(held))


def _needed(
    chosen: tuple[str, ...], lost: Callable[[Collection[str]], float], limit: float
) -> tuple[str, ...]:
    """Without the layers that turned out not to be needed, the cheapest gain first."""
    for name in reversed(chosen[:-1]):
        fewer = tuple(other for other in chosen if other != name)
        if lost(fewer) <= limit:
            chosen = fewer
    return chosen


def _ranked(maker: _Maker, kept: Dataset, costs: Costs, watcher: Watcher) -> list[str]:
    """Candidates, the one first that has most harm for an instruction."""
    more = costs(maker.graph(()), maker.graph(maker.candidates))
    samples = [x[:WEIGHED] for x in kept.inputs]
    wanted = batching.outputs(maker.float_graph, samples)
    gains = {}
    for done, name in enumerate(maker.candidates):
        found = batching.outputs(maker.weighed(name), samples)
        error = sum(
            float(np.square(a.astype(np.float64) - b).mean()) for a, b in zip(wanted, found, strict=True)
        )
        gains[name] = error / max(more.get(name, 0.0), 1.0)
        watcher.progress(done + 1, len(maker.candidates))
    return sorted(gains, key=lambda name: -gains[name])


def _renames(node: Node, graph: Graph) -> bool:
    """Whether a node has no work to do, as RESHAPE."""
    return all(isinstance(step, Alias) for step in ops.registry()[node.op].lower(node, graph))


class _Maker:
    """Graphs with some layers in half precision, the others in int8 where they can be.

    `candidates` are the names of what those layers make that compute in half precision and have work to do.
    """

    def __init__(self, graph: Graph, statistics: Statistics, options: Options) -> None:
        self.float_graph, self.statistics, self.options = graph, statistics, options
        able = [n for n in graph.nodes if half.converts(n, graph) and half.holds(n, graph)]
        self.candidates = tuple(graph.output(n).name for n in able if not _renames(n, graph))
        self._sources = {
            graph.output(n).name: graph.tensor(n.inputs[0]).name for n in able if _renames(n, graph)
        }

    def graph(self, names: Collection[str]) -> Graph:
        """As the firmware has it."""
        real = self._followed(names)
        made = quantize(self.float_graph, self.statistics, self.options, real=real)
        return dead.run(half.run(canonicalise(made), real))

    def measured(self, names: Collection[str]) -> Graph:
        """The same with inputs and outputs in float32, as the samples are."""
        real = self._followed(names)
        return half.run(self._floating(real), real)

    def weighed(self, name: str) -> Graph:
        """One candidate in int8, the others as they were."""
        return self._floating(self._followed([other for other in self.candidates if other != name]))

    def _floating(self, real: Collection[str]) -> Graph:
        return quantize(self.float_graph, self.statistics, replace(self.options, io="float32"), real=real)

    def _followed(self, names: Collection[str]) -> frozenset[str]:
        """With the layers behind them that only pass values on."""
        found = set(names)
        for made, source in self._sources.items():
            if source in found:
                found.add(made)
        return frozenset(found)
