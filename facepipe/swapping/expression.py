"""Keep the target's expression: move the drawn eyes and lips to where the target's are."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from facepipe.arrays import FloatArray, RgbImage, RgbImages
from facepipe.landmarks.landmarker import FaceFinder
from facepipe.landmarks.regions import (
    LEFT_EYE,
    LIPS_INNER,
    LIPS_OUTER,
    RIGHT_EYE,
    inter_ocular_px,
    landmark_error_iod,
)

CANVAS_PX = 512
"""Side of the squares it works on."""
_MOVED = list(RIGHT_EYE + LEFT_EYE + LIPS_OUTER + LIPS_INNER)
_REACH = 0.12  # of the eyes' distance, as all below: so far around a point its move is carried
_MARGIN = 0.3
_GRID = 1 / 40
_CALM = 0.15  # weighs against the points' own weights: where these are less, less is moved
_ANOTHER = 0.5  # a face farther off than this is not the one that was drawn


class ExpressionKeeper:
    """Finds the landmarks of drawn faces again, and bends each face to the target's own.

    Args:
        find: the faces `(F, 478, 3)` in each of some pictures, in pixels of it.
        share: how far they are moved, 0 to 1.
    """

    def __init__(self, find: Callable[[RgbImages], list[FloatArray]], share: float) -> None:
        self._find, self._share = find, share

    @property
    def size_px(self) -> int:
        """Side of the squares it takes and gives."""
        return CANVAS_PX

    def refine(self, pictures_rgb: RgbImages, points_px: FloatArray) -> RgbImages:
        """See `refining.Refiner.refine`; a face that is not found again stays as it is."""
        bent = [
            self._bent(picture, faces, wanted)
            for picture, faces, wanted in zip(
                pictures_rgb, self._find(pictures_rgb), points_px, strict=True
            )
        ]
        return np.stack(bent)

    def _bent(self, picture_rgb: RgbImage, faces: FloatArray, wanted: FloatArray) -> RgbImage:
        errors = [landmark_error_iod(wanted, face) for face in faces]
        if not errors or min(errors) > _ANOTHER:
            return picture_rgb
        return bent(picture_rgb, faces[int(np.argmin(errors))], wanted, self._share)


def faces_in(bundle: Path, pictures_rgb: RgbImages) -> list[FloatArray]:
    """The faces `(F, 478, 3)` that MediaPipe finds in each of some unrelated pictures."""
    with FaceFinder(bundle, 1, moving=False) as finder:
        return [finder.find(picture, 0.0)[0] for picture in pictures_rgb]


def bent(
    picture_rgb: RgbImage, found_px: FloatArray, wanted_px: FloatArray, share: float
) -> RgbImage:
    """A picture `(H, W, 3)` whose eyes and lips are moved from points `(478, 3)` towards others.

    Around them the move dies out within a fraction of the eyes' distance, so that nose, brows and
    outline stay in their places.
    """
    unit_px = float(inter_ocular_px(wanted_px))
    at = wanted_px[_MOVED, :2]
    size = np.array(picture_rgb.shape[1::-1])
    first = np.clip(np.floor(at.min(0) - _MARGIN * unit_px), 0, size - 1).astype(int)
    last = np.clip(np.ceil(at.max(0) + _MARGIN * unit_px), first + 1, size).astype(int)
    width, height = (int(side) for side in last - first)
    coarse = np.maximum((last - first) * 1 / max(_GRID * unit_px, 1), 2).astype(int)
    x, y = (
        (np.arange(count) + 0.5) * (side / count) - 0.5 + start
        for count, side, start in zip(coarse, (width, height), first, strict=True)
    )
    grid = np.stack(np.meshgrid(x, y), axis=-1)[:, :, None]
    weights = np.exp(-((grid - at) ** 2).sum(-1) / (2 * (_REACH * unit_px) ** 2))
    moves = share * (wanted_px - found_px)[_MOVED, :2]
    field = weights @ moves / (weights.sum(-1, keepdims=True) + _CALM)
    fine = cv2.resize(field.astype(np.float32), (width, height))
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    source = (np.stack([across, down], axis=-1) + first - fine).astype(np.float32)
    result = picture_rgb.copy()
    result[first[1] : last[1], first[0] : last[0]] = cv2.remap(
        picture_rgb,
        source[..., 0],
        source[..., 1],
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return result
