# SPDX-License-Identifier: Apache-2.0
"""The digits96 network as a list of layers, which training, export and the layer table all walk."""

from __future__ import annotations

from dataclasses import dataclass

from frames import CLASSES, FRAME

INPUT = "image"


@dataclass(frozen=True)
class Layer:
    """One operator. `kind` is conv, depthwise, add, pool, dense or softmax; `inputs` name layers or INPUT."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    height: int
    width: int
    channels: int
    in_channels: int
    kernel: int = 1
    stride: int = 1
    relu6: bool = False

    @property
    def has_weights(self) -> bool:
        return self.kind in ("conv", "depthwise", "dense")

    @property
    def output_bytes(self) -> int:
        """Size of the output in bytes at 8 bits per value."""
        return self.height * self.width * self.channels

    @property
    def macs(self) -> int:
        if not self.has_weights:
            return 0
        fan_in = self.kernel**2 * (1 if self.kind == "depthwise" else self.in_channels)
        return self.output_bytes * fan_in

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Shape as TensorFlow Lite stores it: OHWI, 1HWC for depthwise, OI for dense."""
        if self.kind == "dense":
            return (self.channels, self.in_channels)
        if self.kind == "depthwise":
            return (1, self.kernel, self.kernel, self.channels)
        return (self.channels, self.kernel, self.kernel, self.in_channels)


class _Stack:
    """Appends layers, each reading the previous one, and tracks the shape."""

    def __init__(self) -> None:
        self.layers: list[Layer] = []
        self._size = FRAME
        self._channels = 1

    @property
    def last(self) -> str:
        return self.layers[-1].name if self.layers else INPUT

    def add(self, name: str, kind: str, channels: int | None = None, **details: int | bool) -> str:
        stride = int(details.get("stride", 1))
        size = 1 if kind == "pool" else -(-self._size // stride)
        width = channels or self._channels
        self._push(Layer(name, kind, (self.last,), size, size, width, self._channels, **details))  # type: ignore[arg-type]
        return name

    def residual(self, name: str, other: str) -> None:
        self._push(
            Layer(name, "add", (other, self.last), self._size, self._size, self._channels, self._channels)
        )

    def inverted_residual(self, name: str, expanded: int, channels: int, stride: int = 1) -> None:
        """MobileNetV2's block: widen with 1x1, filter with 3x3 depthwise, narrow with a linear 1x1."""
        source, keeps_shape = self.last, stride == 1 and channels == self._channels
        self.add(f"{name}_expand", "conv", expanded, relu6=True)
        self.add(f"{name}_depthwise", "depthwise", kernel=3, stride=stride, relu6=True)
        self.add(f"{name}_project", "conv", channels)
        if keeps_shape:
            self.residual(f"{name}_add", source)

    def _push(self, layer: Layer) -> None:
        self.layers.append(layer)
        self._size, self._channels = layer.height, layer.channels


def build() -> tuple[Layer, ...]:
    """Return the layers in the order in which they run."""
    stack = _Stack()
    stack.add("stem", "conv", 16, kernel=3, stride=2, relu6=True)
    stack.add("early_depthwise", "depthwise", kernel=3, relu6=True)
    stack.inverted_residual("narrow24", 32, 16, stride=2)
    stack.inverted_residual("block24", 24, 16)
    stack.inverted_residual("narrow12", 48, 32, stride=2)
    stack.inverted_residual("block12a", 96, 32)
    stack.inverted_residual("block12b", 96, 32)
    stack.inverted_residual("narrow6", 96, 48, stride=2)
    stack.inverted_residual("block6a", 144, 48)
    stack.inverted_residual("block6b", 144, 48)
    stack.add("head", "conv", 128, relu6=True)
    stack.add("pool", "pool", kernel=6)
    stack.add("logits", "dense", CLASSES)
    stack.add("probabilities", "softmax")
    return tuple(stack.layers)


def peak_bytes(layers: tuple[Layer, ...]) -> tuple[int, str]:
    """Return the most bytes that live at once at 8 bits, layer by layer, and the layer where that happens."""
    last_use = {source: index for index, layer in enumerate(layers) for source in layer.inputs}
    return max((live_bytes(layers, last_use, step), layer.name) for step, layer in enumerate(layers))


def live_bytes(layers: tuple[Layer, ...], last_use: dict[str, int], step: int) -> int:
    """Return the bytes, at 8 bits, of what layer `step` writes and of what it or later layers still read."""
    live = FRAME * FRAME if last_use[INPUT] >= step else 0
    for index, layer in enumerate(layers[: step + 1]):
        if index == step or last_use.get(layer.name, -1) >= step:
            live += layer.output_bytes
    return live


def layer_table(layers: tuple[Layer, ...]) -> str:
    """Return a Markdown table of the layers with shapes, parameters and multiply-accumulates."""
    rows = ["| # | layer | operator | output | weights | MACs |", "|--:|---|---|---|--:|--:|"]
    for index, layer in enumerate(layers):
        weights = 1
        for extent in layer.weight_shape:
            weights *= extent
        count = f"{weights:,}" if layer.has_weights else ""
        shape = f"{layer.height}x{layer.width}x{layer.channels}"
        macs = f"{layer.macs:,}" if layer.macs else ""
        rows.append(f"| {index} | {layer.name} | {_operator(layer)} | {shape} | {count} | {macs} |")
    return "\n".join(rows)


def _operator(layer: Layer) -> str:
    words = {"pool": "AVERAGE_POOL_2D", "dense": "FULLY_CONNECTED", "add": "ADD", "softmax": "SOFTMAX"}
    words |= {"conv": "CONV_2D", "depthwise": "DEPTHWISE_CONV_2D"}
    kernel = f" {layer.kernel}x{layer.kernel}" if layer.kind in ("conv", "depthwise") else ""
    stride = f" /{layer.stride}" if layer.stride > 1 else ""
    return words[layer.kind] + kernel + stride + (" ReLU6" if layer.relu6 else "")
