"""Sharpen faces with an ONNX file in the contract of GFPGAN, CodeFormer and GPEN."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepipe.arrays import FloatArray, RgbImages
from facepipe.errors import ModelFileError
from facepipe.inference.sessions import open_session
from facepipe.swapping.swapper import run_finite

_DTYPES: dict[str, Any] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
}


class FaceEnhancer:
    """Draws faces as sharply as the photos it learnt from, and mixes that in.

    Inputs are found by name: `input` (N, 3, S, S), red green blue in -1 to 1, aligned as FFHQ's
    photos are, and perhaps `weight`, one number; the first output is the picture in the same form.

    Args:
        path: the ONNX file.
        blend: how much of what it draws is shown, 0 to 1.
        fidelity: CodeFormer's weight: 0 draws the finest face, 1 keeps to the one given.
        device: as `inference.sessions.open_session` takes it.
        threads: of the CPU; 0 leaves it to the runtime.

    Raises:
        ModelFileError: The file is missing, damaged, or of another contract.
    """

    def __init__(
        self,
        path: Path,
        blend: float,
        fidelity: float = 0.5,
        device: str = "auto",
        threads: int = 0,
    ) -> None:
        self._path, self._blend = path, np.float32(blend)
        self._session: Any = open_session(path, device=device, threads=threads)
        inputs = {entry.name: entry for entry in self._session.get_inputs()}
        if "input" not in inputs or not inputs.keys() <= {"input", "weight"}:
            raise self._other(f"its inputs are named {sorted(inputs)}")
        shape = list(inputs["input"].shape)
        if len(shape) != 4 or shape[1] != 3 or not isinstance(shape[2], int):
            raise self._other(f"its input has shape {tuple(shape)}")
        if shape[2] != shape[3]:
            raise self._other(f"its input has shape {tuple(shape)}")
        self._size: int = shape[2]
        self._dtype: Any = _DTYPES.get(inputs["input"].type, np.float32)
        self._weight: dict[str, NDArray[Any]] = {}
        if "weight" in inputs:
            number = inputs["weight"]
            value = np.array(fidelity, _DTYPES.get(number.type, np.float32))
            self._weight = {"weight": value.reshape([1] * len(number.shape))}

    @property
    def size_px(self) -> int:
        """Side of the squares it takes and gives."""
        return self._size

    def refine(self, pictures_rgb: RgbImages, points_px: FloatArray) -> RgbImages:
        """See `refining.Refiner.refine`; it finds eyes and mouth by itself."""
        del points_px
        # one by one: most such files hold a batch of one, and each of these is work enough
        return np.stack([self._refined(pictures_rgb, face) for face in range(len(pictures_rgb))])

    def _refined(self, pictures_rgb: RgbImages, face: int) -> NDArray[np.uint8]:
        given = pictures_rgb[face].astype(np.float32)
        planes = (given / 127.5 - 1).transpose(2, 0, 1)[None].astype(self._dtype)
        feed = {"input": np.ascontiguousarray(planes), **self._weight}
        drawn = run_finite(self._session, feed, self._path, (face, 1))[0]
        if drawn.shape != planes.shape:
            raise self._other(f"its output has shape {drawn.shape}")
        fine: FloatArray = (np.clip(drawn[0].astype(np.float32), -1, 1).transpose(1, 2, 0) + 1) / 2
        mixed = given + self._blend * (255 * fine - given)
        return np.clip(np.round(mixed), 0, 255).astype(np.uint8)

    def _other(self, found: str) -> ModelFileError:
        return ModelFileError(
            f"{self._path}: no face enhancer: {found}; needed are input (N, 3, S, S), perhaps "
            f"weight, and an output like the input"
        )
