# SPDX-License-Identifier: Apache-2.0
"""What the verbs beside `profile` print, as text and as JSON documents."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from intarsia.analyze import Analysis
from intarsia.boards import Board
from intarsia.build import Built
from intarsia.devices import Devices
from intarsia.doctor import Diagnosis
from intarsia.ir import Graph
from intarsia.measure import Measurement
from intarsia.report.text import number, ratio, safe, shorten, table

SCHEMA_VERSION = 1
LARGEST = 8
VERIFIED = {
    "host": "run here",
    "emulation": "run in emulation",
    "silicon": "run on silicon",
    "built": "built only",
}
"""How far a board has been tried."""
SHOWN_VALUES = 6
ABOUT = 90
"""Characters of what is said of an operator; all of it is in the JSON document."""


def diagnosis(found: Diagnosis) -> str:
    """One line per program, and the commands for what is missing."""
    rows = [
        [
            check.name,
            "ok" if check.found else ("MISSING" if check.required else "not there"),
            safe(check.found or check.install),
            ", ".join(check.needed_by[:3]) + (" ..." if len(check.needed_by) > 3 else ""),
        ]
        for check in found.checks
    ]
    return "\n".join(table(("what", "", "version, or how to install it", "needed by"), rows, "<<<<"))


def boards(chosen: Sequence[Board]) -> str:
    """One line per board."""
    rows = [
        [
            board.name,
            board.target.cpu,
            " ".join(board.target.isa),
            _size(board.memory.ram),
            _size(board.memory.flash),
            board.counter.unit,
            board.runner.kind,
            VERIFIED[board.verified],
            board.title,
        ]
        for board in chosen
    ]
    headers = ("board", "cpu", "isa", "RAM", "flash", "counts", "runner", "verified", "")
    return "\n".join(table(headers, rows, "<<<>><<<<"))


def board(chosen: Board) -> str:
    """Everything about one board."""
    target, memory = chosen.target, chosen.memory
    rows = [
        ("title", chosen.title),
        ("verified", VERIFIED[chosen.verified]),
        ("cpu", f"{target.cpu} ({target.arch})"),
        ("instruction sets", ", ".join(target.isa)),
        ("toolchain", target.toolchain),
        ("flags", " ".join(target.cpu_flags) or "-"),
        ("RAM", _size(memory.ram)),
        ("flash", _size(memory.flash)),
        ("stack", _size(memory.stack)),
        ("regions", ", ".join(f"{r.name} 0x{r.origin:08x} {_size(r.length)}" for r in memory.regions) or "-"),
        ("counter", chosen.counter.unit),
        ("runner", chosen.runner.kind),
        ("link", f"{target.link}, {target.baud:,} baud" if target.link == "uart" else target.link),
        ("folder", str(chosen.folder)),
    ]
    return "\n".join(table((chosen.name, ""), rows, "<<"))


def boards_json(chosen: Sequence[Board]) -> dict[str, Any]:
    """The document of schema `intarsia.boards`."""
    return {
        "schema": "intarsia.boards",
        "schema_version": SCHEMA_VERSION,
        "boards": [
            {
                "name": b.name,
                "title": b.title,
                "verified": b.verified,
                "arch": b.target.arch,
                "cpu": b.target.cpu,
                "isa": list(b.target.isa),
                "toolchain": b.target.toolchain,
                "link": b.target.link,
                "ram_bytes": b.memory.ram,
                "flash_bytes": b.memory.flash,
                "stack_bytes": b.memory.stack,
                "counter": b.counter.unit,
                "runner": b.runner.kind,
                "folder": str(b.folder),
            }
            for b in chosen
        ],
    }


def _size(size: int | None) -> str:
    if size is None:
        return "-"
    for unit, factor in (("M", 1 << 20), ("K", 1 << 10)):
        if size % factor == 0:
            return f"{size // factor}{unit}"
    return f"{size:,}"


def devices(found: Devices) -> str:
    """Ports, then probes."""
    rows = [
        ["serial port", safe(p.port), p.usb or "-", safe(p.serial_number or "-"), safe(p.description)]
        for p in found.ports
    ]
    rows += [["probe", "-", p.usb or "-", safe(p.id), safe(p.description)] for p in found.probes or ()]
    headers = ("kind", "name", "usb", "serial number", "description")
    lines = table(headers, rows, "<<<<<") if rows else []
    if not found.ports:
        lines.append("no serial ports")
    if found.probes is None:
        lines.append("debug probes cannot be listed here: pip install pyocd")
    elif not found.probes:
        lines.append("no debug probes")
    return "\n".join(lines)


def analysis(found: Analysis) -> str:
    """Layers, totals, arena; reasons of what cannot be run."""
    rows = [
        [
            str(layer.index),
            safe(layer.op),
            shorten(layer.name),
            " ".join(layer.inputs),
            " ".join(layer.outputs),
            "-" if layer.fault else number(layer.macs or None),
            number(layer.weights_bytes or None),
            "NO" if layer.fault else "yes",
        ]
        for layer in found.layers
    ]
    rows.append(["", "all layers", "", "", "", number(found.macs), number(found.weights_bytes), ""])
    headers = ("#", "operator", "name", "inputs", "output", "MACs", "weights", "supported")
    on = f" on {found.board.name}" if found.board else ""
    lines = [f"{safe(found.model)}{on} (rule {found.rule})", "", *table(headers, rows, "><<<<>><")]
    if found.faults:
        lines += ["", "cannot be run:"]
        lines += [
            f"  layer {x.index} {safe(x.op)} '{safe(x.name)}': {safe(x.fault or '')}" for x in found.faults
        ]
    if arena := found.arena:
        kernels = f"the kernels of {found.board.name}" if found.board else "portable kernels"
        lines += ["", f"arena with {kernels}: {arena.bytes:,} bytes (lower bound {arena.lower_bound:,})"]
        where = "the input" if arena.peak_layer is None else f"layer {arena.peak_layer}"
        consumers = ", ".join(f"{shorten(name)} {size:,}" for name, size in arena.consumers[:LARGEST])
        lines.append(f"most is alive in {where}: {consumers}")
    if found.goals:
        lines += ["", *_goals(found)]
    return "\n".join(lines)


def _goals(found: Analysis) -> list[str]:
    rows = [
        [goal.optimize, number(goal.instructions), number(goal.flash_bytes), number(goal.arena_bytes)]
        for goal in found.goals
    ]
    headers = ("--optimize", "instructions", "flash, bytes", "arena, bytes")
    note = "(instructions and flash of generated kernels, estimated)"
    return [*table(headers, rows, "<>>>"), note]


def operators(known: Sequence[dict[str, Any]]) -> str:
    """One line per operator."""
    rows = [[entry["name"], _opening(entry["about"]), ", ".join(entry["types"])] for entry in known]
    return "\n".join(table(("operator", "what it takes", "element types"), rows, "<<<"))


def onnx_operators(known: Sequence[dict[str, Any]]) -> str:
    """One line per ONNX operator: what it becomes."""
    rows = [[entry["name"], ", ".join(entry["makes"]) or "-", _opening(entry["about"])] for entry in known]
    return "\n".join(table(("ONNX operator", "becomes", "what it takes"), rows, "<<<"))


def _opening(text: str) -> str:
    """The first sentence, cut off where it is long."""
    sentence = safe(text.partition(". ")[0].rstrip("."))
    return sentence if len(sentence) <= ABOUT else f"{sentence[: ABOUT - 1]}…"


def quantized(graph: Graph, path: Path) -> str:
    """What a quantized model consists of."""
    document = quantized_json(graph, path)
    lines = [f"{path}: {document['int8_layers']} of {document['layers']} layers in int8"]
    if document["float_layers"]:
        lines.append(f"in float32: {', '.join(safe(name) for name in document['float_layers'])}")
    lines.append(f"weights: {document['weights_bytes']:,} bytes")
    return "\n".join(lines)


def quantized_json(graph: Graph, path: Path) -> dict[str, Any]:
    """The document of schema `intarsia.quantized`."""
    floats = [
        f"{node.op} '{node.name}'"
        for node in graph.nodes
        if node.op not in ("QUANTIZE", "DEQUANTIZE") and graph.output(node).dtype.is_float
    ]
    return {
        "schema": "intarsia.quantized",
        "schema_version": SCHEMA_VERSION,
        "model": graph.name,
        "rule": graph.rule,
        "file": str(path),
        "layers": len(graph.nodes),
        "int8_layers": sum(graph.output(node).dtype.name == "int8" for node in graph.nodes),
        "float_layers": floats,
        "weights_bytes": sum(t.bytes for t in graph.tensors if t.is_constant),
    }


def project_json(folder: Path) -> dict[str, Any]:
    """The document of schema `intarsia.generated`."""
    content = json.loads((folder / "intarsia.json").read_text(encoding="utf-8"))
    return {
        "schema": "intarsia.generated",
        "schema_version": SCHEMA_VERSION,
        "model": content["model"],
        "board": content["board"],
        "format": content.get("format"),
        "rule": content["rule"],
        "folder": str(folder),
        "identifier": content["identifier"],
        "arena_bytes": content["arena"]["bytes"],
        "arena_lower_bound": content["arena"]["lower_bound"],
        "patches": _patches(content["plan"]),
        "layers": content["layers"],
    }


def _patches(plan: dict[str, Any] | None) -> dict[str, Any] | None:
    """What runs patch by patch; None when nothing does."""
    if plan is None or plan["split_after"] is None:
        return None
    return {key: plan[key] for key in ("split_after", "split_tensor", "grid", "input", "macs", "macs_layer")}


def project(document: dict[str, Any]) -> str:
    """Layers with their kernels, the arena, and what to do next."""
    rows = [
        [
            str(layer["index"]),
            safe(layer["op"]),
            shorten(layer["name"]),
            ", ".join(layer["kernels"]) or "(shares memory)",
        ]
        for layer in document["layers"]
    ]
    lines = table(("#", "operator", "name", "kernels"), rows, "><<<")
    arena, bound = document["arena_bytes"], document["arena_lower_bound"]
    lines += ["", f"arena {arena:,} bytes (lower bound {bound:,})"]
    if patches := document["patches"]:
        rows_of_patches, columns = patches["grid"]
        more = 100.0 * (patches["macs"] - patches["macs_layer"])
        lines.append(
            f"layers 0 to {patches['split_after']} run patch by patch, {rows_of_patches} x {columns} patches: "
            f"{ratio(more, patches['macs_layer'], '+.1f')} % MACs"
        )
    folder = document["folder"]
    following = "read its README.md" if document["format"] else f"`intarsia build {folder}`"
    return "\n".join([*lines, f"written to {folder}: next, {following}"])


def built_json(found: Built) -> dict[str, Any]:
    """The document of schema `intarsia.build`."""
    memory, content = found.memory, found.project.document
    return {
        "schema": "intarsia.build",
        "schema_version": SCHEMA_VERSION,
        "model": content["model"],
        "board": content["board"],
        "elf": str(found.project.elf),
        "memory": memory.to_json(),
        "sections": _named(memory.flash_sections),
        "largest": {"ram": _named(memory.ram_parts), "flash": _named(memory.flash_parts)},
    }


def _named(parts: Sequence[tuple[str, int]]) -> list[dict[str, Any]]:
    return [{"name": name, "bytes": size} for name, size in parts]


def built(found: Built) -> str:
    """Exact sizes, by section and by largest symbol."""
    memory, limits = found.memory, found.project.board.memory
    rest = memory.ram_bytes - memory.arena_bytes - memory.stack_bytes
    rows = [
        ["RAM", number(memory.ram_bytes), _of(limits.ram)],
        ["  arena", number(memory.arena_bytes), ""],
        ["  stack bound", number(memory.stack_bytes), ""],
        ["  other", number(rest), ""],
        ["flash", number(memory.flash_bytes), _of(limits.flash)],
        ["  weights", number(memory.weights_bytes), ""],
        ["  code", number(memory.code_bytes), ""],
    ]
    lines = table((str(found.project.elf.name), "bytes", ""), rows, "<><")
    for title, parts in (
        ("sections in flash", memory.flash_sections),
        ("largest in RAM", memory.ram_parts[:LARGEST]),
        ("largest in flash", memory.flash_parts[:LARGEST]),
    ):
        lines += ["", *table((title, "bytes"), [[safe(name), number(size)] for name, size in parts], "<>")]
    return "\n".join([*lines, "", str(found.project.elf)])


def _of(limit: int | None) -> str:
    return "" if limit is None else f"of {limit:,}"


def latency_json(measured: Measurement) -> dict[str, Any]:
    """Unit and median count of one inference, and how many were run."""
    return {
        "latency": {"unit": measured.unit, "total": measured.latency},
        "samples": len(measured.outputs),
        "damaged_frames": dict(measured.damaged),
    }


def outputs_json(found: Built, measured: Measurement) -> dict[str, Any]:
    """The document of schema `intarsia.outputs`; values that are not finite are null."""
    content = found.project.document
    return {
        "schema": "intarsia.outputs",
        "schema_version": SCHEMA_VERSION,
        "model": content["model"],
        "board": content["board"],
        **latency_json(measured),
        "outputs": [[_finite(tensor) for tensor in outputs] for outputs in measured.outputs],
    }


def _finite(tensor: np.ndarray) -> list[Any]:
    values: list[Any] = tensor.reshape(-1).tolist()
    return [None if isinstance(v, float) and not np.isfinite(v) else v for v in values]


def outputs(found: Built, measured: Measurement) -> str:
    """One line per sample and output: largest value and the first values."""
    rows = [
        [str(sample), str(number_), str(int(flat.argmax())), " ".join(_shown(flat))]
        for sample, tensors in enumerate(measured.outputs)
        for number_, flat in enumerate(tensor.reshape(-1) for tensor in tensors)
        if flat.size
    ]
    lines = table(("sample", "output", "largest at", "values"), rows, ">>><")
    total = "no counter" if measured.latency is None else f"{measured.latency:,} {measured.unit} (median)"
    return "\n".join([*lines, "", f"{found.project.board.name}: {total}"])


def _shown(values: np.ndarray) -> list[str]:
    texts = [f"{v:.4g}" if values.dtype.kind == "f" else str(v) for v in values[:SHOWN_VALUES].tolist()]
    return texts + (["..."] if values.size > SHOWN_VALUES else [])
