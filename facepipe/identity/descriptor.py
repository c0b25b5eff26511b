"""A face as 512 numbers without any learnt weights: gradients and skin tints of the aligned crop.

Two descriptions of the middle of the 112 px square are joined: histograms of gradient directions
(Dalal and Triggs 2005, with Hellinger roots) and the tint of each place against the face's own mean
tint, so that neither brightness nor the colour of the light counts. Each is averaged with that of
the mirrored crop, which takes away most of what a turn of the head changes. Random Fourier features
with orthonormal directions (Rahimi and Recht 2007; Yu et al. 2016) then make the cosine of two
results exp(-d**2 / 2), with d the distance of the descriptions: near 1 for the same picture,
towards 0 for unlike ones, with no mean face to be learnt and taken off.
"""

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facepipe.arrays import FloatArray, RgbImage

EMBEDDING_SIZE = 512
DESCRIPTION_SIZE = 14 * 14 * 8 + 7 * 7 * 2

_CELL_PX = 8
_DIRECTIONS = 8
_BIN = 2 * np.pi / _DIRECTIONS
_MIRRORED = (4 - np.arange(_DIRECTIONS)) % _DIRECTIONS  # a direction's bin in the mirror
_TINT_PX = 16
_SEED = 20_240_112
_STEP = 2.0**-20  # projections are rounded to it, so that every linear algebra library agrees
# An ellipse about the middle of the face: what hair, hat and background show says little of who it
# is, and a swapped face keeps the target's.
_ROWS, _COLUMNS = np.mgrid[0:112, 0:112].astype(np.float32)
_WINDOW = np.exp(-((((_COLUMNS - 56) / 33) ** 2 + ((_ROWS - 68) / 40) ** 2) ** 3))
# Median distances between unlike people on the trial clips: each description then counts as told.
_SHAPE_SCALE, _TINT_SCALE = 0.455, 0.429
_TINT_SHARE = 1.2
_WIDTH = 0.89  # unlike people then come to a cosine of about 0.25, frames of one clip to 0.83


def describe_face(crop_rgb: RgbImage) -> FloatArray:
    """The `(512,)` unit-norm descriptor of one aligned crop `(112, 112, 3)`."""
    description = _description(crop_rgb)
    waves = _directions() @ description
    both = np.concatenate([np.cos(waves), np.sin(waves)])
    return (both / np.linalg.norm(both)).astype(np.float32)


@cache
def projection() -> NDArray[np.float32]:
    """The fixed `(256, D)` orthonormal rows, the same on every machine and numpy version.

    Only the raw integers of PCG64 are promised to stay, so the normal numbers are made here.
    """
    rows = EMBEDDING_SIZE // 2
    uniform = np.random.PCG64(_SEED).random_raw(2 * rows * DESCRIPTION_SIZE).astype(np.float64)
    radius, turn = ((uniform + 0.5) / 2.0**64).reshape(2, DESCRIPTION_SIZE, rows)
    normal = np.sqrt(-2 * np.log(radius)) * np.cos(2 * np.pi * turn)
    q, r = np.linalg.qr(normal)
    return (np.round((q * np.sign(np.diag(r))).T / _STEP) * _STEP).astype(np.float32)


@cache
def _directions() -> NDArray[np.float32]:
    # A Gaussian direction in D dimensions has a length of nearly sqrt(D).
    return projection() * np.float32(np.sqrt(DESCRIPTION_SIZE) / _WIDTH)


def _description(crop_rgb: RgbImage) -> FloatArray:
    """`(D,)`: distances between these are what tells faces apart."""
    rgb = crop_rgb.astype(np.float32)
    cells, tints = _shape(rgb), _tint(rgb)
    shape = (cells + cells[:, ::-1, _MIRRORED]) / (2 * _SHAPE_SCALE)
    tint = (tints + tints[:, ::-1]) / (2 * _TINT_SCALE)
    return np.concatenate([shape.ravel(), tint.ravel() * np.float32(np.sqrt(_TINT_SHARE))])


def _shape(rgb: NDArray[Any]) -> FloatArray:
    """Histograms of gradient directions `(14, 14, 8)`, unit norm."""
    grey = cv2.GaussianBlur(rgb @ np.array([0.299, 0.587, 0.114], np.float32), (0, 0), 1)
    down, across = np.gradient(grey)
    turns, weight = np.arctan2(down, across) / _BIN, np.hypot(across, down) * _WINDOW
    first = np.floor(turns)
    votes = np.zeros((112, 112, _DIRECTIONS), np.float32)
    for step, share in ((0, first + 1 - turns), (1, turns - first)):
        bins = (first.astype(np.intp) + step) % _DIRECTIONS
        np.put_along_axis(votes, bins[..., None], (weight * share)[..., None], axis=-1)
    cells = _centres(cv2.GaussianBlur(votes, (0, 0), _CELL_PX / 2))
    strength = cv2.GaussianBlur(np.linalg.norm(cells, axis=-1), (0, 0), 1)[..., None]
    shares = np.sqrt(cells / (strength + 0.02 * strength.mean() + 1e-6))
    weighted = shares * np.sqrt(_centres(_WINDOW))[..., None]
    return weighted / (np.linalg.norm(weighted) + 1e-6)


def _tint(rgb: NDArray[Any]) -> FloatArray:
    """Red and blue against green, less the face's mean, `(7, 7, 2)`; norm below 1."""
    bright = rgb + 8  # the logarithm of a black pixel is noise
    tints = np.stack([np.log(bright[..., k] / bright[..., 1]) for k in (0, 2)], -1)
    weight = _WINDOW[..., None].astype(np.float32)
    mean = (tints * weight).sum((0, 1)) / weight.sum()
    side = 112 // _TINT_PX
    coarse = cv2.resize((tints - mean) * weight, (side, side), interpolation=cv2.INTER_AREA)
    # Taking half of its norm away makes pale and saturated pictures of a face comparable.
    return coarse / (np.linalg.norm(coarse) + 0.3)


def _centres(plane: NDArray[Any]) -> NDArray[Any]:
    return plane[_CELL_PX // 2 :: _CELL_PX, _CELL_PX // 2 :: _CELL_PX]
