"""Give a drawn face the grain and the sharpness of the picture it is laid over."""

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from facepipe.arrays import FloatArray, RgbImage


class Texture(NamedTuple):
    """What is finer than light and shape.

    Attributes:
        grain: standard deviation of what differs from one pixel to the next, of luma 0-255.
        detail: mean size of what a blur takes away, of luma 0-255.
    """

    grain: float
    detail: float


def texture_of(rgb: RgbImage, mask: FloatArray, blur_px: float) -> Texture:
    """That of a picture `(H, W, 3)` under a mask `(H, W)`; 0 where the mask is empty.

    `blur_px` is the standard deviation of the blur.
    """
    counted = mask > _COUNTED
    if not counted.any():
        return Texture(0.0, 0.0)
    luma = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.float32)
    # a median: edges are few, grain is everywhere (Immerkær 1996, made robust)
    uneven = np.abs(cv2.filter2D(luma, -1, _UNEVEN))[counted]
    fine = np.abs(luma - cv2.GaussianBlur(luma, (0, 0), blur_px))[counted]
    return Texture(float(np.median(uneven)) / (6 * _MEDIAN_OF_NORMAL), float(fine.mean()))


def with_detail(rgb: RgbImage, blur_px: float, times: float) -> RgbImage:
    """A picture `(H, W, 3)` whose detail is so many times as strong: softer below 1."""
    blurred = cv2.GaussianBlur(rgb, (0, 0), blur_px)
    return np.asarray(cv2.addWeighted(rgb, times, blurred, 1 - times, 0), np.uint8)


def with_grain(rgb: RgbImage, strength: float, seed: int) -> RgbImage:
    """A picture `(H, W, 3)` with grain of a standard deviation `strength`, the same for a seed."""
    if strength <= 0:
        return rgb
    rows, columns = rgb.shape[:2]
    down, right = np.random.default_rng(seed).integers(0, _TILE_PX, 2)
    tile = np.take(
        np.take(_tile(), np.arange(down, down + rows) % _TILE_PX, axis=0),
        np.arange(right, right + columns) % _TILE_PX,
        axis=1,
    )
    grain = cv2.merge([tile * np.float32(strength)] * 3)
    return np.asarray(cv2.add(rgb, grain, dtype=cv2.CV_8U), np.uint8)


@lru_cache(1)
def _tile() -> NDArray[np.float32]:
    """Grain of deviation 1, cut from a place of its own in every frame."""
    return np.random.default_rng(0).standard_normal((_TILE_PX, _TILE_PX)).astype(np.float32)


_TILE_PX = 509  # a prime: no row of a frame repeats the one before
_COUNTED = 0.5
_MEDIAN_OF_NORMAL = 0.6745  # the median of |x| of a normal distribution
_UNEVEN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
