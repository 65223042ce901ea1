# SPDX-License-Identifier: Apache-2.0
"""The device's decoder and server as a program of the host, under sanitizers: built, and asked."""

from __future__ import annotations

import struct
import subprocess
import tempfile
from pathlib import Path

from intarsia import assets

SOURCE = Path(__file__).with_name("serve.c")
SANITIZERS = "address,undefined"
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wundef", "-Werror"]
DEFINITIONS = {
    "ITR_MODEL": "fuzzed_model",
    "ITR_PROFILE": "1",
    "ITR_DUMP": "0",
    "ITR_LAYER_COUNT": "2",
    "ITR_BOARD_NAME": '"fuzzed"',
    "ITR_COUNTER_UNIT": '"cycles"',
    "ITR_TICKS_NUMERATOR": "1",
    "ITR_TICKS_DENOMINATOR": "1",
}
SERVE, DECODE = 0, 1
VERDICT = struct.Struct("<iBBII")
FUZZER = ["clang-19", "-DITR_LIBFUZZER", f"-fsanitize=fuzzer,{SANITIZERS}"]


def build(target: Path, compiler: list[str] | None = None) -> Path:
    """Compiles the harness. Raises CalledProcessError with the compiler's messages."""
    runtime = assets.firmware() / "runtime"
    command = [*(compiler or ["gcc", f"-fsanitize={SANITIZERS}"]), "-std=c11", "-g", "-O1", *WARNINGS]
    command += ["-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]
    command += [f"-I{runtime}", f"-I{assets.firmware() / 'include'}"]
    command += [f"-D{name}={value}" for name, value in DEFINITIONS.items()]
    command += [str(SOURCE), str(runtime / "profile.c"), "-o", str(target)]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    return target


def can_fuzz() -> bool:
    """Whether clang and libFuzzer are there."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            build(Path(folder) / "probe", FUZZER)
        except (OSError, subprocess.CalledProcessError):
            return False
    return True


class Served:
    """A running harness."""

    def __init__(self, program: Path) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )

    def ask(self, mode: int, stream: bytes) -> bytes:
        """What the harness makes of a stream. Raises AssertionError with its last words when it ends."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(struct.pack("<IB", len(stream), mode) + stream)
            process.stdin.flush()
            head = process.stdout.read(4)
            if len(head) == 4:
                return process.stdout.read(int.from_bytes(head, "little"))
        except BrokenPipeError:
            pass
        raise AssertionError(f"the device's code ended: {self._last_words()}")

    def close(self) -> None:
        """Ends it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._errors.close()

    def _last_words(self) -> str:
        self._process.wait(10)
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").splitlines()
        return " ".join(line for line in lines if "ERROR" in line or "error" in line)[:500] or "no message"
