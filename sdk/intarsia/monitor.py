# SPDX-License-Identifier: Apache-2.0
"""Watches a board at work: what it computes, what each layer takes, what it says about itself."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from intarsia.device import Device, Inference, Status
from intarsia.wire import Identity

REMEMBERED = 1000
"""Inferences over which medians are taken: the last ones."""


@dataclass
class View:
    """What has been seen so far. `layers` are (operator, name), empty where nobody knows them.

    `counts` are those of the last inferences, in the board's unit; `rate` is inferences a second of real time, the way
    to the device and back included; `status` is what the device last said about itself.
    """

    identity: Identity
    layers: Sequence[tuple[str, str]] = ()
    inferences: int = 0
    rate: float | None = None
    counts: deque[tuple[int, ...]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    status: Status | None = None
    faults: dict[str, int] = field(default_factory=dict)

    def rows(self) -> list[tuple[int, str, str, int, int, int, int]]:
        """Layer, operator, name; last, median, least and most of its counts."""
        names = self.layers or [("", "")] * self.identity.layer_count
        return [
            (index, op, name, column[-1], int(statistics.median_low(column)), min(column), max(column))
            for index, ((op, name), column) in enumerate(
                zip(names, zip(*self.counts, strict=True), strict=False)
            )
        ]


Show = Callable[[View, dict[str, Any]], None]


@dataclass(frozen=True)
class Limits:
    """When to stop: after `inferences`, after `seconds`; None: never. `interval`: seconds between status requests."""

    interval: float = 1.0
    seconds: float | None = None
    inferences: int | None = None


def watch(
    device: Device,
    show: Show,
    limits: Limits,
    *,
    payloads: Sequence[bytes] = (),
    layers: Sequence[tuple[str, str]] = (),
    check: Callable[[Identity], None] | None = None,
) -> View:
    """Runs `payloads` on the device round and round, or only looks where there are none: then nothing is disturbed.

    `show` gets the view and each event as a JSON object. `check` may refuse the device. Raises StageError as `Device`
    does; KeyboardInterrupt is the user's way to end it and ends it well.
    """
    identity = device.hello() if payloads else device.look()
    if check is not None:
        check(identity)
    view = View(identity, layers)
    show(view, _introduction(identity))
    with contextlib.suppress(KeyboardInterrupt):
        _work(device, view, show, limits, payloads)
    return view


def _work(device: Device, view: View, show: Show, limits: Limits, payloads: Sequence[bytes]) -> None:
    begun = asked = time.monotonic()
    _ask(device, view, show)
    while not _over(view, limits, begun):
        if payloads:
            sample = view.inferences % len(payloads)
            inference = device.infer(payloads[sample])
            _take(view, inference, begun)
            show(view, _inference_event(sample, inference))
        else:
            time.sleep(min(limits.interval, 0.05))
        if time.monotonic() - asked >= limits.interval:
            asked = time.monotonic()
            _ask(device, view, show)
    _ask(device, view, show)


def _over(view: View, limits: Limits, begun: float) -> bool:
    enough = limits.inferences is not None and view.inferences >= limits.inferences
    return enough or (limits.seconds is not None and time.monotonic() - begun >= limits.seconds)


def _take(view: View, inference: Inference, begun: float) -> None:
    view.inferences += 1
    view.rate = view.inferences / max(time.monotonic() - begun, 1e-9)
    if inference.layer_counts is not None:
        view.counts.append(inference.layer_counts)


def _ask(device: Device, view: View, show: Show) -> None:
    """Asks the device about itself; inferences that others have run since show in its counts."""
    status, before = device.status(), view.status
    ran = before is None or status.inferences != before.inferences
    if view.inferences == 0 and ran and status.layer_counts is not None:
        view.counts.append(status.layer_counts)
    view.status = status
    view.faults = dict(device.statistics.faults)
    show(view, _status_event(status, view.faults))


def _introduction(identity: Identity) -> dict[str, Any]:
    return {
        "event": "device",
        "model": identity.model,
        "model_hash": identity.model_hash.hex(),
        "board": identity.board,
        "unit": identity.unit,
        "layers": identity.layer_count,
        "arena_bytes": identity.arena_bytes,
    }


def _inference_event(sample: int, inference: Inference) -> dict[str, Any]:
    return {
        "event": "inference",
        "sample": sample,
        "layer_counts": inference.layer_counts,
        "stack_bytes": inference.stack_bytes,
        "outputs": inference.outputs.hex(),
    }


def _status_event(status: Status, faults: dict[str, int]) -> dict[str, Any]:
    return {
        "event": "status",
        "inferences": status.inferences,
        "damaged_frames": status.damaged,
        "stack_bytes": status.stack_bytes,
        "layer_counts": status.layer_counts,
        "faults": faults,
    }
