# SPDX-License-Identifier: Apache-2.0
"""A campaign: so many cases of each target, in processes that are started again when a case kills them; its record."""

from __future__ import annotations

import collections
import json
import math
import os
import platform
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import intarsia
from fuzzing import guard, seeds

HANG_SECONDS = 120.0
"""Time of the clock without a finished block after which a process hangs, processor time or not."""
ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("ai-edge-litert", "flatbuffers", "numpy", "pillow", "pydantic")
SCHEMA, SCHEMA_VERSION = "intarsia.fuzz", 1


@dataclass
class Tally:
    """What came of the cases of one target. Nobody begins a block of them after the `deadline`."""

    deadline: float = math.inf
    ways: collections.Counter[str] = field(default_factory=collections.Counter)
    outcomes: collections.Counter[str] = field(default_factory=collections.Counter)
    inside: collections.Counter[str] = field(default_factory=collections.Counter)
    faults: list[dict[str, Any]] = field(default_factory=list)

    def add(self, block: Mapping[str, Any]) -> None:
        """Adds what a worker has told."""
        self.ways.update(block["ways"])
        self.outcomes.update(block["outcomes"])
        self.inside.update(block["tally"])
        self.faults += block["faults"]

    def to_json(self) -> dict[str, Any]:
        counts = {"ways": self.ways, "outcomes": self.outcomes, "inside": self.inside}
        told = {name: dict(sorted(counter.items())) for name, counter in counts.items() if counter}
        return {"cases": sum(self.outcomes.values()), **told, "faults": self.faults}


def run(
    name: str, count: int, seed: int, *, workers: int = 1, own: bool = False, minutes: float = math.inf
) -> Tally:
    """Runs the first `count` cases of a target, or what can be begun in the time. `own`: without files of others."""
    tally, lock = Tally(time.monotonic() + 60.0 * minutes), threading.Lock()
    threads = [
        threading.Thread(target=_share, args=(name, range(k, count, workers), seed, own, tally, lock))
        for k in range(workers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tally


def _share(name: str, cases: range, seed: int, own: bool, tally: Tally, lock: threading.Lock) -> None:
    """One worker's share of the cases. A case that ends the process is a fault; the next process leaves it out."""
    skipped: list[int] = []
    with tempfile.TemporaryDirectory(prefix="intarsia-fuzz-") as folder:
        while cases:
            reached, fault = _process(name, cases, seed, own, Path(folder), tally, lock, skipped)
            if fault is None:
                return
            with lock:
                tally.faults.append(fault)
                tally.outcomes[str(fault["what"])] += 1
            if fault["case"] is None or fault["case"] in skipped:
                return  # it is no case that ends it
            skipped.append(fault["case"])
            cases = range(reached, cases.stop, cases.step)


def _process(
    name: str,
    cases: range,
    seed: int,
    own: bool,
    folder: Path,
    tally: Tally,
    lock: threading.Lock,
    skipped: Sequence[int],
) -> tuple[int, dict[str, Any] | None]:
    """Runs cases in one process; the next case that nobody has told of, and the fault that ended it early."""
    command = [sys.executable, "-m", "fuzzing.worker", name, "--seed", str(seed), "--first", str(cases.start)]
    command += ["--end", str(cases.stop), "--step", str(cases.step), "--folder", str(folder)]
    command += ["--skip", *map(str, skipped)]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command + (["--own"] if own else []),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=_environment(),
        )
        lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=_pump, args=(process, lines), daemon=True).start()
        reached, hung = cases.start, False
        while True:
            try:
                line = lines.get(timeout=HANG_SECONDS)
            except queue.Empty:
                hung = True
                process.kill()
                break
            if line is None:
                break
            block = json.loads(line)
            reached = block["next"]
            with lock:
                tally.add(block)
                for fault in block["faults"]:
                    print(f"{name}: {json.dumps(fault)}", file=sys.stderr, flush=True)
            if time.monotonic() > tally.deadline:
                process.kill()
                process.wait()
                return cases.stop, None
        status = process.wait()
        if reached >= cases.stop and not hung:
            return reached, None
        errors.seek(0)
        words = errors.read().decode("utf-8", "replace").strip().splitlines()
    at = int((folder / "case").read_text()) if (folder / "case").exists() else None
    what = "hang" if hung else "crash"
    return reached, {"case": at, "what": what, "fault": f"exit status {status}: {' '.join(words[-1:])[:300]}"}


def _pump(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put(None)


def _environment() -> dict[str, str]:
    paths = [str(ROOT / part) for part in ("sdk", "codegen", "tests")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def record(tallies: Mapping[str, Tally], seed: int, *, own: bool, seconds: float) -> dict[str, Any]:
    """The document of a campaign, without a date: the same cases give the same one, but for the time that they took."""
    found = seeds.models(foreign=not own)
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "seed": seed,
        "limits": {"processor_seconds": guard.SECONDS, "bytes": guard.BYTES},
        "models": {
            "own": sum(origin == "own" for origin, _ in found),
            "of_others": sum(origin != "own" for origin, _ in found),
        },
        "tools": {
            "intarsia": intarsia.__version__,
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in PACKAGES},
        },
        "minutes": round(seconds / 60),
        "targets": {name: tally.to_json() for name, tally in sorted(tallies.items())},
    }


def joined(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """A record with what a file said before: of other targets, if the seed is the same; else as an earlier campaign."""
    before = list(earlier.get("earlier", ()))
    if earlier["seed"] != later["seed"]:
        told = ("seed", "minutes", "targets")
        return {**later, "earlier": [*before, {key: earlier[key] for key in told}]}
    targets = dict(sorted({**earlier["targets"], **later["targets"]}.items()))
    minutes = earlier["minutes"] + later["minutes"]
    return {**later, "minutes": minutes, "targets": targets, "earlier": before}


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._begun
