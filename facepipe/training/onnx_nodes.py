"""What graphs are written with, node by node, and what every file of the inswapper contract holds.

torch's own exporter takes ten seconds or more and puts paths and stack traces into the file; the
generators have few kinds of layers.
"""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from facepipe.errors import ModelFileError
from facepipe.training.generator import EMBEDDING

OPSET = 18
_IR_VERSION = 9


class Nodes:
    """Nodes and weights so far; each method appends and names what it appended."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.held: set[str] = set()

    def file(self, emap: Tensor, pixels: int, facts: dict[str, str]) -> bytes:
        """The nodes as an ONNX file of the inswapper contract; the same bytes for the same nodes.

        Inputs `target` (N, 3, S, S) and `source` (N, 512), output `output`, N free, float32;
        the last initializer is `emap`, 512 x 512, which every consumer reads by its place.

        Args:
            emap: `(512, 512)` what readers multiply embeddings with.
            pixels: `S`, which readers take from the file.
            facts: key and value pairs for the file's metadata.
        """
        self.hold("emap", emap)
        picture = ("batch", 3, pixels, pixels)
        described = helper.make_graph(
            self.nodes,
            "facepipe",
            [
                helper.make_tensor_value_info("target", TensorProto.FLOAT, picture),
                helper.make_tensor_value_info("source", TensorProto.FLOAT, ("batch", EMBEDDING)),
            ],
            [helper.make_tensor_value_info("output", TensorProto.FLOAT, picture)],
            self.initializers,
        )
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(described, opset_imports=opsets, producer_name="facepipe")
        model.ir_version = _IR_VERSION
        helper.set_model_props(model, facts)
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString(deterministic=True)

    def hold(self, name: str, values: Tensor | NDArray[np.generic]) -> str:
        """Weights under a name; what is held under it already stays."""
        if name in self.held:
            return name
        self.held.add(name)
        plain = values.detach().numpy() if isinstance(values, Tensor) else values
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(plain), name))
        return name

    def node(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """A node of one output, named after its kind unless a name is given."""
        output = name or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def number(self, name: str, value: float) -> str:
        """One float32 under a name."""
        return self.hold(name, np.array(value, np.float32))

    def larger(self, features: str, factor: int) -> str:
        """Pictures bilinearly enlarged."""
        scales = self.hold(f"by_{factor}", np.array([1, 1, factor, factor], np.float32))
        return self.node("Resize", features, "", scales, mode="linear")

    def split(self, features: str, sizes: list[int]) -> list[str]:
        """Channels in groups of these sizes."""
        parts = [f"part_{len(self.nodes)}_{place}" for place in range(len(sizes))]
        named = self.numbers(f"sizes_{len(self.nodes)}", sizes)
        self.nodes.append(helper.make_node("Split", [features, named], parts, axis=1))
        return parts

    def numbers(self, name: str, values: list[int]) -> str:
        """Whole numbers under a name."""
        return self.hold(name, np.array(values, np.int64))

    def layer(self, layer: nn.Module, features: str, name: str) -> str:
        """What a torch layer makes of features; its weights are held under `name`.

        Raises:
            ModelFileError: The layer is of a kind not known here.
        """
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
        """What a convolution makes of features.

        Raises:
            ModelFileError: It has no bias, or no padding in pixels.
        """
        if layer.bias is None or isinstance(layer.padding, str):
            raise ModelFileError(f"{name} lacks a bias or its padding in pixels; both are needed")
        weights = [self.hold(f"{name}.weight", layer.weight), self.hold(f"{name}.bias", layer.bias)]
        padding = list(layer.padding)
        return self.node(
            "Conv", features, *weights, pads=[*padding, *padding], strides=list(layer.stride)
        )
