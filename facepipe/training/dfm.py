"""An inswapper-contract network as a DFM, which FaceFusion's deep swapper loads unpatched.

A DFM takes a whole-face square, NHWC, blue green red, 0 to 1, and no embedding: the person is
baked in. The network's square lies within; the graph cuts it out, draws, and lays it back, and
the rim around it stays as it came.

Both masks are one fixed picture: the share of the target's own faces that covers each pixel. The
network knows no outline, so they follow no single face, and a hand before it is not left out.
"""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from facepipe.arrays import FloatArray
from facepipe.training.whole_face import (
    Square,
    cover,
    face_share,
    from_network,
    network_square,
    to_network,
)

FINER = 2
"""Side of a DFM's square over the network's: it is resampled twice, which blurs at equal sides."""
_OUTPUTS = {"out_face_mask": 1, "out_celeb_face": 3, "out_celeb_face_mask": 1}
"""In the order every reader takes them by, with their channels."""


def dfm_bytes(
    content: bytes, source: FloatArray, points_px: FloatArray, facts: dict[str, str]
) -> bytes:
    """A network of the inswapper contract as a DFM of `FINER` times its side.

    Input `in_face:0` (N, S, S, 3); outputs, read by their order, `out_face_mask` (N, S, S, 1),
    `out_celeb_face` (N, S, S, 3) and `out_celeb_face_mask` (N, S, S, 1); all float32.

    Args:
        content: the network's ONNX file.
        source: `(512,)` the person, as the network takes it.
        points_px: `(N, 478, 3)` landmarks of the target's stored faces.
        facts: key and value pairs for the file's metadata.
    """
    model = onnx.load_from_string(content)
    graph = model.graph
    (target,) = [value for value in graph.input if value.name == "target"]
    network_px = target.type.tensor_type.shape.dim[2].dim_value
    size_px = FINER * network_px
    square = network_square(points_px, size_px, network_px)
    seen = cover(square)
    around = _Surroundings()
    around.before(source, square)
    around.nodes += graph.node
    around.after(square, seen, np.minimum(face_share(points_px, size_px), seen))
    for field in (graph.node, graph.input, graph.output, graph.value_info):
        del field[:]
    graph.node.extend(around.nodes)
    graph.initializer.extend(around.constants)
    graph.input.append(_picture("in_face:0", size_px, 3))
    graph.output.extend(_picture(name, size_px, deep) for name, deep in _OUTPUTS.items())
    told = {prop.key: prop.value for prop in model.metadata_props}
    helper.set_model_props(model, told | facts)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def _picture(name: str, size_px: int, channels: int) -> onnx.ValueInfoProto:
    shape = ("batch", size_px, size_px, channels)
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


class _Surroundings:
    """Nodes around the network's own `target`, `source` and `output`, and their constants."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.low, self.high = self.hold("low", np.float32(0)), self.hold("high", np.float32(1))
        self.swapped = self.hold("swapped", np.array([2, 1, 0]))

    def before(self, source: FloatArray, square: Square) -> None:
        """From `in_face:0` to what the network takes."""
        across, down = to_network(square)
        planes = self.node("Transpose", "in_face:0", perm=[0, 3, 1, 2])
        rgb = self.node("Gather", planes, self.swapped, axis=1, name="dfm.rgb")
        rows = self.node("MatMul", self.hold("cut_rows", down), rgb)
        cut = self.node("MatMul", rows, self.hold("cut_columns", across.T))
        self.node("Clip", cut, self.low, self.high, name="target")
        shape = self.node("Shape", "in_face:0")
        self.node("Gather", shape, self.hold("first", np.array([0])), axis=0, name="dfm.count")
        person = self.hold("person", source[None].astype(np.float32))
        self.node("Expand", person, self.shape(source.shape), name="source")

    def after(self, square: Square, seen: FloatArray, mask: FloatArray) -> None:
        """From the network's `output` to the three outputs."""
        across, down = from_network(square)
        rows = self.node("MatMul", self.hold("laid_rows", down), "output")
        laid = self.node("MatMul", rows, self.hold("laid_columns", across.T))
        change = self.node("Sub", laid, "dfm.rgb")
        shown = self.node("Mul", change, self.hold("cover", seen))
        drawn = self.node("Clip", self.node("Add", "dfm.rgb", shown), self.low, self.high)
        bgr = self.node("Gather", drawn, self.swapped, axis=1)
        one = self.hold("mask", mask[None, :, :, None])
        many = self.shape((*mask.shape, 1))
        self.node("Expand", one, many, name="out_face_mask")
        self.node("Transpose", bgr, perm=[0, 2, 3, 1], name="out_celeb_face")
        self.node("Expand", one, many, name="out_celeb_face_mask")

    def shape(self, sizes: tuple[int, ...]) -> str:
        """As many as there are faces, of such a shape each."""
        each = self.hold(f"each_{len(self.nodes)}", np.array(sizes))
        return self.node("Concat", "dfm.count", each, axis=0)

    def hold(self, name: str, values: NDArray[Any] | np.float32) -> str:
        tensor = np.ascontiguousarray(values) if np.ndim(values) else np.asarray(values)
        self.constants.append(numpy_helper.from_array(tensor, f"dfm.{name}"))
        return f"dfm.{name}"

    def node(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        output = name or f"dfm.{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output
