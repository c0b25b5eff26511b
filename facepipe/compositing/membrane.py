"""Blend in the gradient domain: a face keeps its own detail and takes the seam's colours.

Poisson blending (Pérez et al. 2003) adds to a face the smoothest picture, a membrane, that has the
wanted values along the seam. A membrane is so smooth that it is solved on few, wide cells, where
the noise of single pixels is averaged away: it then does not tremble from frame to frame.
"""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

from facepipe.arrays import FloatArray, RgbImage, check_shape

CELLS = 32
"""A membrane has so many cells on each side: the seam is as wide as one or two of them."""


def membrane(
    face_rgb: RgbImage, there_rgb: RgbImage, seam: FloatArray, reach_px: float
) -> FloatArray:
    """What a face lacks of what was there, `(32, 32, 3)`, 0-255: as at the seam, else smooth.

    What it lacks on the whole is carried everywhere, what it lacks in places fades out over
    `reach_px`: a beard's shadow stays near the jaw.

    Args:
        face_rgb: `(S, S, 3)`.
        there_rgb: `(S, S, 3)`.
        seam: `(S, S)` 0 to 1, where both are to agree.
        reach_px: how far into the face what is lacking in places is carried.
    """
    check_shape(there_rgb, face_rgb.shape, name="there_rgb")
    check_shape(seam, face_rgb.shape[:2], name="seam")
    weight = reduced(seam)
    if not weight.any():
        return np.zeros((CELLS, CELLS, 3), np.float32)
    difference = cv2.subtract(there_rgb, face_rgb, dtype=cv2.CV_32F) * seam[..., None]
    lacking = reduced(difference) / np.maximum(weight, 1e-6)[..., None]
    weight = weight / (1 + (lacking**2).mean(2) / _FOREIGN**2) ** 2
    usual = (weight[..., None] * lacking).sum((0, 1)) / weight.sum()
    reach_cells = max(reach_px * CELLS / len(seam), 1e-3)
    return usual + _smoothest(lacking - usual, weight, 1 / reach_cells**2)


def lay_over(face_rgb: RgbImage, membrane: FloatArray) -> RgbImage:
    """A face `(S, S, 3)` with a membrane `(h, w, 3)` added."""
    size_wh = (face_rgb.shape[1], face_rgb.shape[0])
    return np.asarray(cv2.add(face_rgb, cv2.resize(membrane, size_wh), dtype=cv2.CV_8U), np.uint8)


def reduced(picture: FloatArray) -> FloatArray:
    """A picture `(S, S[, C])` in 32 by 32 cells."""
    cells = cv2.resize(picture, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    return np.asarray(cells, np.float32)


def _smoothest(wanted: FloatArray, weight: FloatArray, screen: float) -> FloatArray:
    """`(32, 32, 3)` least in slope, in size by `screen`, and in weighted distance from `wanted`."""
    bands = _slopes().copy()
    bands[0] += _FIRM * weight.ravel() + screen
    pull = (_FIRM * weight[..., None] * wanted).reshape(-1, 3)
    solved = solveh_banded(bands, pull, lower=True, overwrite_ab=True, check_finite=False)
    return np.asarray(solved.reshape(wanted.shape), np.float32)


@lru_cache(1)
def _slopes() -> NDArray[np.float64]:
    """The Laplacian of a grid of cells with free borders, in the bands that LAPACK solves."""
    neighbours = np.full((CELLS, CELLS), 4.0)
    for edge in (0, -1):
        neighbours[edge] -= 1
        neighbours[:, edge] -= 1
    right, down = -np.ones((CELLS, CELLS)), -np.ones((CELLS, CELLS))
    right[:, -1] = down[-1] = 0
    bands = np.zeros((CELLS + 1, CELLS**2))
    bands[0], bands[1], bands[CELLS] = neighbours.ravel(), right.ravel(), down.ravel()
    return bands


_FIRM = 30.0  # a cell of the seam counts as much as the slopes of so many others
_FOREIGN = 50.0  # of 255: what differs by more is rather hair or background than skin
