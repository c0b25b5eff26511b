"""Smooth functions over grids: what shapes and colours of the synthetic people are made of.

Grids are channel-first, `(3, R, C)`, so that `x, y, z = grid` takes a surface apart.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.floating[Any]]
"""Numbers of any precision; single precision at run time wherever speed matters."""
Rgb: TypeAlias = tuple[float, float, float]
"""One colour, 0-255."""


def smooth_step(start: float, end: float, x: Floats) -> Floats:
    """0 before `start`, 1 after `end` (which may lie below `start`), an S-curve between."""
    t = np.clip((x - start) * (1 / (end - start)), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def bump(x: Floats, y: Floats, cx: float, cy: float, sx: float, sy: float) -> Floats:
    """A Gaussian hill of height 1 at (`cx`, `cy`), falling to 1/e at `sx` and `sy` from it."""
    return np.asarray(np.exp(-(((x - cx) / sx) ** 2) - ((y - cy) / sy) ** 2), np.float32)


def ridge(distance: Floats, width: float) -> Floats:
    """A Gaussian line of height 1 where `distance` is 0, falling to 1/e at `width`."""
    return np.asarray(np.exp(-((distance / width) ** 2)), np.float32)


def xyz(x: Floats | float, y: Floats | float, z: Floats | float) -> Floats:
    """Stack three coordinates, broadcast against each other, into `(3, ...)`."""
    return np.stack(np.broadcast_arrays(x, y, z)).astype(np.float32, copy=False)


def colour_of(rgb: Rgb, tint: Rgb = (1, 1, 1)) -> Floats:
    """`rgb` times `tint` as `(3, 1, 1)`, to be broadcast over a grid."""
    return (np.array(rgb, np.float32) * np.array(tint, np.float32))[:, None, None]


def mix(rgb: Floats, colour: Floats, share: Floats) -> Floats:
    """`(3, R, C)`: `rgb` where `share` `(R, C)` is 0, `colour` (broadcast) where it is 1."""
    return rgb + (colour - rgb) * share.astype(np.float32, copy=False)


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], rows: int, cols: int) -> Floats:
    """Unit normal noise with `rows` times `cols` blobs, interpolated to `shape`."""
    coarse = rng.standard_normal((rows, cols), dtype=np.float32)
    return np.asarray(cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def blurred(plane: Floats, sigma: float) -> Floats:
    """A plane `(R, C)`, or a picture `(R, C, 3)`, under a Gaussian of `sigma` samples."""
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.float32)


def curve(x: Floats, knots: Sequence[float] | Floats, values: Sequence[float] | Floats) -> Floats:
    """The broken line through (`knots`, `values`), at `x`; constant beyond its ends."""
    line: Floats = np.interp(x, knots, values)
    return line.astype(np.float32)
