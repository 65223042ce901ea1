# SPDX-License-Identifier: Apache-2.0
"""RELU_0_TO_1: float32, and int8 with its own output scale."""

from __future__ import annotations

from intarsia.ops._relu import Relu


class Relu0To1(Relu):
    name = "RELU_0_TO_1"
    batchwise = True


OPERATOR = Relu0To1()
