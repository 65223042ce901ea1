# SPDX-License-Identifier: Apache-2.0
"""RELU6: int8 and int16 with its own output scale, and float32."""

from __future__ import annotations

from intarsia.ops._relu import WideRelu


class Relu6(WideRelu):
    name = "RELU6"
    unsigned = ""
    batchwise = True


OPERATOR = Relu6()
