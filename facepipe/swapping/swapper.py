"""What draws a person's face over another's: a model in the inswapper contract, or the mesh."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from facepipe.arrays import FloatArray, RgbImages, check_shape
from facepipe.compositing.teacher import MeshTeacher
from facepipe.errors import ModelFileError
from facepipe.identity.face_set import FaceSet
from facepipe.inference.sessions import open_session
from facepipe.landmarks.alignment import NETWORK_PX, network_transform
from facepipe.landmarks.regions import POINTS
from facepipe.swapping.contract import EMBEDDING_SIZE, read_contract


class NotFiniteError(ModelFileError):
    """A model draws values that are no numbers.

    Args:
        path: the model.
        face: the first such face of its batch.
        where: which frame it is in, if known.
    """

    def __init__(self, path: Path, face: int, where: str = "a face") -> None:
        super().__init__(
            f"{path}: draws NaN or infinity for {where}, so no video is written; needed is a model "
            f"that is whole, or in float32 where float16 overflows"
        )
        self.path, self.face = path, face


class Swapper(Protocol):
    """Draws one person's face into squares that show another's."""

    @property
    def size_px(self) -> int:
        """Side of the squares it takes and gives."""
        ...

    def transform(self, five_px: FloatArray) -> FloatArray:
        """Frame to the square it takes, `(2, 3)`, from five points `(5, 2)`."""
        ...

    def swap(self, crops_rgb: RgbImages, points_px: FloatArray) -> tuple[RgbImages, FloatArray]:
        """Drawn squares `(B, S, S, 3)`, and where each is to be believed, `(B, S, S)` 0 to 1.

        Args:
            crops_rgb: `(B, S, S, 3)` squares cut by `transform`.
            points_px: `(B, 478, 3)` landmarks, in pixels of the squares.

        Raises:
            NotFiniteError: A model draws what is no number.
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

    def transform(self, five_px: FloatArray) -> FloatArray:
        """See `Swapper.transform`."""
        return network_transform(five_px, self.size_px)

    def swap(self, crops_rgb: RgbImages, points_px: FloatArray) -> tuple[RgbImages, FloatArray]:
        """See `Swapper.swap`; each face is drawn without regard to the others."""
        check_batch(crops_rgb, points_px, self.size_px)
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
        self._path = path
        self._session: Any = open_session(path, device=device, threads=threads)

    @property
    def size_px(self) -> int:
        """Side of the squares it takes and gives."""
        return self._contract.size_px

    def transform(self, five_px: FloatArray) -> FloatArray:
        """See `Swapper.transform`."""
        return network_transform(five_px, self.size_px)

    def swap(self, crops_rgb: RgbImages, points_px: FloatArray) -> tuple[RgbImages, FloatArray]:
        """See `Swapper.swap`; the model is believed everywhere."""
        check_batch(crops_rgb, points_px, self.size_px)
        return self.draw(crops_rgb), np.ones(crops_rgb.shape[:3], np.float32)

    def draw(self, crops_rgb: RgbImages) -> RgbImages:
        """What the model makes of squares `(B, S, S, 3)`; raises as `swap`."""
        if not len(crops_rgb):
            return crops_rgb
        step = self._contract.fixed_batch or len(crops_rgb)
        parts = [self._run(crops_rgb, at, step) for at in range(0, len(crops_rgb), step)]
        return np.concatenate(parts)

    def _run(self, crops_rgb: RgbImages, first: int, batch: int) -> RgbImages:
        """One call of the model; a part shorter than its fixed batch is filled up with zeros."""
        part = crops_rgb[first : first + batch]
        squares = np.zeros((batch, *part.shape[1:]), np.uint8)
        squares[: len(part)] = part
        dtype = self._contract.dtype
        target = np.ascontiguousarray(squares.transpose(0, 3, 1, 2).astype(dtype) / dtype.type(255))
        feed = {"target": target, "source": np.repeat(self._source, batch, axis=0)}
        output = run_finite(self._session, feed, self._path, (first, len(part)))[0]
        pictures = np.clip(output.astype(np.float32), 0, 1) * 255
        return np.round(pictures.transpose(0, 2, 3, 1)).astype(np.uint8)


def run_finite(
    session: Any, feed: dict[str, NDArray[Any]], path: Path, faces: tuple[int, int]
) -> list[NDArray[Any]]:
    """A model's outputs for some faces, none of which holds anything but numbers.

    Args:
        session: of ONNX Runtime.
        feed: its inputs by name.
        path: the model.
        faces: the number of the first face given, and how many; what is beyond fills up a batch.

    Raises:
        NotFiniteError: An output of a face holds NaN or infinity.
    """
    first, count = faces
    outputs: list[NDArray[Any]] = [output[:count] for output in session.run(None, feed)]
    for output in outputs:
        whole = np.isfinite(output).reshape(len(output), -1).all(axis=1)
        if not whole.all():
            raise NotFiniteError(path, first + int(np.argmin(whole)))
    return outputs


def check_batch(crops_rgb: RgbImages, points_px: FloatArray, size_px: int) -> None:
    """Raise `ShapeError` unless these are squares of a side and the landmarks in each."""
    check_shape(crops_rgb, ("B", size_px, size_px, 3), name="crops_rgb")
    check_shape(points_px, (len(crops_rgb), POINTS, 3), name="points_px")
