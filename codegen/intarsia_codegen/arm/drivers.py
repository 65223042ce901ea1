# SPDX-License-Identifier: Apache-2.0
"""The C drivers of `itr_dsp_conv.c` and, for branches of patches, of `itr_dsp_conv_branch.c`."""

from __future__ import annotations

from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm import emission
from intarsia_codegen.arm.layout import Layout
from intarsia_codegen.asm import resource
from intarsia_codegen.generated import SourceFile


def header(layout: Layout) -> str:
    """The header that declares the drivers."""
    return "itr_dsp_conv_branch.h" if layout.branches else "itr_dsp_conv.h"


def entry(
    call: KernelCall, name: str, layout: Layout, driver: str
) -> tuple[emission.Entry, tuple[SourceFile, ...]]:
    """The entry of a kernel that runs `itr_dsp_conv_<driver>`, and the sources of the drivers."""
    shared = ("itr_dsp_gemm.h", "itr_dsp_conv.h", "itr_dsp_conv.c")
    if not layout.branches:
        return emission.entry(name, f"itr_dsp_conv_{driver}", emission.operands(call)), tuple(
            map(resource, shared)
        )
    more = ("itr_dsp_extent.h", "itr_dsp_conv_branch.h", "itr_dsp_conv_branch.c")
    found = emission.branches_entry(call, name, f"itr_dsp_conv_{driver}")
    return found, tuple(map(resource, (*shared, *more)))


def sizes(layout: Layout) -> str:
    """Sizes of input and output, for a comment."""
    if layout.branches:
        return f"{layout.first.in_c} to {layout.first.out_c} channels, for branches"
    g = layout.first
    return f"{g.in_h}x{g.in_w}x{g.in_c} to {g.out_h}x{g.out_w}x{g.out_c}"
