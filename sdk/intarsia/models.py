# SPDX-License-Identifier: Apache-2.0
"""Model files as canonical graphs."""

from __future__ import annotations

from pathlib import Path

from intarsia import check, importers, modelfile
from intarsia.errors import ModelError, UsageError
from intarsia.importers.base import content, title
from intarsia.ir import Graph
from intarsia.passes import canonicalise, dynamic_range

DEFAULT_RULE = "tflm"


def load_model(path: Path, *, rule: str | None = None) -> Graph:
    """A canonical graph from a `.tflite`, `.onnx` or `.itr` file.

    `rule` is the rounding rule of a `.tflite` or `.onnx` file (None: tflm); a `.itr` file has its own. Raises
    ModelError, and UsageError when `rule` is not the one of a `.itr` file.
    """
    if path.suffix != ".itr":
        return canonical(importers.load(path, rule=rule or DEFAULT_RULE))
    graph = modelfile.load(path)
    if rule is not None and rule != graph.rule:
        raise UsageError(
            f"{path} follows rule '{graph.rule}', not '{rule}'",
            hint=f"leave --reference out, or quantize the model again with --reference {rule}",
        )
    return graph


def canonical(graph: Graph) -> Graph:
    """The canonical form of an imported graph, all of whose nodes can be run. Raises ModelError."""
    try:
        canonical = canonicalise(graph)
    except (ValueError, LookupError, TypeError) as error:
        check.check(graph)
        raise ModelError(f"malformed model: {error}", hint="convert the model again") from None
    check.check(canonical)
    return canonical


def needs_quantization(graph: Graph) -> bool:
    """Whether layers with float weights are left, which `quantize` would turn into integers."""
    floats = {i for i, t in enumerate(graph.tensors) if t.is_constant and t.dtype.is_float}
    return any(floats.intersection(node.inputs) for node in graph.nodes)


def original_file(path: Path) -> bytes | None:
    """A `.tflite` file that computes what its canonical form does, for the interpreter; else None.

    Models with float activations and integer weights compute something else here, on purpose.
    """
    if path.suffix == ".itr":
        return None
    data = content(path, path.suffix)
    importer = importers.choose(path, data)
    if not importer.interpreted:
        return None
    graph = importer.parse(data, name=title(path), rule=DEFAULT_RULE)
    return None if dynamic_range.run(graph).nodes != graph.nodes else data
