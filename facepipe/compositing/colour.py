"""Give one picture the colours of another, by mean and spread in Lab (Reinhard et al. 2001)."""

from dataclasses import dataclass

import cv2
import numpy as np

from facepipe.arrays import FloatArray, RgbImage
from facepipe.errors import NoFaceError

_LEAST_SPREAD = 1.0  # of 100: below it, noise would be stretched into a pattern
_MOST_STRETCH = 1.6  # a wider spread mostly means a hard shadow, which is not skin


@dataclass(frozen=True, eq=False)
class ColourStatistics:
    """Mean and standard deviation, `(3,)` each, of L 0-100, a and b under a mask."""

    mean: FloatArray
    deviation: FloatArray

    def towards(self, other: "ColourStatistics", share: float) -> "ColourStatistics":
        """These statistics moved `share` (0 to 1) of the way to others: a filter in time."""
        return ColourStatistics(
            self.mean + share * (other.mean - self.mean),
            self.deviation + share * (other.deviation - self.deviation),
        )


def to_lab(rgb: RgbImage) -> FloatArray:
    """`(H, W, 3)` as CIE L 0-100, a and b, float32."""
    return cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)


def from_lab(lab: FloatArray) -> RgbImage:
    """`(H, W, 3)` Lab back as RGB, clipped to what a screen can show."""
    rgb = cv2.cvtColor(lab, cv2.COLOR_Lab2RGB)
    return np.round(np.clip(rgb, 0, 1) * 255).astype(np.uint8)


def lab_statistics(lab: FloatArray, mask: FloatArray) -> ColourStatistics:
    """The colours of `(H, W, 3)` Lab under a mask `(H, W)` of weights.

    Raises:
        NoFaceError: The mask is 0 everywhere.
    """
    weight = float(mask.sum())
    if weight <= 0:
        raise NoFaceError("the mask to measure colours under is empty; it must cover some skin")
    mean = np.einsum("hwc,hw->c", lab, mask) / weight
    variance = np.einsum("hwc,hw->c", (lab - mean) ** 2, mask) / weight
    return ColourStatistics(mean.astype(np.float32), np.sqrt(variance).astype(np.float32))


def move_colours(
    lab: FloatArray, own: ColourStatistics, wanted: ColourStatistics, spread: float = 0.5
) -> FloatArray:
    """`(H, W, 3)` Lab with the wanted mean, and `spread` (0 to 1) of the way to its deviation."""
    ratio = wanted.deviation / np.maximum(own.deviation, _LEAST_SPREAD)
    stretch = 1 + spread * (np.clip(ratio, 1 / _MOST_STRETCH, _MOST_STRETCH) - 1)
    return (lab - own.mean) * stretch + wanted.mean


def match_colour(rgb: RgbImage, like_rgb: RgbImage, mask: FloatArray) -> RgbImage:
    """`rgb` `(H, W, 3)` in the colours that `like_rgb` of the same size shows under the mask."""
    lab = to_lab(rgb)
    own, wanted = lab_statistics(lab, mask), lab_statistics(to_lab(like_rgb), mask)
    return from_lab(move_colours(lab, own, wanted))
