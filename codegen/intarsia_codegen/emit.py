# SPDX-License-Identifier: Apache-2.0
"""A lowered program as C text: `<model>.h`, `<model>.c`, its weights, and the sources of generated kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

import intarsia
from intarsia.errors import StageError
from intarsia.ir import OutlierRule, Tensor
from intarsia.plan.lowering import Stage1
from intarsia_codegen import ctext
from intarsia_codegen.names import comment
from intarsia_codegen.patch_text import branch_call, patch_table, window_tables
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
    kernels = [kernel for layer in program.code for kernel in layer.kernels]
    constants = Constants(program)
    params = [_params(k, label) for layer in program.code for k, label in layer.labelled if takes_params(k)]
    written = tuple(sorted({k.written for k in kernels if k.written}))
    context: dict[str, Any] = {
        "P": name,
        "title": comment(graph.name),
        "version": intarsia.__version__,
        "board": comment(board),
        "arena_bytes": program.arena_bytes,
        "arena_section": program.arena_section,
        "inputs": [_port(program, t) for t in graph.inputs],
        "outputs": [_port(program, t) for t in graph.outputs],
        "headers": sorted({f"intarsia/{k.call.op}.h" for k in kernels if k.written or takes_params(k)}),
        "prototypes": list(dict.fromkeys(k.generated.prototype for k in kernels if k.generated)),
        "params": params,
        "constants": constants.arrays,
        "layer_count": len(program.layers),
        "layers": [_layer(program, layer, constants) for layer in program.behind],
        "patches": _patches(program, constants),
        "external": bool(program.external),
        "stitched": stitched(program),
        "states": _states(program),
        "hash_bytes": ", ".join(f"0x{byte:02x}" for byte in digest[:16]),
    }
    texts = {f"{name}.h": "model.h.j2", f"{name}.c": "model.c.j2"}
    if program.lends:
        texts[f"{name}_image.c"] = "image.c.j2"
    files = {file: templates().get_template(t).render(context) for file, t in texts.items()}
    if constants.arrays:
        files[f"{name}_weights.h"] = _weights_header(name, constants.arrays)
        files[f"{name}_weights.c"] = _weights_source(name, constants.arrays)
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
            "from": program.place(state.after, "const void"),
            "bytes": graph.tensor(state.before).bytes,
        }
        for state in states.moved
    ]
    starts = [
        start | {"symbol": f"{program.identifier}_{start['constant']}"} for start in initial(graph, states)
    ]
    return {"bytes": states.bytes, "moves": moves, "starts": starts}


def takes_params(kernel: Chosen) -> bool:
    if kernel.generated:
        return kernel.generated.takes_params
    return bool(kernel.call.params)


class Constants:
    """Arrays of the written kernels in flash; what classes of patches have in common is there once."""

    def __init__(self, program: Program) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self.symbols: dict[tuple[str, str], str] = {}
        for start in initial(program.graph, program.states):
            if start["data"] is not None:
                self.arrays[f"{program.identifier}_{start['constant']}"] = start["data"]
        known: dict[tuple[object, ...], str] = {}
        for layer in program.code:
            for kernel, label in layer.labelled:
                for constant in kernel.call.constants if kernel.written else ():
                    data = constant.stored
                    key = layer.index, constant.name, data.itemsize, data.tobytes()
                    symbol = known.setdefault(key, f"{program.identifier}_{label}_{constant.name}")
                    found = self.arrays.setdefault(symbol, data)
                    kind = ctext.array_type(data)
                    cast = "" if ctext.array_type(found) == kind else f"(const {kind} *)"
                    self.symbols[label, constant.name] = f"{cast}{symbol}"


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
        "stored": max(tensor.bytes * 8 // max(tensor.dtype.bits, 8), 1),
        "place": program.place(index, tensor.dtype.c_type),
        "source": program.place(index, f"const {tensor.dtype.c_type}"),
        "scaling": scaling,
    }


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"


def _layer(
    program: Program, layer: Layer, constants: Constants, form: Stage1 | None = None
) -> dict[str, Any]:
    graph = program.graph
    maps = [t for t in layer.node.inputs if t >= 0 and not graph.tensor(t).is_constant]
    text = f"{layer.node.op} {', '.join(_shape(graph.tensor(t)) for t in maps)}"
    text += f" -> {', '.join(_shape(graph.tensor(t)) for t in layer.node.outputs)}"
    if layer.macs:
        text += f", {layer.macs:,} MACs"
    calls = [_call(program, layer, kernel, label, constants, form) for kernel, label in layer.labelled]
    return {"index": layer.index, "text": text, "calls": calls, "maps": shown(program, layer, form)}


def _call(
    program: Program, layer: Layer, kernel: Chosen, label: str, constants: Constants, form: Stage1 | None
) -> str:
    call = kernel.call

    def place(index: int, qualifier: str) -> str:
        return program.place(index, f"{qualifier}{program.tensor(index).dtype.c_type}")

    arguments = []
    if takes_params(kernel):
        arguments.append("&p" if call.variants else f"&{label}_params")
    arguments += [place(t, "const ") for t in call.inputs]
    if kernel.written:
        arguments += [constants.symbols[label, c.name] for c in call.constants]
    arguments += [place(t, "") for t in call.outputs]
    if kernel.scratch is not None:
        arguments.append(f"AT(void, {program.scratch_offset(layer)})" if kernel.scratch else "NULL")
    text = f"{kernel.function}({', '.join(arguments)});"
    if form is None or not call.variants:
        return text
    branch = branch_call(call, label, form.tiling.grid, form.branches.places)
    lines = [f"itr_{call.contract}_params p = {label}_params;", *branch.assignments, text]
    return "{ " + " ".join(lines) + " }"


def _patches(program: Program, constants: Constants) -> dict[str, Any] | None:
    """What runs patch by patch; None when nothing does."""
    stages = program.stages
    if stages is None:
        return None
    rows, columns = stages.tiling.grid
    forms = [
        {
            "name": "run_outlier_patch" if form.scope else "run_patch",
            "which": _WHICH[form.scope] if len(stages.forms) > 1 else "",
            "layers": [_layer(program, layer, constants, form) for layer in layers],
            **_image(program, form),
        }
        for form, layers in zip(stages.forms, program.forms, strict=True)
    ]
    tables = [
        table
        for form, layers in zip(stages.forms, program.forms, strict=True)
        for layer in layers
        for kernel, label in layer.labelled
        if kernel.call.variants
        for table in branch_call(kernel.call, label, (rows, columns), form.branches.places).tables
    ]
    decision = _decision(program)
    choice = (
        patch_table("outlier_patches", (rows, columns), _members(program)) if program.graph.classes else None
    )
    reader = None
    if program.reads_patches or decision:
        tables += window_tables(stages.tiling, program.graph.inputs[0])
    if program.reads_patches:
        tensor = program.graph.tensor(program.graph.inputs[0])
        reads = (
            "read_rows[row][0]",
            "read_columns[column][0]",
            "read_rows[row][1]",
            "read_columns[column][1]",
        )
        reader = {"arguments": ", ".join(reads), "channels": tensor.shape[3], "width": tensor.shape[2]}
    if choice is not None and decision is None:
        tables.append(choice)
    if decision is not None:
        tables.append(decision["allowed"])
    return {
        "rows": rows,
        "columns": columns,
        "count": stages.layers,
        "forms": forms,
        "tables": [table.definition for table in tables],
        "reader": reader,
        "decision": decision,
    }


def _image(program: Program, form: Stage1) -> dict[str, str]:
    """Where the input of the patches lies: to be filled by a reader, and to be looked at."""
    source = program.graph.inputs[0]
    number, kind = form.number(source), program.graph.tensor(source).dtype.c_type
    return {"target": program.place(number, kind), "source": program.place(number, f"const {kind}")}


_WHICH = {"": " without outliers", "o": " with outliers"}


def _members(program: Program) -> list[int]:
    classes = program.graph.classes
    return [int(member) for member in classes.members] if classes else []


def _decision(program: Program) -> dict[str, Any] | None:
    """How the device tells the class of a patch; None when it need not."""
    classes, stages = program.graph.classes, program.stages
    if classes is None or classes.rule is None or stages is None:
        return None
    tensor = program.graph.tensor(program.graph.inputs[0])
    return {
        "outside": _outside(classes.rule),
        "first": classes.rule.first,
        "last": classes.rule.last,
        "allowed": patch_table("allowed_outliers", classes.grid, classes.rule.allowed),
        "whole": stages.tiling.input_mode == "arena",
        "width": tensor.shape[2],
        "channels": tensor.shape[3],
    }


def _outside(rule: OutlierRule) -> str:
    """How many of `length` bytes from `values` on lie outside."""
    if rule.first > rule.last:
        return "length"
    span = rule.last - rule.first
    return f"itr_count_outside(values, length, {rule.first % 256}u, {span}u)" if span < 255 else "0"


def _weights_header(name: str, constants: Mapping[str, np.ndarray]) -> str:
    guard = f"{name.upper()}_WEIGHTS_H"
    lines = ["// SPDX-License-Identifier: Apache-2.0", f"#ifndef {guard}", f"#define {guard}", ""]
    lines += ["#include <stdbool.h>", "#include <stdint.h>", ""]
    lines += [f"extern const {ctext.array_type(data)} {symbol}[];" for symbol, data in constants.items()]
    return "\n".join([*lines, "", "#endif", ""])


def _weights_source(name: str, constants: Mapping[str, np.ndarray]) -> str:
    parts = [
        "// SPDX-License-Identifier: Apache-2.0",
        f'#include "{name}_weights.h"',
        "",
        '#include "intarsia/section.h"',
        "",
        "// clang-format off",
    ]
    for symbol, data in constants.items():
        body = ctext.array_body(data)
        parts.append(
            f"const {ctext.array_type(data)} {symbol}[{max(data.size, 1)}] ITR_WEIGHTS({symbol}) = {{\n{body}\n}};\n"
        )
    return "\n".join(parts)
