# SPDX-License-Identifier: Apache-2.0
"""Value-driven quantization search: bits for every feature map and all weights, without training.

Implements VDQS from the published description (see `vdpc`); normalisers are ours. For a feature map i that layers with
weights w read,
  S(i, b, w) = -lambda * [Omega(i, b) + sum of Omega(w)] + (1 - lambda) * Phi(i, b, w),
with Omega the share of entropy that is lost (`entropy`) and Phi the BitOPs that are saved, as a share of the BitOPs at
8 bits of the layers that read the map ("map"), or of those of an average map of the same scope ("scope": the share of
all BitOPs of the branch, times its number of maps, so that lambda means the same for long and short branches). With
8-bit weights this is the published score.
Maps are visited in topological order; each takes the bits of the largest score (those of outlier branches keep 8), then
maps alive in a step are cut, smallest drop of score first, until the step fits the memory.

"scope" is the default: it puts few bits where the MACs are and leaves small layers, often the sensitive last ones, at
8, where "map" treats all alike and turns from all 4 bits to all 8 within a narrow range of lambda. With 4-bit weights
allowed and a quarter of the patches outliers, no bits given back (agreement: same first class as at 8 bits):

| network        | "map", lambda 0.40    | "map", 0.46           | "scope", 0.40         | "scope", 0.50         |
|                | BitOPs / agreement    |                       |                       |                       |
|----------------|-----------------------|-----------------------|-----------------------|-----------------------|
| ic_resnet8     | / 1.96, 0.764         | / 1.96, 0.888         | / 2.72, 0.908         | / 1.73, 0.928         |
| vww_mobilenet  | / 3.28, 0.944         | / 1.44, 0.986         | / 2.64, 0.958         | / 2.04, 0.931         |
| kws_dscnn      | / 2.27, 0.943         | / 1.12, 0.973         | / 1.97, 0.967         | / 1.97, 0.967         |
| digits96       | / 3.05, 1.000         | / 1.08, 1.000         | / 1.93, 1.000         | / 1.56, 1.000         |
| mobilenet_v1   | / 3.37, 0.180         | / 1.07, 0.513         | / 2.46, 0.340         | / 1.89, 0.647         |

Bits that would save BitOPs but cost time, by the costs of the kernels (`timing`), are not chosen; only the memory limit
brings them, and `Choice.notes` says so.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from intarsia.errors import BudgetError, UsageError
from intarsia.plan.kernelcosts import Costs, estimated
from intarsia.plan.precision import OUTLIER, REST, WEIGHTS, Space, Step
from intarsia.plan.timing import SLACK, Timing

METHODS = ("vdqs", "uniform8", "uniform4", "memory-greedy", "random")
NORMALISERS = ("map", "scope")
BALANCE = 0.4
"""Lambda where none is given."""
ATTEMPTS = 32
_FEW = 3

REPAIRS = 12
Arena = Callable[["Choice"], int]
"""Bytes of arena that a choice needs with the kernels of a board."""
Crowded = Callable[["Choice"], tuple[int, str]]
"""The layer in which most of that arena is alive, and its scope."""
Memory = tuple[Arena | None, Crowded | None]


@dataclass(frozen=True)
class Options:
    """`balance` is lambda: 0 looks at saved BitOPs alone, 1 at entropy alone. `ram`: bytes of arena (None: no limit);
    `beside` are bytes that RAM must hold more, for what is said of it.
    `spend_time`: bits may cost time without need. `seed` belongs to the method "random"."""

    method: str = "vdqs"
    balance: float = BALANCE
    normaliser: str = "scope"
    ram: int | None = None
    beside: int = 0
    spend_time: bool = False
    seed: int = 0

    def check(self) -> None:
        """Raises UsageError."""
        if self.method not in METHODS:
            raise UsageError(f"unknown method '{self.method}'", hint=f"known: {', '.join(METHODS)}")
        if self.normaliser not in NORMALISERS:
            raise UsageError(
                f"unknown normaliser '{self.normaliser}'", hint=f"known: {', '.join(NORMALISERS)}"
            )
        if not 0.0 <= self.balance <= 1.0:
            raise UsageError(f"lambda is {self.balance}", hint="give a number from 0 to 1")


@dataclass(frozen=True)
class Choice:
    """Bits of every item of a space, and what has to be said about them."""

    bits: tuple[int, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Option:
    """Bits of one map and of the weights of the layers that read it, with what they bring."""

    item: int
    bits: int
    weights: tuple[tuple[int, int], ...]
    omega: float
    phi: float
    time: float

    def score(self, balance: float) -> float:
        return -balance * self.omega + (1.0 - balance) * self.phi

    def applied(self, bits: Sequence[int]) -> tuple[int, ...]:
        changed = list(bits)
        for item, width in ((self.item, self.bits), *self.weights):
            changed[item] = width
        return tuple(changed)


class Search:
    """The options of a space, and the searches over them."""

    def __init__(self, space: Space, options: Options | None = None, costs: Costs = estimated) -> None:
        self.space, self.options = space, options or Options()
        self.timing = Timing(space, costs)
        self.options.check()
        self.maps = [i for i, item in enumerate(space.items) if item.scope != WEIGHTS]
        self.arena: Arena | None = None
        self.limit = self.options.ram
        eights = (8,) * len(space.items)
        self._bitops8 = float(max(space.bitops(eights), 1))
        self._time8_whole = max(self.time(eights), 1.0)
        self.average = {scope: self._average(scope) for scope in {p.scope for p in space.products}}

    def _average(self, scope: str) -> float:
        """BitOPs at 8 bits for each map of a scope that is read by products."""
        mine = [p for p in self.space.products if p.scope == scope]
        return sum(p.work.macs * 64 for p in mine) / len({p.source for p in mine})

    def run(self, arena: Arena | None = None, crowded: Crowded | None = None) -> Choice:
        """The choice of the method. Where kernels of few bits take more memory than their maps save, the layers that
        `crowded` names get bits back. Raises BudgetError when the memory cannot be met."""
        self.arena, self.limit, ram = arena, self.options.ram, self.options.ram
        first: Choice | None = None
        for _ in range(ATTEMPTS):
            try:
                choice = self._chosen(self.limit)
            except BudgetError:
                if first is None or arena is None:
                    raise
                break
            first = first or choice
            needed = arena(choice) if arena and ram is not None else 0
            if ram is None or self.limit is None or needed <= ram:
                return choice
            self.limit -= needed - ram
        self.limit = ram
        repaired = self._repaired(first, crowded) if first and crowded else None
        if repaired is None:
            raise self._too_small()
        return repaired

    def _repaired(self, choice: Choice, crowded: Crowded) -> Choice | None:
        """The choice with 8 bits for the fullest layers until the arena suffices; else all at 8 bits or at the fewest,
        if that does; else None."""
        for _ in range(REPAIRS):
            if self._fits(choice):
                return choice
            layer, scope = crowded(choice)
            bits = self._widened(choice.bits, layer, scope)
            if bits == choice.bits:
                break
            note = f"memory: the kernel of layer {layer} ({scope}) takes less with 8 bits"
            choice = Choice(bits, (*choice.notes, note))
        ends = (tuple(8 for _ in self.space.items), tuple(item.widths[-1] for item in self.space.items))
        notes = (
            "memory: all maps and weights have 8 bits",
            "memory: all maps and weights have the fewest bits",
        )
        return next(
            (
                c
                for c in (Choice(bits, (note,)) for bits, note in zip(ends, notes, strict=True))
                if self._fits(c)
            ),
            None,
        )

    def _fits(self, choice: Choice) -> bool:
        return self.arena is None or self.options.ram is None or self.arena(choice) <= self.options.ram

    def _widened(self, bits: tuple[int, ...], layer: int, scope: str) -> tuple[int, ...]:
        """8 bits for what a layer multiplies, or, where that has them already, for all maps alive in it."""
        products = [p for p in self.space.products if p.work.layer == layer and p.scope in (scope, REST)]
        items = {item for p in products for item in (p.source, p.weights)}
        if all(bits[item] == 8 for item in items):
            steps = [step for step in self.space.steps if step.layer == layer and step.scope == scope]
            items = {part.item for step in steps for part in step.parts if part.item is not None}
        return tuple(8 if place in items else width for place, width in enumerate(bits))

    def _chosen(self, limit: int | None) -> Choice:
        bits = tuple(8 for _ in self.space.items)
        method = self.options.method
        if method == "vdqs":
            return self._vdqs(bits, limit)
        if method == "uniform4":
            bits = tuple(4 if 4 in item.widths else 8 for item in self.space.items)
        if method == "random":
            random = np.random.default_rng(self.options.seed)
            bits = tuple(int(random.choice(item.widths)) for item in self.space.items)
        if method in ("uniform8", "uniform4"):
            return self._verified(Choice(bits), limit)
        return self._largest_first(bits, limit)

    def _vdqs(self, bits: tuple[int, ...], limit: int | None) -> Choice:
        notes: list[str] = []
        for item in self.maps:
            if self.space.items[item].scope != OUTLIER:
                options = self.options_of(item, bits, ahead=True)
                best = max(options, key=lambda option: option.score(self.options.balance))
                bits = best.applied(bits)
            bits = self._fitted(bits, limit, item, notes)
        bits = self._fitted(bits, limit, None, notes)
        bits = self.without_lost_time(bits, lambda b: limit is None or self.space.peak(b).live(b) <= limit)
        return Choice(bits, tuple(notes))

    def without_lost_time(
        self, bits: tuple[int, ...], fits: Callable[[tuple[int, ...]], bool]
    ) -> tuple[int, ...]:
        """More bits where fewer cost time and memory does not ask for them, unless time may be spent."""
        return bits if self.options.spend_time else self.timing.without_loss(bits, fits)

    def fits(self, bits: tuple[int, ...]) -> bool:
        """Whether bits keep to the limit of memory that the search ended with, and to the exact one."""
        if self.limit is None:
            return True
        return self.space.peak(bits).live(bits) <= self.limit and self._fits(Choice(bits))

    def _fitted(
        self, bits: tuple[int, ...], limit: int | None, done: int | None, notes: list[str]
    ) -> tuple[int, ...]:
        """Cuts bits in every step whose maps have all been visited (up to `done`; None: all) until it fits."""
        if limit is None:
            return bits
        for step in self.space.steps:
            items = [part.item for part in step.parts if part.item is not None]
            if done is not None and done not in items:
                continue
            if done is not None and any(item > done for item in items):
                continue
            while step.live(bits) > limit:
                cut = self._cheapest_cut(step, bits)
                if cut is None:
                    raise self._too_small()
                notes.extend(self._notes(cut, bits, step))
                bits = cut.applied(bits)
        return bits

    def _cheapest_cut(self, step: Step, bits: tuple[int, ...]) -> Option | None:
        """The map alive in a step whose next lower bits cost the least score, of those that free memory."""
        before = step.live(bits)
        cuts: list[tuple[float, int, Option]] = []
        for item in dict.fromkeys(part.item for part in step.parts if part.item is not None):
            lower = [width for width in self.space.items[item].widths if width < bits[item]]
            if not lower:
                continue
            now = self.option(item, bits[item], self.weights_now(item, bits), bits)
            every = [option for option in self.options_of(item, bits, slow=True) if option.bits == lower[0]]
            quick = [option for option in every if option.time <= self.time8(item, bits) + SLACK]
            best = max(quick or every, key=lambda option: option.score(self.options.balance))
            if step.live(best.applied(bits)) < before or len(lower) > 1:
                drop = now.score(self.options.balance) - best.score(self.options.balance)
                cuts.append((drop, item, best))
        return min(cuts, key=lambda cut: cut[:2])[2] if cuts else None

    def _notes(self, cut: Option, bits: tuple[int, ...], step: Step) -> Iterator[str]:
        name, extra = self.space.items[cut.item].name, cut.time - self.time8(cut.item, bits)
        slower = f" and costs {extra:,.0f} instructions more than 8 bits" if extra > 0.5 else ""
        yield (
            f"memory: '{name}' ({self.space.items[cut.item].scope}) goes from {bits[cut.item]} to {cut.bits} bits for "
            f"layer {step.layer} ({step.op}){slower}"
        )

    def option(
        self, item: int, width: int, weights: dict[int, int], bits: Sequence[int], ahead: bool = False
    ) -> Option:
        """What a map of these bits brings when its readers' weights have the bits given, and all else those of `bits`.
        `ahead`: maps behind it are taken to follow."""
        readers = self.space.readers(item)
        omega = self.space.items[item].lost(width)
        omega += sum(self.space.items[w].lost(b) for w, b in weights.items())
        saved = sum(p.work.macs * (64 - width * weights[p.weights]) for p in readers)
        scope = readers[0].scope if readers else REST
        whole = self.average.get(scope, 0.0)
        if self.options.normaliser == "map":
            whole = float(sum(p.work.macs * 64 for p in readers))
        option = Option(item, width, tuple(weights.items()), omega, saved / whole if whole else 0.0, 0.0)
        changed = option.applied(self.timing.ahead(item, width, bits) if ahead else bits)
        return replace(option, time=self.timing.around((item,), changed))

    def options_of(
        self, item: int, bits: Sequence[int], slow: bool = False, ahead: bool = False
    ) -> list[Option]:
        """The options of a map, 8 bits first; of those that take longer than 8 bits only if `slow` or wanted.

        Fewer bits of weights alone save BitOPs, where kernels for 8-bit maps keep their codes in bytes nothing else.

        Weights that a class of branches visited earlier has decided stay as they are.
        """
        limit = self.time8(item, bits, ahead) + SLACK
        free = self._free_weights(item)
        found: list[Option] = []
        for width in self.space.items[item].widths:
            for chosen in self._combinations(free):
                weights = self.weights_now(item, bits) | dict(zip(free, chosen, strict=True))
                option = self.option(item, width, weights, bits, ahead)
                first = not found
                if first or slow or self.options.spend_time or option.time <= limit:
                    found.append(option)
        return found

    def _combinations(self, weights: list[int]) -> Iterator[tuple[int, ...]]:
        """Bits for several weights: all combinations for few, the same for all of many."""
        widths = [self.space.items[w].widths for w in weights]
        if len(weights) <= _FEW:
            return itertools.product(*widths)
        return (tuple(w[min(i, len(w) - 1)] for w in widths) for i in range(max(map(len, widths))))

    def _free_weights(self, item: int) -> list[int]:
        """Weights that are decided with a map: those that no map before it is multiplied with."""
        mine = dict.fromkeys(p.weights for p in self.space.readers(item))
        return [w for w in mine if min(p.source for p in self.space.products if p.weights == w) == item]

    def weights_now(self, item: int, bits: Sequence[int]) -> dict[int, int]:
        """Bits of the weights of the layers that read a map."""
        return {p.weights: bits[p.weights] for p in self.space.readers(item)}

    def time8(self, item: int, bits: Sequence[int], ahead: bool = False) -> float:
        """Time of the layers around a map if it had 8 bits and its readers' weights, too."""
        return self.option(item, 8, {p.weights: 8 for p in self.space.readers(item)}, bits, ahead).time

    def price(self, option: Option) -> float:
        """What an option costs: BitOPs as a share of all at 8 bits, and time likewise unless it does not count."""
        weights = dict(option.weights)
        readers = self.space.readers(option.item)
        bitops = sum(p.work.macs * option.bits * weights[p.weights] for p in readers) / self._bitops8
        return bitops if self.options.spend_time else bitops + option.time / self._time8_whole

    def share(self, bits: Sequence[int]) -> float:
        """The price of a whole choice."""
        bitops = self.space.bitops(bits) / self._bitops8
        return bitops if self.options.spend_time else bitops + self.time(bits) / self._time8_whole

    def time(self, bits: Sequence[int]) -> float:
        """Instructions of all layers that bits make faster or slower."""
        return self.timing.whole(bits)

    def _largest_first(self, bits: tuple[int, ...], limit: int | None) -> Choice:
        """Cuts the largest map of the fullest step until all fits (Rusci et al., 2019)."""
        notes: list[str] = []
        while limit is not None and (step := self.space.peak(bits)).live(bits) > limit:
            sizes = {p.item: p.bytes(bits) for p in step.parts if p.item is not None}
            able = [item for item in sizes if bits[item] > self.space.items[item].widths[-1]]
            if not able:
                raise self._too_small()
            item = max(able, key=lambda i: (sizes[i], -i))
            width = next(w for w in self.space.items[item].widths if w < bits[item])
            cut = self.option(item, width, self.weights_now(item, bits), bits)
            notes += self._notes(cut, bits, step)
            bits = cut.applied(bits)
        return Choice(bits, tuple(notes))

    def _verified(self, choice: Choice, limit: int | None) -> Choice:
        step = self.space.peak(choice.bits)
        if limit is not None and step.live(choice.bits) > limit:
            raise self._failure(
                choice, step.live(choice.bits), f"method {self.options.method} changes no bits"
            )
        return choice

    def _too_small(self) -> BudgetError:
        least = Choice(tuple(item.widths[-1] for item in self.space.items))
        needed = max(self.space.peak(least.bits).live(least.bits), self.arena(least) if self.arena else 0)
        return self._failure(least, needed, "all of its maps have the fewest bits")

    def _failure(self, choice: Choice, needed: int, why: str) -> BudgetError:
        step = self.space.peak(choice.bits)
        largest = max(step.parts, key=lambda part: part.bytes(choice.bits))
        return BudgetError(
            f"RAM: layer {step.layer} ({step.op}, {step.scope}) needs {step.live(choice.bits):,} bytes alive, "
            f"{largest.bytes(choice.bits):,} of them for '{largest.name}', and {why}; the arena then takes {needed:,}, "
            f"and {self.options.ram:,} are allowed",
            hint=f"allow {needed + self.options.beside:,} bytes, or use more patches",
        )


def search(
    space: Space, options: Options | None = None, costs: Costs = estimated, arena: Arena | None = None
) -> Choice:
    """Bits for all items of a space.

    `arena` gives the exact bytes of a choice and has the last word on `Options.ram`; without, the bytes alive in each
    step count. The same on every run. Raises UsageError for options that make no sense, and BudgetError, naming step,
    tensor and the smallest RAM that would do, when the memory cannot be met.
    """
    return Search(space, options, costs).run(arena)
