# SPDX-License-Identifier: Apache-2.0
"""Descriptions of firmware projects that need not be built."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from intarsia import boards, modelfile
from intarsia_codegen import project
from intarsia_codegen.emit import emit
from support import small


def description(**changes: Any) -> dict[str, Any]:
    """The `intarsia.json` of a small network for the host, with changes."""
    return {**json.loads(_text()), **changes}


@cache
def _text() -> str:
    graph, board = small.int8_graph(), boards.load("host")
    program, digest = project.lower_for(graph, board), modelfile.digest(graph)
    described = project.describe(program, board, digest, emit(program, board.name, digest))
    return json.dumps({**described, "harness": None})
