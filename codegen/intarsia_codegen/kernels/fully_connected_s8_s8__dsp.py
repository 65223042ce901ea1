# SPDX-License-Identifier: Apache-2.0
"""FULLY_CONNECTED int8 for Arm's DSP extension: four units at a time, weights read once as a stream."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm import emission, gemm, pack
from intarsia_codegen.arm.matrix import Stream, Weights, stream1, weights_of, widths_of
from intarsia_codegen.asm import resource
from intarsia_codegen.generated import GeneratedKernel


@dataclass(frozen=True)
class Maps:
    """Bits of the vectors and of the outputs, and the arguments behind the parameters in C."""

    in_bits: int
    out_bits: int
    operands: str


BYTES = Maps(8, 8, "const int8_t *in, int8_t *out, void *scratch")


def generate(call: KernelCall, name: str) -> GeneratedKernel | None:
    """The kernel, or None when sums do not fit 32 bits."""
    return matrix_vector(call, name, call.constant("weights"), call.integer("batch"))


def matrix_vector(call: KernelCall, name: str, matrix: np.ndarray, batch: int) -> GeneratedKernel | None:
    """The kernel for weights [units, columns] that rounds twice, or None."""
    return of_weights(name, weights_of(call, matrix), batch)


def of_weights(name: str, weights: Weights | None, batch: int, maps: Maps = BYTES) -> GeneratedKernel | None:
    """The kernel for prepared weights. Cost: counted by instruction, loop by loop."""
    if weights is None:
        return None
    columns = weights.matrix.shape[1]
    if maps.in_bits < 8:
        order = pack.vector_order(columns, maps.in_bits)
    else:
        order = pack.rows_order(1, columns) if columns >= 4 else [*range(columns), *[-1] * (4 - columns)]
    order += [-1] * (len(order) % 8)
    stream = stream1(weights, order)
    return None if stream is None else _kernel(name, weights, batch, order, stream, maps)


def packed(call: KernelCall, name: str, weights: Weights | None) -> GeneratedKernel | None:
    """The kernel for prepared weights and packed vectors, those of fewer bits in whole words; None for others."""
    in_bits, out_bits = widths_of(call)
    if call.integer("in_run") * in_bits % (32 if in_bits < 8 else 8):
        return None
    return of_weights(name, weights, call.integer("batch"), Maps(in_bits, out_bits, emission.operands(call)))


def _kernel(
    name: str, weights: Weights, batch: int, order: list[int], stream: Stream, maps: Maps
) -> GeneratedKernel:
    units, columns = weights.matrix.shape
    multiply = gemm.gemv4(weights.form == "w")
    symbol = multiply.name.removesuffix(".S")
    code, packing = pack.pack_one(weights.form, maps.in_bits)
    in_bytes, out_bytes = columns * maps.in_bits // 8, -(-units * maps.out_bits // 8)
    runs = [replace(run, first=run.first * maps.out_bits // 8) for run in stream.runs]
    groups, buffer_bytes = len(order) // 8, 2 * len(order)
    entry = f"{symbol}_loop + {gemm.skip1(groups, weights.form == 'w')}"
    overlap = columns % 4 - 4 if columns % 4 and columns > 4 else 0
    fields = {
        "runs": "runs",
        "run_count": len(stream.runs),
        "pack": f"{{{code}, {max(in_bytes // 4, 1)}, 1, 0, {overlap}}}",
        "batch": batch,
        "columns": in_bytes,
        "units": out_bytes,
        "detour": int(units % 4 > 0),
    }
    parts = [
        emission.labels([*emission.multiply_labels(stream, symbol), code]),
        emission.int32_array(name, "stream", stream.words),
        emission.runs_table(name, runs, symbol, entry, 0, buffer_bytes),
        emission.struct("itr_dsp_vector", fields),
    ]
    text = emission.source(
        name,
        ["itr_dsp_vector.h"],
        f"Matrix times vector, {columns} columns, {units} units.",
        parts,
        entry=emission.entry(name, "itr_dsp_vector_multiply", maps.operands),
    )
    shared = [resource(n) for n in ("itr_dsp_gemm.h", "itr_dsp_vector.h", "itr_dsp_vector.c")]
    assembler = [gemm.gemm_entry(), multiply, pack.pack_one_entry(), packing, *stream.sources]
    fours = -(-units // 4)
    step = 21 if weights.form == "w" else 27
    product = fours * (groups * step + 3 * (groups // gemm.UNROLL1 + 1) + 35)
    return GeneratedKernel(
        name,
        f"void {name}({maps.operands});",
        (text, *shared, *assembler),
        cost=batch * (product + (6 if maps.in_bits == 8 else 7) * (columns // 4 + 1) + 90 + units // 2),
        scratch=buffer_bytes + (4 * fours if units % 4 else 0),
        stack_bytes={gemm.ENTRY: gemm.STACK_BYTES, pack.ENTRY_ONE: pack.STACK_BYTES_ONE},
    )
