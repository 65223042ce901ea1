# SPDX-License-Identifier: Apache-2.0
"""The protocol in Python: coding round trips, damage is never a frame, the C header is up to date."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intarsia import assets
from intarsia.device import Device, units
from intarsia.errors import StageError
from intarsia.wire import (
    PROTOCOL_VERSION,
    TENSOR,
    Damage,
    Frame,
    FrameReceiver,
    Identity,
    Message,
    Nak,
    cobs_decode,
    cobs_encode,
    decode_fault,
    decode_frame,
    decode_identity,
    decode_tensor,
    encode_frame,
    encode_identity,
    protocol_header,
)

PAYLOADS = st.one_of(
    st.binary(max_size=600),
    st.integers(250, 260).map(lambda n: b"\x01" * n),
    st.integers(505, 512).map(lambda n: b"\x01" * n + b"\0"),
    st.integers(0, 600).map(bytes),
)

IDENTITY = Identity(
    protocol=PROTOCOL_VERSION,
    profiled=True,
    dumps=False,
    model_hash=bytes(range(16)),
    ticks_per_unit=(32, 5),
    empty_mark_ticks=70,
    arena_bytes=1000,
    layer_count=2,
    input_bytes=(3,),
    output_bytes=(4, 1),
    model="m",
    board="b",
    unit="instructions",
)


@given(PAYLOADS)
def test_cobs_round_trip(data: bytes) -> None:
    coded = cobs_encode(data)
    assert 0 not in coded
    assert len(coded) <= len(data) + len(data) // 254 + 1
    assert cobs_decode(coded) == data


@pytest.mark.parametrize(
    ("data", "coded"),
    [
        (b"", b"\x01"),
        (b"\0", b"\x01\x01"),
        (b"\x11\x22\0\x33", b"\x03\x11\x22\x02\x33"),
        (b"\x01" * 253 + b"\0", b"\xfe" + b"\x01" * 253 + b"\x01"),
    ],
)
def test_cobs_examples_of_the_paper(data: bytes, coded: bytes) -> None:
    assert cobs_encode(data) == coded
    assert cobs_decode(coded) == data


@pytest.mark.parametrize("coded", [b"\x01\0\x01", b"\x05\x01\x02", b"\xff" + b"\x01" * 100])
def test_cobs_refuses_what_is_no_code(coded: bytes) -> None:
    assert cobs_decode(coded) is None


@given(st.integers(0, 255), st.integers(0, 255), PAYLOADS, st.integers(1, 50))
def test_frames_survive_any_cutting(message: int, sequence: int, payload: bytes, step: int) -> None:
    stream = encode_frame(message, sequence, payload) * 2
    receiver = FrameReceiver()
    found = [f for i in range(0, len(stream), step) for f in receiver.feed(stream[i : i + step])]
    assert found == [Frame(message, sequence, payload)] * 2


@given(PAYLOADS, st.data())
def test_a_damaged_frame_is_never_the_frame(payload: bytes, data: st.DataObject) -> None:
    stream = bytearray(encode_frame(Message.RESULT, 7, payload))
    position = data.draw(st.integers(1, len(stream) - 3))
    stream[position] ^= data.draw(st.integers(1, 255))
    found = FrameReceiver().feed(bytes(stream))
    assert found
    assert all(isinstance(item, Damage) for item in found)


@given(PAYLOADS, st.data())
def test_a_lost_byte_is_damage(payload: bytes, data: st.DataObject) -> None:
    stream = bytearray(encode_frame(Message.RESULT, 7, payload))
    del stream[data.draw(st.integers(1, len(stream) - 3))]
    assert all(isinstance(item, Damage) for item in FrameReceiver().feed(bytes(stream)))


@given(st.binary(max_size=300))
def test_noise_is_no_frame(noise: bytes) -> None:
    assert all(isinstance(item, Damage) for item in FrameReceiver().feed(noise))


def test_damage_kinds() -> None:
    body = b"\x04\x07" + (3).to_bytes(4, "little")
    body += (zlib.crc32(body) & 0xFFFF).to_bytes(2, "little") + b"abc"
    crc = zlib.crc32(body).to_bytes(4, "little")
    assert decode_frame(cobs_encode(body + crc)) == Frame(4, 7, b"abc")
    assert decode_frame(b"\x09\x01") == Damage("coding")
    assert decode_frame(cobs_encode(b"\x05" + body[1:] + crc)) == Damage("header")
    assert decode_frame(cobs_encode(body + b"d" + crc)) == Damage("length")
    assert decode_frame(cobs_encode(body[:-1] + b"d" + crc)) == Damage("checksum")


def test_endless_frame_does_not_fill_memory() -> None:
    receiver = FrameReceiver(limit=1000)
    assert receiver.feed(b"\x05" * 5000) == []
    assert receiver.feed(b"\x05" * 700 + b"\0") == [Damage("oversize")]
    assert receiver.feed(encode_frame(1, 2)) == [Frame(1, 2, b"")]


def test_identity_round_trip() -> None:
    payload = encode_identity(IDENTITY)
    assert decode_identity(payload) == IDENTITY
    assert all(decode_identity(payload[:cut]) is None for cut in range(len(payload)))


@given(st.binary(max_size=200))
def test_identity_from_noise_is_refused_or_harmless(noise: bytes) -> None:
    decode_identity(noise)
    decode_fault(noise)


def test_header_is_up_to_date() -> None:
    path = assets.firmware() / "include" / "intarsia" / "protocol.h"
    assert path.read_text(encoding="utf-8") == protocol_header(), "run: python -m intarsia.wire > protocol.h"


@given(
    st.integers(0, 400_000_000),
    st.sampled_from([(32, 5), (128, 25), (512, 125), (1, 1)]),
    st.integers(0, 10**6),
)
def test_units_are_exact_at_any_phase(count: int, ratio: tuple[int, int], phase: int) -> None:
    numerator, denominator = ratio
    offset = phase % denominator
    ticks = (count * numerator + offset) // denominator - offset // denominator
    assert units(ticks, ratio) == count


class ScriptedLink:
    """Answers each request with what a function makes of it."""

    lossy = True
    seconds_per_byte = 0.0

    def __init__(self, answer: Callable[[Frame], Sequence[bytes]]) -> None:
        self._answer = answer
        self._receiver = FrameReceiver()
        self._outgoing = b""

    def write(self, data: bytes, timeout: float) -> None:
        for frame in self._receiver.feed(data):
            assert isinstance(frame, Frame)
            self._outgoing += b"".join(self._answer(frame))

    def read(self, max_bytes: int, timeout: float) -> bytes:
        data, self._outgoing = self._outgoing[:max_bytes], self._outgoing[max_bytes:]
        return data

    def reopen(self, timeout: float) -> bool:
        return False

    def close(self, timeout: float = 5.0) -> int | None:
        return None


def result(frame: Frame) -> bytes:
    payload = (
        (100).to_bytes(4, "little") + (134).to_bytes(4, "little") + (70).to_bytes(4, "little") + b"hello"
    )
    return encode_frame(Message.RESULT, frame.sequence, payload)


def identity(frame: Frame) -> bytes:
    return encode_frame(Message.IDENTITY, frame.sequence, encode_identity(IDENTITY))


def test_device_takes_the_mark_off_and_converts() -> None:
    device = Device(ScriptedLink(lambda f: [identity(f) if f.message == Message.HELLO else result(f)]))
    inference = device.infer(b"abc")
    assert inference.outputs == b"hello"
    assert inference.layer_counts == (10, 0)
    assert inference.stack_bytes == 100
    assert device.statistics.sent == 2


def test_device_counts_damage_and_drops_stale_answers() -> None:
    requests: list[int] = []

    def answer(frame: Frame) -> list[bytes]:
        requests.append(frame.message)
        if frame.message == Message.HELLO:
            return [identity(frame), identity(frame)]
        if len(requests) == 2:
            return [result(frame)[:-5] + b"\x01\0\0"]
        if len(requests) == 3:
            return [encode_frame(Message.NAK, 0, bytes([Nak.CODING]))]
        return [result(Frame(0, frame.sequence - 1, b"")), result(frame)]

    device = Device(ScriptedLink(answer))
    assert device.infer(b"abc").outputs == b"hello"
    assert device.statistics.damaged.total() == 2
    assert device.statistics.damaged["device coding"] == 1
    assert device.statistics.stale == 2
    assert device.statistics.repeated == 2


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda f: [encode_frame(Message.NAK, f.sequence, bytes([Nak.LOST]))], "refused"),
        (lambda f: [encode_frame(Message.NAK, f.sequence, b"\xee")], "unknown reason"),
        (lambda f: [encode_frame(Message.NAK, f.sequence, bytes([Nak.CODING]))], "in 3 attempts"),
        (lambda f: [encode_frame(Message.FAULT, 0, b"PC  \x10\0\0\0")], "PC=0x00000010"),
        (lambda f: [encode_frame(Message.IDENTITY, f.sequence, b"x")], "unknown protocol"),
        (lambda f: [], "within 0.05 s"),
    ],
)
def test_device_errors_are_named(answer: Callable[[Frame], Sequence[bytes]], message: str) -> None:
    with pytest.raises(StageError, match=message):
        Device(ScriptedLink(answer), timeout=0.05, attempts=3).hello()


def test_wrong_input_size_is_refused() -> None:
    with pytest.raises(StageError, match="takes 3 input bytes, not 2"):
        Device(ScriptedLink(lambda f: [identity(f)])).infer(b"ab")


def test_wrong_result_size_is_refused() -> None:
    def answer(frame: Frame) -> list[bytes]:
        if frame.message == Message.HELLO:
            return [identity(frame)]
        return [encode_frame(Message.RESULT, frame.sequence, b"x")]

    with pytest.raises(StageError, match="has 1 bytes, not 17"):
        Device(ScriptedLink(answer)).infer(b"abc")


def dumping(lose: int) -> tuple[Device, list[int]]:
    """A device that sends two feature maps before each result; the first is damaged in the first `lose` runs."""
    runs: list[int] = []

    def answer(frame: Frame) -> list[bytes]:
        if frame.message == Message.HELLO:
            known = replace(IDENTITY, dumps=True)
            return [encode_frame(Message.IDENTITY, frame.sequence, encode_identity(known))]
        if runs and runs[-1] == frame.sequence:
            return [result(frame)]
        runs.append(frame.sequence)
        maps = [
            encode_frame(Message.TENSOR, frame.sequence, TENSOR.pack(layer, 0) + bytes([layer]) * 300)
            for layer in range(2)
        ]
        if len(runs) <= lose:
            maps[0] = maps[0][:20] + b"\x77" + maps[0][21:]
        return [*maps, result(frame)]

    return Device(ScriptedLink(answer), timeout=5.0, attempts=3), runs


@pytest.mark.parametrize("lose", [0, 2])
def test_feature_maps_come_whole_or_again(lose: int) -> None:
    device, runs = dumping(lose)
    assert device.dump(b"abc", 2, 300) == [(0, 0, b"\0" * 300), (1, 0, b"\1" * 300)]
    assert len(runs) == lose + 1
    assert device.statistics.damaged.total() == lose


def test_feature_maps_that_never_come_are_an_error() -> None:
    with pytest.raises(StageError, match="1 of 2 feature maps were lost"):
        dumping(9)[0].dump(b"abc", 2, 300)
    with pytest.raises(StageError, match="does not send its feature maps"):
        Device(ScriptedLink(lambda f: [identity(f)])).dump(b"abc", 2, 300)


def test_a_tensor_frame_that_is_cut_short_is_nobodys() -> None:
    assert decode_tensor(b"\0" * 7) == (-1, -1)
    assert decode_tensor(TENSOR.pack(3, 1) + b"x") == (3, 1)
