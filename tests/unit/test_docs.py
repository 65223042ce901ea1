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
REPOSITORY_SHELL = re.compile(r"^```sh repository\n(.*?)^```", re.DOTALL | re.MULTILINE)
QUOTE = re.compile(r"^<!-- from (\S+) -->\n```\w+\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)#:]+)\)")


def found(pattern: re.Pattern[str], page: str) -> str:
    return "".join(pattern.findall((DOCS / page).read_text(encoding="utf-8")))


def run(commands: str, folder: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail"],
        input=commands,
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.emulator
@pytest.mark.parametrize("page", [page for page in PAGES if found(SHELL, page)])
def test_commands_of_a_page_work(page: str, digits: Path, tmp_path: Path) -> None:
    for name in ("digits96_int8.tflite", "digits96_float.tflite", "calib.npz", "test.npz"):
        shutil.copy(digits / name, tmp_path)
    run(found(SHELL, page), tmp_path)


@pytest.mark.emulator
@pytest.mark.parametrize("page", [page for page in PAGES if found(REPOSITORY_SHELL, page)])
def test_commands_for_the_repository_work(page: str) -> None:
    run(found(REPOSITORY_SHELL, page), ROOT)


@pytest.mark.parametrize("page", PAGES)
def test_quoted_code_is_that_of_the_file(page: str) -> None:
    for file, code in QUOTE.findall((DOCS / page).read_text(encoding="utf-8")):
        assert code in (ROOT / file).read_text(encoding="utf-8"), f"{page} quotes {file}"


@pytest.mark.parametrize("page", sorted(MADE))
def test_pages_made_from_the_code_are_up_to_date(page: str) -> None:
    assert (DOCS / page).read_text(encoding="utf-8") == MADE[page](), "run tools/make_docs.py"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    missing = [target for target in LINK.findall(text) if not (DOCS / target).exists()]
    assert not missing
