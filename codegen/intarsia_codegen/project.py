# SPDX-License-Identifier: Apache-2.0
"""A C project that stands alone: CMake, plain C, only the kernels it uses, no Python."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import intarsia
from intarsia import assets, folders, modelfile, ops
from intarsia.boards import Board
from intarsia.errors import BudgetError
from intarsia.ir import ABSENT, Graph, Node, Tensor
from intarsia.plan import memory
from intarsia.plan.plan import Plan
from intarsia.projectfile import SCHEMA, SCHEMA_VERSION
from intarsia.request import Objective
from intarsia_codegen import ctext, footprint, library
from intarsia_codegen import external as outside
from intarsia_codegen.emit import Emitted, emit, templates
from intarsia_codegen.generated import COMPILED
from intarsia_codegen.harness import FOLDER as HARNESS_FOLDER
from intarsia_codegen.harness import Harness
from intarsia_codegen.lower import Layer, Program, lower
from intarsia_codegen.names import comment

MARKER = "intarsia.json"


def lower_for(
    graph: Graph,
    board: Board,
    *,
    portable: Sequence[int] = (),
    plan: Plan | None = None,
    objective: Objective = Objective.BALANCED,
    external: bool = False,
) -> Program:
    """The program of a graph for a board, in the patches of a plan; layers in `portable` use portable C. `objective` is
    what the choice of kernels shall save. `external`: inputs and outputs lie outside the arena (raises as
    `external.run`)."""
    isas = board.target.isa
    program = lower(graph, isas, portable=lambda layer: layer in portable, plan=plan, objective=objective)
    return outside.run(program) if external else program


def check_budget(program: Program, board: Board, *, ram: int | None = None, flash: int | None = None) -> None:
    """Refuses what cannot fit however it is compiled: the arena alone, or the constants alone.

    Budgets in bytes default to the board's. Raises BudgetError with need, have and the largest consumers.
    """
    ram, flash = ram or board.memory.ram, flash or board.memory.flash
    lacks = {}
    arena, kept = program.arena_bytes, program.states.bytes
    if ram is not None and arena + kept > ram:
        states = f", states {kept:,}" if kept else ""
        lacks["RAM"] = [
            f"the arena needs {arena:,} bytes{states}, the budget is {ram:,}, {arena + kept - ram:,} over; "
            f"most is alive in {fullest(program)}"
        ]
    constants = [(layer, _constant_bytes(layer)) for layer in program.layers]
    total = sum(size for _, size in constants)
    if flash is not None and total > flash:
        largest = sorted(constants, key=lambda item: -item[1])[:4]
        names = ", ".join(f"layer {layer.index} ({layer.node.op}) {size:,}" for layer, size in largest)
        lacks["flash"] = [
            f"the constants alone need {total:,} bytes, the budget is {flash:,}, {total - flash:,} over; "
            f"largest: {names}"
        ]
    if lacks:
        raise BudgetError.of(lacks, smallest=program.objective is Objective.SIZE)


def fullest(program: Program) -> str:
    """The layer in which most of the arena is alive, and the largest consumers."""
    step, need, consumers = memory.peak(program.buffers, program.placement.shared)
    names = ", ".join(f"{buffer_name(program, name)} {size:,}" for name, size in consumers[:4])
    layer = _layer_at(program, step)
    where = f"layer {layer.index} ({layer.node.op})" if layer else "the input"
    return f"{where}, {need:,} bytes: {names}"


def fullest_layer(program: Program) -> Layer | None:
    """The layer in which most of the arena is alive, in the form of its class; None where there are no layers."""
    return _layer_at(program, memory.peak(program.buffers, program.placement.shared)[0])


def _layer_at(program: Program, step: int) -> Layer | None:
    return program.code[min(max(step - 1, 0), len(program.code) - 1)] if program.code else None


def _constant_bytes(layer: Layer) -> int:
    """Bytes of the constants of a layer, as its kernels keep them; what they have in common counts once."""
    found: dict[object, int] = {}
    for kernel in layer.kernels:
        if kernel.generated is not None:
            found |= {source.name: footprint.arrays(source) for source in kernel.generated.sources}
        else:
            found |= {(c.name, c.stored.tobytes()): c.stored.nbytes for c in kernel.call.constants}
    return sum(found.values())


def write(program: Program, board: Board, out: Path, harness: Harness | None = None) -> None:
    """Writes the firmware project into the folder `out`; its firmware serves our host, or a benchmark's runner.

    Raises UsageError when `out` holds something else, or the harness does not go with the model.
    """
    graph = program.network
    harness_header = harness.header(graph, board) if harness else None
    digest = modelfile.digest(graph)
    emitted = emit(program, board.name, digest)
    with folders.replaced(out, MARKER) as folder:
        sources = _write_sources(emitted, folder)
        runtime = _copy_runtime(board, folder, harness_header)
        if program.arena_section is not None:
            _place_arena(folder, program.arena_section)
        headers = library.headers_of([p.read_text() for p in folder.rglob("*.[chS]")])
        for header in headers:
            _copy(assets.firmware() / "include" / header, folder / "include" / header)
        cmake = _cmake(program, board, sources, runtime, harness)
        (folder / "CMakeLists.txt").write_text(cmake, encoding="utf-8")
        modelfile.save(graph, folder / "model.itr")
        document = {**describe(program, board, digest, emitted), "harness": harness.name if harness else None}
        (folder / MARKER).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def describe(program: Program, board: Board, digest: bytes, emitted: Emitted) -> dict[str, Any]:
    """What the host needs to know of a project: contents of `intarsia.json`."""
    graph = program.network
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "intarsia": intarsia.__version__,
        "model": graph.name,
        "identifier": program.identifier,
        "board": board.name,
        "link": board.target.link,
        "rule": graph.rule,
        "optimize": program.objective.value,
        "io": "external" if program.external else "arena",
        "hash": digest.hex(),
        "inputs": [_port(graph.tensor(t)) for t in graph.inputs],
        "outputs": [_port(graph.tensor(t)) for t in graph.outputs],
        "layers": [
            {
                "index": layer.index,
                "op": layer.node.op,
                "name": layer.node.name,
                "macs": layer.macs,
                "kernels": [f"{k.call.contract}__{k.isa}" for k in layer.kernels],
                **_bits(program.graph, layer.node),
            }
            for layer in program.layers
        ],
        "arena": {
            "bytes": program.arena_bytes,
            "lower_bound": program.placement.lower_bound,
            "method": program.placement.method,
            "buffers": [
                {
                    "name": buffer_name(program, row.name),
                    "kind": _buffer_kind(program, row.name),
                    **{k: v for k, v in vars(row).items() if k != "name"},
                }
                for row in memory.timeline(program.placement, program.buffers)
            ],
        },
        "plan": program.plan.to_json() if program.plan else None,
        "state_bytes": program.states.bytes,
        "assembler_stack": emitted.stack,
    }


def buffer_name(program: Program, name: str) -> str:
    """What a buffer of the arena holds, for people."""
    if name.startswith("t"):
        number = int(name[1:])
        form = program.stages.form_of(number) if program.stages else None
        return program.tensor(number).name + (" (outlier)" if form and form.scope else "")
    return f"scratch of layer {name[1:].rstrip('o')}" + (" (outlier)" if name.endswith("o") else "")


def _buffer_kind(program: Program, name: str) -> str:
    """What a buffer of the arena is: "input", "output" or "map" (in between), or "scratch" of a layer."""
    if not name.startswith("t"):
        return "scratch"
    tensor = int(name[1:])
    return (
        "input" if tensor in program.graph.inputs else "output" if tensor in program.graph.outputs else "map"
    )


def _bits(graph: Graph, node: Node) -> dict[str, Any]:
    """Widths of a layer: of its inputs that are feature maps, of its output, and of its weights where it has some."""
    operands = [graph.tensor(t) for t in node.inputs if t != ABSENT]
    maps = [t.dtype.bits for t in operands if not t.is_constant]
    rule = ops.registry()[node.op].weights
    weights = graph.operand(node, rule.weights) if rule else None
    widths: tuple[int, ...] = ()
    if weights is not None and weights.is_constant:
        own = weights.quant.bits if weights.quant else ()
        widths = tuple(sorted(set(own or (weights.dtype.bits,))))
    return {
        "input_bits": max(maps, default=None),
        "bits": graph.output(node).dtype.bits,
        "weight_bits": list(widths),
    }


def _port(tensor: Tensor) -> dict[str, Any]:
    quant = tensor.quant
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype.name,
        "scale": quant.scale[0] if quant else None,
        "zero_point": quant.zero_point[0] if quant else None,
    }


def _write_sources(emitted: Emitted, folder: Path) -> list[str]:
    """Writes the model's files; returns the sources to compile, relative to the project."""
    (folder / "model").mkdir()
    sources = []
    for name, text in sorted(emitted.files.items()):
        (folder / "model" / name).write_text(text, encoding="utf-8")
        if name.endswith(COMPILED):
            sources.append(f"model/{name}")
    ctext.tidy_files(
        [folder / "model" / name for name in sorted(emitted.files) if name.endswith((".c", ".h"))]
    )
    for path in emitted.written:
        _copy(path, folder / "kernels" / path.name)
        sources.append(f"kernels/{path.name}")
    return sources


def _copy_runtime(board: Board, folder: Path, harness_header: str | None) -> list[str]:
    """Copies runtime (or harness), HAL, board and toolchain files; returns the sources to compile."""
    runtime, *others = board.source_folders()
    if harness_header is not None:
        runtime = assets.firmware() / "harness" / HARNESS_FOLDER
        (folder / "runtime").mkdir(parents=True)
        (folder / "runtime" / "harness.h").write_text(harness_header, encoding="utf-8")
    for source in (runtime, *others):
        target = folder / _runtime_folder(board, source)
        for path in sorted(source.iterdir()):
            if path.suffix in (".c", ".h", ".S", ".ld"):
                _copy(path, target / path.name)
    _copy(assets.firmware() / "toolchains" / f"{board.target.toolchain}.cmake", folder / "toolchain.cmake")
    found = (path for source in (runtime, *others) for path in sorted(source.iterdir()))
    return [
        f"{_runtime_folder(board, path.parent)}/{path.name}" for path in found if path.suffix in (".c", ".S")
    ]


def _place_arena(folder: Path, section: str) -> None:
    """Makes the measuring firmware's linker script put the user's section where arenas are."""
    for script in folder.rglob("*.ld"):
        text = script.read_text(encoding="utf-8")
        script.write_text(text.replace("*(.bss.itr_arena ", f"*({section} .bss.itr_arena "), encoding="utf-8")


def _runtime_folder(board: Board, source: Path) -> str:
    if source == board.folder:
        return "board"
    return f"hal/{source.name}" if source.parent.name == "hal" else "runtime"


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _cmake(
    program: Program, board: Board, sources: list[str], runtime: list[str], harness: Harness | None
) -> str:
    context = {
        "P": program.identifier,
        "title": comment(program.graph.name),
        "version": intarsia.__version__,
        "board": board.name,
        "cpu_flags": board.target.cpu_flags,
        "model_sources": sources,
        "runtime_sources": runtime,
        "hal_folders": [f"hal/{name}" for name in board.target.hal],
        "definitions": board.definitions(),
        "layer_count": len(program.layers),
        "linker_script": board.linker_script() is not None,
        "stack_bytes": board.memory.stack,
        "harness": harness.name if harness else None,
    }
    return templates().get_template("CMakeLists.txt.j2").render(context)
