# SPDX-License-Identifier: Apache-2.0
"""Which tests can run here, said plainly; and how hypothesis behaves."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from intarsia import oracle
from intarsia.runners import gdb
from support import arduino, browser, tools

ROOT = Path(__file__).resolve().parents[1]
EMULATION_TOOLS = (
    "arm-none-eabi-gcc",
    "riscv64-unknown-elf-gcc",
    "clang-19",
    "qemu-system-arm",
    "qemu-system-riscv32",
)
EXPORTERS = ("torch", "onnxscript", "keras")

settings.register_profile(
    "default",
    derandomize=True,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("default")


def data_folder() -> Path | None:
    """The third-party models and data: $INTARSIA_DATA, else `shared/data` beside the checkout."""
    for folder in (os.environ.get("INTARSIA_DATA"), ROOT.parent / "shared" / "data"):
        if folder and (Path(folder) / "manifest.json").is_file():
            return Path(folder)
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects, with the reason, what cannot run on this machine."""
    exporters = [name for name in EXPORTERS if importlib.util.find_spec(name) is None]
    missing = [tool for tool in EMULATION_TOOLS if shutil.which(tool) is None]
    reasons = {
        "hardware": None
        if config.getoption("-m") == "hardware"
        else "they need boards (run with -m hardware)",
        "data": None if data_folder() else "$INTARSIA_DATA is not set and ../shared/data is not there",
        "emulator": f"missing: {', '.join(missing)} (make setup)" if missing else None,
        "exporters": f"missing: {', '.join(exporters)} (several gigabytes)" if exporters else None,
        "browser": None if browser.program() else f"no Chromium is installed: {browser.INSTALL}",
        "arduino": None
        if shutil.which(arduino.PROGRAM)
        else f"{arduino.PROGRAM} is not installed: sudo apt-get install {arduino.PROGRAM}",
        "openocd": None
        if shutil.which("openocd")
        else "openocd is not installed: sudo apt-get install openocd",
        "gdb": None
        if shutil.which(gdb.GDB.program)
        else f"{gdb.GDB.program} is not installed: {gdb.GDB.install}",
        "tools": None if tools.available() else "labgrid and PlatformIO are not there (make setup)",
        "tflm_oracle": None
        if oracle.available("tflm")
        else "tflite-runtime 2.14 needs Python 3.11 (make setup)",
    }
    dropped: dict[str, int] = {}
    kept, deselected = [], []
    for item in items:
        marker = next((m for m, reason in reasons.items() if reason and item.get_closest_marker(m)), None)
        (deselected if marker else kept).append(item)
        if marker:
            dropped[marker] = dropped.get(marker, 0) + 1
    items[:] = kept
    if deselected:
        config.hook.pytest_deselected(items=deselected)
    config.stash[_DROPPED] = [f"{n} tests '{m}' deselected: {reasons[m]}" for m, n in dropped.items()]


_DROPPED: pytest.StashKey[list[str]] = pytest.StashKey()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(_DROPPED, []):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder of the third-party models and data (tests marked `data`)."""
    folder = data_folder()
    assert folder is not None
    return folder


@pytest.fixture(scope="session")
def models(data: Path) -> Path:
    return data / "models"


@pytest.fixture(scope="session")
def digits() -> Path:
    """The example network's folder."""
    return ROOT / "examples" / "digits96"
