# SPDX-License-Identifier: Apache-2.0
"""A device that lies, for the host: whole frames of odd contents, damaged ones, none, and what was not asked for."""

from __future__ import annotations

import contextlib
import math
import random
import struct
from pathlib import Path

from fuzzing import frames, values
from fuzzing.target import Base, Case
from intarsia import boards, build, measure, wire
from intarsia.device import Device
from intarsia.runners.base import LinkLost
from support import projects

READS = 40
"""Pieces of answers after which the device is gone."""
MOST_BYTES = 1 << 16
"""Largest input that is sent to it."""


class Reader(Base):
    exit_codes = (1,)

    def __init__(self, folder: Path, foreign: bool) -> None:
        super().__init__()
        document = projects.description()
        self._project = build.Project(folder, document, boards.load("host"))
        self._identity = wire.Identity(
            protocol=wire.PROTOCOL_VERSION,
            profiled=True,
            dumps=True,
            model_hash=bytes.fromhex(document["hash"])[: wire.MODEL_HASH_BYTES],
            ticks_per_unit=(1, 1),
            empty_mark_ticks=3,
            arena_bytes=100,
            layer_count=len(document["layers"]),
            input_bytes=tuple(math.prod(port["shape"]) for port in document["inputs"]),
            output_bytes=tuple(math.prod(port["shape"]) for port in document["outputs"]),
            model=document["identifier"],
            board="host",
            unit="none",
        )

    def draw(self, numbers: random.Random) -> Case:
        return Case("session", numbers.randbytes(8), "session")

    def run(self, case: Case) -> str:
        device = Device(_Liar(random.Random(case.data), self._identity), patience=0.0)
        identity = device.hello()
        measure.check_identity(identity, self._project)
        if sum(identity.input_bytes) <= MOST_BYTES:
            answer = device.infer(bytes(sum(identity.input_bytes)))
            measure.split_outputs(answer.outputs, self._project)
        device.status()
        with contextlib.suppress(LinkLost):
            device.dump(bytes(sum(self._identity.input_bytes)), 1, 64)
            device.exit()
        return "talked"


class _Liar:
    """A link whose other end answers each request, honestly most of the time, and hangs up in the end."""

    lossy = True
    seconds_per_byte = 0.0

    def __init__(self, numbers: random.Random, identity: wire.Identity) -> None:
        self._numbers, self._identity = numbers, identity
        self._receiver = wire.FrameReceiver()
        self._outgoing = b""
        self._left = READS

    def write(self, data: bytes, timeout: float) -> None:
        for item in self._receiver.feed(data):
            assert isinstance(item, wire.Frame), "the host sends a damaged frame"
            self._outgoing += self._answer(item)

    def read(self, max_bytes: int, timeout: float) -> bytes:
        self._left -= 1
        if self._left < 0 or not self._outgoing:
            raise LinkLost("the device is gone", hint="connect it again")
        size = self._numbers.choice((1, 7, max_bytes))
        data, self._outgoing = self._outgoing[:size], self._outgoing[size:]
        return data

    def reopen(self, timeout: float) -> bool:
        return self._left > 0

    def close(self, timeout: float = 5.0) -> int | None:
        return None

    def _answer(self, request: wire.Frame) -> bytes:
        numbers = self._numbers
        message, payload = self._honest(request)
        if numbers.random() < 0.2:
            payload = values.changed_bytes(payload, numbers, 1)
        if numbers.random() < 0.1:
            message, payload = numbers.randrange(12), numbers.randbytes(numbers.choice((0, 1, 8, 300)))
        sequence = request.sequence if numbers.random() < 0.95 else numbers.randrange(256)
        answer = wire.encode_frame(message, sequence, payload)
        if message == wire.Message.RESULT and numbers.random() < 0.8:
            tensor = wire.TENSOR.pack(numbers.randrange(3), values.integer(numbers) % (1 << 32)) + bytes(16)
            answer = wire.encode_frame(wire.Message.TENSOR, sequence, tensor) + answer
        if numbers.random() < 0.1:
            answer = values.changed_bytes(answer, numbers, 1)
        return answer + (frames.stream(numbers) if numbers.random() < 0.1 else b"")

    def _honest(self, request: wire.Frame) -> tuple[int, bytes]:
        measured = struct.pack(f"<{1 + self._identity.layer_count}I", *range(1 + self._identity.layer_count))
        if request.message == wire.Message.HELLO:
            return wire.Message.IDENTITY, wire.encode_identity(self._identity)
        if request.message == wire.Message.INFER:
            return wire.Message.RESULT, measured + bytes(sum(self._identity.output_bytes))
        if request.message == wire.Message.STATUS:
            return wire.Message.STATISTICS, struct.pack("<II", 1, 2) + measured
        return wire.Message.EXIT, b""
