# SPDX-License-Identifier: Apache-2.0
"""The generated function of a fully connected layer, whichever its rounding."""

from __future__ import annotations

import numpy as np

from intarsia.kernelcall import KernelCall
from intarsia_codegen import layertext
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.layertext import integers
from intarsia_codegen.mve import dense, rows
from intarsia_codegen.mve.requantize import Requantizer


def generate(call: KernelCall, name: str, requant: Requantizer) -> GeneratedKernel:
    """Input rows of no multiple of 16 bytes go through scratch, where vectors may read on."""
    batch, columns, units = integers(call, "batch", "columns", "units")
    padded = -(-columns // dense.STEP) * dense.STEP
    copied = padded != columns
    weights = call.constant("weights").reshape(units, columns)
    bias = layertext.folded_bias(call, weights.sum(axis=1, dtype=np.int64))
    fields: dict[str, int | str] = {
        "columns": padded,
        "units": units,
        "to": requant.limits,
        "weights": f"{name}_weights",
    }
    fetch = f"    itr_mve_copy(scratch, in, {columns});\n" if copied else ""
    body = "" if copied else "  (void)scratch;\n"
    body += f"""  for (int32_t n = 0; n < {batch}; n++, in += {columns}, out += {units}) {{
{fetch}    {dense.name(requant.form)}({"scratch" if copied else "in"}, out, &{name}_layer);
  }}
"""
    source = layertext.layer(
        name,
        title="FULLY_CONNECTED.",
        includes=["itr_mve_dense.h", *(["itr_mve_rows.h"] if copied else [])],
        declarations=[dense.prototype(requant.form)],
        definitions=[
            layertext.array(f"{name}_weights", dense.pack(weights, bias, requant)),
            layertext.structure("itr_mve_dense", f"{name}_layer", fields),
        ],
        body=body,
    )
    blocks = -(-units // dense.BLOCK)
    return GeneratedKernel(
        function=name,
        prototype=layertext.prototype(name) + ";",
        sources=(source, *dense.sources(requant.form), *(rows.sources() if copied else ())),
        cost=batch * (40 + blocks * (24 + 19 * padded // (2 * dense.STEP))),
        scratch=padded if copied else 0,
    )
