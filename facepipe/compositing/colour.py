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
        mean = (1 - share) * self.mean + share * other.mean
        deviation = (1 - share) * self.deviation + share * other.deviation
        return ColourStatistics(mean.astype(np.float32), deviation.astype(np.float32))


def to_lab(rgb: RgbImage) -> FloatArray:
    """`(H, W, 3)` as CIE L 0-100, a and b, float32."""
    return np.asarray(cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2Lab), np.float32)


def from_lab(lab: FloatArray) -> RgbImage:
    """`(H, W, 3)` Lab back as RGB, clipped to what a screen can show."""
    rgb = cv2.cvtColor(lab, cv2.COLOR_Lab2RGB)
    return np.round(np.clip(rgb, 0, 1) * 255).astype(np.uint8)


def lab_statistics(lab: FloatArray, mask: FloatArray) -> ColourStatistics:
    """The colours of `(H, W, 3)` Lab under a mask `(H, W)` of weights.

    Raises:
        NoFaceError: The mask is 0 everywhere.
    """
    counted = mask > 0
    weights, values = mask[counted].astype(np.float64), lab[counted].astype(np.float64)
    if not weights.size:
        raise NoFaceError("the mask to measure colours under is empty; it must cover some skin")
    mean = weights @ values / weights.sum()
    variance = weights @ (values - mean) ** 2 / weights.sum()
    return ColourStatistics(mean.astype(np.float32), np.sqrt(variance).astype(np.float32))


def move_colours(
    lab: FloatArray, own: ColourStatistics, wanted: ColourStatistics, spread: float = 0.5
) -> FloatArray:
    """`(H, W, 3)` Lab with the wanted mean, and `spread` (0 to 1) of the way to its contrast.

    What is darker than the mean moves in proportion to its lightness: black hair has no colour
    to change, and a fixed shift would dye it. Less light means less colour as well: lips would
    glow if they kept all of theirs.
    """
    ratio = float(wanted.deviation[0] / max(float(own.deviation[0]), _LEAST_SPREAD))
    stretch = 1 + spread * (min(max(ratio, 1 / _MOST_STRETCH), _MOST_STRETCH) - 1)
    dimming = float(wanted.mean[0] / max(float(own.mean[0]), 1.0))
    kept = np.array([1, *[min(max(dimming, 1 / _MOST_STRETCH), _MOST_STRETCH)] * 2], np.float32)
    lit = np.clip(lab[..., :1] / max(float(own.mean[0]), 1.0), 0, 1)
    moved = lab * kept + lit * (wanted.mean - own.mean * kept)
    moved[..., 0] += lit[..., 0] * (stretch - 1) * (lab[..., 0] - own.mean[0])
    return moved.astype(np.float32, copy=False)


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
    return np.asarray(cv2.resize(difference, size_wh), np.float32)
