"""Writes files in inswapper_128's layout as another exporter would: other names, other nodes.

Nothing here is shared with facepipe's own writer: opset 11, weights numbered like an old torch
does, normalisation spelled out, styles cut apart by slices.
"""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 128


class Foreign:
    """One such file with random weights.

    Args:
        width: channels of the first convolution; inswapper_128 has 128.
        blocks: residual blocks; it has 6.
        shift_first: the styles' layers give shifts before scales.
        plus_one: 1 is added to the scales outside of the layer.
        odd: what to do otherwise, so that the layout is another: `leak`, `smoothing`, `stride`,
            `kernel`, `zero_pad`, `no_residual`, `two_epsilons`, `short_map`, `side`.
    """

    def __init__(
        self, width: int = 4, blocks: int = 2, shift_first=False, plus_one=False, odd: str = ""
    ) -> None:
        self.rng = np.random.default_rng(7)
        self.nodes: list[onnx.NodeProto] = []
        self.held: list[onnx.TensorProto] = []
        self.shift_first, self.plus_one, self.odd = shift_first, plus_one, odd
        features = self.encoder("in0", width)
        for place in range(blocks):
            features = self.block(features, 8 * width, place)
        self.decoder(features, width)
        size = 256 if odd == "short_map" else 512
        emap = self.rng.standard_normal((size, 512)).astype(np.float32) / 20
        self.held.append(numpy_helper.from_array(emap, "w.final"))

    def content(self) -> bytes:
        """The file."""
        side = 256 if self.odd == "side" else SIDE
        picture = [1, 3, side, side]
        graph = helper.make_graph(
            self.nodes,
            "torch-jit-export",
            [
                helper.make_tensor_value_info("in0", TensorProto.FLOAT, picture),
                helper.make_tensor_value_info("in1", TensorProto.FLOAT, [1, 512]),
            ],
            [helper.make_tensor_value_info("painted", TensorProto.FLOAT, picture)],
            self.held,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)])
        model.ir_version = 6
        return model.SerializeToString()

    def node(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        output = output or str(len(self.nodes) + 1000)
        self.nodes.append(
            helper.make_node(kind, [*inputs], [output], name=f"{kind}_{output}", **attributes)
        )
        return output

    def hold(self, values: np.ndarray) -> str:
        name = f"w.{len(self.held)}"
        self.held.append(numpy_helper.from_array(values, name))
        return name

    def number(self, value: float) -> str:
        tensor = numpy_helper.from_array(np.array(value, np.float32))
        return self.node("Constant", value=tensor)

    def conv(
        self, features: str, before: int, after: int, kernel=3, stride=1, pad=0, gain=1.0
    ) -> str:
        scale = gain * np.sqrt(2 / (before * kernel * kernel))
        weight = self.rng.standard_normal((after, before, kernel, kernel)).astype(np.float32)
        bias = 0.1 * self.rng.standard_normal(after).astype(np.float32)
        names = self.hold(np.float32(scale) * weight), self.hold(bias)
        return self.node(
            "Conv", features, *names, kernel_shape=[kernel] * 2, strides=[stride] * 2,
            pads=[pad] * 4, dilations=[1, 1], group=1,
        )  # fmt: skip

    def mirrored(self, features: str, pad: int) -> str:
        pads = self.hold(np.array([0, 0, pad, pad, 0, 0, pad, pad], np.int64))
        return self.node("Pad", features, pads, mode="reflect")

    def leaky(self, features: str) -> str:
        return self.node("LeakyRelu", features, alpha=0.1 if self.odd == "leak" else 0.2)

    def encoder(self, features: str, width: int) -> str:
        kernel, stride = (5 if self.odd == "kernel" else 7), (1 if self.odd == "stride" else 2)
        features = self.leaky(self.conv(self.mirrored(features, kernel // 2), 3, width, kernel))
        for place, step in enumerate((1, stride, 2)):
            now = width * 2**place
            features = self.leaky(self.conv(features, now, 2 * now, 3, step, 1))
        return features

    def block(self, features: str, channels: int, place: int) -> str:
        inner = features
        for half in range(2):
            if self.odd == "zero_pad":
                inner = self.conv(inner, channels, channels, 3, 1, 1)
            else:
                inner = self.conv(self.mirrored(inner, 1), channels, channels)
            last = self.odd == "two_epsilons" and place == half == 1
            inner = self.styled(inner, channels, 1e-5 if last else 1e-8)
            if half == 0:
                inner = self.node("Relu", inner)
        return inner if self.odd == "no_residual" else self.node("Add", features, inner)

    def styled(self, features: str, channels: int, epsilon: float) -> str:
        weight = 0.5 * self.rng.standard_normal((2 * channels, 512)).astype(np.float32)
        bias = self.rng.standard_normal(2 * channels).astype(np.float32)
        asked = self.node(
            "Gemm", "in1", self.hold(weight), self.hold(bias), alpha=1.0, beta=1.0, transB=1
        )
        asked = self.node("Unsqueeze", self.node("Unsqueeze", asked, axes=[2]), axes=[3])
        first, second = (
            self.node(
                "Slice", asked, *(self.hold(np.array([v], np.int64)) for v in (start, end, 1))
            )
            for start, end in ((0, channels), (channels, 2 * channels))
        )
        scale, shift = (second, first) if self.shift_first else (first, second)
        if self.plus_one:
            scale = self.node("Add", scale, self.number(1.0))
        centred = self.node(
            "Sub", features, self.node("ReduceMean", features, axes=[2, 3], keepdims=1)
        )
        squared = self.node("Mul", centred, centred)
        variance = self.node("ReduceMean", squared, axes=[2, 3], keepdims=1)
        root = self.node("Sqrt", self.node("Add", variance, self.number(epsilon)))
        calm = self.node("Mul", centred, self.node("Div", self.number(1.0), root))
        return self.node("Add", self.node("Mul", calm, scale), shift)

    def doubled(self, features: str) -> str:
        scales = self.hold(np.array([1, 1, 2, 2], np.float32))
        empty = self.hold(np.zeros(0, np.float32))
        mode = "nearest" if self.odd == "smoothing" else "linear"
        where = "asymmetric" if mode == "nearest" else "pytorch_half_pixel"
        return self.node(
            "Resize", features, empty, scales, mode=mode, coordinate_transformation_mode=where,
            nearest_mode="floor",
        )  # fmt: skip

    def decoder(self, features: str, width: int) -> None:
        features = self.leaky(self.conv(self.doubled(features), 8 * width, 4 * width, pad=1))
        features = self.doubled(features)
        for now in (4 * width, 2 * width):
            features = self.leaky(self.conv(features, now, now // 2, pad=1))
        painted = self.conv(self.mirrored(features, 3), width, 3, 7, gain=0.1)
        lifted = self.node("Add", self.node("Tanh", painted), self.number(1.0))
        self.node("Div", lifted, self.number(2.0), output="painted")
