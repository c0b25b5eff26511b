"""Run an ONNX file's network in torch, node by node, so that gradients flow through it.

The kinds of nodes are those that face embedders are exported with, iresnet's and MobileFaceNet's;
every other is refused by its name.
"""

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, TypeAlias

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional

from facepipe.errors import ModelFileError
from facepipe.training.onnx_reading import OnnxFile, attributes

_Given: TypeAlias = Sequence[Any]
"""A node's inputs: tensors, sizes as lists of whole numbers, None where one is left out."""
_Kind: TypeAlias = Callable[[dict[str, Any], _Given], Tensor | list[int]]


class OnnxNetwork(nn.Module):
    """The way from one of a file's tensors to another; nothing in it learns.

    Args:
        file: the file.
        given: name of the tensor that comes in.
        made: name of the tensor that comes out.

    Raises:
        ModelFileError: A node on the way is of a kind not known here.
    """

    def __init__(self, file: OnnxFile, given: str, made: str) -> None:
        super().__init__()
        self.given, self.made = given, made
        self._fixed: dict[str, list[int] | None] = {"": None}
        self._buffer_names: dict[str, str] = {}
        self._steps: list[tuple[_Kind, dict[str, Any], list[str], str]] = []
        for node in _on_the_way(file, given, made):
            kind = _kind_of(file, node)
            for name in node.input:
                self._hold(name, file)
            self._steps.append((kind, attributes(node), list(node.input), node.output[0]))

    def forward(self, picture: Tensor) -> Tensor:
        """What the file makes of `(N, ...)`, as onnxruntime computes it up to rounding."""
        held: dict[str, Any] = {self.given: picture, **self._fixed}
        held |= {name: self.get_buffer(short) for name, short in self._buffer_names.items()}
        for kind, described, names, output in self._steps:
            held[output] = kind(described, [held[name] for name in names])
        return held[self.made]

    def _hold(self, name: str, file: OnnxFile) -> None:
        """Keep a constant: weights where they follow the network to its device, sizes as lists."""
        array = None if name == self.given else file.constant(name)
        if array is None or name in self._fixed or name in self._buffer_names:
            return
        if np.issubdtype(array.dtype, np.floating):
            self._buffer_names[name] = f"constant_{len(self._buffer_names)}"
            held = torch.from_numpy(np.array(array, np.float32))  # a copy: files lend read-only
            self.register_buffer(self._buffer_names[name], held)
        else:
            self._fixed[name] = array.reshape(-1).tolist()


def _on_the_way(file: OnnxFile, given: str, made: str) -> list[onnx.NodeProto]:
    """The nodes that a tensor is computed by, each after those it needs."""
    needed = {made}
    found: list[onnx.NodeProto] = []
    for node in reversed(file.model.graph.node):
        wanted = needed.intersection(node.output) - {given}
        if wanted and file.constant(node.output[0]) is None:
            needed.update(node.input)
            found.append(node)
    return found[::-1]


def _kind_of(file: OnnxFile, node: onnx.NodeProto) -> _Kind:
    told = attributes(node)
    kind = node.op_type
    if kind in ("AveragePool", "MaxPool"):
        half = len(told.get("pads", ())) // 2
        if list(told.get("pads", ()))[:half] != list(told.get("pads", ()))[half:]:
            kind = f"{kind} with pads {told['pads']}"
    if told.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        kind = f"{kind} with auto_pad {told['auto_pad'].decode()}"
    if kind not in _KINDS:
        raise ModelFileError(
            f"{file.path}: its node {node.name or node.output[0]!r} is a {kind}, which cannot be "
            f"learnt through; needed is an ArcFace model of: {', '.join(_KINDS)}"
        )
    return _KINDS[kind]


def _three(given: _Given) -> list[Any]:
    """Inputs of which the last ones may be missing."""
    return [*given, None, None][:3]


def _convolution(told: dict[str, Any], given: _Given) -> Tensor:
    top, left, bottom, right = told.get("pads", (0, 0, 0, 0))
    features, weight, bias = _three(given)
    padding: tuple[int, int] = (top, left)
    if (top, left) != (bottom, right):
        features, padding = functional.pad(features, (left, right, top, bottom)), (0, 0)
    return functional.conv2d(
        features,
        weight,
        bias,
        stride=told.get("strides", 1),
        padding=padding,
        dilation=told.get("dilations", 1),
        groups=told.get("group", 1),
    )


def _normalised(told: dict[str, Any], given: _Given) -> Tensor:
    features, scale, shift, mean, variance = given
    epsilon = told.get("epsilon", 1e-5)
    return functional.batch_norm(features, mean, variance, scale, shift, eps=epsilon)


def _prelu(_told: dict[str, Any], given: _Given) -> Tensor:
    features, slope = given
    if slope.numel() == 1 or slope.shape == (features.shape[1], *[1] * (features.ndim - 2)):
        return functional.prelu(features, slope.reshape(-1))
    return torch.where(features > 0, features, slope * features)


def _linear(told: dict[str, Any], given: _Given) -> Tensor:
    first, second, added = _three(given)
    first = first.T if told.get("transA", 0) else first
    second = second.T if told.get("transB", 0) else second
    product = told.get("alpha", 1.0) * (first @ second)
    return product if added is None else product + told.get("beta", 1.0) * added


def _flat(told: dict[str, Any], given: _Given) -> Tensor:
    axis = told.get("axis", 1)
    return given[0].reshape(math.prod(given[0].shape[:axis]), -1)


def _reshaped(_told: dict[str, Any], given: _Given) -> Tensor:
    features, shape = given
    return features.reshape([n or features.shape[place] for place, n in enumerate(shape)])


def _squeezed(told: dict[str, Any], given: _Given) -> Tensor:
    return given[0].squeeze(tuple(_axes(told, given)))


def _unsqueezed(told: dict[str, Any], given: _Given) -> Tensor | list[int]:
    if isinstance(given[0], list):  # a single size is a list of one already
        return given[0]
    return reduce(torch.unsqueeze, sorted(_axes(told, given)), given[0])


def _chosen_sizes(_told: dict[str, Any], given: _Given) -> list[int]:
    sizes, places = map(_checked_sizes, given)
    return [sizes[place] for place in places]


def _all_sizes(_told: dict[str, Any], given: _Given) -> list[int]:
    return [size for sizes in given for size in _checked_sizes(sizes)]


def _checked_sizes(sizes: object) -> list[int]:
    if not isinstance(sizes, list):
        raise ModelFileError(
            "it picks or joins features (Gather, Concat), which cannot be learnt through; needed "
            "is an ArcFace model that does so with sizes alone"
        )
    return sizes  # pyright: ignore[reportUnknownVariableType]


def _axes(told: dict[str, Any], given: _Given) -> list[int]:
    """They were an attribute first, and became an input later."""
    return list(told["axes"]) if "axes" in told else given[1]


def _mean(told: dict[str, Any], given: _Given) -> Tensor:
    return given[0].mean(_axes(told, given), keepdim=bool(told.get("keepdims", 1)))


def _average_pool(told: dict[str, Any], given: _Given) -> Tensor:
    return functional.avg_pool2d(
        given[0],
        told["kernel_shape"],
        told.get("strides", 1),
        told.get("pads", (0, 0))[:2],
        bool(told.get("ceil_mode", 0)),
        bool(told.get("count_include_pad", 0)),
    )


def _max_pool(told: dict[str, Any], given: _Given) -> Tensor:
    return functional.max_pool2d(
        given[0],
        told["kernel_shape"],
        told.get("strides", 1),
        told.get("pads", (0, 0))[:2],
        told.get("dilations", 1),
        bool(told.get("ceil_mode", 0)),
    )


def _clipped(told: dict[str, Any], given: _Given) -> Tensor:
    features, least, most = _three(given)
    return features.clamp(told.get("min", least), told.get("max", most))


_KINDS: dict[str, _Kind] = {
    "Conv": _convolution,
    "BatchNormalization": _normalised,
    "PRelu": _prelu,
    "Relu": lambda _, given: given[0].relu(),
    "LeakyRelu": lambda told, given: functional.leaky_relu(given[0], told.get("alpha", 0.01)),
    "Sigmoid": lambda _, given: given[0].sigmoid(),
    "Clip": _clipped,
    "Max": lambda _, given: reduce(torch.maximum, given),
    "Min": lambda _, given: reduce(torch.minimum, given),
    "Add": lambda _, given: given[0] + given[1],
    "Sub": lambda _, given: given[0] - given[1],
    "Mul": lambda _, given: given[0] * given[1],
    "Div": lambda _, given: given[0] / given[1],
    "Gemm": _linear,
    "MatMul": lambda _, given: given[0] @ given[1],
    "AveragePool": _average_pool,
    "MaxPool": _max_pool,
    "GlobalAveragePool": lambda _, given: given[0].mean((2, 3), keepdim=True),
    "ReduceMean": _mean,
    "Flatten": _flat,
    "Reshape": _reshaped,
    "Shape": lambda _, given: list(given[0].shape),
    "Gather": _chosen_sizes,
    "Concat": _all_sizes,
    "Squeeze": _squeezed,
    "Unsqueeze": _unsqueezed,
    "Dropout": lambda _, given: given[0],
    "Identity": lambda _, given: given[0],
}
