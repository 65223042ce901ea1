# SPDX-License-Identifier: Apache-2.0
"""Talks to a firmware: who are you, run this. Damaged frames are counted and repeated, never believed."""

from __future__ import annotations

import collections
import struct
import time
from dataclasses import dataclass

from intarsia.errors import StageError
from intarsia.runners.base import Link, LinkLost
from intarsia.transport import TransportStatistics
from intarsia.wire import (
    HELLO_LOOK,
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

HELLO_SECONDS = 30.0
"""Longest that a firmware may take to say who it is."""

_READ_BYTES = 1 << 16
_CODING_OVERHEAD_BYTES = 1 << 12
_SHORT_PATIENCE, _INFERENCE_PATIENCE = 0.5, 5.0  # before anything was measured
_PATIENCE_FACTOR, _FORGETTING = 4.0, 0.98
_SHOWN_BYTES = 48


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


@dataclass(frozen=True)
class Status:
    """The device's own statistics since it started.

    `damaged` are frames it had to refuse; `layer_counts` those of the last inference, as in `Inference`.
    """

    inferences: int
    damaged: int
    stack_bytes: int | None
    layer_counts: tuple[int, ...] | None


class _SessionLost(Exception):
    """The device does not know of a session: it was reset."""


class Device:
    """The host's side of the protocol.

    `timeout` bounds every exchange, in seconds, repeats included; `attempts` bounds how often one request is
    sent because of damage. Where bytes can get lost, a request is repeated when the answer takes several times longer
    than usual, and `patience` seconds more. A reset of the device is an error where the model is `stateful`: its
    states are lost. `statistics` tell what happened on the way.
    """

    def __init__(
        self,
        link: Link,
        *,
        timeout: float = 60.0,
        attempts: int = 8,
        patience: float = 0.25,
        stateful: bool = False,
    ) -> None:
        self.statistics = TransportStatistics()
        self._link = link
        self._timeout = timeout
        self._attempts = attempts
        self._least_patience = patience
        self._stateful = stateful
        self._receiver = FrameReceiver()
        self._arrived: collections.deque[Frame | Damage] = collections.deque()
        self._sequence = 0
        self._identity: Identity | None = None
        self._tensors: list[tuple[int, int, bytes]] = []
        self._longest: dict[int, float] = {}
        self._first_bytes = b""

    def hello(self) -> Identity:
        """Start a session: the model's state is reset. Raises StageError if no device answers."""
        return self._introduce(b"")

    def look(self) -> Identity:
        """Who the device is, without a session: what it is doing goes on. Raises as `hello`."""
        return self._introduce(bytes([HELLO_LOOK]))

    def _introduce(self, payload: bytes) -> Identity:
        seconds = min(self._timeout, HELLO_SECONDS)
        frame = self._exchange(Message.HELLO, payload, Message.IDENTITY, seconds)
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

        A device that was reset meanwhile is greeted and asked again. Raises StageError if the device does not
        answer in time, faults, refuses, comes back with another firmware, or the size is wrong.
        """
        identity = self._identity or self.hello()
        expected = sum(identity.input_bytes)
        if len(inputs) != expected:
            raise StageError(
                f"{identity.model} takes {expected} input bytes, not {len(inputs)}",
                hint="check the data's shape",
            )
        for _ in range(self._attempts):
            try:
                frame = self._exchange(Message.INFER, inputs, Message.RESULT, self._timeout)
            except _SessionLost:
                self._greet_again(identity)
                continue
            if len(frame.payload) != _result_bytes(identity):
                raise StageError(
                    f"the firmware's result has {len(frame.payload)} bytes, not {_result_bytes(identity)}",
                    hint="generate and build it again",
                )
            return _decode_result(frame.payload, identity)
        raise StageError(
            f"the device was reset {self._attempts} times during one inference",
            hint="check its power supply, or whether a watchdog runs",
        )

    def status(self) -> Status:
        """The device's statistics. Raises as `infer`."""
        identity = self._identity or self.look()
        frame = self._exchange(Message.STATUS, b"", Message.STATISTICS, self._timeout)
        ticks = _tick_count(identity)
        if len(frame.payload) != 12 + 4 * ticks:
            raise StageError("the firmware's statistics have the wrong size", hint="build it again")
        inferences, damaged = struct.unpack_from("<II", frame.payload)
        last = _decode_result(frame.payload[8:], identity)
        counts = last.layer_counts if inferences else None
        return Status(inferences, damaged, last.stack_bytes, counts)

    def dump(self, inputs: bytes, count: int, largest: int) -> list[tuple[int, int, bytes]]:
        """Run the model once from its initial state; returns (layer, number of the output, bytes) as they were sent.

        There must be `count` feature maps, of at most `largest` bytes. A frame lost on the way starts it all over.
        Raises StageError as `infer` does, and when the firmware was not built to send feature maps.
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
                return list(self._tensors)
        raise StageError(
            f"{count - len(self._tensors)} of {count} feature maps were lost{self._damage_text()}",
            hint="check the connection between host and device",
        )

    def exit(self, code: int = 0) -> None:
        """Ask the firmware to end with that exit code (0 to 255)."""
        self._exchange(Message.EXIT, bytes([code]), Message.EXIT, self._timeout)

    def _greet_again(self, before: Identity) -> None:
        self.statistics.resets += 1
        if self._stateful:
            raise StageError(
                f"the device was reset, and with it the states that {before.model} keeps between samples",
                hint="check its power supply, and measure again",
            )
        now = self.hello()
        if (now.model_hash, now.board) != (before.model_hash, before.board):
            raise StageError(
                f"after a reset the device is {now.board} with {now.model}, not {before.board} with {before.model}",
                hint="flash it again",
            )

    def _exchange(self, message: Message, payload: bytes, answer: Message, seconds: float) -> Frame:
        self._sequence = (self._sequence + 1) % 256
        request = encode_frame(message, self._sequence, payload)
        deadline = time.monotonic() + seconds
        patience = self._patience(message, len(request)) if self._link.lossy else seconds
        damages = 0
        while damages < self._attempts:
            begun, before = time.monotonic(), self.statistics.damaged.total()
            frame = self._attempt(request, answer, deadline, patience)
            if frame is not None:
                took = time.monotonic() - begun
                self._longest[message] = max(_FORGETTING * self._longest.get(message, 0.0), took)
                return frame
            if time.monotonic() >= deadline:
                raise self._silence(message, seconds)
            self.statistics.repeated += 1
            if self.statistics.damaged.total() > before:
                damages += 1
            else:
                patience *= 2
        raise StageError(
            f"no undamaged answer to {message.name} in {self._attempts} attempts{self._damage_text()}",
            hint=self._noise_hint() or "check the connection between host and device",
        )

    def _attempt(self, request: bytes, answer: Message, deadline: float, patience: float) -> Frame | None:
        """Send once and wait; None if it is worth repeating (or too late)."""
        self.statistics.sent += 1
        try:
            self._link.write(request, max(deadline - time.monotonic(), 0.0))
            return self._await(answer, min(deadline, time.monotonic() + patience), deadline)
        except LinkLost:
            self._receiver.drop()
            self._arrived.clear()
            if not self._link.reopen(max(deadline - time.monotonic(), 0.0)):
                raise
            self.statistics.unplugged += 1
            return None

    def _patience(self, message: Message, request_bytes: int) -> float:
        """Seconds of silence after which a request is repeated: what it took before, with a margin."""
        answer_bytes = _result_bytes(self._identity) if self._identity else request_bytes
        on_the_way = (request_bytes + answer_bytes) * self._link.seconds_per_byte
        if message in self._longest:
            return self._least_patience + on_the_way + _PATIENCE_FACTOR * self._longest[message]
        first = _INFERENCE_PATIENCE if message == Message.INFER else _SHORT_PATIENCE
        return first + on_the_way

    def _await(self, answer: Message, quiet: float, deadline: float) -> Frame | None:
        """The answer, or None if it is worth repeating the request (or too late).

        Silence counts from `quiet` on; bytes that still arrive put it off, until `deadline`.
        """
        while True:
            damaged = False
            while self._arrived:
                item = self._arrived.popleft()
                if isinstance(item, Damage):
                    self.statistics.damaged[item.kind] += 1
                    damaged = True
                    continue
                self.statistics.received += 1
                if item.message == Message.FAULT:
                    raise _fault(item.payload)
                if item.message == Message.NAK and self._is_damage(item):
                    damaged = True
                elif item.message == answer and item.sequence == self._sequence:
                    return item
                elif item.message == Message.TENSOR and item.sequence == self._sequence:
                    self._tensors.append((*decode_tensor(item.payload), item.payload[TENSOR.size :]))
                elif item.message != Message.NAK:
                    self.statistics.stale += 1
            if damaged:
                return None
            left = quiet - time.monotonic()
            if left <= 0:
                self.statistics.silent += 1
                return None
            data = self._link.read(_READ_BYTES, left)
            if data:
                quiet = min(deadline, max(quiet, time.monotonic() + self._least_patience))
            self.statistics.received_bytes += len(data)
            if len(self._first_bytes) < _SHOWN_BYTES:
                self._first_bytes += data[: _SHOWN_BYTES - len(self._first_bytes)]
            self._arrived.extend(self._receiver.feed(data))

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
        if reason == Nak.SESSION:
            raise _SessionLost
        texts = {
            Nak.UNKNOWN: "it does not know this message",
            Nak.SIZE: "the payload has the wrong size",
            Nak.LOST: "the result was lost to a damaged frame and the model may not run twice",
        }
        raise StageError(
            f"the firmware refused a request: {texts[reason]}", hint="start the measurement again"
        )

    def _silence(self, message: Message, seconds: float) -> StageError:
        waited = f"within {seconds:g} s"
        if self.statistics.received == 0 and self.statistics.received_bytes == 0:
            return StageError(
                f"the firmware did not answer {message.name} {waited}: nothing arrived",
                hint="is the board powered, flashed, and is this its port?",
            )
        return StageError(
            f"the firmware did not answer {message.name} {waited}{self._damage_text()}",
            hint=self._noise_hint() or "it may hang, or need a longer timeout",
        )

    def _noise_hint(self) -> str | None:
        """What bytes that never made a frame look like; None if there were frames."""
        if self.statistics.received or not self._first_bytes:
            return None
        text = self._first_bytes.decode("ascii", "replace")
        if text.isascii() and all(c.isprintable() or c in "\r\n\t" for c in text):
            shown = " ".join(text.split())
            return f"another firmware runs there, which prints '{shown}': `intarsia flash` writes ours"
        return "bytes arrive, but no frames: the baud rate may be wrong, or another firmware runs there"

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
