# SPDX-License-Identifier: Apache-2.0
"""Runs a built firmware on samples and records what the device answers."""

from __future__ import annotations

import contextlib
import itertools
import os
import statistics
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from intarsia import dtypes, scratch, simulation
from intarsia.build import Built, Project
from intarsia.device import Device, Inference
from intarsia.errors import IntarsiaError, Interrupted, StageError, UsageError
from intarsia.journal import Journal, key
from intarsia.runners import ANYWHERE, Link, Place, find_runner
from intarsia.runners._serial import SerialLink
from intarsia.wire import Identity

Progress = Callable[[int, int], None]
Frames = Callable[[dict[str, Any]], None]

INFERENCE_SECONDS = 300.0
"""Longest that one inference may take before the device counts as hung; longer where every cycle is computed."""


@dataclass(frozen=True)
class Measurement:
    """Answers of the device, in sample order.

    `outputs[i]` are the output tensors of sample i; `layer_counts[i]` its counts per layer in the board's unit (None
    where the board has no counter); `stack_bytes` the most stack the device saw used (None: it cannot tell);
    `damaged` counts damaged frames, and whatever else went wrong on the way and was repaired, by kind.
    """

    outputs: list[list[np.ndarray]]
    layer_counts: list[tuple[int, ...]] | None
    stack_bytes: int | None
    unit: str
    damaged: Counter[str] = field(default_factory=Counter)

    @property
    def latency(self) -> int | None:
        """Median count of one inference."""
        if self.layer_counts is None:
            return None
        return int(statistics.median_low(sum(counts) for counts in self.layer_counts))

    @property
    def layers(self) -> list[int] | None:
        """Median count of each layer."""
        if self.layer_counts is None:
            return None
        return [int(statistics.median_low(column)) for column in zip(*self.layer_counts, strict=True)]


def measure(
    built: Built,
    samples: Sequence[Sequence[np.ndarray]],
    *,
    progress: Progress | None = None,
    stream: Frames | None = None,
    place: Place = ANYWHERE,
    resume: bool = False,
    timeout: float | None = None,
) -> Measurement:
    """Runs every sample (one array per model input, of its own type) on the project's board.

    Emulated and host boards are started once per processor, unless `place` names the port of one that runs already.
    Answers are kept in the project's folder until all are there; `resume` goes on with those of an interrupted run,
    here or in a folder that `profile` has left behind.
    Raises StageError when the device fails, does not answer in `timeout` seconds (`_bound` where it is None), or runs
    another firmware,
    Interrupted on the user's wish, and UsageError when there is nothing to resume.
    """
    project = built.project
    payloads = [payload(sample) for sample in samples]
    if resume and project.document.get("state_bytes"):
        raise UsageError("the model keeps states between samples", hint="measure again without --resume")
    journal = Journal(project.folder, key(project.elf, payloads), len(payloads))
    taken = journal.adopt(scratch.journals()) if resume else None
    kept = journal.kept() if resume else {}
    journal.begin(kept)
    if taken is not None:
        scratch.forget(taken)
    tally = _Tally(project, journal, kept, len(payloads), progress, stream)
    try:
        served = _Session(project, place, payloads, timeout or _bound(project), tally).run()
    except KeyboardInterrupt:
        done = f"interrupted after {len(tally.answers)} of {tally.total} samples"
        raise Interrupted(done, hint=tally.hint()) from None
    except IntarsiaError as error:
        error.hint = "; ".join(filter(None, (error.hint, tally.hint())))
        raise
    finally:
        if len(tally.answers) in (0, tally.total):
            journal.remove()
        journal.close()
    return _measurement(tally.answers, served, project)


def _bound(project: Project) -> float:
    """Seconds that one inference may take."""
    return simulation.allowed_seconds(project, INFERENCE_SECONDS)


def _measurement(
    answers: dict[int, Inference], served: list[tuple[Identity, Counter[str]]], project: Project
) -> Measurement:
    done = [answers[index] for index in sorted(answers)]
    counts = [answer.layer_counts for answer in done if answer.layer_counts is not None]
    stacks = [answer.stack_bytes for answer in done if answer.stack_bytes is not None]
    return Measurement(
        outputs=[split_outputs(answer.outputs, project) for answer in done],
        layer_counts=counts or None,
        stack_bytes=max(stacks, default=None),
        unit=served[0][0].unit if served else project.board.counter.unit,
        damaged=sum((damaged for _, damaged in served), Counter()),
    )


def dump(
    project: Project,
    sample: Sequence[np.ndarray],
    shown: Sequence[tuple[int, int, int]],
    *,
    place: Place = ANYWHERE,
) -> list[bytes]:
    """Runs one sample on a firmware that shows its feature maps; the bytes of each as they were sent.

    `shown` says what must come: (layer, number of the output, bytes). Raises StageError as `measure`, and when
    something else comes.
    """
    with contextlib.closing(connect(project, place)) as link:
        device = Device(link, timeout=_bound(project))
        check_identity(device.hello(), project)
        found = device.dump(payload(sample), len(shown), max((size for *_, size in shown), default=0))
        device.exit()
    if [(layer, output, len(data)) for layer, output, data in found] != list(shown):
        raise StageError(
            "the firmware sends other feature maps than its project has", hint="generate it again"
        )
    return [data for *_, data in found]


def split_outputs(data: bytes, project: Project) -> list[np.ndarray]:
    """The output tensors in the device's answer. Raises StageError when it has another size than the project says."""
    ports = [(dtypes.BY_NAME[port["dtype"]], tuple(port["shape"])) for port in project.document["outputs"]]
    sizes = [dtype.storage(shape) for dtype, shape in ports]
    if sum(sizes) != len(data):
        raise StageError(
            f"the firmware's outputs have {len(data)} bytes, the project's {sum(sizes)}",
            hint="generate and build it again",
        )
    starts = itertools.accumulate(sizes, initial=0)
    return [
        dtype.unpack(data[at : at + size], shape)
        for (dtype, shape), size, at in zip(ports, sizes, starts, strict=False)
    ]


def starts(project: Project, place: Place) -> bool:
    """Whether the firmware is started here, as often as wanted; else it runs already."""
    return find_runner(project.board.runner.kind).starts_firmware and place.port is None


def connect(project: Project, place: Place, baud: int | None = None) -> Link:
    """A link to the project's firmware: started if its board is a process, unless a port says where it runs.

    `baud` overrides the speed of the board's UART.
    """
    if harness := project.document.get("harness"):
        raise UsageError(
            f"this firmware speaks the protocol of {harness}, not ours",
            hint="measure it with that benchmark's runner, or generate without --harness",
        )
    board = project.board if baud is None else project.board.with_baud(baud)
    runner = find_runner(board.runner.kind)
    if runner.starts_firmware and place.port is not None:
        return SerialLink(place.port, board.target.baud)
    return runner.open(project.elf, board, place)


def payload(sample: Sequence[np.ndarray]) -> bytes:
    """What the device gets of a sample: all inputs, one after the other."""
    return b"".join(np.ascontiguousarray(x).tobytes() for x in sample)


def check_identity(identity: Identity, project: Project) -> None:
    """Raises StageError unless that is the project's firmware."""
    expected = bytes.fromhex(project.document["hash"])[:16]
    if identity.model_hash != expected:
        raise StageError(
            f"the device runs another model ({identity.model}, {identity.model_hash.hex()[:8]}), "
            f"not {project.document['identifier']} ({expected.hex()[:8]})",
            hint="flash this project first: `intarsia flash`",
        )
    if identity.layer_count != len(project.document["layers"]):
        raise StageError(
            f"the firmware has {identity.layer_count} layers, its project {len(project.document['layers'])}",
            hint="generate and build it again",
        )
    if identity.board != project.board.name:
        raise StageError(
            f"the device runs firmware for {identity.board}, not for {project.board.name}",
            hint="is this the right port? `intarsia devices` lists them",
        )


class _Session:
    """All instances of a board at work, each in a thread of its own, until all samples are done or one fails."""

    def __init__(
        self, project: Project, place: Place, payloads: list[bytes], timeout: float, tally: _Tally
    ) -> None:
        self.tally = tally
        self._project, self._place = project, place
        self._payloads, self._timeout = payloads, timeout
        self._stop = threading.Event()
        self._links: list[Link] = []

    def run(self) -> list[tuple[Identity, Counter[str]]]:
        """Who the instances are, and what went wrong on the way to each."""
        with ThreadPoolExecutor(max(self._instances(), 1)) as pool:
            try:
                jobs = [pool.submit(self._serve, shard) for shard in self._shards()]
                for job in as_completed(jobs):
                    job.result()
                return [job.result() for job in jobs]
            except BaseException:
                self._end()
                raise

    def _instances(self) -> int:
        """Several where boards are processes and samples do not depend on each other."""
        several = starts(self._project, self._place) and not self._project.document.get("state_bytes")
        return min(os.cpu_count() or 1 if several else 1, len(self._missing()))

    def _missing(self) -> list[int]:
        return [index for index in range(len(self._payloads)) if index not in self.tally.kept]

    def _shards(self) -> list[list[int]]:
        """Samples for each instance, interleaved."""
        missing, instances = self._missing(), self._instances()
        return [missing[start::instances] for start in range(instances)]

    def _serve(self, indices: list[int]) -> tuple[Identity, Counter[str]]:
        link = connect(self._project, self._place)
        self._links.append(link)
        try:
            stateful = bool(self._project.document.get("state_bytes"))
            device = Device(link, timeout=self._timeout, stateful=stateful)
            identity = device.hello()
            check_identity(identity, self._project)
            for index in indices:
                if self._stop.is_set():
                    break
                self.tally.add(index, device.infer(self._payloads[index]))
            if not self._stop.is_set():
                device.exit()
            return identity, device.statistics.faults
        finally:
            link.close()

    def _end(self) -> None:
        """Closing a link ends whoever waits for it."""
        self._stop.set()
        for link in self._links:
            link.close(0.0)


class _Tally:
    """Takes answers of all instances, one at a time; keeps them and passes them on. `kept` were there before."""

    def __init__(
        self,
        project: Project,
        journal: Journal,
        kept: dict[int, Inference],
        total: int,
        progress: Progress | None,
        stream: Frames | None,
    ) -> None:
        self.kept, self.total = frozenset(kept), total
        self.answers = dict(kept)
        self._lock = threading.Lock()
        self._project, self._journal = project, journal
        self._progress, self._stream = progress, stream

    def add(self, index: int, answer: Inference) -> None:
        """One more answer."""
        with self._lock:
            self.answers[index] = answer
            self._journal.add(index, answer)
            if self._progress:
                self._progress(len(self.answers), self.total)
            if self._stream:
                outputs = [o.reshape(-1).tolist() for o in split_outputs(answer.outputs, self._project)]
                self._stream(
                    {
                        "event": "inference",
                        "sample": index,
                        "layer_counts": answer.layer_counts,
                        "stack_bytes": answer.stack_bytes,
                        "outputs": outputs,
                    }
                )

    def hint(self) -> str | None:
        """How to go on with what is there; None if that is nothing."""
        if not self.answers:
            return None
        return (
            f"{len(self.answers)} of {self.total} answers are kept: the same command with --resume goes on, or "
            f"`intarsia validate {self._project.folder}` and `intarsia run` on the same samples"
        )
