# SPDX-License-Identifier: Apache-2.0
"""Which memories a firmware is too large for, when only the linker finds out.

Its message names a memory and a number at best: linked with `--enable-non-contiguous-regions`, GNU ld 2.40 names a
section or a symbol, or crashes. So the firmware is linked once more, into memories of the same names that are long
enough and far from each other, and what lies in them is compared with the lengths that the linker script has.
"""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile

from intarsia import programs, sizes

LINK_SECONDS = 60.0
_TOO_LARGE = re.compile(r"overflowed by \d+ bytes|will not fit in region")
"""What GNU ld and LLVM's lld say."""

_CHOOSES = "--enable-non-contiguous-regions"
_STEP = 1 << 27
"""Where memories begin in the second link, the first at this address. Further than any branch reaches, as real ones
are: code that calls across takes the same detours."""

_ROOM = _STEP // 2
_BLOCK = re.compile(r"\bMEMORY\s*\{([^}]*)\}")
_MEMORY = re.compile(
    r"(?P<name>[A-Za-z_]\w*)(?P<flags>\s*(?:\([^)]*\))?\s*:\s*)"
    r"(?:ORIGIN|org|o)\s*=\s*[^,]+,\s*(?:LENGTH|len|l)\s*=\s*(?P<length>[^\n,]+)"
)
_SLACK = 1 << 13
"""What a linker may want beside: it chooses before it shortens what RISC-V can say in fewer bytes."""

_HAS = "itr_has_"
_SHOWN = 5


@dataclass(frozen=True)
class Region:
    """A memory of the linker script: bytes needed and there, output sections and largest consumers with theirs."""

    name: str
    written: bool
    need: int
    have: int
    sections: tuple[tuple[str, int], ...]
    consumers: tuple[tuple[str, int], ...]

    @property
    def over(self) -> int:
        """Bytes that are missing; at most 0 where all fits."""
        return self.need - self.have

    @property
    def kind(self) -> str:
        """What a person calls it."""
        return "RAM" if self.written else "flash"

    def __str__(self) -> str:
        held = ", ".join(f"{name} {size:,}" for name, size in self.sections)
        return f"memory {self.name} with {held}"


def suspected(said: str, elf: Path, flags: Collection[str]) -> bool:
    """Whether a build that said this may have failed because the firmware is too large. A linker that chooses between
    memories drops what it has no place for: its message can be any."""
    linking = re.search(rf"^FAILED: .*\b{re.escape(elf.name)}", said, re.MULTILINE)
    return bool(_TOO_LARGE.search(said) or (linking and _chooses(flags)))


def _chooses(words: Collection[str]) -> bool:
    return any(_CHOOSES in word for word in words)


def find(ninja: str, folder: Path, elf: Path, operators: Mapping[int, str]) -> list[Region]:
    """Every memory that is too small after a link that failed (`suspected`); none where it failed for another reason.

    The build in `folder` makes `elf` with `ninja`; `operators` names those of layers. Raises StageError when programs
    that have just run cannot be started.
    """
    command = _link_command(ninja, folder, elf)
    script = next((Path(word[2:]) for word in command if word.startswith("-T")), None)
    if script is None:
        return []
    link = _Link(command, script, folder, operators)
    if _chooses(command):
        return _chosen(link)
    regions = link.run(dict.fromkeys(link.names, _ROOM))
    return [region for region in regions or () if region.over > 0]


def _chosen(link: _Link) -> list[Region]:
    """The memories that keep a linker from linking that chooses between them. A longer one draws in what has its place
    in another: so as few as possible are made longer, and no more than they must be."""
    for _, group in itertools.groupby(_subsets(link.names), len):
        found = [regions for names in group if (regions := link.run(dict.fromkeys(names, _ROOM), names))]
        if found:
            needs = {region.name: region for region in min(found, key=lambda them: sum(r.need for r in them))}
            lengths = {name: region.need + _SLACK for name, region in needs.items()}
            for name in lengths:
                lengths[name] = _least(link, name, lengths, needs[name].have)
            exact = link.run(lengths, tuple(lengths)) or ()
            return [replace(region, need=lengths[region.name]) for region in exact]
    return []


def _least(link: _Link, name: str, lengths: Mapping[str, int], have: int) -> int:
    """The least length of a memory with which the others' lengths do; `have` does not."""
    short, enough = have, lengths[name]
    while enough - short > 1:
        middle = (short + enough) // 2
        if link.run({**lengths, name: middle}) is None:
            short = middle
        else:
            enough = middle
    return enough


def _subsets(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for count in range(1, len(names) + 1):
        yield from itertools.combinations(names, count)


def _memories(script: str) -> list[re.Match[str]]:
    """The entries of MEMORY; comments of one line with its words do not matter."""
    block = _BLOCK.search(script)
    return list(_MEMORY.finditer(script, *block.span(1))) if block else []


def _link_command(ninja: str, folder: Path, elf: Path) -> list[str]:
    """The words of the command that links; ninja prints all that it would run, this one last."""
    done = programs.run([ninja, "-C", str(folder), "-t", "commands", elf.name], LINK_SECONDS)
    words = shlex.split(done.out.splitlines()[-1]) if done.code == 0 and done.out else []
    return [word for word in words if word not in (":", "&&")]


@dataclass(frozen=True)
class _Link:
    """The command that links, with its script and where it runs."""

    command: Sequence[str]
    script: Path
    folder: Path
    operators: Mapping[int, str]

    @property
    def names(self) -> list[str]:
        """The memories, in order."""
        return [entry["name"] for entry in _memories(self.script.read_text(encoding="utf-8"))]

    def run(self, lengths: Mapping[str, int], wanted: Collection[str] | None = None) -> list[Region] | None:
        """Links with other lengths of some memories: those that are `wanted`, all by default. None where it fails."""
        script, made = self.folder / "roomy.ld", self.folder / "roomy.elf"
        script.write_text(self._written(lengths), encoding="utf-8")
        words = [word for word in self.command if not word.startswith("-T")]
        words[words.index("-o") + 1] = str(made)
        try:
            done = programs.run(
                [*words, f"-T{script}", "-Wl,--no-check-sections"], LINK_SECONDS, folder=self.folder
            )
            return self._regions(made, wanted) if done.code == 0 else None
        except programs.TimedOut:
            return None
        finally:
            made.unlink(missing_ok=True)
            script.unlink(missing_ok=True)

    def _regions(self, elf: Path, wanted: Collection[str] | None) -> list[Region]:
        with elf.open("rb") as stream:
            linked = _Linked(ELFFile(stream), self.operators)
        names = enumerate(self.names)
        return [linked.region(index, name) for index, name in names if wanted is None or name in wanted]

    def _written(self, lengths: Mapping[str, int]) -> str:
        text = self.script.read_text(encoding="utf-8")
        entries = _memories(text)
        parts, end = [], 0
        for index, entry in enumerate(entries):
            length = lengths.get(entry["name"], entry["length"])
            parts += [text[end : entry.start()], f"{entry['name']}{entry['flags']}"]
            parts += [f"ORIGIN = {_origin(index):#x}, LENGTH = {length}"]
            end = entry.end()
        has = [f"{_HAS}{entry['name']} = {entry['length']};\n" for entry in entries]
        return "".join([*parts, text[end:], *has])


def _origin(index: int) -> int:
    return (index + 1) * _STEP


class _Linked:
    """What lies where in the second link."""

    def __init__(self, file: ELFFile, operators: Mapping[int, str]) -> None:
        self.sections = [(section, _addresses(file, section)) for section in file.iter_sections()]
        self.symbols = list(file.get_section_by_name(".symtab").iter_symbols())
        self.operators = operators

    def region(self, index: int, name: str) -> Region:
        """The memory of that name, and index in the linker script."""
        origin = _origin(index)
        inside = {
            number: (section, address - origin + section["sh_size"])
            for number, (section, addresses) in enumerate(self.sections)
            for address in addresses
            if origin <= address < origin + _STEP
        }
        held = {section.name: section["sh_size"] for section, _ in inside.values()}
        return Region(
            name,
            any(
                s["sh_flags"] & sizes.WRITABLE and s["sh_addr"] // _STEP == index + 1
                for s, _ in inside.values()
            ),
            max((end for _, end in inside.values()), default=0),
            next(s["st_value"] for s in self.symbols if s.name == _HAS + name),
            _largest(held),
            _largest(self._consumers(inside, held.get(sizes.STACK_SECTION, 0))),
        )

    def _consumers(self, sections: Collection[int], stack: int) -> dict[str, int]:
        """Bytes of layers, and of what belongs to none."""
        found = {"stack": stack}
        for symbol in self.symbols:
            if symbol["st_shndx"] in sections:
                layer = sizes.layer_of(symbol.name)
                name = symbol.name if layer is None else f"layer {layer} ({self.operators.get(layer, '?')})"
                found[name] = found.get(name, 0) + symbol["st_size"]
        return found


def _addresses(file: Any, section: Any) -> set[int]:
    """Where a section lies when the firmware runs, and where it is loaded to."""
    if not section["sh_flags"] & sizes.ALLOCATED:
        return set()
    addresses = {section["sh_addr"]}
    if section["sh_type"] != "SHT_NOBITS":
        addresses |= {
            segment["p_paddr"] + section["sh_addr"] - segment["p_vaddr"]
            for segment in file.iter_segments("PT_LOAD")
            if segment.section_in_segment(section)
        }
    return addresses


def _largest(parts: dict[str, int]) -> tuple[tuple[str, int], ...]:
    found = [part for part in parts.items() if part[1]]
    return tuple(sorted(found, key=lambda part: (-part[1], part[0]))[:_SHOWN])
