# SPDX-License-Identifier: Apache-2.0
"""Bias correction: takes the mean error that rounded weights cause out of the bias.

The expected error of an output channel is the sum over the taps of (rounded weight - weight) times the mean
of the input channel that the tap reads (Nagel et al., Data-Free Quantization Through Weight Equalization and
Bias Correction, 2019, section 4.2, with measured means). Borders that padding fills are ignored.
"""

from __future__ import annotations

import numpy as np

from intarsia.ir import Tensor


def corrected_bias(
    op: str, weights: Tensor, quantized: Tensor, bias: np.ndarray | None, input_mean: np.ndarray
) -> np.ndarray | None:
    """The bias less the expected error, or as it was where the layout of the weights is not known.

    `input_mean` [in_c]: mean of each input channel. Weights are laid out as TFLite's operators take them.
    """
    assert weights.data is not None
    assert quantized.data is not None
    assert quantized.quant is not None
    error = quantized.data * _scales(quantized) - weights.data.astype(np.float64)
    if op == "DEPTHWISE_CONV_2D":
        multiplier = weights.shape[3] // len(input_mean)
        shift = error.sum(axis=(0, 1, 2)) * np.repeat(input_mean, multiplier)
    elif op in ("CONV_2D", "FULLY_CONNECTED") and weights.shape[-1] == len(input_mean):
        shift = error.reshape(weights.shape[0], -1, len(input_mean)).sum(axis=1) @ input_mean
    else:
        return bias
    start = np.zeros(len(shift)) if bias is None else bias.astype(np.float64).reshape(-1)
    corrected: np.ndarray = start - shift
    return corrected


def _scales(tensor: Tensor) -> np.ndarray:
    """Scales shaped to multiply the tensor's codes."""
    assert tensor.quant is not None
    shape = [1] * len(tensor.shape)
    if tensor.quant.per_channel:
        shape[tensor.quant.axis] = -1
    scales: np.ndarray = np.array(tensor.quant.scale, np.float64).reshape(shape)
    return scales
