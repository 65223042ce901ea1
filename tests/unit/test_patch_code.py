# SPDX-License-Identifier: Apache-2.0
"""The generated code of patches: shared by all branches, open to generators, fed by a reader of the user's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from intarsia import assets, simulate
from intarsia.importers import tflite
from intarsia.ir import Graph
from intarsia.kernelcall import KernelCall
from intarsia.passes import canonicalise
from intarsia.plan import patch
from intarsia.plan.plan import Plan
from intarsia.plan.vdpc import Membership
from intarsia.quantize import classes
from intarsia.quantize.classes import Widths
from intarsia_codegen import library
from intarsia_codegen.emit import emit
from intarsia_codegen.generated import GeneratedKernel, SourceFile
from intarsia_codegen.lower import Program, lower
from support import harness

SPLIT = 8
FLAGS = ["-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{assets.firmware() / 'include'}"]


@pytest.fixture(scope="module")
def digits96(digits: Path) -> Graph:
    return canonicalise(tflite.load(digits / "digits96_int8.tflite"))


def program(graph: Graph, grid: tuple[int, int], mode: str) -> Program:
    return lower(graph, ["scalar"], prefix="net", plan=patch.plan_of(graph, SPLIT, grid, mode))


def compiled(program: Program, folder: Path) -> list[Path]:
    """Objects of a model, as many as it has sources."""
    emitted = emit(program, "test", bytes(16))
    folder.mkdir()
    for name, text in emitted.files.items():
        (folder / name).write_text(text)
    sources = [folder / name for name in emitted.files if name.endswith(".c")] + list(emitted.written)
    objects = []
    for source in sources:
        objects.append(folder / f"{source.stem}.o")
        run("gcc", *FLAGS, "-Os", f"-I{folder}", "-c", str(source), "-o", str(objects[-1]))
    return objects


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def flash(objects: list[Path]) -> int:
    """Code and constants of all objects, in bytes."""
    lines = run("size", *map(str, objects)).splitlines()[1:]
    return sum(int(line.split()[0]) for line in lines)


def test_flash_does_not_grow_with_the_patches(digits96: Graph, tmp_path: Path) -> None:
    """Sixteen times as many patches: four times as many rows in tables of rows and columns, and no code."""
    few, many = (
        flash(compiled(program(digits96, grid, "reader"), tmp_path / f"{grid[0]}"))
        for grid in ((2, 2), (8, 8))
    )
    layers = SPLIT + 1
    assert many - few < layers * (6 + 6) * 8


def test_every_layer_is_called_once(digits96: Graph) -> None:
    text = emit(program(digits96, (4, 4), "arena"), "test", bytes(16)).files["net.c"]
    kernels = [k for layer in program(digits96, (4, 4), "arena").layers for k in layer.kernels]
    assert sum(text.count(f"{name}(") for name in {k.function for k in kernels}) == len(kernels)


MAIN = """#include "net.h"
#include <stdio.h>
#include <string.h>
static int8_t camera[96 * 96];
static int reads;
static void take(void *context, int32_t y, int32_t x, int32_t height, int32_t width, int8_t *target) {
  const int8_t *image = context;
  for (int32_t row = 0; row < height; row++) {
    memcpy(target + row * width, image + (y + row) * 96 + x, (size_t)width);
  }
  reads++;
}
int main(void) {
  if (fread(camera, 1, sizeof camera, stdin) != sizeof camera) { return 1; }
  net_set_reader(take, camera);
  net_init();
  net_invoke();
  fwrite(net_output_0(), 1, NET_OUTPUT_0_ELEMENTS, stdout);
  return reads;
}
"""


def test_reader_of_the_user(digits96: Graph, tmp_path: Path) -> None:
    """A program with a reader of its own: every patch is read once, and no buffer for the image is linked."""
    folder = tmp_path / "net"
    objects = compiled(program(digits96, (3, 2), "reader"), folder)
    assert "net_input_0" not in (folder / "net.h").read_text()
    (folder / "main.c").write_text(MAIN)
    run("ar", "rc", str(folder / "libnet.a"), *map(str, objects))
    elf = str(folder / "main")
    run("gcc", *FLAGS, f"-I{folder}", str(folder / "main.c"), str(folder / "libnet.a"), "-o", elf)
    image = np.random.default_rng(0).integers(-128, 127, (1, 96, 96, 1), np.int8)
    done = subprocess.run([elf], input=image.tobytes(), capture_output=True, timeout=60, check=False)
    assert done.returncode == 6
    assert done.stdout == simulate.run(digits96, [image])[0].tobytes()
    assert "read_image" not in run("nm", elf)


def copying(call: KernelCall, name: str) -> GeneratedKernel:
    """A generated kernel that serves all branches: copies along the two innermost dimensions."""
    prototype = f"void {name}(const itr_strided_copy_x8_params *p, const int8_t *in, int8_t *out);"
    body = f"""#include "intarsia/strided_copy.h"
{prototype}
{prototype[:-1]} {{
  for (int32_t y = 0; y < p->extent[4]; y++) {{
    for (int32_t x = 0; x < p->extent[5]; x++) {{
      out[p->out_offset + y * p->out_stride[4] + x * p->out_stride[5]] =
          in[p->in_offset + y * p->in_stride[4] + x * p->in_stride[5]];
    }}
  }}
}}
"""
    return GeneratedKernel(name, prototype, (SourceFile(f"{name}.c", body),), 1, takes_params=True)


def test_generated_kernel_for_all_branches(
    digits96: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chosen when it takes the parameters of a branch; one that does not gives way to the portable kernel."""
    blind = GeneratedKernel("blind", "", (), 0)
    generators = {
        "strided_copy_x8": (copying,),
        "conv_2d_s8_s8": (lambda call, name: blind if call.variants else None,),
    }
    monkeypatch.setattr(library, "generators", lambda contract, isa: generators.get(contract, ()))
    plan = patch.plan_of(digits96, SPLIT, (2, 3))
    image = np.random.default_rng(1).integers(-128, 127, (1, 96, 96, 1), np.int8)
    (outcome,) = harness.run_cases([digits96], [[[image]]], tmp_path, plans=[plan])
    kernels = [k for layer in outcome.program.layers for k in layer.kernels]
    assert {bool(k.generated) for k in kernels if k.call.contract == "strided_copy_x8"} == {True}
    assert not any(k.generated for k in kernels if k.call.contract == "conv_2d_s8_s8")
    assert outcome.outputs[0][0].tobytes() == simulate.run(digits96, [image])[0].tobytes()


def classed(graph: Graph, narrow: tuple[int, ...]) -> tuple[Graph, Plan]:
    """Patches of the top row are outliers; the others have maps of 4 bits."""
    tiling = patch.tiling_of(graph, SPLIT, (2, 2), "arena")
    membership = Membership.static([True, True, False, False])
    random = np.random.default_rng(2)
    samples = [random.integers(-128, 127, (4, 1, 96, 96, 1), np.int8)]
    widths = Widths({"normal": dict.fromkeys(narrow, 4), "outlier": {}, "rest": {}}, {})
    made = classes.apply(graph, samples, widths, tiling, membership)
    return made, patch.plan_of(made, SPLIT, (2, 2))


def test_layers_that_are_alike_in_both_classes_have_one_kernel(digits96: Graph) -> None:
    """The first three layers compute with the same types; the fourth reads a map that has 4 bits in one class."""
    graph, plan = classed(digits96, (digits96.nodes[3].outputs[0],))
    isas = ["dsp", "scalar"]
    made = lower(graph, isas, prefix="net", plan=plan)
    functions = [[{k.function for k in layer.kernels} for layer in form] for form in made.forms]
    same = [ours == theirs for ours, theirs in zip(*functions, strict=True)]
    assert same[:5] == [True, True, True, False, False]
    text = emit(made, "test", bytes(16)).files["net.c"]
    for layer in made.forms[0][:3]:
        (kernel,) = layer.kernels
        assert text.count(f"{kernel.function}(&p") == 2


def test_weights_are_in_flash_once(digits96: Graph) -> None:
    graph, plan = classed(digits96, tuple(node.outputs[0] for node in digits96.nodes[:4]))
    weights = emit(lower(graph, ["scalar"], prefix="net", plan=plan), "test", bytes(16)).files[
        "net_weights.c"
    ]
    assert "net_outlier_layer" in weights
    assert weights.count("_weights[") == len(
        [n for n in graph.nodes if n.op.endswith(("CONV_2D", "CONNECTED"))]
    )
