"""What draws a person's face over another's: a model in the inswapper contract, or the mesh."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import numpy_helper

from facepipe.arrays import FloatArray, RgbImages, check_shape
from facepipe.compositing.teacher import MeshTeacher
from facepipe.errors import ModelFileError
from facepipe.identity.face_set import FaceSet
from facepipe.inference.sessions import open_session
from facepipe.landmarks.alignment import NETWORK_PX
from facepipe.landmarks.regions import POINTS

EMBEDDING_SIZE = 512


class Swapper(Protocol):
    """Draws one person's face into squares that show another's."""

    @property
    def size_px(self) -> int:
        """Side of the squares it takes and gives."""
        ...

    def swap(self, crops_rgb: RgbImages, points_px: FloatArray) -> tuple[RgbImages, FloatArray]:
        """Drawn squares `(B, S, S, 3)`, and where each is to be believed, `(B, S, S)` 0 to 1.

        Args:
            crops_rgb: `(B, S, S, 3)` network squares.
            points_px: `(B, 478, 3)` landmarks, in pixels of the squares.
        """
        ...


class MeshSwapper:
    """Bends the person's own pictures over the face, at twice the size a model works at.

    Raises:
        NoFaceError: `faces` is empty.
    """

    def __init__(self, faces: FaceSet) -> None:
        self._teacher = MeshTeacher(faces, 2 * NETWORK_PX)

    @property
    def size_px(self) -> int:
        """Side of the squares it takes and gives."""
        return self._teacher.size_px

    def swap(self, crops_rgb: RgbImages, points_px: FloatArray) -> tuple[RgbImages, FloatArray]:
        """See `Swapper.swap`; each face is drawn without regard to the others."""
        _check_batch(crops_rgb, points_px, self.size_px)
        swaps = [
            self._teacher.swap(crop, points)
            for crop, points in zip(crops_rgb, points_px, strict=True)
        ]
        if not swaps:
            return crops_rgb, np.zeros(crops_rgb.shape[:3], np.float32)
        return np.stack([swap.rgb for swap in swaps]), np.stack([swap.mask for swap in swaps])


class OnnxSwapper:
    """Runs a model file in InsightFace's inswapper contract.

    Inputs are found by name: `target` (N, 3, S, S) in 0 to 1 and `source` (N, 512); the last
    initializer is the 512 x 512 map every embedding goes through, and is made unit length after.

    Args:
        path: the `.onnx` file.
        embedding: `(512,)` the person to show.
        device: as `inference.sessions.open_session` takes it.
        threads: of the CPU; 0 leaves it to the runtime.

    Raises:
        ModelFileError: The file is missing, damaged, or of another contract.
    """

    def __init__(
        self, path: Path, embedding: FloatArray, device: str = "auto", threads: int = 0
    ) -> None:
        check_shape(embedding, (EMBEDDING_SIZE,), name="embedding")
        contract = read_contract(path)
        latent = embedding.astype(np.float32) @ contract.emap
        self._source = (latent / np.linalg.norm(latent))[None].astype(contract.dtype)
        self._contract = contract
        self._session: Any = open_session(path, device=device, threads=threads)

    @property
    def size_px(self) -> int:
        """Side of the squares it takes and gives."""
        return self._contract.size_px

    def swap(self, crops_rgb: RgbImages, points_px: FloatArray) -> tuple[RgbImages, FloatArray]:
        """See `Swapper.swap`; the model is believed everywhere."""
        _check_batch(crops_rgb, points_px, self.size_px)
        believed = np.ones(crops_rgb.shape[:3], np.float32)
        if not len(crops_rgb):
            return crops_rgb, believed
        step = self._contract.fixed_batch or len(crops_rgb)
        parts = [
            self._run(crops_rgb[at : at + step], step) for at in range(0, len(crops_rgb), step)
        ]
        return np.concatenate(parts), believed

    def _run(self, crops_rgb: RgbImages, batch: int) -> RgbImages:
        """One call of the model; a part shorter than its fixed batch is filled up with zeros."""
        squares = np.zeros((batch, *crops_rgb.shape[1:]), np.uint8)
        squares[: len(crops_rgb)] = crops_rgb
        dtype = self._contract.dtype
        target = np.ascontiguousarray(squares.transpose(0, 3, 1, 2).astype(dtype) / dtype.type(255))
        feed = {"target": target, "source": np.repeat(self._source, batch, axis=0)}
        output: NDArray[Any] = self._session.run(None, feed)[0]
        pictures = np.clip(output[: len(crops_rgb)].astype(np.float32), 0, 1) * 255
        return np.round(pictures.transpose(0, 2, 3, 1)).astype(np.uint8)


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


def read_contract(path: Path) -> Contract:
    """Check that a file is in the inswapper contract, and how.

    Raises:
        ModelFileError: It is missing or damaged, or has other inputs, sizes or initializers.
    """
    graph = _graph(path)
    stored = {tensor.name for tensor in graph.initializer}
    shapes = {value.name: _shape(value) for value in graph.input if value.name not in stored}
    if set(shapes) != {"target", "source"}:
        raise _other(path, f"its inputs are named {sorted(shapes)}")
    target, source = shapes["target"], shapes["source"]
    if len(target) != 4 or target[1] != 3 or target[2] < 1 or target[2] != target[3]:
        raise _other(path, f"its target has shape {_said(target)}")
    if len(source) != 2 or source[1] != EMBEDDING_SIZE:
        raise _other(path, f"its source has shape {_said(source)}")
    if len(graph.output) != 1:
        raise _other(path, f"it has {len(graph.output)} outputs")
    return Contract(target[2], max(target[0], source[0], 0), _dtype(graph), _emap(path, graph))


def _graph(path: Path) -> onnx.GraphProto:
    if not path.is_file():
        raise ModelFileError(f"{path}: no such file; an inswapper-contract ONNX file is needed")
    try:
        return onnx.load(str(path)).graph
    except DecodeError as error:
        raise ModelFileError(f"{path}: not an ONNX file, or damaged ({error})") from error


def _shape(value: onnx.ValueInfoProto) -> list[int]:
    """Sizes of a tensor's axes; 0 where free."""
    return [axis.dim_value for axis in value.type.tensor_type.shape.dim]


def _dtype(graph: onnx.GraphProto) -> np.dtype[Any]:
    (target,) = [value for value in graph.input if value.name == "target"]
    return onnx.helper.tensor_dtype_to_np_dtype(target.type.tensor_type.elem_type)


def _emap(path: Path, graph: onnx.GraphProto) -> FloatArray:
    if not graph.initializer:
        raise _other(path, "it has no initializer")
    last = graph.initializer[-1]
    if list(last.dims) != [EMBEDDING_SIZE, EMBEDDING_SIZE]:
        raise _other(path, f"its last initializer has shape {_said(last.dims)}")
    return numpy_helper.to_array(last).astype(np.float32)


def _said(shape: Sequence[int]) -> str:
    return "(" + ", ".join(str(axis) if axis > 0 else "N" for axis in shape) + ")"


def _other(path: Path, found: str) -> ModelFileError:
    return ModelFileError(
        f"{path}: not in the inswapper contract: {found}; needed are target (N, 3, S, S), "
        f"source (N, 512), one output, and a last initializer (512, 512)"
    )


def _check_batch(crops_rgb: RgbImages, points_px: FloatArray, size_px: int) -> None:
    check_shape(crops_rgb, ("B", size_px, size_px, 3), name="crops_rgb")
    check_shape(points_px, (len(crops_rgb), POINTS, 3), name="points_px")
