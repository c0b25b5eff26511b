"""A generator as an ONNX graph in the inswapper contract, written node by node.

torch's own exporter takes ten seconds or more and puts paths and stack traces into the file; the
generator has six kinds of layers.
"""

import math
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from facepipe.errors import ModelFileError
from facepipe.landmarks.alignment import NETWORK_PX
from facepipe.training.generator import EMBEDDING, NORM_EPSILON, Generator, Style, StyledBlock

OPSET = 18
_IR_VERSION = 9
_PICTURE = ("batch", 3, NETWORK_PX, NETWORK_PX)


def inswapper_bytes(network: Generator, facts: dict[str, str]) -> bytes:
    """The network as an ONNX file of the inswapper contract; the same bytes for the same weights.

    Inputs `target` (N, 3, 128, 128) and `source` (N, 512), output `output`, N free, float32;
    the last initializer is `emap`, 512 x 512, which every consumer reads by its place.

    Args:
        network: on the CPU, adapters merged.
        facts: key and value pairs for the file's metadata.

    Raises:
        ModelFileError: The network has a layer that is not known here.
    """
    graph = _Graph()
    graph.generator(network)
    # the identity: right for readers that divide by the norm before the map and for those after
    graph.hold("emap", np.eye(EMBEDDING, dtype=np.float32))
    described = helper.make_graph(
        graph.nodes,
        "facepipe",
        [
            helper.make_tensor_value_info("target", TensorProto.FLOAT, _PICTURE),
            helper.make_tensor_value_info("source", TensorProto.FLOAT, ("batch", EMBEDDING)),
        ],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, _PICTURE)],
        graph.initializers,
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(described, opset_imports=opsets, producer_name="facepipe")
    model.ir_version = _IR_VERSION
    helper.set_model_props(model, facts)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


class _Graph:
    """Nodes and weights so far; each method appends and names what it appended."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def hold(self, name: str, values: Tensor | NDArray[np.generic]) -> str:
        plain = values.detach().numpy() if isinstance(values, Tensor) else values
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(plain), name))
        return name

    def node(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        output = name or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def number(self, name: str, value: float) -> str:
        return self.hold(name, np.array(value, np.float32))

    def generator(self, network: Generator) -> None:
        double = self.node("Mul", "target", self.number("two", 2.0))
        features = self.node("Sub", double, self.number("one", 1.0))
        # used here as well, or onnxruntime would warn at every start that nothing needs it
        mapped = self.node("MatMul", "source", "emap")
        style = self.node("Mul", mapped, self.number("style_scale", math.sqrt(EMBEDDING)))
        self.hold("plain_scale", np.ones(network.channels, np.float32))
        self.hold("plain_shift", np.zeros(network.channels, np.float32))
        features = self.layer(network.encoder, features, "encoder")
        for place, block in enumerate(network.blocks):
            features = self.block(block, features, style, f"blocks.{place}")
        features = self.layer(network.decoder, features, "decoder")
        self.node("Sigmoid", self.layer(network.paint, features, "paint"), name="output")

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
        if not any(held.name == "picture_axes" for held in self.initializers):
            self.hold("picture_axes", np.array([2, 3], np.int64))
        return self.node("Unsqueeze", flat, "picture_axes")

    def layer(self, layer: nn.Module, features: str, name: str) -> str:
        match layer:
            case nn.Sequential():
                for place, part in enumerate(layer):
                    features = self.layer(part, features, f"{name}.{place}")
                return features
            case nn.Conv2d():
                return self.convolution(layer, features, name)
            case nn.LeakyReLU():
                return self.node("LeakyRelu", features, alpha=layer.negative_slope)
            case nn.PixelShuffle():
                factor = layer.upscale_factor
                return self.node("DepthToSpace", features, blocksize=factor, mode="CRD")
            case _:
                raise ModelFileError(f"{name} is a {type(layer).__name__}, unknown to the export")

    def convolution(self, layer: nn.Conv2d, features: str, name: str) -> str:
        if layer.bias is None or isinstance(layer.padding, str):
            raise ModelFileError(f"{name} lacks a bias or its padding in pixels; both are needed")
        weights = [self.hold(f"{name}.weight", layer.weight), self.hold(f"{name}.bias", layer.bias)]
        padding = list(layer.padding)
        return self.node(
            "Conv", features, *weights, pads=[*padding, *padding], strides=list(layer.stride)
        )
