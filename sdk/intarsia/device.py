# SPDX-License-Identifier: Apache-2.0
"""Talks to a firmware: who are you, run this. Damaged frames are counted and repeated, never believed."""

from __future__ import annotations

import collections
import struct
import time
from dataclasses import dataclass, field

from intarsia.errors import StageError
from intarsia.runners.base import Link
from intarsia.wire import (
    PROTOCOL_VERSION,
    STACK_UNKNOWN,
    TENSOR,
    TRANSPORT_NAKS,
    Damage,
    Frame,
    FrameReceiver,
    Identity,
    Message,
    Nak,
    decode_fault,
    decode_identity,
    decode_tensor,
    encode_frame,
)

_READ_BYTES = 1 << 16
_CODING_OVERHEAD_BYTES = 1 << 12


@dataclass
class TransportStatistics:
    """What happened to frames on the way; `damaged` counts by kind, both directions."""

    sent: int = 0
    repeated: int = 0
    received: int = 0
    stale: int = 0
    damaged: collections.Counter[str] = field(default_factory=collections.Counter)


@dataclass(frozen=True)
class Inference:
    """One inference on the device.

    `outputs` are all output tensors, one after the other. `layer_counts` are in the board's unit, without the
    cost of counting; None if the board has no counter or layers are not counted. `stack_bytes` is the most
    stack the firmware has used since it started; None if it cannot tell.
    """

    outputs: bytes
    layer_counts: tuple[int, ...] | None
    stack_bytes: int | None


class Device:
    """The host's side of the protocol.

    `timeout` bounds every exchange, in seconds, repeats included; `attempts` bounds how often one request is
    sent. `statistics` tell what happened on the way.
    """

    def __init__(self, link: Link, *, timeout: float = 60.0, attempts: int = 8) -> None:
        self.statistics = TransportStatistics()
        self._link = link
        self._timeout = timeout
        self._attempts = attempts
        self._receiver = FrameReceiver()
        self._arrived: collections.deque[Frame | Damage] = collections.deque()
        self._sequence = 0
        self._identity: Identity | None = None
        self._tensors: dict[tuple[int, int], bytes] = {}

    def hello(self) -> Identity:
        """Start a session: the model's state is reset. Raises StageError if no device answers."""
        frame = self._exchange(Message.HELLO, b"", Message.IDENTITY)
        identity = decode_identity(frame.payload)
        if identity is None or identity.protocol != PROTOCOL_VERSION:
            spoken = "an unknown protocol" if identity is None else f"protocol version {identity.protocol}"
            raise StageError(
                f"the firmware speaks {spoken}, not version {PROTOCOL_VERSION}",
                hint="generate and build it again with this version of Intarsia",
            )
        self._identity = identity
        self._receiver.limit = 2 * _result_bytes(identity) + _CODING_OVERHEAD_BYTES
        return identity

    def infer(self, inputs: bytes) -> Inference:
        """Run the model once on all its inputs, one after the other.

        Raises StageError if the device does not answer in time, faults or refuses, or the size is wrong.
        """
        identity = self._identity or self.hello()
        expected = sum(identity.input_bytes)
        if len(inputs) != expected:
            raise StageError(
                f"{identity.model} takes {expected} input bytes, not {len(inputs)}",
                hint="check the data's shape",
            )
        frame = self._exchange(Message.INFER, inputs, Message.RESULT)
        if len(frame.payload) != _result_bytes(identity):
            raise StageError(
                f"the firmware's result has {len(frame.payload)} bytes, not {_result_bytes(identity)}",
                hint="generate and build it again",
            )
        return _decode_result(frame.payload, identity)

    def dump(self, inputs: bytes, count: int, largest: int) -> dict[tuple[int, int], bytes]:
        """Run the model once from its initial state and return its feature maps by (layer, number of the output).

        There must be `count` of them, of at most `largest` bytes. A frame lost on the way starts it all over. Raises
        StageError as `infer` does, and when the firmware was not built to send feature maps.
        """
        for _ in range(self._attempts):
            identity = self.hello()
            if not identity.dumps:
                raise StageError(
                    f"the firmware of {identity.model} does not send its feature maps",
                    hint="generate the project again, or flash the firmware that `intarsia diff` has built",
                )
            self._receiver.limit = max(self._receiver.limit, 2 * largest + _CODING_OVERHEAD_BYTES)
            self._tensors.clear()
            self.infer(inputs)
            if len(self._tensors) == count:
                return dict(self._tensors)
        raise StageError(
            f"{count - len(self._tensors)} of {count} feature maps were lost{self._damage_text()}",
            hint="check the connection between host and device",
        )

    def exit(self, code: int = 0) -> None:
        """Ask the firmware to end with that exit code (0 to 255)."""
        self._exchange(Message.EXIT, bytes([code]), Message.EXIT)

    def _exchange(self, message: Message, payload: bytes, answer: Message) -> Frame:
        self._sequence = (self._sequence + 1) % 256
        request = encode_frame(message, self._sequence, payload)
        deadline = time.monotonic() + self._timeout
        patience = self._timeout / self._attempts if self._link.lossy else self._timeout
        for attempt in range(self._attempts):
            self.statistics.sent += 1
            self.statistics.repeated += attempt > 0
            self._link.write(request, max(deadline - time.monotonic(), 0.0))
            frame = self._await(answer, min(deadline, time.monotonic() + patience))
            if frame is not None:
                return frame
            if time.monotonic() >= deadline:
                waited = f"within {self._timeout:g} s{self._damage_text()}"
                raise StageError(
                    f"the firmware did not answer {message.name} {waited}",
                    hint="it may hang, or need a longer timeout",
                )
        raise StageError(
            f"no undamaged answer to {message.name} in {self._attempts} attempts{self._damage_text()}",
            hint="check the connection between host and device",
        )

    def _await(self, answer: Message, deadline: float) -> Frame | None:
        """The answer, or None if it is worth repeating the request (or too late)."""
        while True:
            while self._arrived:
                item = self._arrived.popleft()
                if isinstance(item, Damage):
                    self.statistics.damaged[item.kind] += 1
                    return None
                self.statistics.received += 1
                if item.message == Message.FAULT:
                    raise _fault(item.payload)
                if item.message == Message.NAK and self._is_damage(item):
                    return None
                if item.message == answer and item.sequence == self._sequence:
                    return item
                if item.message == Message.TENSOR and item.sequence == self._sequence:
                    self._tensors[decode_tensor(item.payload)] = item.payload[TENSOR.size :]
                    continue
                self.statistics.stale += 1
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self._arrived.extend(self._receiver.feed(self._link.read(_READ_BYTES, left)))

    def _is_damage(self, frame: Frame) -> bool:
        """Whether a refusal reports transport damage; raises StageError if it is a real one."""
        try:
            reason = Nak(frame.payload[0])
        except (ValueError, IndexError):
            raise StageError(
                "the firmware refused a request for an unknown reason", hint="build it again"
            ) from None
        if reason in TRANSPORT_NAKS:
            self.statistics.damaged[f"device {reason.name.lower()}"] += 1
            return True
        if frame.sequence != self._sequence:
            self.statistics.stale += 1
            return False
        texts = {
            Nak.UNKNOWN: "it does not know this message",
            Nak.SIZE: "the payload has the wrong size",
            Nak.LOST: "the result was lost to a damaged frame and the model may not run twice",
        }
        raise StageError(
            f"the firmware refused a request: {texts[reason]}", hint="start the measurement again"
        )

    def _damage_text(self) -> str:
        if not self.statistics.damaged:
            return ""
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(self.statistics.damaged.items()))
        return f" (damaged frames: {counts})"


def _result_bytes(identity: Identity) -> int:
    return 4 + 4 * _tick_count(identity) + sum(identity.output_bytes)


def _tick_count(identity: Identity) -> int:
    return identity.layer_count if identity.profiled else 0


def _decode_result(payload: bytes, identity: Identity) -> Inference:
    stack, *ticks = struct.unpack_from(f"<{1 + _tick_count(identity)}I", payload)
    counts = None
    if identity.profiled and identity.unit != "none":
        empty = units(identity.empty_mark_ticks, identity.ticks_per_unit)
        counts = tuple(max(units(t, identity.ticks_per_unit) - empty, 0) for t in ticks)
    return Inference(
        outputs=payload[4 + 4 * len(ticks) :],
        layer_counts=counts,
        stack_bytes=None if stack == STACK_UNKNOWN else stack,
    )


def units(ticks: int, ticks_per_unit: tuple[int, int]) -> int:
    """Whole units in `ticks`, rounded to the nearest; exact whenever more than two ticks make a unit."""
    numerator, denominator = ticks_per_unit
    return (2 * ticks * denominator + numerator) // (2 * numerator)


def _fault(payload: bytes) -> StageError:
    registers = " ".join(f"{tag}=0x{value:08x}" for tag, value in decode_fault(payload))
    return StageError(f"the firmware faulted: {registers}", hint="PC is the address; see it with addr2line")
