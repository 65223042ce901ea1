# SPDX-License-Identifier: Apache-2.0
"""Intarsia puts neural networks on microcontrollers."""

__version__ = "0.1.0"
