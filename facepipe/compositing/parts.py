"""The parts of a face that can be left as they are while the rest is swapped."""

from collections.abc import Collection

import cv2
import numpy as np
from numpy.typing import NDArray

from facepipe.arrays import FloatArray
from facepipe.compositing.masks import face_size_px
from facepipe.landmarks.regions import LEFT_BROW, LEFT_EYE, LIPS_INNER, RIGHT_BROW, RIGHT_EYE

_CHIN = (365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136, 83, 18, 313)
"""The jaw between both ends of the chin, and the crease below the lower lip."""
PARTS = {
    "brows": (RIGHT_BROW, LEFT_BROW),
    "eyes": (RIGHT_EYE, LEFT_EYE),
    "mouth": (LIPS_INNER,),
    "chin": (_CHIN,),
}
"""Outlines by the part's name; each is taken as convex, but for the opening of the mouth."""


def without_parts(
    points_px: FloatArray, size_wh: tuple[int, int], parts: Collection[str], *, feather: float
) -> FloatArray:
    """`(H, W)` 0 on the given parts, and rising to 1 around them.

    Args:
        points_px: `(478, 2 or 3)` in pixels of the mask.
        size_wh: size of the mask.
        parts: keys of `PARTS`.
        feather: width of the rise, as a share of the face's size.
    """
    elsewhere = np.ones((size_wh[1], size_wh[0]), np.uint8)
    for part in parts:
        for outline in PARTS[part]:
            _clear(elsewhere, points_px[list(outline), :2], convex=part != "mouth")
    if elsewhere.all():
        return elsewhere.astype(np.float32)
    away_px = cv2.distanceTransform(elsewhere, cv2.DIST_L2, cv2.DIST_MASK_5)
    feather_px = max(feather * face_size_px(points_px), 1.0)
    share = np.clip(np.asarray(away_px, np.float32) / np.float32(feather_px), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def _clear(mask: NDArray[np.uint8], outline_px: FloatArray, *, convex: bool) -> None:
    """Writes 0 into a mask inside an outline `(N, 2)`."""
    points = (outline_px * 16).round().astype(np.int32)
    if convex:
        cv2.fillConvexPoly(mask, cv2.convexHull(points), 0, shift=4)
    else:
        cv2.fillPoly(mask, [points], 0, shift=4)
