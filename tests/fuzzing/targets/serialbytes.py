# SPDX-License-Identifier: Apache-2.0
"""Streams of frames: the decoders of host and device, which must agree frame by frame, and the device's server."""

from __future__ import annotations

import random
import zlib
from pathlib import Path

from fuzzing import frames
from fuzzing.served import DECODE, SERVE, VERDICT, Served, build
from fuzzing.target import Base, Case
from intarsia import wire

NAKS = {1, 2, 3, 4}


class Reader(Base):
    limited = False

    def __init__(self, folder: Path, foreign: bool) -> None:
        super().__init__()
        self._program = build(folder / "serve")
        self._device: Served | None = None

    def draw(self, numbers: random.Random) -> Case:
        return Case("stream", frames.stream(numbers), "frames")

    def run(self, case: Case) -> str:
        ended = case.data + b"\0"  # the device may judge a frame by its header, before it ends
        found = wire.FrameReceiver().feed(ended)
        assert _in_pieces(ended) == found, "the pieces of a stream matter"
        self._compare(found, self._ask(DECODE, ended))
        self._check_answers(self._ask(SERVE, case.data))
        for item in found:
            kind = f"damaged: {item.kind}" if isinstance(item, wire.Damage) else "whole"
            self.tally[kind] += 1
            if isinstance(item, wire.Frame):
                wire.decode_identity(item.payload)
                wire.decode_fault(item.payload)
                wire.decode_tensor(item.payload)
        return "decoded"

    def _ask(self, mode: int, data: bytes) -> bytes:
        """The device's answer; one that has ended is started again for the next case."""
        device = self._device or Served(self._program)
        self._device = None
        answer = device.ask(mode, data)
        self._device = device
        return answer

    @staticmethod
    def _compare(found: list[wire.Frame | wire.Damage], verdicts: bytes) -> None:
        """Both take the same frames for whole, and read the same in them."""
        assert len(verdicts) == VERDICT.size * len(found), "the device sees another number of frames"
        for item, (status, message, sequence, length, crc) in zip(
            found, VERDICT.iter_unpack(verdicts), strict=True
        ):
            if isinstance(item, wire.Damage):
                assert status in NAKS, f"the device accepts what is damaged: {item.kind}"
                continue
            read = (message, sequence, length, crc)
            assert status == 0, f"the device refuses a whole frame: {status}"
            assert read == (item.message, item.sequence, len(item.payload), zlib.crc32(item.payload))

    @staticmethod
    def _check_answers(sent: bytes) -> None:
        for item in wire.FrameReceiver(1 << 22).feed(sent):
            assert isinstance(item, wire.Frame), "the device sends a damaged frame"
            if item.message == wire.Message.IDENTITY:
                identity = wire.decode_identity(item.payload)
                assert identity is not None
                assert wire.encode_identity(identity) == item.payload


def _in_pieces(data: bytes) -> list[wire.Frame | wire.Damage]:
    receiver, found, place = wire.FrameReceiver(), [], 0
    step = zlib.crc32(data)
    while place < len(data):
        size = 1 + step % 97
        found += receiver.feed(data[place : place + size])
        place, step = place + size, step // 3 + len(data)
    return found
