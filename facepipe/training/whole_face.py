"""The whole-face square of DFM files: where the network's square lies in it, and what is face."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepipe.arrays import FloatArray
from facepipe.compositing.masks import hull_mask
from facepipe.landmarks.alignment import (
    WHOLE_FACE,
    apply_transform,
    network_transform,
    similarity,
    whole_face_transform,
)
from facepipe.landmarks.regions import five_points

_FEATHER = 0.04  # readers erode and blur the mask once more
_RIM = 1 / 32  # of the network's square
_KEYS = -0.5


@dataclass(frozen=True)
class Square:
    """Where the network's square lies in the whole-face square.

    Attributes:
        size_px: side of the whole-face square.
        network_px: side of the network's.
        scale: a pixel of the whole-face square in pixels of the network's.
        shift_px: `(2,)` x and y of the whole-face square's first pixel in the network's.
    """

    size_px: int
    network_px: int
    scale: float
    shift_px: FloatArray


def network_square(points_px: FloatArray, size_px: int, network_px: int) -> Square:
    """Where the network's square lies, at the median of these faces.

    How the two templates lie to each other depends on a face's proportions; it hardly turns.

    Args:
        points_px: `(N, 478, 3)` landmarks, in pixels of stored faces.
        size_px: side of the whole-face square.
        network_px: side of the network's.
    """
    middle = np.full(2, (size_px - 1) / 2)
    fives = five_points(points_px)
    back = np.stack([similarity(WHOLE_FACE * size_px, five) for five in fives])
    on = np.stack([network_transform(five, network_px) for five in fives])
    scale = float(np.median(np.sqrt(np.linalg.det(on[..., :2] @ back[..., :2]))))
    middles = on[..., :2] @ (back[..., :2] @ middle + back[..., 2])[..., None] + on[..., 2:]
    shift_px = np.median(middles[..., 0], axis=0) - scale * middle
    return Square(size_px, network_px, scale, shift_px.astype(np.float32))


def face_share(points_px: FloatArray, size_px: int) -> FloatArray:
    """Which share of faces `(N, 478, 3)`, in pixels of stored faces, covers each pixel.

    Returns `(size_px, size_px)` of the whole-face square, 0 to 1; each face counts half at its
    outline.
    """
    total = np.zeros((size_px, size_px), np.float64)
    for points, five in zip(points_px, five_points(points_px), strict=True):
        placed = apply_transform(whole_face_transform(five, size_px), points)
        total += hull_mask(placed, (size_px, size_px), erosion=-_FEATHER / 2, feather=_FEATHER)
    return (total / len(points_px)).astype(np.float32)


def cover(square: Square) -> FloatArray:
    """`(S, S)` of the whole-face square: 1 where the network draws, fading to 0 at its rim."""
    rises: list[NDArray[np.float64]] = []
    rim_px = _RIM * square.network_px
    for shift in square.shift_px:
        at = square.scale * np.arange(square.size_px) + shift
        rises.append(np.clip(np.minimum(at, square.network_px - 1 - at) / rim_px, 0, 1))
    across, down = rises
    return np.minimum(across[None, :], down[:, None]).astype(np.float32)


def to_network(square: Square) -> tuple[FloatArray, FloatArray]:
    """Weights `(network_px, size_px)` that cut the network's columns, and its rows."""
    across, down = (
        _resampling(square.network_px, square.size_px, 1 / square.scale, -shift / square.scale)
        for shift in square.shift_px
    )
    return across, down


def from_network(square: Square) -> tuple[FloatArray, FloatArray]:
    """Weights `(size_px, network_px)` that lay the network's columns back, and its rows."""
    across, down = (
        _resampling(square.size_px, square.network_px, square.scale, shift)
        for shift in square.shift_px
    )
    return across, down


def _resampling(count: int, size: int, scale: float, shift: float) -> FloatArray:
    """Weights `(count, size)` that read value i off a line of `size` at `scale * i + shift`.

    Keys' cubic (1981), widened where the line is finer than what is read, so that nothing
    aliases; beyond its ends the line goes on as it ended.
    """
    at = np.clip(scale * np.arange(count) + shift, 0, size - 1)
    away = np.abs(at[:, None] - np.arange(size)) / max(scale, 1.0)
    near = (_KEYS + 2) * away**3 - (_KEYS + 3) * away**2 + 1
    far = _KEYS * (away**3 - 5 * away**2 + 8 * away - 4)
    weights = np.where(away < 1, near, np.where(away < 2, far, 0))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
