# SPDX-License-Identifier: Apache-2.0
"""Counting outliers four bytes at a time, against counting them one by one, for all thresholds."""

from __future__ import annotations

import subprocess
from pathlib import Path

from intarsia import assets

MAIN = """#include "intarsia/outliers.h"
int main(void) {
  uint32_t seed = 1;
  for (uint32_t first = 0; first < 256; first += 5) {
    for (uint32_t span = 0; span < 255; span++) {
      uint8_t values[23];
      int32_t outside = 0;
      for (uint32_t i = 0; i < sizeof values; i++) {
        seed = seed * 1664525u + 1013904223u;
        values[i] = (uint8_t)(i < 8 ? first + (i < 4 ? span : 0) + i % 4 - 1u : seed >> 24);
        outside += ((values[i] - first) & 255u) > span;
      }
      if (itr_count_outside(values, sizeof values, first, span) != outside) {
        return 1;
      }
    }
  }
  return 0;
}
"""


def test_counts_of_all_thresholds(tmp_path: Path) -> None:
    (tmp_path / "main.c").write_text(MAIN)
    flags = [
        "-std=c11",
        "-Wall",
        "-Wextra",
        "-Wconversion",
        "-Wshadow",
        "-Werror",
        "-fsanitize=address,undefined",
    ]
    include, program = f"-I{assets.firmware() / 'include'}", str(tmp_path / "main")
    command = ["gcc", *flags, include, str(tmp_path / "main.c"), "-o", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert subprocess.run([program], timeout=60, check=False).returncode == 0
