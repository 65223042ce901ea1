# SPDX-License-Identifier: Apache-2.0
"""Bytes, numbers and names that programs stumble over, and mutations that know nothing of what they change."""

from __future__ import annotations

import json
import random
import struct
from typing import Any

NUMBERS = (0, 1, 2, 3, 4, 7, 8, 127, 128, 255, 256, 4096, 32767, 32768, 65535, 65536)
LARGE = (
    1 << 20,
    1 << 24,
    (1 << 28) - 1,
    1 << 30,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    1 << 40,
    (1 << 63) - 1,
)
REALS = (0.0, -0.0, 1.0, -1.0, 0.5, 1e-45, 1e-38, 1e38, 3e38, float("inf"), float("-inf"), float("nan"))
NAMES = (
    b"",
    b"int",
    b"*/ int x; /*",
    b"%s%n%x",
    b"../../etc/passwd",
    b"/dev/null",
    b"a;b/c",
    b"<script>alert(1)</script>",
    b'"quoted" \\ ${HOME} $(id) `id`',
    b"\x00\xff\xfe",
    b"line\nline\r\x1b[31m",
    b"x" * 10_000,
    "größe 数 \u202e".encode(),
    b"??/ trigraph",
    b"con",
)


def integer(numbers: random.Random) -> int:
    """A number at an edge, or near one, of either sign."""
    value = numbers.choice(NUMBERS if numbers.random() < 0.7 else LARGE)
    return (value + numbers.choice((-1, 0, 0, 1))) * numbers.choice((1, 1, -1))


def changed_bytes(data: bytes, numbers: random.Random, count: int | None = None) -> bytes:
    """A copy with one to eight faults: bits, bytes, words, blocks that are lost, doubled, moved or cut off."""
    found = bytearray(data)
    for _ in range(count or numbers.randint(1, 8)):
        _one_fault(found, numbers)
    return bytes(found)


def _one_fault(found: bytearray, numbers: random.Random) -> None:
    at = numbers.randrange(len(found) + 1)
    length = min(1 << numbers.randrange(8), len(found) - at)
    kind = numbers.randrange(8)
    if not found or kind == 0:
        found[at:at] = numbers.randbytes(1 << numbers.randrange(6))
    elif kind == 1:
        found[at - 1] ^= 1 << numbers.randrange(8)
    elif kind == 2:
        found[at - 1] = numbers.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF, numbers.randrange(256)))
    elif kind in (3, 4):
        at &= ~3
        width, code = numbers.choice(((4, "<I"), (2, "<H"), (8, "<Q")))
        found[at : at + width] = struct.pack(code, integer(numbers) % (1 << 8 * width))
    elif kind == 5:
        del found[at : at + length]
    elif kind == 6:
        source = numbers.randrange(len(found))
        found[at : at + numbers.choice((0, length))] = found[source : source + length]
    elif numbers.random() < 0.3:
        del found[at:]


def changed_json(document: Any, numbers: random.Random) -> Any:
    """A copy of a JSON document with one to three of its values changed, removed, doubled or replaced by others."""
    changed = json.loads(json.dumps(document))
    for _ in range(numbers.randint(1, 3)):
        places = list(_places(changed))
        if not places:
            return _odd_value(numbers)
        owner, key = numbers.choice(places)
        kind = numbers.randrange(5)
        if kind == 0:
            del owner[key]
        elif kind == 1 and isinstance(owner, list):
            owner.insert(key, owner[numbers.randrange(len(owner))])
        elif kind == 2:
            other, place = numbers.choice(places)
            owner[key] = json.loads(json.dumps(other[place]))
        elif kind == 3 and isinstance(owner[key], int | float):
            owner[key] = owner[key] + numbers.choice((-1, 1, 0.5, 1 << 31))
        else:
            owner[key] = _odd_value(numbers)
    return changed


def _places(value: Any) -> Any:
    """(container, key) of everything in a document."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield value, key
        yield from _places(inner)


def _odd_value(numbers: random.Random) -> Any:
    names = [name.decode("utf-8", "replace") for name in NAMES]
    choices = (
        None,
        True,
        [],
        {},
        integer(numbers),
        numbers.choice(REALS),
        10**400,
        numbers.choice(names),
        "",
        [[]],
    )
    return numbers.choice(choices)


def changed_text(document: Any, numbers: random.Random) -> bytes:
    """A JSON text of a changed document, a text with changed bytes, or one that is nested too deeply."""
    kind = numbers.random()
    if kind < 0.01:
        return b"[" * 100_000
    text = json.dumps(document if kind < 0.2 else changed_json(document, numbers)).encode()
    return changed_bytes(text, numbers) if kind < 0.25 else text
