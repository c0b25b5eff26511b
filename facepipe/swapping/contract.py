"""What an ONNX file that draws faces says of itself: which contract it is in, sizes, numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from onnx import numpy_helper

from facepipe.arrays import FloatArray
from facepipe.errors import ModelFileError
from facepipe.inference.onnx_files import load_onnx

EMBEDDING_SIZE = 512
IN_FACE, MORPH = "in_face:0", "morph_value:0"
"""What a DFM's inputs are called."""
Kind = Literal["inswapper", "dfm"]
_INSWAPPER = {"target", "source"}


@dataclass(frozen=True, eq=False)
class Contract:
    """What an inswapper file says of itself.

    Attributes:
        size_px: side of its squares.
        fixed_batch: how many squares each call must hold; 0 if free.
        dtype: float32 or float16.
        emap: `(512, 512)` the map of embeddings, float32.
    """

    size_px: int
    fixed_batch: int
    dtype: np.dtype[Any]
    emap: FloatArray


def kind_of_model(path: Path) -> Kind:
    """Which contract a file is in, by the names of its inputs.

    Raises:
        ModelFileError: It is missing, damaged, or in neither.
    """
    names = set(_inputs(_model(path).graph))
    if names == _INSWAPPER:
        return "inswapper"
    if IN_FACE in names and names <= {IN_FACE, MORPH}:
        return "dfm"
    raise ModelFileError(
        f"{path}: draws no faces in a known way: its inputs are named {sorted(names)}; needed are "
        f"{sorted(_INSWAPPER)} (inswapper contract), or {IN_FACE!r} and perhaps {MORPH!r} (DFM)"
    )


def read_contract(path: Path) -> Contract:
    """Check that a file is in the inswapper contract, and how.

    Raises:
        ModelFileError: It is missing or damaged, or has other inputs, sizes or initializers.
    """
    graph = _model(path).graph
    inputs = _inputs(graph)
    if set(inputs) != _INSWAPPER:
        raise _other(path, f"its inputs are named {sorted(inputs)}")
    target, source = (_shape(inputs[name]) for name in ("target", "source"))
    if len(target) != 4 or target[1] != 3 or target[2] < 1 or target[2] != target[3]:
        raise _other(path, f"its target has shape {_said(target)}")
    if len(source) != 2 or source[1] != EMBEDDING_SIZE:
        raise _other(path, f"its source has shape {_said(source)}")
    if len(graph.output) != 1:
        raise _other(path, f"it has {len(graph.output)} outputs")
    batch = max(target[0], source[0], 0)
    return Contract(target[2], batch, _dtype(inputs["target"]), _emap(path, graph))


def told_by(path: Path) -> dict[str, str]:
    """What whoever made a file wrote into it, by key; raises as `kind_of_model`."""
    return {prop.key: prop.value for prop in _model(path).metadata_props}


def _model(path: Path) -> onnx.ModelProto:
    return load_onnx(path, "an ONNX file that draws faces")


def _inputs(graph: onnx.GraphProto) -> dict[str, onnx.ValueInfoProto]:
    """What has to be given to a graph, by name; older files list their weights as well."""
    stored = {tensor.name for tensor in graph.initializer}
    return {value.name: value for value in graph.input if value.name not in stored}


def _shape(value: onnx.ValueInfoProto) -> list[int]:
    """Sizes of a tensor's axes; 0 where free."""
    return [axis.dim_value for axis in value.type.tensor_type.shape.dim]


def _dtype(value: onnx.ValueInfoProto) -> np.dtype[Any]:
    return onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)


def _emap(path: Path, graph: onnx.GraphProto) -> FloatArray:
    if not graph.initializer:
        raise _other(path, "it has no initializer")
    last = graph.initializer[-1]
    if list(last.dims) != [EMBEDDING_SIZE, EMBEDDING_SIZE]:
        raise _other(path, f"its last initializer has shape {_said(last.dims)}")
    emap = numpy_helper.to_array(last).astype(np.float32)
    if not np.isfinite(emap).all() or not emap.any():
        raise _other(path, "its last initializer holds nothing but zeros, or no numbers")
    return emap


def _said(shape: Sequence[int]) -> str:
    return "(" + ", ".join(str(axis) if axis > 0 else "N" for axis in shape) + ")"


def _other(path: Path, found: str) -> ModelFileError:
    return ModelFileError(
        f"{path}: not in the inswapper contract: {found}; needed are target (N, 3, S, S), "
        f"source (N, 512), one output, and a last initializer (512, 512)"
    )
