# SPDX-License-Identifier: Apache-2.0
"""Fully connected layers as matrix products: every row of the input is a window."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from intarsia.kernelcall import KernelCall
from intarsia_codegen import layertext
from intarsia_codegen.generated import GeneratedKernel
from intarsia_codegen.rowwise.geometry import Windows
from intarsia_codegen.rowwise.layer import Product

MatrixProduct = Callable[[KernelCall, str, np.ndarray, Windows], Product | None]
"""Makes the product of a call, named so, for weights [channels, depth] and windows."""


def generate(call: KernelCall, name: str, matrix_product: MatrixProduct) -> GeneratedKernel | None:
    """None when weights have a zero point, and without a product."""
    if call.integer("weights_zero") != 0:
        return None
    batch, columns, units = (call.integer(field) for field in ("batch", "columns", "units"))
    weights = call.constant("weights").reshape(units, columns)
    product = matrix_product(call, name, weights, Windows((0,), columns, columns))
    if product is None:
        return None
    source = layertext.layer(
        name,
        title="FULLY_CONNECTED.",
        includes=[product.include, *(["<string.h>"] if product.slack else [])],
        declarations=[product.prototype],
        definitions=product.definitions,
        body=_body(product, name, batch, columns, units),
    )
    return GeneratedKernel(
        function=name,
        prototype=layertext.prototype(name) + ";",
        sources=(source, *product.sources),
        cost=product.cost(batch),
        scratch=columns + product.slack if product.slack else 0,
        stack_bytes=product.stack_bytes,
    )


def _body(product: Product, name: str, batch: int, columns: int, units: int) -> str:
    """All rows at once; one by one from a copy where bytes behind a row are read."""
    if not product.slack:
        return f"  (void)scratch;\n  {product.function}(in, out, &{name}_layer, {batch});\n"
    return f"""  for (int32_t n = 0; n < {batch}; n++, in += {columns}, out += {units}) {{
    memcpy(scratch, in, {columns});
    {product.function}(scratch, out, &{name}_layer, 1);
  }}
"""
