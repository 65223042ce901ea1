# SPDX-License-Identifier: Apache-2.0
"""A short campaign of hostile files for every reader, and what the record of a long one must say."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from fuzzing import campaign, guard, guided, served, target, worker
from fuzzing.guard import Outcome
from intarsia.errors import StageError, UsageError

RECORD = Path(__file__).with_name("campaign.json")
SEED = 20
"""Not that of the recorded campaign."""
CASES = {"models": 400, "serialbytes": 400}
FILES = 80
"""Cases of each other target."""


@pytest.mark.parametrize("name", target.names())
def test_hostile_files_end_in_an_answer(name: str, tmp_path: Path) -> None:
    """Accepted, or refused with an error that says why: no traceback, no second, no gigabyte."""
    reader = target.load(name, tmp_path, foreign=False)
    for index in range(CASES.get(name, FILES)):
        case = reader.draw(worker.numbers(SEED, name, index))
        outcome = guard.run(lambda case=case: reader.run(case), reader.exit_codes)  # type: ignore[misc]
        assert outcome.fault is None, f"{name}:{index} {outcome.fault}"


def test_server_by_coverage() -> None:
    """The device's server under libFuzzer, where that is installed."""
    if served.can_fuzz():
        found = guided.run(2000, SEED, seconds=120)
        assert not found["faults"]
        assert found["frames"] > 2000


def test_recorded_campaign() -> None:
    """It held what it was to hold, in one campaign, and found nothing; what earlier ones found has tests."""
    document = json.loads(RECORD.read_text())
    targets = document["targets"]
    assert sorted(targets) == list(target.names())
    assert targets["models"]["cases"] >= 200_000
    assert sum(targets["serialbytes"]["inside"].values()) >= 1_000_000
    assert targets["serialbytes"]["guided"]["frames"] >= 1_000_000
    assert all(not part["faults"] for part in (*targets.values(), targets["serialbytes"]["guided"]))
    assert document["limits"] == {"processor_seconds": 1.0, "bytes": 1 << 30}


def _busy() -> str:
    while True:
        pass


def _large() -> str:
    return str(len(bytearray(64 << 20)))


def _raises(error: Exception) -> str:
    raise error


@pytest.mark.parametrize(
    ("case", "what"),
    [
        (lambda: "read", "read"),
        (lambda: _raises(UsageError("bad")), "refused: UsageError"),
        (lambda: _raises(UsageError("")), "wrong error"),
        (lambda: _raises(StageError("bad")), "wrong error"),
        (lambda: _raises(KeyError("x")), "traceback"),
        (_busy, "slow"),
        (_large, "memory"),
    ],
)
def test_the_guard_tells_answers_from_faults(
    case: object, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "BYTES", 32 << 20)
    outcome: Outcome = guard.run(case)  # type: ignore[arg-type]
    assert outcome.what == what
    assert (outcome.fault is None) == (what in ("read", "refused: UsageError"))


def test_cases_depend_on_seed_and_number_alone(tmp_path: Path) -> None:
    first, second = (target.load("models", tmp_path, foreign=False) for _ in range(2))
    for index in range(20):
        a, b = (reader.draw(worker.numbers(SEED, "models", index)) for reader in (first, second))
        assert a == b


def test_a_process_that_does_not_start_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "_environment", lambda: {"PYTHONPATH": ""})
    found = campaign.run("models", 2, SEED, own=True)
    assert [(fault["what"], fault["case"]) for fault in found.faults] == [("crash", None)]


def test_a_case_that_ends_the_process_is_counted_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Any Python that is started here dies of every third case of `runfiles`."""
    (tmp_path / "sitecustomize.py").write_text(DEADLY)
    paths = os.pathsep.join((str(tmp_path), campaign._environment()["PYTHONPATH"]))
    monkeypatch.setattr(campaign, "_environment", lambda: {**os.environ, "PYTHONPATH": paths})
    found = campaign.run("runfiles", 6, SEED)
    assert [(fault["what"], fault["case"]) for fault in found.faults] == [("crash", 2), ("crash", 5)]
    assert sum(found.outcomes.values()) == 6
    assert found.outcomes["crash"] == 2


DEADLY = """
import os, pathlib, sys
from fuzzing import guard

def run(*arguments):
    folder = pathlib.Path(sys.argv[sys.argv.index("--folder") + 1])
    return os._exit(3) if int((folder / "case").read_text()) % 3 == 2 else honest(*arguments)

honest, guard.run = guard.run, run
"""
