"""ArcFace through InsightFace: the room's only door to insightface and onnxruntime."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from insightface.model_zoo.arcface_onnx import ArcFaceONNX

from facepipe.arrays import FloatArray, RgbImages, check_shape
from facepipe.errors import ModelFileError
from facepipe.files import sha256_of
from facepipe.identity.embedding import ArcFaceFile
from facepipe.inference.sessions import open_session

_SIDE_PX = 112
_SIZE = 512
_BATCH = 32  # 32 crops and their maps stay far below 1 GiB


class ArcFaceEmbedder:
    """An ONNX file of the ArcFace contract: `(N, 3, 112, 112)` RGB in, `(N, 512)` out.

    Args:
        path: The ONNX file.
        sha256: What its hash must be; None takes any.

    Raises:
        ModelFileError: Missing, damaged, or of another contract.
    """

    name = "arcface"

    def __init__(self, path: Path, sha256: str | None = None) -> None:
        session: Any = open_session(path, sha256=sha256)
        self._path = path
        self._sha256 = sha256_of(path)
        _check_contract(path, session)
        self._model: Any = ArcFaceONNX(model_file=str(path), session=session)
        self._takes_batches = isinstance(session.get_inputs()[0].shape[0], str)

    @property
    def version(self) -> str:
        """The file's name without its ending."""
        return self._path.stem

    @property
    def sha256(self) -> str:
        """Of the file."""
        return self._sha256

    @property
    def file(self) -> ArcFaceFile:
        """The network, and how InsightFace feeds it."""
        return ArcFaceFile(self._path, self._model.input_mean, self._model.input_std)

    def embed(self, crops_rgb: RgbImages) -> FloatArray:
        """`(N, 512)` unit vectors of `(N, 112, 112, 3)` ArcFace-aligned faces.

        Raises:
            ModelFileError: The model answers with a zero or non-finite vector.
        """
        check_shape(crops_rgb, ("N", _SIDE_PX, _SIDE_PX, 3), name="crops_rgb")
        # InsightFace takes BGR pictures and turns them to RGB itself.
        pictures = [cv2.cvtColor(crop, cv2.COLOR_RGB2BGR) for crop in crops_rgb]
        step = _BATCH if self._takes_batches else 1
        parts = [
            self._model.get_feat(pictures[start : start + step])
            for start in range(0, len(pictures), step)
        ]
        return self._unit(np.concatenate(parts) if parts else np.zeros((0, _SIZE), np.float32))

    def _unit(self, vectors: FloatArray) -> FloatArray:
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(lengths) & (lengths > 0)).all():
            raise ModelFileError(
                f"{self._path}: it answers a face with a vector of length "
                f"{lengths.min()} to {lengths.max()}; needed is an intact ArcFace model"
            )
        return (vectors / lengths).astype(np.float32)


def _check_contract(path: Path, session: Any) -> None:
    inputs = [list(entry.shape) for entry in session.get_inputs()]
    outputs = [list(entry.shape) for entry in session.get_outputs()]
    fits = (
        len(inputs) == len(outputs) == 1
        and inputs[0][1:] == [3, _SIDE_PX, _SIDE_PX]
        and outputs[0][1:] == [_SIZE]
    )
    if not fits:
        raise ModelFileError(
            f"{path}: not an ArcFace model: it takes {inputs} and gives {outputs}; "
            f"needed is one input [N, 3, {_SIDE_PX}, {_SIDE_PX}] and one output [N, {_SIZE}]"
        )
