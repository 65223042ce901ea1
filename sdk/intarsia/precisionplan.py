# SPDX-License-Identifier: Apache-2.0
"""Chooses fewer bits for an int8 graph and makes the graph that has them: space, search, accuracy, codes.

All branches of a patched network are of one class: a feature map has the same bits in every patch. Every fourth
calibration sample is held out: ranges, weights and harm come from the others, the loss of accuracy from these.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from intarsia.data import Dataset
from intarsia.dtypes import BY_BITS
from intarsia.errors import UsageError
from intarsia.ir import Graph, Quantization, Tensor
from intarsia.plan import giveback, precision, vdqs
from intarsia.plan.head import Tiling
from intarsia.plan.precision import WEIGHTS, Space, Wanted
from intarsia.plan.vdqs import Choice, Search
from intarsia.quantize import classes
from intarsia.quantize.classes import Classed
from intarsia.quantize.drop import Drop
from intarsia.quantize.harm import Harm
from intarsia.request import Mixing, Watcher

HELD_OUT = 4
"""One of so many calibration samples is held out."""

Measure = Callable[[Graph], int]
"""Bytes of arena of a graph with the kernels and the patches of the firmware."""


@dataclass(frozen=True, eq=False)
class Precision:
    """The `graph` with the chosen bits, and why it has them.

    `bits` belong to the items of `space`. `drop` is what `held_out` samples lose against 8 bits (see `quantize.drop`);
    `time` and `time_8bit` are instructions of the layers with weights, by the costs of the search.
    """

    graph: Graph
    space: Space
    bits: tuple[int, ...]
    notes: tuple[str, ...]
    mixing: Mixing
    drop: float
    held_out: int
    time: float
    time_8bit: float

    @property
    def bitops(self) -> int:
        return self.space.bitops(self.bits)

    @property
    def bitops_8bit(self) -> int:
        return self.space.bitops((8,) * len(self.bits))


def divided(samples: Dataset) -> tuple[Dataset, Dataset]:
    """Samples for ranges, and those held out. Raises UsageError when there are too few for both."""
    count = len(samples)
    if count < HELD_OUT:
        raise UsageError(
            f"{count} calibration samples cannot be divided: every {HELD_OUT}th is held out to measure the accuracy",
            hint=f"give at least {HELD_OUT}, better a hundred",
        )
    held = np.arange(count) % HELD_OUT == HELD_OUT - 1
    return _chosen(samples, ~held), _chosen(samples, held)


def _chosen(samples: Dataset, which: np.ndarray) -> Dataset:
    places = np.flatnonzero(which)
    labels = None if samples.labels is None else samples.labels[places]
    names = tuple(samples.names[place] for place in places) if samples.names else ()
    return Dataset(tuple(x[places] for x in samples.inputs), labels, names)


def choose(
    graph: Graph,
    kept: Dataset,
    held: Dataset,
    mixing: Mixing,
    watcher: Watcher,
    *,
    tiling: Tiling | None = None,
    ram: int | None = None,
    measure: Measure | None = None,
) -> Precision:
    """The bits of the method, given back until the drop is within `mixing.max_drop`, where there is such a limit.

    `ram` limits the bytes of arena; `measure` has the last word on them. Raises BudgetError when the memory and
    GateError when the accuracy cannot be met.
    """
    watcher.stage("choose bits")
    outlier = (False,) * len(tiling.branches) if tiling else ()
    histograms = classes.histograms(graph, kept.inputs, tiling, outlier)
    wanted = Wanted(mixing.maps, mixing.weights, mixing.maps)
    space = precision.space(graph, histograms, wanted, tiling, outlier)
    search = Search(space, vdqs.Options(mixing.method, ram=ram))
    choice = search.run(_arena(graph, space, measure))
    spared = tuple(_not_worth_the_time(search, choice)) if mixing.method == "vdqs" else ()
    watcher.stage("measure the accuracy of the bits")

    @functools.cache
    def made(bits: tuple[int, ...]) -> Classed:
        return classes.apply(graph, kept.inputs, space, Choice(bits), tiling, outlier)

    @functools.cache
    def measured() -> Harm:
        return Harm(graph, kept.inputs, space)

    def harm(item: int, bits: int) -> float:
        return measured()(item, bits)

    lost = Drop(graph, held.inputs, held.labels)
    dropped = functools.cache(lambda bits: lost(made(bits)))
    if mixing.max_drop is not None:
        choice = giveback.give_back(
            search,
            choice,
            lambda tried: dropped(tried.bits),
            mixing.max_drop,
            harm,
        )
    return Precision(
        made(choice.bits).main,
        space,
        choice.bits,
        (*choice.notes, *spared),
        mixing,
        dropped(choice.bits),
        len(held),
        search.time(choice.bits),
        search.time((8,) * len(space.items)),
    )


def _arena(graph: Graph, space: Space, measure: Measure | None) -> vdqs.Arena | None:
    if measure is None:
        return None
    known = functools.cache(lambda bits: measure(stand_in(graph, space, bits)))
    return lambda choice: known(choice.bits)


def stand_in(graph: Graph, space: Space, bits: Sequence[int]) -> Graph:
    """The graph with types as chosen and codes merely shifted: it needs the memory of the real one."""
    tensors = list(graph.tensors)
    for item, width in zip(space.items, bits, strict=True):
        if width < 8:
            for place in item.tensors:
                index = graph.nodes[place].inputs[1] if item.scope == WEIGHTS else place
                tensors[index] = _shifted(graph.tensor(index), width)
    return graph.replace(tensors=tuple(tensors))


def _shifted(tensor: Tensor, bits: int) -> Tensor:
    quant = tensor.quant
    assert quant is not None
    by = 8 - bits
    narrow = Quantization(
        tuple(scale * (1 << by) for scale in quant.scale),
        tuple(z >> by for z in quant.zero_point),
        quant.axis,
    )
    data = None if tensor.data is None else tensor.data >> by
    return replace(tensor, dtype=BY_BITS[bits], quant=narrow, data=data)


def _not_worth_the_time(search: Search, choice: Choice) -> Iterator[str]:
    """Maps whose best bits by score would have been fewer, were they not slower than 8 bits."""
    space, balance = search.space, search.options.balance
    for index in search.maps:
        now = search.option(index, choice.bits[index], search.weights_now(index, choice.bits))
        limit = sum(search.costs(p.work, 8, 8) for p in space.readers(index))
        options = search.options_of(index, choice.bits, slow=True)
        best = max(options, key=lambda option: option.score(balance))
        if best.bits < now.bits and best.time > limit + 0.5:
            item = space.items[index]
            yield (
                f"time: '{item.name}' ({item.scope}) keeps {now.bits} bits: {best.bits} would save BitOPs and cost "
                f"{best.time - limit:,.0f} instructions more than 8 bits"
            )
