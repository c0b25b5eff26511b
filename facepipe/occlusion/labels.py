"""What is known of a face without anybody having painted it: its outline says where it is.

A label is a picture of bytes: `FACE` where the face shows, `NO_FACE` where it does not, `UNKNOWN`
where nobody can say. Around the outline nothing is known, as it is only as exact as the landmarks.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from facepipe.arrays import FloatArray
from facepipe.landmarks.regions import FACE_OVAL, fill_region

Label = NDArray[np.uint8]
FACE, UNKNOWN, NO_FACE = np.uint8(255), np.uint8(127), np.uint8(0)
_WITHIN, _BEYOND = 0.04, 0.07
"""Widths of the unknown band inside and outside the outline, as shares of the face's size."""


def outline_label(points_px: FloatArray, size_px: int) -> Label:
    """The label `(S, S)` of a face `(478, 2 or 3)` that nothing is before."""
    inside = fill_region(points_px, FACE_OVAL, (size_px, size_px)).astype(np.uint8)
    face_px = float(np.sqrt(max(cv2.contourArea(_oval(points_px)), 1.0)))
    deep = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_5)
    off = cv2.distanceTransform(1 - inside, cv2.DIST_L2, cv2.DIST_MASK_5)
    label = np.full((size_px, size_px), UNKNOWN, np.uint8)
    label[off > _BEYOND * face_px] = NO_FACE
    label[deep > _WITHIN * face_px] = FACE
    return label


def _oval(points_px: FloatArray) -> FloatArray:
    return np.ascontiguousarray(points_px[list(FACE_OVAL), :2], dtype=np.float32)
