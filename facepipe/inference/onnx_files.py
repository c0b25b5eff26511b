"""ONNX files that somebody else wrote: read whole, or refused before anything is made of them."""

import math
from collections.abc import Iterator
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto

from facepipe.errors import ModelFileError

_SIZES: dict[int, int] = {
    TensorProto.FLOAT: 4, TensorProto.FLOAT16: 2, TensorProto.DOUBLE: 8, TensorProto.BOOL: 1,
    TensorProto.INT64: 8, TensorProto.INT32: 4, TensorProto.INT8: 1, TensorProto.UINT8: 1,
}  # fmt: skip
_WHOLE = ("int32", "int64", "uint64")


def load_onnx(path: Path, what: str) -> onnx.ModelProto:
    """What an ONNX file holds; other files that it names are not followed.

    Args:
        path: The file.
        what: What is needed there, for who gave something else: "an occluder".

    Raises:
        ModelFileError: It is missing, damaged, or keeps weights in other files, which its own hash
            would not cover.
    """
    if not path.is_file():
        raise ModelFileError(f"{path}: no such file; {what} is needed")
    try:
        model = onnx.load(str(path), load_external_data=False)
    except DecodeError as error:
        raise ModelFileError(
            f"{path}: not an ONNX file, or damaged ({error}); {what} is needed"
        ) from error
    for tensor in _tensors(model.graph):
        _check(path, tensor)
    return model


def _check(path: Path, tensor: TensorProto) -> None:
    if tensor.data_location == TensorProto.EXTERNAL:
        where = next((each.value for each in tensor.external_data if each.key == "location"), "")
        raise ModelFileError(
            f"{path}: keeps its weights {tensor.name!r} in another file ({where!r}); needed is one "
            f"file that holds them: onnx.save(onnx.load(FILE), FILE)"
        )
    wanted, held = math.prod(tensor.dims), _held(tensor)
    if held is not None and (held != wanted or min(tensor.dims, default=0) < 0):
        raise ModelFileError(
            f"{path}: its weights {tensor.name!r} say that they have the shape "
            f"{tuple(tensor.dims)}, which is {wanted} numbers, and {held} are there; needed is a "
            f"whole file"
        )


def _held(tensor: TensorProto) -> int | None:
    """How many numbers are there, if a type of known size; nothing is made of them."""
    if tensor.data_type not in _SIZES:
        return None
    if tensor.HasField("raw_data"):
        return len(tensor.raw_data) // _SIZES[tensor.data_type]
    return sum(len(getattr(tensor, f"{kind}_data")) for kind in ("float", "double", *_WHOLE))


def _tensors(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    """Every constant of a graph and of those within its nodes."""
    yield from graph.initializer
    for node in graph.node:
        for given in node.attribute:
            if given.HasField("t"):
                yield given.t
            yield from given.tensors
            if given.HasField("g"):
                yield from _tensors(given.g)
            for inner in given.graphs:
                yield from _tensors(inner)
