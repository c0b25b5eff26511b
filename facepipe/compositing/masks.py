"""Soft masks of a face and its parts, each exactly 0 outside and fading over a stated distance."""

import cv2
import numpy as np
from numpy.typing import NDArray

from facepipe.arrays import FloatArray, IntArray
from facepipe.landmarks.regions import (
    FACE_OVAL,
    LEFT_BROW,
    LEFT_EYE,
    LIPS_INNER,
    RIGHT_BROW,
    RIGHT_EYE,
    fill_region,
)

_COARSE_PX = 32  # the depth in a convex outline is so plain that it is computed on so many pixels


def face_size_px(points_px: FloatArray) -> float:
    """The size of a face `(478, 2 or 3)`: the square root of its outline's area, in pixels."""
    return float(np.sqrt(cv2.contourArea(_outline(points_px, FACE_OVAL))))


def face_depth(points_px: FloatArray, size_wh: tuple[int, int]) -> FloatArray:
    """How deep inside a face each pixel lies, `(H, W)`, as a share of its size; negative outside.

    Args:
        points_px: `(478, 2 or 3)` in pixels of the result; its outline is taken as convex.
        size_wh: size of the result.
    """
    hull = cv2.convexHull(_outline(points_px, FACE_OVAL), clockwise=False)[:, 0].astype(np.float64)
    along = np.roll(hull, -1, axis=0) - hull
    normal = np.stack([along[:, 1], -along[:, 0]], 1) / np.linalg.norm(along, axis=1)[:, None]
    inward = normal * np.sign(((hull.mean(0) - hull) * normal).sum(1))[:, None]
    x, y = (_coarse_centres(length) for length in size_wh)
    # to each edge's line: (x - corner) @ inward; the nearest line is the outline
    across = np.outer(inward[:, 0], x) - (hull * inward).sum(1)[:, None]
    down = np.outer(inward[:, 1], y)
    lines = across[:, None, :].astype(np.float32) + down[:, :, None].astype(np.float32)
    depth_px = lines.min(0)
    share = depth_px / np.float32(face_size_px(points_px))
    return np.asarray(cv2.resize(share, size_wh), np.float32)


def _coarse_centres(length: int) -> NDArray[np.float64]:
    """Where the pixels of a coarser grid have their centres in the finer one."""
    count = min(length, _COARSE_PX)
    return (np.arange(count, dtype=np.float64) + 0.5) * (length / count) - 0.5


def _outline(points_px: FloatArray, outline: tuple[int, ...]) -> FloatArray:
    return np.ascontiguousarray(points_px[list(outline), :2], dtype=np.float32)


def fade_in(depth: FloatArray, *, erosion: float, feather: float) -> FloatArray:
    """`(H, W)` from a depth `(H, W)`: 0 up to `erosion`, 1 from `feather` deeper on.

    Both are in the unit of the depth. A negative erosion reaches beyond the outline.
    """
    return _rise(depth - erosion, feather)


def hull_mask(
    points_px: FloatArray, size_wh: tuple[int, int], *, erosion: float, feather: float
) -> FloatArray:
    """The face `(H, W)`, 0 to 1: 0 outside its outline, and where the picture ends.

    Args:
        points_px: `(478, 2 or 3)` in pixels of the mask.
        size_wh: size of the mask.
        erosion: width of the band inside the outline left at 0, as a share of the face's size.
        feather: width of the band over which it rises to 1, as a share of the face's size.
    """
    inside = fade_in(face_depth(points_px, size_wh), erosion=erosion, feather=feather)
    return np.minimum(inside, border_fade(size_wh, feather * face_size_px(points_px)))


def border_fade(size_wh: tuple[int, int], feather_px: float) -> FloatArray:
    """`(H, W)` 0 at a picture's outermost pixels, rising to 1 over `feather_px`."""
    x, y = (
        _rise(np.minimum(np.arange(n), np.arange(n)[::-1]).astype(np.float32), feather_px)
        for n in size_wh
    )
    return np.minimum(x[None, :], y[:, None])


def mouth_interior_mask(
    points_px: FloatArray, size_wh: tuple[int, int], *, feather: float
) -> FloatArray:
    """What shows between the lips, `(H, W)`, 0 to 1; 0 on the lips themselves.

    `feather` is a share of the opening's own size, so that a small opening keeps its middle.
    """
    feather_px = feather * float(np.sqrt(cv2.contourArea(_outline(points_px, LIPS_INNER))))
    first, last = _bounds(_outline(points_px, LIPS_INNER), size_wh)
    # a pixel centre x of the mask lies at (x + 0.5) * finer - 0.5 of the finer drawing
    fine_px = ((points_px[:, :2] - first) * _FINER + (_FINER - 1) / 2).astype(np.float32)
    box_wh = (int(last[0] - first[0]), int(last[1] - first[1]))
    fine_wh = (box_wh[0] * _FINER, box_wh[1] * _FINER)
    inside = fill_region(fine_px, LIPS_INNER, fine_wh).astype(np.uint8)
    depth_px = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_5)
    fine = _rise(np.asarray(depth_px, np.float32), feather_px * _FINER)
    mask = np.zeros((size_wh[1], size_wh[0]), np.float32)
    mask[first[1] : last[1], first[0] : last[0]] = cv2.resize(
        fine, box_wh, interpolation=cv2.INTER_AREA
    )
    return mask


def _bounds(outline_px: FloatArray, size_wh: tuple[int, int]) -> tuple[IntArray, IntArray]:
    """First and after the last, x and y, of the pixels an outline `(N, 2)` reaches; never none."""
    first = np.clip(np.floor(outline_px.min(0)) - 1, 0, np.array(size_wh) - 1)
    last = np.clip(np.ceil(outline_px.max(0)) + 2, first + 1, size_wh)
    return first.astype(np.int32), last.astype(np.int32)


def skin_mask(points_px: FloatArray, size_wh: tuple[int, int]) -> FloatArray:
    """Nose and cheeks without the eyes, `(H, W)`, 0 or 1: where the colour of skin is measured.

    No beard, brow or fringe of hair grows there.
    """
    skin = np.zeros((size_wh[1], size_wh[0]), np.float32)
    _fill_around(skin, points_px, _CHEEKS, 1)
    for eye in (LEFT_EYE, RIGHT_EYE):
        cv2.fillPoly(skin, [_sixteenths(_outline(points_px, eye))], 0, shift=4)
    return skin


def above_mouth(points_px: FloatArray, size_wh: tuple[int, int]) -> FloatArray:
    """1 from the eyes upwards, 0 from the base of the nose downwards, `(H, W)`."""
    eyes, base = points_px[[468, 473], :2].mean(0), points_px[2, :2]
    up = (eyes - base) / max(float(((eyes - base) ** 2).sum()), 1e-6)
    x, y = np.arange(size_wh[0]) - base[0], np.arange(size_wh[1]) - base[1]
    return _rise((x * up[0])[None, :] + (y * up[1])[:, None], 1.0)


def without_eyes(mask: FloatArray, points_px: FloatArray) -> FloatArray:
    """The mask `(H, W)` with 0 over both eyes and brows."""
    bare = mask.copy()
    for socket in (RIGHT_EYE + RIGHT_BROW, LEFT_EYE + LEFT_BROW):
        _fill_around(bare, points_px, socket, 0)
    return bare


def _fill_around(
    mask: FloatArray, points_px: FloatArray, points: tuple[int, ...], value: float
) -> None:
    """Paints the convex hull of some points onto a mask."""
    around = cv2.convexHull(_outline(points_px, points))[:, 0]
    cv2.fillConvexPoly(mask, _sixteenths(np.asarray(around, np.float32)), value, shift=4)


def _sixteenths(outline_px: FloatArray) -> IntArray:
    """An outline in the unit of OpenCV's fills with `shift=4`."""
    return (outline_px * 16).round().astype(np.int32)


_CHEEKS = (117, 346, 168, 205, 425, 2)
"""Below both eyes, the root of the nose, the middle of both cheeks, the base of the nose."""
_FINER = 2  # the mouth is drawn twice as finely, so that moving lips move its mask smoothly


def _rise(depth_px: FloatArray, over_px: float) -> FloatArray:
    """0 up to depth 0, 1 from depth `over_px` on, between them a curve without corners."""
    share = np.clip(depth_px * np.float32(1 / max(over_px, 1e-3)), 0, 1, dtype=np.float32)
    return share * share * (3 - 2 * share)
