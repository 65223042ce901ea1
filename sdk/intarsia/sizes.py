# SPDX-License-Identifier: Apache-2.0
"""Exact memory figures of a linked firmware, read from its ELF file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile

WEIGHTS_SECTION = ".itr_weights"
ARENA_SECTION = ".itr_arena"
IMAGE_SECTION = ".itr_image"
STACK_SECTION = ".itr_stack"
HOT_SECTION = ".itr_hot"
"""Code that start-up copies from flash to RAM."""

ALLOCATED, WRITABLE = 0x2, 0x1
"""Flags of ELF sections."""

_OF_A_LAYER = re.compile(r"(?:^|_)layer(\d+)(?:_|$)")
"""Symbols that belong to one layer, by the names that generated code gives them."""


@dataclass(frozen=True)
class MemoryReport:
    """All in bytes. `ram_bytes` = arena + stack bound + other static data; `flash_bytes` is all that is flashed.
    `image_bytes` are inputs and outputs outside the arena, such as the image of a model that reads it patch by patch:
    memory that the measuring firmware stands in for (a camera, flash, external memory), not part of `ram_bytes`.

    `code_bytes` is flash beside weights, biases and requantization constants. `ram_parts` and `flash_parts` list the
    largest symbols, `flash_sections` the output sections, `flash_layers` what belongs to a single layer, by its index:
    the kernels that layers share do not.
    """

    arena_bytes: int
    stack_bytes: int
    ram_bytes: int
    flash_bytes: int
    weights_bytes: int
    code_bytes: int
    image_bytes: int
    ram_parts: tuple[tuple[str, int], ...]
    flash_parts: tuple[tuple[str, int], ...]
    flash_sections: tuple[tuple[str, int], ...]
    flash_layers: tuple[tuple[int, int], ...]

    def to_json(self) -> dict[str, int]:
        """The fields of `memory` in run.json."""
        names = (
            "arena_bytes",
            "stack_bytes",
            "ram_bytes",
            "flash_bytes",
            "weights_bytes",
            "code_bytes",
            "image_bytes",
        )
        return {name: getattr(self, name) for name in names}


def measure(elf: Path, stack_bytes: int) -> MemoryReport:
    """Figures of an ELF file; `stack_bytes` is the bound of the stack analysis."""
    with elf.open("rb") as stream:
        file = ELFFile(stream)
        sections = [s for s in file.iter_sections() if s["sh_flags"] & ALLOCATED and s["sh_size"]]
        symbols = _symbols(file)
        flash = [(s.name, s["sh_size"]) for s in sections if s["sh_type"] != "SHT_NOBITS"]
        ram = {s.name: s["sh_size"] for s in sections if s["sh_flags"] & WRITABLE or s.name == HOT_SECTION}
        flash_indices = {i for i, s in enumerate(file.iter_sections()) if (s.name, s["sh_size"]) in flash}
        ram_indices = {i for i, s in enumerate(file.iter_sections()) if s.name in ram}
    in_flash = [(name, size) for name, size, index in symbols if index in flash_indices]
    in_ram = [(name, size) for name, size, index in symbols if index in ram_indices]
    weights = dict(flash).get(WEIGHTS_SECTION)
    if weights is None:
        weights = sum(size for name, size in in_flash if "_layer" in name)
    arena, image = (
        ram.get(section) or sum(size for name, size in in_ram if name.startswith(symbol))
        for section, symbol in ((ARENA_SECTION, "arena"), (IMAGE_SECTION, "outside_"))
    )
    static = sum(size for name, size in ram.items() if name != STACK_SECTION) - arena - image
    total = sum(size for _, size in flash)
    return MemoryReport(
        arena_bytes=arena,
        stack_bytes=stack_bytes,
        ram_bytes=arena + stack_bytes + static,
        flash_bytes=total,
        weights_bytes=weights,
        code_bytes=total - weights,
        image_bytes=image,
        ram_parts=_largest([*in_ram, ("stack", stack_bytes)]),
        flash_parts=_largest(in_flash),
        flash_sections=tuple(flash),
        flash_layers=_by_layer(in_flash),
    )


def _by_layer(symbols: Sequence[tuple[str, int]]) -> tuple[tuple[int, int], ...]:
    sums: dict[int, int] = {}
    for name, size in symbols:
        if (layer := layer_of(name)) is not None:
            sums[layer] = sums.get(layer, 0) + size
    return tuple(sorted(sums.items()))


def layer_of(symbol: str) -> int | None:
    """The layer that a symbol belongs to, by its index; None for what layers share."""
    match = _OF_A_LAYER.search(symbol)
    return int(match[1]) if match else None


def _symbols(file: Any) -> list[tuple[str, int, int]]:
    table = file.get_section_by_name(".symtab")
    if table is None:
        return []
    return [
        (symbol.name, symbol["st_size"], symbol["st_shndx"])
        for symbol in table.iter_symbols()
        if symbol["st_size"] and isinstance(symbol["st_shndx"], int)
    ]


def _largest(parts: list[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(parts, key=lambda part: (-part[1], part[0]))[:20])
