# SPDX-License-Identifier: Apache-2.0
"""A lowered program as C text: `<model>.h`, `<model>.c`, its weights, and the sources of generated kernels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

import intarsia
from intarsia.errors import StageError
from intarsia.ir import Tensor
from intarsia_codegen import ctext
from intarsia_codegen.names import comment
from intarsia_codegen.patch_text import branch_call, window_tables
from intarsia_codegen.program import Layer, Program
from intarsia_codegen.select import Chosen
from intarsia_codegen.show import shown, stitched
from intarsia_codegen.states import initial


@dataclass(frozen=True)
class Emitted:
    """Files of one model: `files` by name, `written` the library kernels it calls, `stack` bytes of assembler."""

    files: dict[str, str]
    written: tuple[Path, ...]
    stack: dict[str, int]


@cache
def templates() -> jinja2.Environment:
    """The C and CMake templates."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("intarsia_codegen"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )


def emit(program: Program, board: str, digest: bytes) -> Emitted:
    """C files of a program. `digest` identifies the model to the host (its first 16 bytes are compiled in)."""
    name, graph = program.identifier, program.graph
    kernels = [kernel for layer in program.layers for kernel in layer.kernels]
    constants = _constants(program)
    params = [_params(k, label) for k, label in _labelled(program) if _takes_params(k)]
    written = tuple(sorted({k.written for k in kernels if k.written}))
    context: dict[str, Any] = {
        "P": name,
        "title": comment(graph.name),
        "version": intarsia.__version__,
        "board": comment(board),
        "arena_bytes": program.arena_bytes,
        "inputs": [_port(program, t) for t in graph.inputs],
        "outputs": [_port(program, t) for t in graph.outputs],
        "headers": sorted({f"intarsia/{k.call.op}.h" for k in kernels if k.written or _takes_params(k)}),
        "prototypes": [k.generated.prototype for k in kernels if k.generated],
        "params": params,
        "constants": constants,
        "layers": [_layer(program, layer) for layer in program.layers],
        "patches": _patches(program),
        "stitched": stitched(program),
        "states": _states(program),
        "hash_bytes": ", ".join(f"0x{byte:02x}" for byte in digest[:16]),
    }
    texts = {f"{name}.h": "model.h.j2", f"{name}.c": "model.c.j2"}
    if program.reads_patches:
        texts[f"{name}_image.c"] = "image.c.j2"
    files = {file: templates().get_template(t).render(context) for file, t in texts.items()}
    if constants:
        files[f"{name}_weights.h"] = _weights_header(name, constants)
        files[f"{name}_weights.c"] = _weights_source(name, constants)
    stack: dict[str, int] = {}
    for kernel in kernels:
        if kernel.generated:
            stack |= kernel.generated.stack_bytes
            for source in kernel.generated.sources:
                if files.setdefault(source.name, source.text) != source.text:
                    raise StageError(f"two kernels generate different files {source.name}")
    return Emitted(files, written, stack)


def _states(program: Program) -> dict[str, Any] | None:
    """What is kept between inferences; None when nothing is."""
    graph, states = program.graph, program.states
    if not graph.states:
        return None
    moves = [
        {
            "to": states.offsets[state.before],
            "from": program.offset(state.after),
            "bytes": graph.tensor(state.before).bytes,
        }
        for state in graph.states
    ]
    starts = [
        start | {"symbol": f"{program.identifier}_{start['constant']}"} for start in initial(graph, states)
    ]
    return {"bytes": states.bytes, "moves": moves, "starts": starts}


def _takes_params(kernel: Chosen) -> bool:
    if kernel.generated:
        return kernel.generated.takes_params
    return bool(kernel.call.params)


def _labelled(program: Program) -> list[tuple[Chosen, str]]:
    """Every kernel with the stem of the names of its parameters and constants."""
    return [
        (kernel, f"layer{layer.index}" + (f"_{k}" if len(layer.kernels) > 1 else ""))
        for layer in program.layers
        for k, kernel in enumerate(layer.kernels)
    ]


def _constants(program: Program) -> list[dict[str, Any]]:
    starts = initial(program.graph, program.states)
    return [
        {"symbol": f"{program.identifier}_{start['constant']}", "data": start["data"]}
        for start in starts
        if start["data"] is not None
    ] + [
        {"symbol": f"{program.identifier}_{label}_{constant.name}", "data": constant.stored}
        for kernel, label in _labelled(program)
        if kernel.written
        for constant in kernel.call.constants
    ]


def _params(kernel: Chosen, label: str) -> dict[str, str]:
    return {
        "type": f"itr_{kernel.call.contract}_params",
        "name": f"{label}_params",
        "text": ctext.initializer(kernel.call.params),
    }


def _port(program: Program, index: int) -> dict[str, Any]:
    tensor = program.graph.tensor(index)
    quant = tensor.quant
    scaling = f", real = {quant.scale[0]:.9g} * (code - {quant.zero_point[0]})" if quant else ""
    return {
        "label": comment(tensor.name),
        "shape": _shape(tensor),
        "dtype": tensor.dtype.name,
        "c_type": tensor.dtype.c_type,
        "elements": tensor.elements,
        "bytes": tensor.bytes,
        "offset": program.offset(index),
        "scaling": scaling,
    }


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"


def _layer(program: Program, layer: Layer) -> dict[str, Any]:
    graph = program.graph
    maps = [t for t in layer.node.inputs if t >= 0 and not graph.tensor(t).is_constant]
    text = f"{layer.node.op} {', '.join(_shape(graph.tensor(t)) for t in maps)}"
    text += f" -> {', '.join(_shape(graph.tensor(t)) for t in layer.node.outputs)}"
    if layer.macs:
        text += f", {layer.macs:,} MACs"
    calls = [
        _call(program, layer, kernel, label)
        for kernel, label in _labelled(program)
        if kernel in layer.kernels
    ]
    return {"index": layer.index, "text": text, "calls": calls, "maps": shown(program, layer)}


def _call(program: Program, layer: Layer, kernel: Chosen, label: str) -> str:
    call = kernel.call

    def place(index: int, qualifier: str) -> str:
        if index in program.states.offsets:
            kind = program.tensor(index).dtype.c_type
            return f"STATE({qualifier}{kind}, {program.states.offsets[index]})"
        return f"AT({qualifier}{program.tensor(index).dtype.c_type}, {program.offset(index)})"

    arguments = []
    if _takes_params(kernel):
        arguments.append("&p" if call.variants else f"&{label}_params")
    arguments += [place(t, "const ") for t in call.inputs]
    if kernel.written:
        arguments += [f"{program.identifier}_{label}_{c.name}" for c in call.constants]
    arguments += [place(t, "") for t in call.outputs]
    if kernel.scratch is not None:
        arguments.append(f"AT(void, {program.scratch_offset(layer.index)})" if kernel.scratch else "NULL")
    text = f"{kernel.function}({', '.join(arguments)});"
    if program.stage is None or not call.variants:
        return text
    branch = branch_call(call, label, program.stage.tiling.grid)
    lines = [f"itr_{call.contract}_params p = {label}_params;", *branch.assignments, text]
    return "{ " + " ".join(lines) + " }"


def _patches(program: Program) -> dict[str, Any] | None:
    """What runs patch by patch; None when nothing does."""
    stage = program.stage
    if stage is None:
        return None
    tiling, count = stage.tiling, len(stage.layers)
    tables = [
        table
        for kernel, label in _labelled(program)
        if kernel.call.variants
        for table in branch_call(kernel.call, label, tiling.grid).tables
    ]
    reader = None
    if program.reads_patches:
        (source,) = program.graph.inputs
        windows = window_tables(tiling, source)
        tables += windows
        reads = [f"{table.name}{table.index}[{i}]" for i in (0, 1) for table in windows]
        tensor = program.graph.tensor(source)
        reader = {"arguments": ", ".join(reads), "channels": tensor.shape[3], "width": tensor.shape[2]}
    rows, columns = tiling.grid
    definitions = [table.definition for table in tables]
    return {"rows": rows, "columns": columns, "layers": count, "tables": definitions, "reader": reader}


def _weights_header(name: str, constants: list[dict[str, Any]]) -> str:
    guard = f"{name.upper()}_WEIGHTS_H"
    lines = ["// SPDX-License-Identifier: Apache-2.0", f"#ifndef {guard}", f"#define {guard}", ""]
    lines += ["#include <stdbool.h>", "#include <stdint.h>", ""]
    lines += [f"extern const {ctext.array_type(c['data'])} {c['symbol']}[];" for c in constants]
    return "\n".join([*lines, "", "#endif", ""])


def _weights_source(name: str, constants: list[dict[str, Any]]) -> str:
    parts = [
        "// SPDX-License-Identifier: Apache-2.0",
        f'#include "{name}_weights.h"',
        "",
        '#include "intarsia/section.h"',
        "",
        "// clang-format off",
    ]
    for constant in constants:
        data, symbol = constant["data"], constant["symbol"]
        body = ctext.array_body(data)
        parts.append(
            f"const {ctext.array_type(data)} {symbol}[{max(data.size, 1)}] ITR_WEIGHTS({symbol}) = {{\n{body}\n}};\n"
        )
    return "\n".join(parts)
