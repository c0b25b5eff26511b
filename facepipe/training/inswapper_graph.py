"""The inswapper generator as an ONNX graph, laid out like the file its weights may come from."""

import numpy as np
from torch import nn

from facepipe.errors import ModelFileError
from facepipe.training.inswapper import Inswapper, Restyle, RestyledBlock
from facepipe.training.onnx_nodes import Nodes


def inswapper_layout_bytes(network: Inswapper, facts: dict[str, str]) -> bytes:
    """The network as an ONNX file; the same bytes for the same weights.

    Its `emap` is the network's, and as in inswapper_128 it is left to the readers, who map an
    embedding and make it unit length before they hand it over; see `Nodes.file` for the rest.

    Args:
        network: on the CPU, adapters merged.
        facts: key and value pairs for the file's metadata.

    Raises:
        ModelFileError: The network has a layer that is not known here.
    """
    graph = _Graph()
    graph.network(network)
    return graph.file(network.emap, network.pixels, facts)


class _Graph(Nodes):
    def network(self, network: Inswapper) -> None:
        features = self.layer(network.down, "target", "down")
        for place, block in enumerate(network.blocks):
            features = self.block(block, features, f"blocks.{place}")
        painted = self.layer(network.up, features, "up")
        lifted = self.node("Add", painted, self.number("one", 1.0))
        self.node("Div", lifted, self.number("two", 2.0), name="output")

    def layer(self, layer: nn.Module, features: str, name: str) -> str:
        match layer:
            case nn.ReflectionPad2d():
                left, right, top, bottom = layer.padding
                sizes = [0, 0, top, left, 0, 0, bottom, right]
                pads = self.numbers("_".join(["pads", *map(str, layer.padding)]), sizes)
                return self.node("Pad", features, pads, mode="reflect")
            case nn.Upsample():
                return self.larger(features, 2)
            case nn.Tanh():
                return self.node("Tanh", features)
            case _:
                return super().layer(layer, features, name)

    def block(self, block: nn.Module, features: str, name: str) -> str:
        if not isinstance(block, RestyledBlock):
            raise ModelFileError(f"{name} is a {type(block).__name__}; a RestyledBlock is needed")
        inner = self.layer(block.first, features, f"{name}.first")
        inner = self.node("Relu", self.style(block.first_style, inner, f"{name}.first_style"))
        inner = self.layer(block.second, inner, f"{name}.second")
        inner = self.style(block.second_style, inner, f"{name}.second_style")
        return self.node("Add", inner, features)

    def style(self, part: Restyle, features: str, name: str) -> str:
        channels = len(part.ask.bias) // 2
        plain = (
            self.hold("plain_scale", np.ones(channels, np.float32)),
            self.hold("plain_shift", np.zeros(channels, np.float32)),
        )
        calm = self.node("InstanceNormalization", features, *plain, epsilon=part.epsilon)
        weight = self.hold(f"{name}.weight", part.ask.weight)
        bias = self.hold(f"{name}.bias", part.ask.bias)
        asked = self.node("Gemm", "source", weight, bias, transB=1)
        asked = self.node("Unsqueeze", asked, self.numbers("picture_axes", [2, 3]))
        scale, shift = self.split(asked, [channels, channels])
        return self.node("Add", self.node("Mul", calm, scale), shift)
