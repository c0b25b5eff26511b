"""Soft masks of a face and its parts, each exactly 0 outside and fading over a stated distance."""

import cv2
import numpy as np
from numpy.typing import NDArray

from facepipe.arrays import FloatArray
from facepipe.landmarks.regions import (
    FACE_OVAL,
    LEFT_EYE,
    LIPS_INNER,
    LIPS_OUTER,
    RIGHT_EYE,
    fill_region,
)

_FINER = 2  # outlines are drawn twice as finely, so that a moving face moves its mask smoothly


def face_size_px(points_px: FloatArray) -> float:
    """The size of a face `(478, 2 or 3)`: the square root of its outline's area, in pixels."""
    outline = np.ascontiguousarray(points_px[list(FACE_OVAL), :2], dtype=np.float32)
    return float(np.sqrt(cv2.contourArea(outline)))


def hull_mask(
    points_px: FloatArray, size_wh: tuple[int, int], *, erosion: float, feather: float
) -> FloatArray:
    """The face `(H, W)`, 0 to 1: 0 outside its outline, and where the picture ends.

    Args:
        points_px: `(478, 2 or 3)` in pixels of the mask.
        size_wh: size of the mask.
        erosion: width of the band inside the outline left at 0, as a share of the face's size.
            Negative: how far the mask reaches beyond the outline.
        feather: width of the band over which it rises to 1, as a share of the face's size.
    """
    size = face_size_px(points_px)
    depth = outline_depth_px(points_px, FACE_OVAL, size_wh) - erosion * size
    return np.minimum(_rise(depth, feather * size), border_fade(size_wh, feather * size / 2))


def border_fade(size_wh: tuple[int, int], feather_px: float) -> FloatArray:
    """`(H, W)` 0 at a picture's outermost pixels, rising to 1 over `feather_px`."""
    x, y = (np.minimum(np.arange(n), np.arange(n)[::-1]).astype(np.float32) for n in size_wh)
    return _rise(np.minimum(x[None, :], y[:, None]), feather_px)


def mouth_interior_mask(
    points_px: FloatArray, size_wh: tuple[int, int], *, feather: float
) -> FloatArray:
    """What shows between the lips, `(H, W)`, 0 to 1; 0 on the lips themselves.

    `feather` is a share of the opening's own size, so that a small opening keeps its middle.
    """
    outline = np.ascontiguousarray(points_px[list(LIPS_INNER), :2], dtype=np.float32)
    feather_px = feather * float(np.sqrt(cv2.contourArea(outline)))
    return _rise(outline_depth_px(points_px, LIPS_INNER, size_wh), feather_px)


def skin_mask(points_px: FloatArray, size_wh: tuple[int, int], *, erosion: float) -> FloatArray:
    """The face without eyes and mouth, `(H, W)`, 0 or 1: where the colour of skin is measured."""
    depth = outline_depth_px(points_px, FACE_OVAL, size_wh)
    inside = depth > erosion * face_size_px(points_px)
    for part in (LEFT_EYE, RIGHT_EYE, LIPS_OUTER):
        inside &= ~fill_region(points_px, part, size_wh)
    return inside.astype(np.float32)


def outline_depth_px(
    points_px: FloatArray, outline: tuple[int, ...], size_wh: tuple[int, int]
) -> FloatArray:
    """How deep inside an outline each pixel lies, `(H, W)` in pixels; negative outside."""
    fine_wh = (size_wh[0] * _FINER, size_wh[1] * _FINER)
    # a pixel centre x of the mask lies at (x + 0.5) * finer - 0.5 of the finer drawing
    fine_px = points_px[:, :2] * _FINER + (_FINER - 1) / 2
    inside = fill_region(fine_px.astype(np.float32), outline, fine_wh).astype(np.uint8)
    depth = _distance_px(inside) - _distance_px(1 - inside)
    return cv2.resize(depth / _FINER, size_wh, interpolation=cv2.INTER_AREA)


def _distance_px(inside: NDArray[np.uint8]) -> FloatArray:
    """To the nearest 0, half a pixel less: the outline runs between pixels. 0 where already 0."""
    if inside.all():
        return np.full(inside.shape, max(inside.shape), np.float32)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_5)
    return np.maximum(distance - 0.5, 0).astype(np.float32)


def _rise(depth_px: FloatArray, over_px: float) -> FloatArray:
    """0 up to depth 0, 1 from depth `over_px` on, between them a curve without corners."""
    share = np.clip(depth_px / max(over_px, 1e-3), 0, 1)
    return (share * share * (3 - 2 * share)).astype(np.float32)
