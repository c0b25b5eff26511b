"""Swap with a DFM, the model format of DeepFaceLive that FaceFusion's deep swapper reads too."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facepipe.arrays import FloatArray, RgbImages
from facepipe.errors import ModelFileError
from facepipe.inference.sessions import open_session
from facepipe.landmarks.alignment import whole_face_transform
from facepipe.swapping.contract import IN_FACE, MORPH
from facepipe.swapping.swapper import check_batch, run_finite

_OUTPUTS = ("out_face_mask", "out_celeb_face", "out_celeb_face_mask")
_DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
# as readers of the format soften these masks, which end hard: at 256 px about 2 and 6 px
_EROSION, _BLUR = 2 / 256, 6.25 / 256


class DfmSwapper:
    """Draws the one person a DFM was made of; who the profile says matters not at all.

    Inputs are found by name: `in_face:0` (N, S, S, 3), blue green red in 0 to 1, a whole-face
    square, and perhaps `morph_value:0`. Outputs are read by their order, whatever they are called:
    mask of the face that was there, drawn face, mask of the drawn face.

    Args:
        path: the `.dfm` or `.onnx` file.
        morph: how far it goes to its person, 0 to 1, where it has that input.
        device: as `inference.sessions.open_session` takes it.
        threads: of the CPU; 0 leaves it to the runtime.

    Raises:
        ModelFileError: The file is missing, damaged, or of another contract.
    """

    def __init__(
        self, path: Path, morph: float = 1.0, device: str = "auto", threads: int = 0
    ) -> None:
        self._path = path
        self._session: Any = open_session(path, device=device, threads=threads)
        inputs = {entry.name: entry for entry in self._session.get_inputs()}
        if IN_FACE not in inputs or not inputs.keys() <= {IN_FACE, MORPH}:
            raise self._other(f"its inputs are named {sorted(inputs)}")
        face = inputs[IN_FACE]
        self._size = self._side(list(face.shape))
        self._dtype = self._number(face)
        fixed = face.shape[0] if isinstance(face.shape[0], int) else 0
        # one value for all faces of a call: what it means for more than one is not said anywhere
        self._batch = 1 if MORPH in inputs else fixed
        self._morph: dict[str, NDArray[Any]] = {}
        if MORPH in inputs:
            self._morph = {MORPH: np.array([morph], self._number(inputs[MORPH]))}
        if (count := len(self._session.get_outputs())) != len(_OUTPUTS):
            raise self._other(f"it has {count} outputs")

    @property
    def size_px(self) -> int:
        """Side of the squares it takes and gives."""
        return self._size

    def transform(self, five_px: FloatArray) -> FloatArray:
        """See `swapper.Swapper.transform`."""
        return whole_face_transform(five_px, self._size)

    def swap(self, crops_rgb: RgbImages, points_px: FloatArray) -> tuple[RgbImages, FloatArray]:
        """See `swapper.Swapper.swap`; it is believed where both of its masks do."""
        check_batch(crops_rgb, points_px, self._size)
        if not len(crops_rgb):
            return crops_rgb, np.zeros(crops_rgb.shape[:3], np.float32)
        step = self._batch or len(crops_rgb)
        parts = [self._run(crops_rgb, at, step) for at in range(0, len(crops_rgb), step)]
        squares, masks = zip(*parts, strict=True)
        return np.concatenate(squares), np.concatenate(masks)

    def _run(self, crops_rgb: RgbImages, first: int, batch: int) -> tuple[RgbImages, FloatArray]:
        """One call; a part shorter than a fixed batch is filled up with zeros."""
        part = crops_rgb[first : first + batch]
        squares = np.zeros((batch, *part.shape[1:]), self._dtype)
        squares[: len(part)] = part[..., ::-1] / self._dtype(255)
        feed = {IN_FACE: squares, **self._morph}
        outputs = run_finite(self._session, feed, self._path, (first, len(part)))
        there, drawn, own = (self._checked(k, output) for k, output in enumerate(outputs))
        rgb = np.round(np.clip(drawn[..., ::-1], 0, 1) * 255).astype(np.uint8)
        masks = [_softened(mask) for mask in np.minimum(there, own)[..., 0]]
        return rgb, np.stack(masks)

    def _checked(self, place: int, output: NDArray[Any]) -> FloatArray:
        wanted = (self._size, self._size, 3 if place == 1 else 1)
        flat_mask = output.ndim == 3 and wanted[2] == 1
        picture = output[..., None] if flat_mask else output
        if picture.shape[1:] != wanted:
            raise self._other(f"output {place + 1} of 3 has shape {output.shape}")
        return picture.astype(np.float32)

    def _side(self, shape: list[Any]) -> int:
        if len(shape) != 4 or shape[3] != 3 or not isinstance(shape[1], int):
            raise self._other(f"its {IN_FACE} has shape {tuple(shape)}")
        if shape[1] != shape[2]:
            raise self._other(f"its {IN_FACE} has shape {tuple(shape)}")
        return shape[1]

    def _number(self, entry: Any) -> type[np.float32 | np.float16]:
        if entry.type not in _DTYPES:
            raise self._other(f"its {entry.name} holds {entry.type}")
        return _DTYPES[entry.type]

    def _other(self, found: str) -> ModelFileError:
        return ModelFileError(
            f"{self._path}: not a DFM: {found}; needed are {IN_FACE} (N, S, S, 3) and perhaps "
            f"{MORPH}, in float32 or float16, and the outputs {', '.join(_OUTPUTS)} of the same S"
        )


def _softened(mask: FloatArray) -> FloatArray:
    """A mask `(S, S)` drawn in by a little and faded."""
    reach = max(1, round(_EROSION * len(mask)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    inner = cv2.erode(np.clip(mask, 0, 1), kernel)
    return np.asarray(cv2.GaussianBlur(inner, (0, 0), _BLUR * len(mask)), np.float32)
