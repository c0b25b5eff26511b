"""How much an aligned face changes from one frame to the next: what is seen as flicker."""

import cv2
import numpy as np

from facepipe.arrays import FloatArray, RgbImage
from facepipe.compositing.masks import hull_mask

_LEAST_CHANGE = 0.1  # of 255: a still target would make any change look endless


def face_weight(points_px: FloatArray, size_px: int) -> FloatArray:
    """`(size_px, size_px)` 0 to 1, which pixels count as the face `(478, 3)`: not its rim."""
    return hull_mask(points_px, (size_px, size_px), erosion=0.05, feather=0.05)


def face_change(before_rgb: RgbImage, now_rgb: RgbImage, face: FloatArray) -> float:
    """Mean change of luma, 0 to 255, between aligned faces `(S, S, 3)` where `face` `(S, S)` is."""
    change = np.abs(_luma(now_rgb) - _luma(before_rgb))
    return float((change * face).sum()) / max(float(face.sum()), 1e-6)


def flicker_ratio(swap_change: float, source_change: float) -> float:
    """Mean change of the swapped face from frame to frame over that of the source's."""
    return swap_change / max(source_change, _LEAST_CHANGE)


def _luma(rgb: RgbImage) -> FloatArray:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.float32)
