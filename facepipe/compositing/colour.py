"""Give one picture the colours of another, by mean and spread in Lab (Reinhard et al. 2001)."""

from dataclasses import dataclass

import cv2
import numpy as np

from facepipe.arrays import FloatArray, RgbImage
from facepipe.errors import NoFaceError

_COARSE_PX = 48  # light changes slowly: it is compared on a picture of this size
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


def light_difference(
    lab: FloatArray, like_lab: FloatArray, mask: FloatArray, reach_px: float
) -> FloatArray:
    """What a broad look at both pictures under the mask tells apart, `(H, W, 3)` Lab.

    Only pixels of the mask `(H, W)` are looked at, so nothing from beyond its edge bleeds in.

    Args:
        lab: `(H, W, 3)` the picture to be corrected by adding the difference.
        like_lab: `(H, W, 3)` the picture it should look like.
        mask: weights, 0 to 1.
        reach_px: standard deviation of the look, in pixels: finer differences are not seen.
    """
    size_wh = (mask.shape[1], mask.shape[0])
    coarse_wh = (min(size_wh[0], _COARSE_PX), min(size_wh[1], _COARSE_PX))
    sigma = max(reach_px * coarse_wh[0] / size_wh[0], 0.3)
    weighted = np.dstack([(like_lab - lab) * mask[..., None], mask])
    coarse = cv2.resize(weighted, coarse_wh, interpolation=cv2.INTER_AREA)
    spread = cv2.GaussianBlur(coarse, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    difference = spread[..., :3] / np.maximum(spread[..., 3:], 1e-3)
    return cv2.resize(difference, size_wh, interpolation=cv2.INTER_LINEAR)
