# SPDX-License-Identifier: Apache-2.0
"""Gives bits back, cheapest first, until the accuracy is good enough."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from intarsia.errors import BudgetError, GateError
from intarsia.plan.vdqs import Choice, Memory, Option, Search

Drop = Callable[[Choice], float]
"""What a choice loses on samples that no range was taken from, compared with 8 bits; larger is worse."""

CLOSE = 0.005
BOLDER = (0.5, 0.25, 0.0)
"""Parts of lambda that are tried where accuracy is left over."""
_LEAST = 1e-12

Harm = Callable[[int, int], float]
"""What an item of so many bits does to the output, by itself."""


Progress = Callable[[int, int], None]
"""Is told how many choices were measured, and how many it will be at most."""


def give_back(
    search: Search,
    choice: Choice,
    drop: Drop,
    limit: float,
    harm: Harm | None = None,
    progress: Progress = lambda done, most: None,
) -> Choice:
    """The choice, or one with more bits whose drop is within the limit, as few as it takes.

    A move gives a feature map, and the weights of the layers that read it, bits that do less harm; the next move is the
    one that costs least per harm undone (BitOPs and instructions, each as a share of all), and keeps the memory limit.
    What fewer bits would lose time beside it gets 8, too.
    `harm` is lost entropy unless something measured is given. How many moves it takes is guessed from the harm that is
    left after each, as if the drop went with it, and halved in turn; what is returned has been measured, and costs
    `CLOSE` at most more than one that has too large a drop. Raises GateError when not even all moves together will do.
    """
    done, known = 1, drop(choice)
    if known <= limit:
        return choice
    sequence = [choice, *moves(search, choice, harm)]
    left = [_harm_of(tried, harm or entropy_lost(search)) for tried in sequence]
    low, high, within = 0, len(sequence), False
    prices = [search.share(tried.bits) for tried in sequence]
    while high - low > 1 and not (within and prices[high] - prices[low] < CLOSE):
        place = (low + high) // 2
        if done % 2:
            bound = left[low] * limit / known
            place = next((p for p in range(low + 1, high) if left[p] <= bound), high - 1)
        progress(done, done + 2 * (high - low - 1).bit_length())
        done += 1
        measured = drop(sequence[place])
        if measured <= limit:
            high, within = place, True
        else:
            low, known = place, measured
    if not within:
        raise GateError(
            f"accuracy: the drop is {known:.4f} with all the bits that fit the memory, more than {limit:g}",
            hint="allow more RAM or a larger --max-drop",
        )
    return sequence[high]


def bolder(
    search: Search, choice: Choice, memory: Memory, within: Callable[[Search, Choice], Choice], spent: bool
) -> Choice:
    """The choice, or what another start gives where that needs less: 4 bits everywhere, which loses less than some maps
    of 2 bits and many of 8; and unless the limit of accuracy is `spent` by the choice, smaller lambdas until it is.
    `within` gives bits back as the limit asks. What cannot keep to the limits is passed over."""
    best, options = choice, search.options
    starts = [("4 bits everywhere", replace(options, method="uniform4"))]
    starts += [
        (f"lambda {part * options.balance:g}", replace(options, balance=part * options.balance))
        for part in BOLDER
        if not spent
    ]
    for name, start in starts:
        other = Search(search.space, start, search.timing.costs)
        try:
            tried = other.run(*memory)
            tried = replace(tried, bits=other.without_lost_time(tried.bits, other.fits))
            kept = best if tried.bits == best.bits else within(other, tried)
        except (BudgetError, GateError):
            continue
        if kept is best:
            continue
        if search.share(kept.bits) < search.share(best.bits):
            note = f"accuracy: starting from {name}, more is saved within the limit"
            best = replace(kept, notes=(*kept.notes, note))
        if start.method == options.method and kept is not tried:
            break
    return best


def _harm_of(choice: Choice, harm: Harm) -> float:
    return sum(harm(place, bits) for place, bits in enumerate(choice.bits) if bits < 8)


def moves(search: Search, choice: Choice, harm: Harm | None = None) -> list[Choice]:
    """The choices that follow, each with one more move than the one before; the last has 8 bits where memory allows,
    for bits that do no harm alone and some together."""
    found, bits, notes = [], choice.bits, choice.notes
    while best := _cheapest(search, bits, harm or entropy_lost(search)):
        bits = search.without_lost_time(best.applied(bits), search.fits)
        item = search.space.items[best.item]
        notes = (*notes, f"accuracy: '{item.name}' ({item.scope}) goes back to {best.bits} bits")
        found.append(Choice(bits, notes))
    eights = (8,) * len(bits)
    if bits != eights and search.fits(eights):
        found.append(Choice(eights, (*notes, "accuracy: all the rest goes back to 8 bits")))
    return found


def entropy_lost(search: Search) -> Harm:
    """Omega in place of a measured harm."""
    return lambda item, bits: search.space.items[item].lost(bits)


def _cheapest(search: Search, bits: tuple[int, ...], harm: Harm) -> Option | None:

    def done(option: Option) -> float:
        return harm(option.item, option.bits) + sum(harm(*pair) for pair in option.weights)

    priced: list[tuple[float, int, int, Option]] = []
    for item in search.maps:
        now = search.option(item, bits[item], search.weights_now(item, bits), bits)
        for rank, option in enumerate(search.options_of(item, bits, slow=True)):
            regained = done(now) - done(option)
            if regained > _LEAST:
                priced.append(((search.price(option) - search.price(now)) / regained, item, rank, option))
    ordered = (option for *_, option in sorted(priced, key=lambda move: move[:3]))
    return next((option for option in ordered if search.fits(option.applied(bits))), None)
