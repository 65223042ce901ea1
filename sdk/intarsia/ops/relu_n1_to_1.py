# SPDX-License-Identifier: Apache-2.0
"""RELU_N1_TO_1: int8 with its own output scale, and float32."""

from __future__ import annotations

from intarsia.ops._relu import Relu


class ReluN1To1(Relu):
    name = "RELU_N1_TO_1"
    unsigned = ""
    batchwise = True


OPERATOR = ReluN1To1()
