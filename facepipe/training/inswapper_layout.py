"""How the convolutions of an ONNX file are built, held against those of the inswapper layout."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import onnx
from torch import nn

from facepipe.arrays import FloatArray
from facepipe.errors import ModelFileError
from facepipe.training.inswapper import Inswapper
from facepipe.training.onnx_reading import OnnxFile, attributes

Sides: TypeAlias = tuple[int, ...]
"""Pixels at top, left, bottom and right."""
_NONE: Sides = (0, 0, 0, 0)
_PLAIN = {"group": 1, "dilations": [1, 1], "auto_pad": b"NOTSET"}


@dataclass(frozen=True)
class Convolution:
    """How a convolution is built.

    Attributes:
        before: channels that go in.
        after: channels that come out.
        kernel: its height and width.
        stride: down and across.
        zeros: what it pads with zeros.
        mirrored: what is mirrored around its input before.
    """

    before: int
    after: int
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    zeros: Sides
    mirrored: Sides

    def __str__(self) -> str:
        """One phrase."""
        return (
            f"{self.before} to {self.after} channels, kernel {self.kernel}, stride {self.stride}, "
            f"{self.zeros} zeros and {self.mirrored} mirrored pixels around"
        )


def check_convolutions(file: OnnxFile, nodes: list[onnx.NodeProto], network: Inswapper) -> None:
    """Hold a file's convolutions against the network's, in their order.

    Raises:
        ModelFileError: One is built otherwise.
    """
    wanted = [convolution for _, convolution in built(network)]
    for place, (node, needed) in enumerate(zip(nodes, wanted, strict=True), 1):
        name = f"convolution {place} of {len(wanted)}"
        odd = {k: v for k, v in attributes(node).items() if k in _PLAIN and v != _PLAIN[k]}
        if odd:
            raise other_layout(file, f"{name} has {odd}", "none of this")
        if (found := _found(file, node, name)) != needed:
            raise other_layout(file, f"{name} has {found}", f"{needed}")


def built(network: Inswapper) -> Iterator[tuple[str, Convolution]]:
    """Names of a network's convolutions in their order, and how each is built."""
    mirrored = _NONE
    for name, part in network.named_modules():
        if isinstance(part, nn.ReflectionPad2d):
            left, right, top, bottom = part.padding
            mirrored = (top, left, bottom, right)
        elif isinstance(part, nn.Conv2d) and not isinstance(part.padding, str):
            channels = part.in_channels, part.out_channels
            zeros = (*part.padding, *part.padding)
            yield name, Convolution(*channels, part.kernel_size, part.stride, zeros, mirrored)
            mirrored = _NONE


def constants(file: OnnxFile, node: onnx.NodeProto, name: str) -> tuple[FloatArray, FloatArray]:
    """Weight and bias of a layer.

    Raises:
        ModelFileError: It lacks one, or one is computed.
    """
    found = [file.constant(given) for given in node.input[1:3]]
    weight, bias = (*found, None, None)[:2]
    if weight is None or bias is None:
        raise other_layout(file, f"{name} lacks a stored weight or bias", "both")
    return weight, bias


def other_layout(file: OnnxFile, found: str, needed: str) -> ModelFileError:
    """The error for a file that is built otherwise."""
    return ModelFileError(
        f"{file.path}: not laid out like inswapper_128: {found}; needed: {needed}"
    )


def _found(file: OnnxFile, node: onnx.NodeProto, name: str) -> Convolution:
    given = attributes(node)
    after, before, *kernel = constants(file, node, name)[0].shape
    return Convolution(
        before,
        after,
        tuple(kernel),
        tuple(given.get("strides", (1, 1))),
        tuple(given.get("pads", _NONE)),
        _mirrored(file, node.input[0]),
    )


def _mirrored(file: OnnxFile, name: str) -> Sides:
    """What is mirrored around a tensor where it is made."""
    maker = file.makers.get(name)
    if maker is None or maker.op_type != "Pad" or attributes(maker).get("mode") != b"reflect":
        return _NONE
    # an input since opset 11, an attribute before
    constant = file.constant(maker.input[1]) if len(maker.input) > 1 else None
    pads = attributes(maker).get("pads", ()) if constant is None else constant.tolist()
    return (*pads[2:4], *pads[6:8])
