# SPDX-License-Identifier: Apache-2.0
"""Feeds hostile files and bytes to every reader: tests/fuzzing/__main__.py, which says what it takes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    paths = [str(ROOT / part) for part in ("sdk", "codegen", "tests")]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    os.execv(sys.executable, [sys.executable, "-m", "fuzzing", *sys.argv[1:]])
