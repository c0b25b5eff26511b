"""Look into an ONNX file somebody else wrote: its constants, its layers, what flows into what."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from facepipe.arrays import FloatArray
from facepipe.errors import ModelFileError
from facepipe.inference.onnx_files import load_onnx

_HALF = TensorProto.FLOAT16
_LAYERS = ("Conv", "Gemm")


class OnnxFile:
    """An ONNX file with its numbers in float32.

    Args:
        path: the file.

    Attributes:
        layers: the convolutions and fully connected layers, each after those it needs.

    Raises:
        ModelFileError: It is missing or damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.model = path, in_float32(load_onnx(path, "an ONNX file"))
        graph = self.model.graph
        self.makers = {name: node for node in graph.node for name in node.output}
        self.layers = [node for node in graph.node if node.op_type in _LAYERS]
        self._held = {tensor.name: tensor for tensor in graph.initializer}

    def constant(self, name: str) -> NDArray[Any] | None:
        """The array under a name; none where it is computed from what comes in."""
        if name in self._held:
            return numpy_helper.to_array(self._held[name])
        maker = self.makers.get(name)
        if maker is None:
            return None
        if maker.op_type in ("Identity", "Cast"):
            return self.constant(maker.input[0])
        value = attributes(maker).get("value") if maker.op_type == "Constant" else None
        return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else None

    def before(self, name: str) -> list[onnx.NodeProto]:
        """The layers a tensor is made from, and the nodes that make it from what these give."""
        waiting, found = [name], dict[str, onnx.NodeProto]()
        while waiting:
            maker = self.makers.get(waiting.pop())
            if maker is not None and maker.output[0] not in found:
                found[maker.output[0]] = maker
                waiting += () if maker.op_type in _LAYERS else maker.input
        return [*found.values()]

    def kinds_before(self, name: str) -> list[str]:
        """The kinds of nodes between the nearest layers and a tensor."""
        return sorted({node.op_type for node in self.before(name)} - {*_LAYERS, "Constant"})

    def inputs(self, shapes: dict[int, tuple[int, ...]]) -> list[str]:
        """Names of the inputs, found by their number of axes, in the order of `shapes`.

        Args:
            shapes: sizes of all axes but the first, by the number of axes.

        Raises:
            ModelFileError: There are others, or one has another size.
        """
        found: dict[int, str] = {}
        told: list[tuple[int, ...]] = []
        for value in self.model.graph.input:
            if value.name in self._held:
                continue
            axes = tuple(axis.dim_value for axis in value.type.tensor_type.shape.dim)
            told.append(axes)
            wanted = shapes.get(len(axes), ())
            if len(wanted) and all(a in (0, b) for a, b in zip(axes[1:], wanted, strict=True)):
                found[len(axes)] = value.name
        if len(told) != len(shapes) or found.keys() != shapes.keys():
            raise ModelFileError(
                f"{self.path}: its inputs have the shapes {told}; needed, 0 for any size: "
                f"{[(0, *shape) for shape in shapes.values()]}"
            )
        return [found[axes] for axes in shapes]

    def run(self, feed: dict[str, FloatArray], names: list[str]) -> list[FloatArray]:
        """What tensors of these names hold in float32 when the file is run on the CPU."""
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        del model.graph.output[:]
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
        options: Any = ort.SessionOptions()
        options.log_severity_level = 3  # errors only: the map is left to the readers
        content = model.SerializeToString()
        session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        return [np.asarray(found, np.float32) for found in session.run(names, feed)]


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """A node's attributes by name."""
    return {given.name: helper.get_attribute_value(given) for given in node.attribute}


def in_float32(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same network computed in float32 throughout; `model` itself is changed."""
    graph = model.graph
    for tensor in graph.initializer:
        _widen(tensor)
    for node in graph.node:
        for given in node.attribute:
            _widen(given.t)
            if node.op_type == "Cast" and given.name == "to" and given.i == _HALF:
                given.i = TensorProto.FLOAT
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type == _HALF:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    del graph.value_info[:]  # only hints, which may still say float16
    return model


def _widen(tensor: onnx.TensorProto) -> None:
    if tensor.data_type == _HALF:
        wide = numpy_helper.to_array(tensor).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(wide, tensor.name))
