# SPDX-License-Identifier: Apache-2.0
"""Build systems and farms of others, in an environment of their own (`make setup` makes it)."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("INTARSIA_TOOLS", ROOT / ".venv-tools"))
SCONS = "4.11.1"


def program(name: str) -> str:
    return str(FOLDER / "bin" / name)


def available() -> bool:
    return Path(program("labgrid-client")).exists() and Path(program("pio")).exists()


def python(script: str, *arguments: str, sent: str = "") -> subprocess.CompletedProcess[str]:
    """Runs a script with the packages of that environment."""
    command = [program("python"), "-c", script, *arguments]
    return subprocess.run(command, input=sent, capture_output=True, text=True, timeout=60, check=False)


def platformio(folder: Path, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs PlatformIO without a network: its SCons is that of the Python package index, its home is in `folder`."""
    home = folder / "home"
    _scons_package(home / "packages" / "tool-scons")
    environment = {
        **os.environ,
        "PLATFORMIO_CORE_DIR": str(home),
        "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no",
        "PLATFORMIO_SETTING_CHECK_PLATFORMIO_INTERVAL": "9999",
    }
    command = [program("pio"), *arguments]
    return subprocess.run(
        command, cwd=cwd or folder, env=environment, capture_output=True, text=True, timeout=180, check=False
    )


def _scons_package(folder: Path) -> None:
    """What PlatformIO would download, made of the package in the environment."""
    if folder.exists():
        return
    folder.mkdir(parents=True)
    (installed,) = (FOLDER / "lib").glob("python*/site-packages/SCons")
    (folder / "SCons").symlink_to(installed)
    (folder / "scons.py").write_text(
        "import os, sys\n"
        "sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))\n"
        "from SCons.Script import main\nmain()\n"
    )
    # PlatformIO numbers SCons 4.11.1 as 4.41101.0.
    major, minor, patch = SCONS.split(".")
    version = f"{major}.4{int(minor):02d}{int(patch):02d}.0"
    (folder / "package.json").write_text(json.dumps({"name": "tool-scons", "version": version}))
    spec = {"owner": "platformio", "id": None, "name": "tool-scons", "requirements": None, "uri": None}
    (folder / ".piopm").write_text(
        json.dumps({"type": "tool", "name": "tool-scons", "version": version, "spec": spec})
    )


def platform(folder: Path, prefix: str = "", flags: str = "", link: str = "") -> Path:
    """A platform for PlatformIO that compiles with the GCC of that prefix: without one, for this computer."""
    (folder / "builder").mkdir(parents=True)
    (folder / "platform.json").write_text(
        json.dumps({"name": "here", "title": "Here", "description": "this computer", "version": "1.0.0"})
    )
    (folder / "platform.py").write_text(
        "from platformio.public import PlatformBase\n\n\nclass HerePlatform(PlatformBase):\n    pass\n"
    )
    (folder / "builder" / "main.py").write_text(
        "from SCons.Script import Default, DefaultEnvironment\n"
        "env = DefaultEnvironment()\n"
        f'env.Replace(AR="{prefix}ar", AS="{prefix}gcc", CC="{prefix}gcc", CXX="{prefix}g++")\n'
        f'env.Replace(RANLIB="{prefix}ranlib", SIZETOOL=None, PROGSUFFIX="")\n'
        f"env.Append(CCFLAGS={flags.split()}, ASPPFLAGS={flags.split()})\n"
        f"env.Append(LINKFLAGS={[*flags.split(), *link.split()]})\n"
        "Default([env.BuildProgram()])\n"
    )
    return folder
