# SPDX-License-Identifier: Apache-2.0
"""The documentation: what it says to type works, what is made from the code is up to date, links lead somewhere."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path.name for path in DOCS.glob("*.md"))
MADE = runpy.run_path(str(ROOT / "tools" / "make_docs.py"))["PAGES"]
SHELL = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)#:]+)\)")


def shell_of(page: str) -> str:
    return "".join(SHELL.findall((DOCS / page).read_text(encoding="utf-8")))


@pytest.mark.emulator
@pytest.mark.parametrize("page", [page for page in PAGES if shell_of(page)])
def test_commands_of_a_page_work(page: str, digits: Path, tmp_path: Path) -> None:
    for name in ("digits96_int8.tflite", "digits96_float.tflite", "calib.npz", "test.npz"):
        shutil.copy(digits / name, tmp_path)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail"],
        input=shell_of(page),
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", sorted(MADE))
def test_pages_made_from_the_code_are_up_to_date(page: str) -> None:
    assert (DOCS / page).read_text(encoding="utf-8") == MADE[page](), "run tools/make_docs.py"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    missing = [target for target in LINK.findall(text) if not (DOCS / target).exists()]
    assert not missing
