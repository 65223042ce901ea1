# SPDX-License-Identifier: Apache-2.0
"""Writes the ONNX files of this folder with both exporters of PyTorch and with Keras, and what the networks compute.

Needs the packages torch, onnxscript and keras, which take several gigabytes: that is why the files are kept. What
exporters note about the machine (stack traces, file names) is taken out.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from torch import Tensor, nn

HERE = Path(__file__).resolve().parent
SAMPLES = 3


class Mobile(nn.Module):
    """BatchNorm, depthwise layers, RELU6, hard swish, symmetric pads at stride 2, flattening, softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8)
        self.deep, self.deep_norm = nn.Conv2d(8, 8, 3, 1, 1, groups=8, bias=False), nn.BatchNorm2d(8)
        self.point, self.scores = nn.Conv2d(8, 12, 1), nn.Linear(12 * 16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.deep_norm(self.deep(F.relu6(self.norm(self.stem(x))))))
        x = F.max_pool2d(F.hardswish(self.point(x)), 3, 2, 1)
        return F.softmax(self.scores(torch.flatten(x, 1)), 1)


class Residual(nn.Module):
    """Sums, joined channels, groups, gates, poolings that count their border, `view` with a computed shape."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3, 1, 1), nn.Conv2d(8, 8, 3, padding=1, groups=2)
        self.c, self.scores = nn.Conv2d(16, 8, 5, 2, 2), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(self.a(x), 0.1)
        y = self.b(F.silu(x))
        x = torch.cat([x + y, y * torch.sigmoid(x)], 1)
        x = F.adaptive_avg_pool2d(F.avg_pool2d(self.c(x), 3, 2, 1), 1)
        return self.scores(x.view(x.size(0), -1))


class Upwards(nn.Module):
    """Channel shuffle, halves of channels, transposed convolution, PRELU, resizing, pixel shuffle."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 8, 1), nn.Conv2d(4, 4, 1)
        self.up, self.slope = nn.ConvTranspose2d(8, 4, 3, 2, 1, 1), nn.PReLU(4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        a, b = x.chunk(2, 1)
        x = self.slope(self.up(self.b(torch.cat([b, F.gelu(a, approximate="tanh")], 1))))
        x = F.interpolate(F.interpolate(x, scale_factor=2), scale_factor=0.5, mode="bilinear")
        return torch.tanh(F.pixel_shuffle(self.c(x), 2))


class Sequence(nn.Module):
    """One-dimensional convolution, layer normalization, attention with four heads."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.norm = nn.Conv1d(4, 8, 5, stride=2, padding=2), nn.LayerNorm(8)
        self.attention, self.scores = nn.MultiheadAttention(8, 4, batch_first=True), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.elu(self.a(x)).transpose(1, 2)
        y = self.norm(x)
        return self.scores((x + self.attention(y, y, y, need_weights=False)[0]).mean(1))


class Quantized(nn.Module):
    """What quantization-aware training leaves: fake quantization, weights per channel, uint8 feature maps."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.scores = nn.Conv2d(3, 8, 3, 2, 1), nn.Linear(8 * 16, 5)
        for layer in (self.a, self.scores):
            scale = layer.weight.detach().abs().flatten(1).amax(1) / 127
            layer.register_buffer("scale", scale)

    @staticmethod
    def weights(layer: Any) -> Tensor:
        zero = torch.zeros(len(layer.scale), dtype=torch.int32)
        return torch.fake_quantize_per_channel_affine(layer.weight, layer.scale, zero, 0, -128, 127)

    @staticmethod
    def codes(x: Tensor, scale: float, zero: int) -> Tensor:
        return torch.fake_quantize_per_tensor_affine(x, scale, zero, 0, 255)

    def forward(self, x: Tensor) -> Tensor:
        x = self.codes(x, 0.03, 128)
        x = self.codes(F.relu(F.conv2d(x, self.weights(self.a), self.a.bias, 2, 1)), 0.02, 0)
        x = torch.flatten(F.max_pool2d(x, 3, 2, 1), 1)
        return self.codes(F.linear(x, self.weights(self.scores), self.scores.bias), 0.02, 120)


NETWORKS: dict[str, tuple[type[nn.Module], tuple[int, ...]]] = {
    "mobile": (Mobile, (3, 16, 16)),
    "residual": (Residual, (3, 17, 15)),
    "upwards": (Upwards, (1, 6, 8)),
    "sequence": (Sequence, (4, 20)),
    "quantized": (Quantized, (3, 16, 16)),
}


def prepared(kind: type[nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    model = kind()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
            module.weight.data.uniform_(0.5, 2.0)
    return model.eval().requires_grad_(kind is not Quantized)


def write(model: Any, path: Path) -> None:
    """Without notes about the machine; weights inside."""
    for holder in (model, model.graph, *model.graph.node, *model.graph.initializer, *model.graph.value_info):
        for field in ("doc_string", "metadata_props"):
            holder.ClearField(field)
    onnx.save_model(model, path)


def pytorch() -> None:
    for name, (kind, shape) in NETWORKS.items():
        model, x = prepared(kind), torch.randn(SAMPLES, *shape)
        with torch.no_grad():
            y = torch.cat([model(x[i : i + 1]) for i in range(SAMPLES)])
        np.savez_compressed(HERE / f"{name}.npz", x=x.numpy(), y=y.numpy())
        for dynamo in (False, True):
            fixed = (
                dynamo and kind is Quantized
            )  # with a symbolic batch this exporter refuses fake quantization
            batch: dict[str, Any] = (
                {}
                if fixed
                else {"dynamic_shapes": ({0: torch.export.Dim("batch")},)}
                if dynamo
                else {"dynamic_axes": {"x": {0: "batch"}}}
            )
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "m.onnx"
                names = {"input_names": ["x"], "output_names": ["y"]}
                torch.onnx.export(
                    model,
                    (x[: 1 if fixed else 2],),
                    str(path),
                    dynamo=dynamo,
                    verbose=False,
                    **names,
                    **batch,
                )
                write(onnx.load(path), HERE / f"{name}_{'dynamo' if dynamo else 'torchscript'}.onnx")


def keras() -> None:
    os.environ["KERAS_BACKEND"] = "torch"
    import keras as k

    k.utils.set_random_seed(0)
    inputs = k.Input((24, 20, 3))
    x = k.layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(inputs)
    x = k.layers.ReLU(6.0)(k.layers.BatchNormalization()(x))
    y = k.layers.SeparableConv2D(8, 3, padding="same")(k.layers.DepthwiseConv2D(3, padding="same")(x))
    x = k.layers.MaxPooling2D(2)(k.layers.Add()([x, y]))
    x = k.layers.Concatenate()([x, k.layers.AveragePooling2D(3, strides=1, padding="same")(x)])
    z = k.layers.Dense(3)(k.layers.GlobalAveragePooling2D()(x))
    x = k.layers.Dense(4, activation="softmax")(k.layers.Flatten()(x))
    model = k.Model(inputs, k.layers.Concatenate()([x, z]))
    samples = np.random.default_rng(0).standard_normal((SAMPLES, 24, 20, 3)).astype(np.float32)
    y = np.concatenate([model.predict(samples[i : i + 1], verbose=0) for i in range(SAMPLES)])
    np.savez_compressed(HERE / "keras.npz", x=samples, y=y)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.onnx"
        model.export(str(path), format="onnx", verbose=False)
        write(onnx.load(path), HERE / "keras_keras.onnx")


if __name__ == "__main__":
    pytorch()
    keras()
