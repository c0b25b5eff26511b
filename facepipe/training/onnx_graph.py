"""The compact generator as an ONNX graph in the inswapper contract."""

import math

import numpy as np
import torch
from onnx import TensorProto
from torch import nn

from facepipe.errors import ModelFileError
from facepipe.landmarks.alignment import FACE_PX
from facepipe.training.data import MESH_PX
from facepipe.training.generator import CHOICE, EDGE, REACH_PX, Generator
from facepipe.training.layers import EMBEDDING, NORM_EPSILON, Style, StyledBlock
from facepipe.training.onnx_nodes import Nodes


def inswapper_bytes(network: Generator, facts: dict[str, str]) -> bytes:
    """The network as an ONNX file of the inswapper contract; the same bytes for the same weights.

    Its `emap` is the identity matrix; see `Nodes.file` for the rest of what it holds.

    Args:
        network: on the CPU, adapters merged.
        facts: key and value pairs for the file's metadata.

    Raises:
        ModelFileError: The network has a layer that is not known here.
    """
    graph = _Graph()
    graph.generator(network)
    # the identity: right for readers that divide by the norm before the map and for those after
    return graph.file(torch.eye(EMBEDDING), network.pixels, facts)


class _Graph(Nodes):
    def generator(self, network: Generator) -> None:
        double = self.node("Mul", "target", self.number("two", 2.0))
        centred = self.node("Sub", double, self.number("one", 1.0))
        seen = [self.layer(network.stem, centred, "stem")]
        for place, down in enumerate(network.down):
            seen.append(self.layer(down, seen[-1], f"down.{place}"))
        inner = self.node("Add", seen.pop(), self.hold("place", network.place))
        # used here as well, or onnxruntime would warn at every start that nothing needs it
        mapped = self.node("MatMul", "source", "emap")
        style = self.node("Mul", mapped, self.number("style_scale", math.sqrt(EMBEDDING)))
        channels = network.place.shape[1]
        self.hold("plain_scale", np.ones(channels, np.float32))
        self.hold("plain_shift", np.zeros(channels, np.float32))
        for place, block in enumerate(network.blocks):
            inner = self.block(block, inner, style, f"blocks.{place}")
        found, mask = self.geometry(network, inner, seen)
        face = self.coloured(network, inner, found)
        change = self.node("Mul", mask, self.node("Sub", face, "target"))
        drawn = self.node("Add", "target", change)
        self.node("Clip", drawn, self.number("black", 0.0), "one", name="output")

    def geometry(self, network: Generator, features: str, seen: list[str]) -> tuple[str, str]:
        """What the textures show of the face, and the mask."""
        for place, beside in enumerate(reversed(seen)):
            larger = self.layer(network.finer[place], features, f"finer.{place}")
            features = self.node("Concat", larger, beside, axis=1)
            features = self.layer(network.joined[place], features, f"joined.{place}")
        raw = self.layer(network.geometry, features, "geometry")
        raw = self.node("Add", raw, self.hold("usual", network.usual))
        where, fine = self.split(raw, [2 + network.count, 4])
        lookup, choice = self.split(self.larger(where, 2), [2, network.count])
        edge = self.node("DepthToSpace", fine, blocksize=2, mode="CRD")
        lookup = self.node("Mul", lookup, self.number("reach", REACH_PX))
        lookup = self.node("Add", lookup, self.hold("here", network.here))
        weights = self.node("Mul", choice, self.number("choice", CHOICE))
        weights = self.node("Softmax", weights, axis=1)
        mask = self.node("Sigmoid", self.node("Mul", edge, self.number("edge", EDGE)))
        return self.found(network, lookup, weights), mask

    def found(self, network: Generator, lookup: str, weights: str) -> str:
        """The textures at the lookup, mixed, without a copy of them for each face."""
        size = network.pixels
        grid = self.node("Mul", lookup, self.number("grid_scale", 2 / MESH_PX))
        grid = self.node("Add", grid, self.number("grid_shift", 1 / MESH_PX - 1))
        grid = self.node("Transpose", grid, perm=[0, 2, 3, 1])
        grid = self.node("Reshape", grid, self.numbers("one_grid", [1, -1, size, 2]))
        stored = self.hold("textures", network.textures.reshape(1, -1, FACE_PX, FACE_PX))
        textures = self.node("Cast", stored, to=TensorProto.FLOAT)
        found = self.node(
            "GridSample",
            self.node("Div", textures, self.number("white", 255.0)),
            grid,
            mode="bilinear",
            padding_mode="border",
        )
        apart = self.numbers("apart", [network.count, 3, -1, size, size])
        found = self.node("Reshape", found, apart)
        found = self.node("Transpose", found, perm=[2, 0, 1, 3, 4])
        share = self.node("Unsqueeze", weights, self.numbers("colour_axis", [2]))
        mixed = self.node("Mul", found, share)
        return self.node("ReduceSum", mixed, self.numbers("texture_axis", [1]), keepdims=0)

    def coloured(self, network: Generator, inner: str, found: str) -> str:
        """The face in its light, with what the textures lack."""
        raw = self.layer(network.colour, self.layer(network.paint, inner, "paint"), "colour")
        light, lacking = self.split(raw, [6, 12])
        fewer = network.pixels // 2 // network.place.shape[-1]
        light = self.node("AveragePool", light, kernel_shape=[fewer] * 2, strides=[fewer] * 2)
        gain, offset = self.split(self.larger(light, 2 * fewer), [3, 3])
        lit = self.node("Mul", found, self.node("Add", gain, "one"))
        painted = self.node("DepthToSpace", lacking, blocksize=2, mode="CRD")
        return self.node("Add", self.node("Add", lit, offset), painted)

    def block(self, block: nn.Module, features: str, style: str, name: str) -> str:
        if not isinstance(block, StyledBlock):
            raise ModelFileError(f"{name} is a {type(block).__name__}; a StyledBlock is needed")
        inner = self.layer(block.first, features, f"{name}.first")
        inner = self.node("Relu", self.style(block.first_style, inner, style, f"{name}.style1"))
        inner = self.layer(block.second, inner, f"{name}.second")
        inner = self.style(block.second_style, inner, style, f"{name}.style2")
        return self.node("Add", features, inner)

    def style(self, part: Style, features: str, style: str, name: str) -> str:
        weight, bias = part.ask.weight.detach(), part.ask.bias.detach()
        channels = len(bias) // 2
        for kind, half, extra in (
            ("scale", slice(channels), 1.0),
            ("shift", slice(channels, None), 0.0),
        ):
            self.hold(f"{name}.{kind}.weight", weight[half])
            self.hold(f"{name}.{kind}.bias", bias[half] + extra)
        calm = self.node(
            "InstanceNormalization", features, "plain_scale", "plain_shift", epsilon=NORM_EPSILON
        )
        scaled = self.node("Mul", calm, self.asked(style, f"{name}.scale"))
        return self.node("Add", scaled, self.asked(style, f"{name}.shift"))

    def asked(self, style: str, name: str) -> str:
        flat = self.node("Gemm", style, f"{name}.weight", f"{name}.bias", transB=1)
        return self.node("Unsqueeze", flat, self.numbers("picture_axes", [2, 3]))
