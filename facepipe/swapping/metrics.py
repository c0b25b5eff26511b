"""Numbers about one swapped frame: background, seam, change, geometry."""

from dataclasses import dataclass

import cv2
import numpy as np

from facepipe.arrays import BoolArray, FloatArray, RgbImage
from facepipe.compositing.calm import face_change, face_weight
from facepipe.compositing.colour import to_lab
from facepipe.landmarks.alignment import apply_transform, cut, network_transform
from facepipe.landmarks.regions import FACE_OVAL, five_points

_LOOK_PX = 960  # structure finer than a pixel of this picture is encoder noise
_SQUARE_PX = 128


def background_ssim(source_rgb: RgbImage, swapped_rgb: RgbImage, faces_px: FloatArray) -> float:
    """Structural similarity outside the faces, at most 1 (Wang et al. 2004, luma, 11 px window).

    Args:
        source_rgb: `(H, W, 3)`.
        swapped_rgb: `(H, W, 3)`; a video of odd size may be one larger, that is cut off.
        faces_px: `(F, 478, 2 or 3)`; a face counts as 1.2 times its outline.
    """
    height, width = source_rgb.shape[:2]
    scale = min(1.0, _LOOK_PX / max(height, width))
    size_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    source, swapped = (
        cv2.resize(_luma(rgb[:height, :width]), size_wh, interpolation=cv2.INTER_AREA)
        for rgb in (source_rgb, swapped_rgb)
    )
    outside = ~_around_faces(faces_px * scale, size_wh)
    similarity = _ssim(np.asarray(source, np.float32), np.asarray(swapped, np.float32))
    return float(similarity[outside].mean()) if outside.any() else 1.0


def _around_faces(faces_px: FloatArray, size_wh: tuple[int, int]) -> BoolArray:
    mask = np.zeros((size_wh[1], size_wh[0]), np.uint8)
    for face_px in faces_px:
        outline = face_px[list(FACE_OVAL), :2]
        wider = outline.mean(0) + 1.2 * (outline - outline.mean(0))
        cv2.fillPoly(mask, [wider.round().astype(np.int32)], 1)
    return mask.astype(bool)


def _luma(rgb: RgbImage) -> FloatArray:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.float32)


def _ssim(a: FloatArray, b: FloatArray) -> FloatArray:
    def mean(picture: FloatArray) -> FloatArray:
        return np.asarray(cv2.GaussianBlur(picture, (11, 11), 1.5), np.float32)

    mean_a, mean_b = mean(a), mean(b)
    spread_a, spread_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    shared = mean(a * b) - mean_a * mean_b
    steady, lively = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (2 * mean_a * mean_b + steady) * (2 * shared + lively)
    likest = (mean_a**2 + mean_b**2 + steady) * (spread_a + spread_b + lively)
    return (likeness / likest).astype(np.float32, copy=False)


@dataclass(frozen=True, eq=False)
class FacePair:
    """The same network square of source and swap, `(128, 128, 3)`, and its landmarks there."""

    source_rgb: RgbImage
    swapped_rgb: RgbImage
    points_px: FloatArray


def face_pair(source_rgb: RgbImage, swapped_rgb: RgbImage, face_px: FloatArray) -> FacePair:
    """Cut both frames `(H, W, 3)` by the source's landmarks `(478, 3)`."""
    transform = network_transform(five_points(face_px), _SQUARE_PX)
    return FacePair(
        cut(source_rgb, transform, _SQUARE_PX),
        cut(swapped_rgb, transform, _SQUARE_PX),
        apply_transform(transform, face_px),
    )


def seam_delta_e(pair: FacePair) -> float:
    """How much more colour changes across the face's outline than it did before the swap.

    CIE76 difference between a place just inside and one just outside the outline, all around,
    swap less source; what became smoother counts as 0.
    """
    outline = pair.points_px[list(FACE_OVAL), :2]
    centre = outline.mean(0)
    inside, outside = (centre + reach * (outline - centre) for reach in (0.85, 1.05))
    within = ((outside >= 0) & (outside < _SQUARE_PX)).all(1)
    jumps = [
        np.linalg.norm(_colours_at(rgb, inside) - _colours_at(rgb, outside), axis=1)
        for rgb in (pair.swapped_rgb, pair.source_rgb)
    ]
    more = np.maximum(jumps[0] - jumps[1], 0)[within]
    return float(more.mean()) if more.size else 0.0


def _colours_at(rgb: RgbImage, points_px: FloatArray) -> FloatArray:
    """Lab `(N, 3)` at points `(N, 2)`, averaged over a few pixels."""
    lab = cv2.GaussianBlur(to_lab(rgb), (0, 0), 1.5)
    x, y = np.ascontiguousarray(points_px.T.astype(np.float32))
    return np.asarray(cv2.remap(lab, x[:, None], y[:, None], cv2.INTER_LINEAR), np.float32)[:, 0]


def changes(before: FacePair, now: FacePair) -> tuple[float, float]:
    """Mean change of luma from one aligned face to the next, in the source and in the swap."""
    face = face_weight(now.points_px, _SQUARE_PX)
    return (
        face_change(before.source_rgb, now.source_rgb, face),
        face_change(before.swapped_rgb, now.swapped_rgb, face),
    )
