# SPDX-License-Identifier: Apache-2.0
"""Chooses fewer bits for an int8 graph and makes the graph that has them: classes, space, search, accuracy, codes.

Every fourth calibration sample is held out: classes of patches, ranges, weights and harm come from the others, the loss
of accuracy from these.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from intarsia import stitching
from intarsia.data import Dataset
from intarsia.errors import UsageError
from intarsia.ir import Graph, OutlierRule
from intarsia.plan import cost, giveback, patch, precision, vdpc, vdqs
from intarsia.plan.head import Tiling
from intarsia.plan.kernelcosts import Costs, estimated
from intarsia.plan.plan import Decisions, Plan, Width
from intarsia.plan.precision import NORMAL, OUTLIER, WEIGHTS, Space, Wanted
from intarsia.plan.vdpc import Membership
from intarsia.plan.vdqs import Choice, Search
from intarsia.quantize import classes
from intarsia.quantize.classes import Widths
from intarsia.quantize.drop import Drop
from intarsia.quantize.harm import Harm
from intarsia.quantize.observed import Observed
from intarsia.request import Mixing, Watcher
from intarsia.standin import stand_in

HELD_OUT = 4
"""One of so many calibration samples is held out."""
MOST_WORK = 4e9
"""Multiply-accumulates of a network for all samples up to which the search has several starts."""

MOST_LAYERS = 40
"""Layers up to which it has: what a start takes to give bits back grows with their square."""


@dataclass(frozen=True)
class Need:
    """Bytes of arena, and the layer in which most of it is alive, in the branches of a class or behind them."""

    bytes: int
    layer: int
    scope: str


Measure = Callable[[Graph], Need]
"""What a graph needs with the kernels and the patches of the firmware."""


@dataclass(frozen=True, eq=False)
class Precision:
    """The `graph` with the chosen bits, its `plan`, and why it has them.

    `bits` belong to the items of `space`. `drop` is what `held_out` samples lose against 8 bits (see `quantize.drop`);
    `time` and `time_8bit` are instructions of the layers that bits make faster or slower, by the costs of the search.
    """

    graph: Graph
    plan: Plan
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


@dataclass(frozen=True, eq=False)
class _Sorted:
    """How the patches of a plan are cut and which of them are outliers; `z` from which deviations on a value is one."""

    tiling: Tiling | None = None
    membership: Membership | None = None
    rule: OutlierRule | None = None
    z: float | None = None
    notes: tuple[str, ...] = ()

    def for_widths(self, widths: Widths) -> _Sorted:
        """Without classes where patches of either have 8 bits: two forms of the same layers would cost flash and time
        for nothing."""
        narrow = widths.maps.get(NORMAL) or widths.maps.get(OUTLIER)
        return self if narrow else replace(self, membership=None, rule=None)


def _sorted(graph: Graph, kept: Dataset, plan: Plan | None, mixing: Mixing) -> _Sorted:
    """Classes of the patches by what calibration data holds."""
    if plan is None or not plan.patched:
        alike = ("patches: none are in use, so that there are no classes of them",)
        return _Sorted(notes=alike if mixing.vdpc == "dynamic" else ())
    tiling = patch.tiling(graph, plan)
    if mixing.vdpc == "off":
        return _Sorted(tiling)
    dynamic = mixing.vdpc == "dynamic"
    seen = vdpc.observe(tiling, kept.inputs, mixing.outliers.tolerance)
    found = vdpc.classify(seen, mixing.outliers, dynamic)
    rule = vdpc.device_rule(graph, found) if dynamic else None
    membership = Membership.static(found.outlier)
    if rule is not None:
        membership = Membership(stitching.outlying(rule, tiling, _images(graph, kept)), dynamic=True)
    return _Sorted(tiling, membership, rule, found.z, (_told(membership, found),))


def _images(graph: Graph, samples: Dataset) -> np.ndarray:
    return samples.inputs[0].reshape(-1, *graph.tensor(graph.inputs[0]).shape)


def _told(membership: Membership, found: vdpc.Classes) -> str:
    if membership.single is not None:
        which = "every patch an outlier" if membership.single else "no patch an outlier"
        return f"patches: z = {found.z:.3f} makes {which}: all are treated alike"
    if membership.dynamic:
        share = sum(membership.shares(True)) / len(found.outlier)
        return f"patches: {share:.1%} of those in calibration samples hold outliers (z = {found.z:.3f})"
    return f"patches: {found.count} of {len(found.outlier)} hold outliers (z = {found.z:.3f})"


def choose(
    graph: Graph,
    kept: Dataset,
    held: Dataset,
    mixing: Mixing,
    watcher: Watcher,
    *,
    plan: Plan | None = None,
    ram: int | None = None,
    beside: int = 0,
    measure: Measure | None = None,
    costs: Costs = estimated,
) -> Precision:
    """The bits of the method, given back until the drop is within `mixing.max_drop`, where there is such a limit. Where
    VDQS has room for more, bolder choices are tried, too (`giveback.bolder`), and the one that needs the least BitOPs
    and time is taken, unless the network is so large that this would take minutes (`MOST_WORK`, `MOST_LAYERS`).

    `plan` says how the network is cut (None: not at all). `ram` limits the bytes of arena, `beside` which RAM holds
    more; `measure` has the last word on them, `costs` on the time. Raises BudgetError when the memory and GateError
    when the accuracy cannot be met.
    """
    watcher.stage("choose bits")
    cut = _sorted(graph, kept, plan, mixing)
    wanted = Wanted(mixing.maps, mixing.weights, mixing.maps)
    histograms = classes.histograms(graph, kept.inputs, cut.tiling, cut.membership)
    space = precision.space(graph, histograms, wanted, cut.tiling, cut.membership)
    options = vdqs.Options(
        mixing.method, mixing.balance, ram=ram, beside=beside, spend_time=mixing.spend_time
    )
    search = Search(space, options, costs)
    memory = _memory(graph, space, cut, measure)
    choice = search.run(*memory)
    spared = tuple(told_of_time(search, choice)) if mixing.method == "vdqs" and not mixing.spend_time else ()
    maker = _Maker(graph, kept, held, space, cut)
    watcher.stage("measure the accuracy of the bits")
    if mixing.max_drop is not None:
        first, choice = choice, maker.within(mixing.max_drop, search, choice, watcher)
        work = sum(cost.macs(graph)) * (len(kept) + len(held))
        if mixing.method == "vdqs" and work <= MOST_WORK and len(graph.nodes) <= MOST_LAYERS:
            limit = mixing.max_drop
            choice = giveback.bolder(
                search, choice, memory, lambda s, c: maker.within(limit, s, c, watcher), choice is not first
            )
    return _made(maker, search, choice.bits, mixing, plan, (*cut.notes, *choice.notes, *spared))


def follow(graph: Graph, kept: Dataset, held: Dataset, plan: Plan, watcher: Watcher) -> Precision:
    """The bits and classes of a plan, without a search. Raises UsageError when they do not fit the graph."""
    watcher.stage("follow the plan")
    plan.check(graph)
    mixing = _mixing_of(plan)
    cut = _planned(graph, kept, plan)
    histograms = classes.histograms(graph, kept.inputs, cut.tiling, cut.membership)
    wanted = Wanted(precision.WIDTHS, precision.WIDTHS, precision.WIDTHS)
    space = precision.space(graph, histograms, wanted, cut.tiling, cut.membership)
    bits = _planned_bits(graph, space, plan)
    search = Search(space, vdqs.Options(balance=mixing.balance))
    return _made(_Maker(graph, kept, held, space, cut), search, bits, mixing, plan, cut.notes)


def _mixing_of(plan: Plan) -> Mixing:
    form = plan.outliers.form if plan.outliers else "off"
    made = plan.decisions
    if made is None:
        return Mixing(method="plan", max_drop=None, vdpc=form)
    return Mixing(made.bits, made.weight_bits, made.method, made.max_drop, made.balance, form)


def _planned(graph: Graph, kept: Dataset, plan: Plan) -> _Sorted:
    """The classes of a plan."""
    if not plan.patched:
        return _Sorted()
    tiling = patch.tiling(graph, plan)
    if plan.outliers is None:
        return _Sorted(tiling)
    rule = plan.outliers.rule
    membership = Membership.static([share > 0.5 for share in plan.outliers.shares])
    if rule is not None:
        membership = Membership(stitching.outlying(rule, tiling, _images(graph, kept)), dynamic=True)
    if membership.single is not None:
        raise UsageError(
            "the plan tells classes of patches apart, and in the calibration samples all are of one class",
            hint="give the samples that the plan was made with",
        )
    return _Sorted(tiling, membership, rule, plan.outliers.z)


def _planned_bits(graph: Graph, space: Space, plan: Plan) -> tuple[int, ...]:
    """Bits of every item of a space. Raises UsageError where the plan has none, or none that can be."""
    maps: dict[tuple[str, int], int] = {(entry.scope, entry.index): entry.bits for entry in plan.maps}
    weights: dict[int, int | None] = {entry.index: entry.weights_bits for entry in plan.maps}
    found = []
    for item in space.items:
        if item.scope == WEIGHTS:
            given = {weights.get(graph.nodes[item.tensors[0]].outputs[0])}
        else:
            given = {maps.get((item.scope, tensor)) for tensor in item.tensors}
        (bits, *others) = given
        fixed = item.widths == (8,) and bits is not None and bits >= 8
        if others or bits is None or not (bits in item.widths or fixed):
            told = " and ".join(str(width) for width in sorted(given, key=str))
            allowed = ", ".join(map(str, item.widths))
            raise UsageError(
                f"the plan gives '{item.name}' ({item.scope}) {told} bits; it can have {allowed}",
                hint="make a plan for this model",
            )
        found.append(min(bits, 8))
    return tuple(found)


class _Maker:
    """Makes and measures the graphs of choices; each once."""

    def __init__(self, graph: Graph, kept: Dataset, held: Dataset, space: Space, cut: _Sorted) -> None:
        self.graph, self.kept, self.held, self.space, self.cut = graph, kept, held, space, cut
        self.graph_of = functools.cache(self._graph_of)
        self.drop = functools.cache(self._drop)
        self.observed = Observed(graph, kept.inputs)
        self._lost: Drop | None = None
        self._measured: Harm | None = None

    def _graph_of(self, bits: tuple[int, ...]) -> Graph:
        widths = Widths.of(self.space, bits)
        cut = self.cut.for_widths(widths)
        return classes.apply(
            self.graph,
            self.kept.inputs,
            widths,
            cut.tiling,
            cut.membership,
            cut.rule,
            observed=self.observed,
        )

    def _drop(self, bits: tuple[int, ...]) -> float:
        self._lost = self._lost or Drop(self.graph, self.held.inputs, self.held.labels, self.kept.inputs)
        return self._lost(self.graph_of(bits))

    def within(self, limit: float, search: Search, choice: Choice, watcher: Watcher) -> Choice:
        """The choice, with bits given back where its drop is beyond the limit. Raises as `giveback.give_back`."""
        if self.drop(choice.bits) <= limit:
            return choice
        watcher.stage("weigh every map and all weights")
        self.weigh(watcher.progress)
        watcher.stage("give back bits")
        return giveback.give_back(
            search, choice, lambda tried: self.drop(tried.bits), limit, self.harm, watcher.progress
        )

    def weigh(self, progress: Callable[[int, int], None]) -> None:
        """Measures the harm of all items."""
        pairs = [
            (place, width)
            for place, item in enumerate(self.space.items)
            for width in item.widths
            if width < 8
        ]
        for done, (item, bits) in enumerate(pairs):
            progress(done, len(pairs))
            self.harm(item, bits)

    def harm(self, item: int, bits: int) -> float:
        self._measured = self._measured or Harm(self.graph, self.kept.inputs, self.space)
        return self._measured(item, bits)


def _made(
    maker: _Maker,
    search: Search,
    bits: tuple[int, ...],
    mixing: Mixing,
    plan: Plan | None,
    notes: tuple[str, ...],
) -> Precision:
    graph, drop = maker.graph_of(bits), maker.drop(bits)
    own = patch.unpatched(graph)
    if plan is not None and plan.split_after is not None:
        own = patch.plan_of(graph, plan.split_after, plan.grid, plan.input)
    outliers = replace(own.outliers, z=maker.cut.z) if own.outliers else None
    made = Decisions(
        mixing.method, mixing.balance, _widths(mixing.maps), _widths(mixing.weights), mixing.max_drop, drop
    )
    eights = (8,) * len(bits)
    return Precision(
        graph,
        replace(own, outliers=outliers, decisions=made),
        maker.space,
        bits,
        notes,
        mixing,
        drop,
        len(maker.held),
        search.time(bits),
        search.time(eights),
    )


def _widths(bits: Sequence[int]) -> tuple[Width, ...]:
    return tuple(cast(Width, width) for width in bits)


def _memory(graph: Graph, space: Space, cut: _Sorted, measure: Measure | None) -> vdqs.Memory:
    """Bytes of arena of a choice, and the layer that fills it."""
    if measure is None:
        return None, None

    @functools.cache
    def known(bits: tuple[int, ...]) -> Need:
        widths = Widths.of(space, bits)
        own = cut.for_widths(widths)
        return measure(stand_in(graph, widths, own.tiling, own.membership, own.rule))

    def crowded(choice: Choice) -> tuple[int, str]:
        need = known(choice.bits)
        return need.layer, need.scope

    return lambda choice: known(choice.bits).bytes, crowded


def told_of_time(search: Search, choice: Choice) -> Iterator[str]:
    """Maps whose best bits by score would have been fewer, were they not slower than 8 bits, and those that have fewer
    for the memory's sake and are slower."""
    space, balance = search.space, search.options.balance
    for index in search.maps:
        if space.items[index].scope == OUTLIER:
            continue
        now = search.option(index, choice.bits[index], search.weights_now(index, choice.bits), choice.bits)
        limit = search.time8(index, choice.bits)
        options = search.options_of(index, choice.bits, slow=True)
        best = max(options, key=lambda option: option.score(balance))
        if best.bits < now.bits and best.time > limit + 0.5:
            item = space.items[index]
            yield (
                f"time: '{item.name}' ({item.scope}) keeps {now.bits} bits: {best.bits} would save BitOPs and cost "
                f"{best.time - limit:,.0f} instructions more than 8 bits"
            )
    for group, more in search.timing.losses(choice.bits):
        names = ", ".join(f"'{space.items[item].name}' ({space.items[item].scope})" for item in group)
        yield f"memory: fewer bits of {names} cost {more:,.0f} instructions more than 8 bits"
