# SPDX-License-Identifier: Apache-2.0
"""The digits96 network in PyTorch, its training, and the weights without batch normalisation."""

from __future__ import annotations

from collections.abc import Iterator

import frames
import numpy as np
import torch
from network import INPUT, Layer
from torch import nn
from torch.nn import functional

SEED = 96
STEPS = 2600
BATCH = 48
BACKGROUNDS = 1500
PEAK_LEARNING_RATE = 8e-3
WEIGHT_DECAY = 2e-5
LABEL_SMOOTHING = 0.05

Parameters = dict[str, tuple[np.ndarray, np.ndarray]]


class Network(nn.Module):
    """The layers of `network.build()`, each weighted one but the last followed by batch normalisation."""

    def __init__(self, layers: tuple[Layer, ...]) -> None:
        super().__init__()
        self.layers = layers
        self.weighted = nn.ModuleDict({layer.name: _module(layer) for layer in layers if layer.has_weights})

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map [N,1,96,96] with values 0 to 1 to logits [N,10]."""
        values = {INPUT: image}
        for layer in self.layers:
            inputs = [values[name] for name in layer.inputs]
            values[layer.name] = self._evaluate(layer, inputs)
        return values["logits"]

    def _evaluate(self, layer: Layer, inputs: list[torch.Tensor]) -> torch.Tensor:
        if layer.kind == "add":
            return inputs[0] + inputs[1]
        if layer.kind == "pool":
            return inputs[0].mean(dim=(2, 3))
        if layer.kind == "softmax":
            return inputs[0]
        output: torch.Tensor = self.weighted[layer.name](_pad_same(inputs[0], layer))
        return functional.relu6(output, inplace=True) if layer.relu6 else output


def _module(layer: Layer) -> nn.Module:
    if layer.kind == "dense":
        return nn.Linear(layer.in_channels, layer.channels)
    groups = layer.channels if layer.kind == "depthwise" else 1
    convolution = nn.Conv2d(
        layer.in_channels, layer.channels, layer.kernel, layer.stride, groups=groups, bias=False
    )
    return nn.Sequential(convolution, nn.BatchNorm2d(layer.channels))


def _pad_same(image: torch.Tensor, layer: Layer) -> torch.Tensor:
    """Pad as TensorFlow's SAME does: half of the total before, the rest after."""
    if layer.kernel == 1:
        return image
    total = max((layer.height - 1) * layer.stride + layer.kernel - image.shape[2], 0)
    before, after = total // 2, total - total // 2
    return functional.pad(image, (before, after, before, after))


def train(layers: tuple[Layer, ...], digits: frames.Digits) -> Network:
    """Train from scratch; the same seed gives the same weights on the same machine and PyTorch build."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False
    network = Network(layers)
    optimizer = torch.optim.AdamW(network.parameters(), lr=PEAK_LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_LEARNING_RATE, total_steps=STEPS, pct_start=0.2
    )
    running = 0.0
    for step, (image, label) in enumerate(_batches(digits)):
        optimizer.zero_grad()
        loss = functional.cross_entropy(network(image), label, label_smoothing=LABEL_SMOOTHING)
        loss.backward()
        optimizer.step()
        schedule.step()
        running += loss.item()
        if step % 200 == 199:
            print(f"step {step + 1}/{STEPS} loss {running / 200:.3f}", flush=True)
            running = 0.0
    return network.eval()


def _batches(digits: frames.Digits) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield STEPS batches of fresh placements over a pool of backgrounds that are flipped at random."""
    rng = np.random.default_rng(SEED)
    pool = [frames.clutter(rng) for _ in range(BACKGROUNDS)]
    for _ in range(STEPS):
        chosen = rng.integers(0, len(digits.labels), size=BATCH)
        pixels = np.stack([_frame(rng, pool, digits.images[index]) for index in chosen])
        image = torch.from_numpy(pixels[:, None].astype(np.float32) / 255)
        label = torch.from_numpy(digits.labels[chosen].astype(np.int64))
        yield image, label


def _frame(rng: np.random.Generator, pool: list[frames.Grey], digit: frames.Grey) -> frames.Pixels:
    background = pool[int(rng.integers(len(pool)))]
    vertical, horizontal, transpose = rng.integers(0, 2, size=3)
    background = background[:: 1 - 2 * int(vertical), :: 1 - 2 * int(horizontal)]
    return frames.compose(rng, background.T if transpose else background, digit)


def fold(network: Network) -> Parameters:
    """Return float32 weights, laid out as TensorFlow Lite has them, and biases, normalisation folded in."""
    result = {}
    for layer in network.layers:
        if not layer.has_weights:
            continue
        module = network.weighted[layer.name]
        weights, bias = _dense(module) if isinstance(module, nn.Linear) else _folded(module, layer)
        result[layer.name] = (
            np.ascontiguousarray(weights.reshape(layer.weight_shape), dtype=np.float32),
            bias.astype(np.float32),
        )
    return result


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy().astype(np.float64)


def _dense(module: nn.Linear) -> tuple[np.ndarray, np.ndarray]:
    return _array(module.weight), _array(module.bias)


def _folded(module: nn.Module, layer: Layer) -> tuple[np.ndarray, np.ndarray]:
    convolution, norm = module[0], module[1]  # type: ignore[index]
    factor = _array(norm.weight) / np.sqrt(_array(norm.running_var) + norm.eps)
    weights = _array(convolution.weight) * factor[:, None, None, None]
    order = (1, 2, 3, 0) if layer.kind == "depthwise" else (0, 2, 3, 1)
    return weights.transpose(order), _array(norm.bias) - _array(norm.running_mean) * factor
