# SPDX-License-Identifier: Apache-2.0
"""What libraries of all formats have in common: the network's sources with their guards, an example and a README.

The network lies in ``src``, flat: its header, its C and assembler files, and ``src/intarsia`` with the headers of the
kernels. Every source starts with ``intarsia/target.h``, which stops compilers for other cores with a message.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import intarsia
from intarsia import assets, boards, folders, modelfile
from intarsia.boards import Board
from intarsia.ir import Tensor
from intarsia_codegen import ctext, library, project
from intarsia_codegen.emit import emit, templates
from intarsia_codegen.lower import Program
from intarsia_codegen.names import comment

SCHEMA = "intarsia.library"
SCHEMA_VERSION = 1
TARGET_HEADER = "intarsia/target.h"
OPTIONS = ("-O2", "-ffp-contract=off")
"""What the network is measured with; the second one is part of the exactness of float layers."""


class LibraryFormat(ABC):
    """One build system. Modules of this package have an instance named FORMAT, and ``templates/libraries`` a page
    ``how.<name>.md`` that says how such a library is used."""

    name: ClassVar[str]
    title: ClassVar[str]
    sets_options: ClassVar[bool]
    """Whether a library can choose compiler options for its own sources; otherwise pragmas do what they can."""

    @property
    @abstractmethod
    def files(self) -> dict[str, str]:
        """What is specific to it: path in the library -> template; `{P}` in a path is the model's identifier."""

    def write(self, program: Program, board: Board, out: Path) -> None:
        """Writes the library into the folder `out`. Raises UsageError when `out` holds something else."""
        graph = program.network
        digest = modelfile.digest(graph)
        emitted = emit(program, board.name, digest)
        with folders.replaced(out, project.MARKER) as folder:
            source = folder / "src"
            (source / "intarsia").mkdir(parents=True)
            texts = _apart(emitted.files | {path.name: path.read_text() for path in emitted.written})
            for name, text in sorted(texts.items()):
                (source / name).write_text(text, encoding="utf-8")
            ctext.tidy_files([source / name for name in sorted(emitted.files) if name.endswith((".c", ".h"))])
            _guard([source / name for name in texts if not name.endswith(".h")])
            for header in library.headers_of(list(texts.values())):
                (source / header).write_text((assets.firmware() / "include" / header).read_text())
            headers = [p.read_text() for p in (source / "intarsia").iterdir()]
            context = self._context(program, board, sorted(n for n in texts if not n.endswith(".h")))
            context["shared"] = _shared([*texts.values(), *headers])
            for path, template in {**_COMMON, **self.files}.items():
                target = folder / path.format(P=program.identifier)
                target.parent.mkdir(parents=True, exist_ok=True)
                text = templates().get_template(f"libraries/{template}").render(context)
                target.write_text(text, encoding="utf-8")
            document = project.describe(program, board, digest, emitted)
            document |= {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, "format": self.name}
            (folder / project.MARKER).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")

    def _context(self, program: Program, board: Board, sources: list[str]) -> dict[str, Any]:
        graph = program.graph
        used = {kernel.isa for layer in program.code for kernel in layer.kernels}
        sets = [boards.instruction_sets()[isa] for isa in sorted(used | {library.PORTABLE})]
        kernels = {(k.call.contract, k.isa) for layer in program.code for k in layer.kernels}
        return {
            "P": program.identifier,
            "title": comment(program.graph.name),
            "version": intarsia.__version__,
            "board": board.name,
            "board_title": board.title,
            "format": self.title,
            "how": f"how.{self.name}.md",
            "options": OPTIONS,
            "sets_options": self.sets_options,
            "sources": sources,
            "sets": sets,
            "kernels": sorted(kernels),
            "inputs": [_port(graph.tensor(t)) for t in graph.inputs],
            "outputs": [_port(graph.tensor(t)) for t in graph.outputs],
            "reader": program.reads_patches,
            "external": bool(program.external),
            "arena_bytes": program.arena_bytes,
            "state_bytes": program.states.bytes,
            "cpu_flags": board.target.cpu_flags,
        }


_COMMON = {"README.md": "README.md.j2", f"src/{TARGET_HEADER}": "target.h.j2"}


_FUNCTION = re.compile(r"\b(itr_[a-z0-9_]+)\(|\.global +(itr_\w+)")
_HOOKS = ("itr_dump", "itr_profile_mark")
"""What the program may provide, when it asks for dumps or counts."""


def _shared(texts: list[str]) -> list[str]:
    """Functions whose names do not have the model's in them. Another library may have the same, and not every build
    system lets one of them win: in each library they get its name."""
    found = {name for text in texts for pair in _FUNCTION.findall(text) for name in pair if name}
    return sorted(found - set(_HOOKS))


def _apart(texts: dict[str, str]) -> dict[str, str]:
    """The same files, assembler under another name where C has the same stem: PlatformIO names objects by the stem."""
    return {
        f"{name[:-2]}_code.S" if name.endswith(".S") and f"{name[:-2]}.c" in texts else name: text
        for name, text in texts.items()
    }


def _guard(sources: list[Path]) -> None:
    """Puts the header that checks the compiler's target, and renames, before all others of each source."""
    for path in sources:
        licence, _, rest = path.read_text(encoding="utf-8").partition("\n")
        path.write_text(f'{licence}\n#include "{TARGET_HEADER}"\n\n{rest}', encoding="utf-8")


def _port(tensor: Tensor) -> dict[str, Any]:
    quant = tensor.quant
    return {
        "label": comment(tensor.name),
        "shape": "x".join(map(str, tensor.shape)) or "scalar",
        "dtype": tensor.dtype.name,
        "c_type": tensor.dtype.c_type,
        "real": tensor.dtype.c_type == "float",
        "zero": int(quant.zero_point[0]) if quant else 0,
        "scale": float(quant.scale[0]) if quant else None,
    }
