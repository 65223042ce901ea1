# SPDX-License-Identifier: Apache-2.0
"""RELU: int8 and int16 with its own output scale, and float32."""

from __future__ import annotations

from intarsia.ops._relu import WideRelu


class ReluPlain(WideRelu):
    name = "RELU"
    unsigned = ""
    batchwise = True


OPERATOR = ReluPlain()
