"""The part of a square that a face covers, fine for drawing and coarse for measuring."""

from dataclasses import dataclass

import cv2
import numpy as np

from facepipe.arrays import FloatArray, RgbImage
from facepipe.compositing.masks import face_depth, face_size_px
from facepipe.landmarks.regions import FACE_OVAL

_COARSE_PX = 64  # about the side of the square on which light and outline are reckoned
_GRID = 4  # a view begins and ends on whole coarse pixels, and on those of coarser pictures


@dataclass(frozen=True, eq=False)
class FaceView:
    """A rectangle of a square around one face: what lies beyond it takes no part.

    Attributes:
        rows: of the square.
        columns: of the square.
        crop_rgb: `(H, W, 3)` what the square shows there.
        points_px: `(478, 3)` landmarks, in pixels of the rectangle.
        coarse_rgb: `(h, w, 3)` the same picture with fewer pixels.
        coarse_px: `(478, 2)` landmarks in that.
        depth: `(h, w)` how deep inside the face each coarse pixel lies, as `masks.face_depth`.
    """

    rows: slice
    columns: slice
    crop_rgb: RgbImage
    points_px: FloatArray
    coarse_rgb: RgbImage
    coarse_px: FloatArray
    depth: FloatArray

    @property
    def size_wh(self) -> tuple[int, int]:
        """Size of the fine picture."""
        return (self.crop_rgb.shape[1], self.crop_rgb.shape[0])

    @property
    def coarse_wh(self) -> tuple[int, int]:
        """Size of the coarse picture."""
        return (self.coarse_rgb.shape[1], self.coarse_rgb.shape[0])

    def coarse(self, picture: FloatArray) -> FloatArray:
        """A fine picture `(H, W[, C])` with as few pixels as the coarse one."""
        reduced = cv2.resize(picture, self.coarse_wh, interpolation=cv2.INTER_AREA)
        return np.asarray(reduced, np.float32)

    def fine(self, picture: FloatArray) -> FloatArray:
        """A coarse picture `(h, w[, C])` with as many pixels as the fine one."""
        return np.asarray(cv2.resize(picture, self.size_wh), np.float32)


def view_of(square_rgb: RgbImage, points_px: FloatArray, reach: float) -> FaceView:
    """The view of a face `(478, 3)` in a square `(S, S, 3)`.

    `reach` is how far it goes beyond the face's outline, as a share of the face's size.
    """
    factor = max(1, round(square_rgb.shape[0] / _COARSE_PX))
    columns, rows = _around(points_px, reach, square_rgb.shape[0], factor * _GRID)
    crop_rgb = square_rgb[rows, columns]
    here_px = points_px - np.array([columns.start, rows.start, 0], np.float32)
    size = np.array(crop_rgb.shape[1::-1])
    coarse = np.maximum(size // factor, 1)
    coarse_wh = (int(coarse[0]), int(coarse[1]))
    coarse_rgb = np.asarray(cv2.resize(crop_rgb, coarse_wh, interpolation=cv2.INTER_AREA), np.uint8)
    coarse_px = ((here_px[:, :2] + 0.5) * (coarse / size) - 0.5).astype(np.float32)
    depth = face_depth(coarse_px, coarse_wh)
    return FaceView(rows, columns, crop_rgb, here_px, coarse_rgb, coarse_px, depth)


def _around(points_px: FloatArray, reach: float, side_px: int, step: int) -> tuple[slice, slice]:
    """Columns and rows of a square of `side_px`, in steps, at least one."""
    outline = points_px[list(FACE_OVAL), :2]
    beyond = reach * face_size_px(points_px) + 1
    first = np.clip((outline.min(0) - beyond) // step * step, 0, side_px - 1).astype(int)
    last = -(-(outline.max(0) + beyond) // step) * step
    last = np.clip(last, first + 1, side_px).astype(int)
    return slice(int(first[0]), int(last[0])), slice(int(first[1]), int(last[1]))
