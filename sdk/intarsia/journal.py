# SPDX-License-Identifier: Apache-2.0
"""Answers of a device, kept in a file as they arrive: what an interrupted run has measured is not lost."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from intarsia.device import Inference
from intarsia.errors import StageError, UsageError

SCHEMA, SCHEMA_VERSION = "intarsia.journal", 1
FILE = "run.journal"


def key(elf: Path, payloads: Iterable[bytes]) -> str:
    """What a run is: this firmware, on these inputs. Raises StageError if there is no firmware."""
    digest = hashlib.sha256()
    try:
        digest.update(hashlib.sha256(elf.read_bytes()).digest())
    except OSError:
        raise StageError(f"there is no firmware at {elf}", hint="build it first") from None
    for payload in payloads:
        digest.update(hashlib.sha256(payload).digest())
    return digest.hexdigest()


class Journal:
    """A file of JSON lines: which run it is, then one answer a line. Use `kept` first, then `add`."""

    def __init__(self, folder: Path, run: str, count: int) -> None:
        self.file = folder / FILE
        self._run, self._count = run, count
        self._stream: IO[str] | None = None

    def kept(self) -> dict[int, Inference]:
        """Answers by sample; a line that an interruption cut short is left out.

        Raises UsageError if there is nothing to resume, or it is of another firmware or other samples.
        """
        try:
            lines = self.file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            raise UsageError(
                "there is no interrupted run of this firmware on these samples", hint="leave --resume out"
            ) from None
        head, *rest = [entry for entry in map(_entry, lines) if entry is not None] or [{}]
        if (head.get("schema"), head.get("schema_version"), head.get("run")) != (
            SCHEMA,
            SCHEMA_VERSION,
            self._run,
        ):
            raise UsageError(
                "the interrupted run was of another firmware or other samples",
                hint="give the same samples, or leave --resume out",
            )
        found = (_answer(entry) for entry in rest)
        return {index: answer for index, answer in filter(None, found) if 0 <= index < self._count}

    def adopt(self, others: Iterable[Path]) -> Path | None:
        """Takes over the newest of the journals that is of this run, unless there is one here; says which it was."""
        if self.file.exists():
            return None
        for file in sorted(others, key=lambda path: -path.stat().st_mtime):
            with contextlib.suppress(OSError, UnicodeDecodeError, IndexError):
                text = file.read_text(encoding="utf-8")
                head = _entry(text.splitlines()[0])
                if head is not None and head.get("run") == self._run and _left(file):
                    self.file.write_text(text, encoding="utf-8")
                    return file
        return None

    def begin(self, answers: dict[int, Inference]) -> None:
        """Starts the file, with the answers that are there already."""
        self._stream = self.file.open("w", encoding="utf-8")
        _locked(self._stream)
        self._write({"schema": SCHEMA, "schema_version": SCHEMA_VERSION, "run": self._run})
        for index, answer in answers.items():
            self.add(index, answer)

    def add(self, index: int, answer: Inference) -> None:
        """Keeps one answer, at once."""
        self._write(
            {
                "sample": index,
                "outputs": base64.b64encode(answer.outputs).decode("ascii"),
                "layer_counts": answer.layer_counts,
                "stack_bytes": answer.stack_bytes,
            }
        )

    def close(self) -> None:
        """Leaves the file for later."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def remove(self) -> None:
        """The run is complete."""
        self.close()
        self.file.unlink(missing_ok=True)

    def _write(self, entry: dict[str, Any]) -> None:
        assert self._stream is not None
        self._stream.write(json.dumps(entry) + "\n")
        self._stream.flush()


def _left(file: Path) -> bool:
    """Whether no run writes it any more, as far as this system can tell."""
    with file.open() as stream:
        return _locked(stream)


def _locked(stream: IO[str]) -> bool:
    """Locks a file until it is closed; False if another process has it."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _entry(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _answer(entry: dict[str, Any]) -> tuple[int, Inference] | None:
    """A sample and its answer; None for a line that is none."""
    try:
        counts, stack = entry["layer_counts"], entry["stack_bytes"]
        return int(entry["sample"]), Inference(
            base64.b64decode(entry["outputs"], validate=True),
            None if counts is None else tuple(int(count) for count in counts),
            None if stack is None else int(stack),
        )
    except (LookupError, TypeError, ValueError):
        return None
