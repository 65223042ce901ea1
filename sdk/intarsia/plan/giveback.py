# SPDX-License-Identifier: Apache-2.0
"""Gives bits back, cheapest first, until the accuracy is good enough."""

from __future__ import annotations

from collections.abc import Callable

from intarsia.errors import GateError
from intarsia.plan.vdqs import Choice, Option, Search

Drop = Callable[[Choice], float]
"""What a choice loses on samples that no range was taken from, compared with 8 bits; larger is worse."""

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
    """The choice, or the first of the choices with ever more bits whose drop is within the limit.

    A move gives a feature map, and the weights of the layers that read it, bits that do less harm; the next move is the
    one that costs least per harm undone (BitOPs and instructions, each as a share of all), and keeps the memory limit.
    `harm` is lost entropy unless something measured is given. The choices are tried after 0, 1, 2, 4, 8... moves until
    one will do, and then between the last two by bisection; what is returned has been measured. Raises GateError when
    not even all moves together will do.
    """
    done = 0

    def measured(tried: Choice, left: int) -> float:
        nonlocal done
        progress(done, done + 1 + left)
        done += 1
        return drop(tried)

    if measured(choice, 0) <= limit:
        return choice
    sequence = [choice, *moves(search, choice, harm)]
    low, high, step = 0, len(sequence) - 1, 1
    while step < high:
        if measured(sequence[step], (high // step).bit_length() + step.bit_length()) <= limit:
            high = step
            break
        low, step = step, 2 * step
    else:
        left = measured(sequence[high], step.bit_length())
        if left > limit:
            raise GateError(
                f"accuracy: the drop is {left:.4f} with all the bits that fit the memory, more than {limit:g}",
                hint="allow more RAM or a larger --max-drop",
            )
    while high - low > 1:
        middle = (low + high) // 2
        if measured(sequence[middle], (high - low - 1).bit_length() - 1) <= limit:
            high = middle
        else:
            low = middle
    return sequence[high]


def moves(search: Search, choice: Choice, harm: Harm | None = None) -> list[Choice]:
    """The choices that follow, each with one more move than the one before."""
    found, bits, notes = [], choice.bits, choice.notes
    while best := _cheapest(search, bits, harm or entropy_lost(search)):
        bits = best.applied(bits)
        item = search.space.items[best.item]
        notes = (*notes, f"accuracy: '{item.name}' ({item.scope}) goes back to {best.bits} bits")
        found.append(Choice(bits, notes))
    return found


def entropy_lost(search: Search) -> Harm:
    """Omega in place of a measured harm."""
    return lambda item, bits: search.space.items[item].lost(bits)


def _cheapest(search: Search, bits: tuple[int, ...], harm: Harm) -> Option | None:

    def done(option: Option) -> float:
        return harm(option.item, option.bits) + sum(harm(*pair) for pair in option.weights)

    priced: list[tuple[float, int, int, Option]] = []
    for item in search.maps:
        now = search.option(item, bits[item], search.weights_now(item, bits))
        for rank, option in enumerate(search.options_of(item, bits, slow=True)):
            regained = done(now) - done(option)
            if regained > _LEAST:
                priced.append(((search.price(option) - search.price(now)) / regained, item, rank, option))
    ordered = (option for *_, option in sorted(priced, key=lambda move: move[:3]))
    return next((option for option in ordered if _fits(search, option.applied(bits))), None)


def _fits(search: Search, bits: tuple[int, ...]) -> bool:
    if search.limit is None:
        return True
    if search.space.peak(bits).live(bits) > search.limit:
        return False
    ram = search.options.ram
    return search.arena is None or ram is None or search.arena(Choice(bits)) <= ram
