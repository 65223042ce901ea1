# SPDX-License-Identifier: Apache-2.0
"""The documentation: what it says to type works, what is made from the code is up to date, links lead somewhere."""

from __future__ import annotations

import ast
import csv
import itertools
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intarsia import boards
from support import tools

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
EXPORTED = ROOT / "tests" / "exported"
PAGES = sorted(path.name for path in DOCS.glob("*.md"))
MADE = runpy.run_path(str(ROOT / "tools" / "make_docs.py"))["PAGES"]
SHELL = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
BOARD_SHELL = re.compile(r"^```sh board\n(.*?)^```", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"^<!-- (\S+) -->\n```\w+\n(.*?)^```", re.DOTALL | re.MULTILINE)
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


@pytest.fixture
def folder(digits: Path, tmp_path: Path) -> Path:
    """What a reader of the pages has: a model with its data, and an exported one."""
    for name in ("digits96_int8.tflite", "digits96_float.tflite", "calib.npz", "test.npz"):
        shutil.copy(digits / name, tmp_path)
    shutil.copy(EXPORTED / "mobile_dynamo.onnx", tmp_path / "model.onnx")
    with np.load(EXPORTED / "mobile.npz") as arrays:
        np.savez(tmp_path / "samples.npz", x=arrays["x"].transpose(0, 2, 3, 1))
    return tmp_path


@pytest.mark.emulator
@pytest.mark.parametrize("page", [page for page in PAGES if found(SHELL, page)])
def test_commands_of_a_page_work(page: str, folder: Path) -> None:
    for name, text in FILE.findall((DOCS / page).read_text(encoding="utf-8")):
        (folder / name).write_text(text, encoding="utf-8")
    run(found(SHELL, page), folder)


@pytest.mark.parametrize("page", [page for page in PAGES if found(BOARD_SHELL, page)])
def test_commands_for_a_connected_board_ask_for_nothing_else(page: str, folder: Path) -> None:
    """Without the board they end with the code of a missing one; with it they work."""
    run("intarsia generate digits96_int8.tflite --board nucleo-f446re -o nucleo", folder)
    run("intarsia build nucleo", folder)
    for command in found(BOARD_SHELL, page).splitlines():
        run(f"{command} || test $? -eq 4", folder)


@pytest.mark.emulator
def test_commands_of_the_first_page_work(digits: Path, tmp_path: Path) -> None:
    shutil.copy(digits / "digits96_int8.tflite", tmp_path / "model.tflite")
    shutil.copy(digits / "digits96_float.tflite", tmp_path / "float.tflite")
    for name in ("calib.npz", "test.npz"):
        with np.load(digits / name) as data:
            labels = {"y": data["y"][:40]} if "y" in data else {}
            np.savez(tmp_path / name, x=data["x"][:40].astype(np.float32) / 255, **labels)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "activate").touch()
    run("".join(SHELL.findall((ROOT / "README.md").read_text(encoding="utf-8"))), tmp_path)


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


def test_the_record_of_builds_has_every_board_and_no_failure() -> None:
    """Nothing of what is recorded there fitted and did not build."""
    with (DOCS / "boards-built.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    flashed = {name for name in boards.names() if boards.load(name).target.link == "uart"}
    models = {row["model"] for row in rows}
    assert len(models) >= 20
    assert {(row["model"], row["board"]) for row in rows} == set(itertools.product(models, flashed))
    assert {row["outcome"] for row in rows} <= {"fits", "fits with --optimize size", "does not fit"}
    for row in rows:
        assert ("needs " in row["note"] or "need " in row["note"]) == (row["outcome"] == "does not fit"), row


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    missing = [target for target in LINK.findall(text) if not (DOCS / target).exists()]
    assert not missing


def texts_of_the_code() -> list[str]:
    """All strings of the package, with a gap where a value is put in."""
    found: list[str] = []
    for file in (*(ROOT / "sdk").rglob("*.py"), *(ROOT / "codegen").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "\0" for part in node.values]
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


def test_messages_that_are_explained_exist() -> None:
    page = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.*?) \|", page, re.MULTILINE)
    messages = [message for row in rows for message in re.findall(r"`([^`]+)`", row)]
    texts = texts_of_the_code()
    parts = [part.strip() for message in messages for part in message.split("...")]
    gone = [part for part in parts if len(part) > 3 and not any(part in text for text in texts)]
    assert len(messages) >= 25
    assert not gone


YAML = re.compile(r"^```yaml\n(.*?)^```", re.DOTALL | re.MULTILINE)
INSTALLS = re.compile(
    r"\b(sudo )?apt-get (update|install)[^&|;]*|\bpython3 -m venv [^&|;]*|\. venv/bin/activate"
    r"|\bpip install [^&|;]*"
)
"""What a job does to set up its machine; here that is done."""


def workflows() -> dict[str, str]:
    """Workflow files of the page on continuous integration, by the name of their service."""
    text = (DOCS / "ci.md").read_text(encoding="utf-8")
    return {name: YAML.search(text, text.index(f"## {name}"))[1] for name in ("GitHub", "GitLab")}  # type: ignore[index]


def steps_of(service: str, document: Any) -> list[str]:
    """The commands of a workflow, in order; they fail the job when they fail."""
    if service == "GitHub":
        assert document["jobs"]
        # A mapping with the key `on`, which YAML reads as true.
        assert document[True if True in document else "true"] == ["push"]
        (job,) = document["jobs"].values()
        assert all(("uses" in step) != ("run" in step) for step in job["steps"])
        assert all(
            re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"]) for step in job["steps"] if "uses" in step
        )
        return [step["run"] for step in job["steps"] if "run" in step]
    (job,) = document.values()
    assert job["artifacts"]["reports"]["junit"] == "junit.xml"
    return list(job["script"])


@pytest.mark.tools
@pytest.mark.emulator
@pytest.mark.parametrize("service", ["GitHub", "GitLab"])
def test_workflow_files_work(service: str, digits: Path, tmp_path: Path) -> None:
    """Every command of them that does not install something runs here, as that service would run it."""
    reader = "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))"
    document = json.loads(tools.python(reader, sent=workflows()[service]).stdout)
    commands = [INSTALLS.sub("true", command) for command in steps_of(service, document)]
    assert sum("intarsia" in command for command in commands) >= 3
    shutil.copy(digits / "digits96_int8.tflite", tmp_path / "model.tflite")
    with np.load(digits / "test.npz") as data:
        np.savez(tmp_path / "test.npz", x=data["x"][:8].astype(np.float32) / 255, y=data["y"][:8])
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    kept = "intarsia profile model.tflite --board qemu-cortex-m4 --data test.npz -o baseline"
    for command in (kept, *commands):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=tmp_path,
            env={**os.environ, "PATH": path, "CI": "true"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, command + done.stdout + done.stderr
    made = {"GitHub": "report.html", "GitLab": "junit.xml"}[service]
    assert (tmp_path / made).stat().st_size > 100
