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
        mean = (1 - share) * self.mean + share * other.mean
        deviation = (1 - share) * self.deviation + share * other.deviation
        return ColourStatistics(mean.astype(np.float32), deviation.astype(np.float32))


def to_lab(rgb: RgbImage | FloatArray) -> FloatArray:
    """`(H, W, 3)` of 0-255 as CIE L 0-100, a and b, float32."""
    share = np.multiply(rgb, np.float32(1 / 255), dtype=np.float32)
    return np.asarray(cv2.cvtColor(share, cv2.COLOR_RGB2Lab), np.float32)


def from_lab(lab: FloatArray) -> RgbImage:
    """`(H, W, 3)` Lab back as RGB, clipped to what a screen can show."""
    share = cv2.cvtColor(lab, cv2.COLOR_Lab2RGB)
    # rounds and clips in one go
    return np.asarray(cv2.addWeighted(share, 255, share, 0, 0, dtype=cv2.CV_8U), np.uint8)


def lab_statistics(lab: FloatArray, mask: FloatArray) -> ColourStatistics:
    """The colours of `(H, W, 3)` Lab under a mask `(H, W)` of weights.

    Raises:
        NoFaceError: The mask is 0 everywhere.
    """
    counted = np.flatnonzero(mask > 0)
    weights = mask.ravel()[counted].astype(np.float64)
    values = lab.reshape(-1, 3).take(counted, axis=0).astype(np.float64)
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
    vividness = min(max(dimming, 1 / _MOST_STRETCH), _MOST_STRETCH)
    light = lab[..., 0]
    lit = np.clip(light / max(float(own.mean[0]), 1.0), 0, 1)
    moved = np.empty(lab.shape, np.float32)
    contrast = np.float32(stretch - 1) * (light - own.mean[0])
    moved[..., 0] = light + lit * (contrast + (wanted.mean[0] - own.mean[0]))
    for k in (1, 2):
        shift = wanted.mean[k] - own.mean[k] * np.float32(vividness)
        moved[..., k] = lab[..., k] * np.float32(vividness) + lit * shift
    return moved


def masked_difference(lab: FloatArray, like_lab: FloatArray, mask: FloatArray) -> FloatArray:
    """What one picture lacks of another, and where it was looked at, for `spread_out`.

    `(H, W, 4)`: the difference of two `(H, W, 3)` Lab under a mask `(H, W)` of weights, and that.
    """
    return np.dstack([(like_lab - lab) * mask[..., None], mask])


def spread_out(difference: FloatArray, reach_px: float) -> FloatArray:
    """What a broad look at a masked difference `(H, W, 4)` tells, `(H, W, 3)` Lab.

    Only what was under the mask is looked at, so nothing from beyond its edge bleeds in.
    `reach_px` is the standard deviation of the look: finer differences are not seen.
    """
    sigma = max(reach_px, 0.3)
    spread = np.asarray(
        cv2.GaussianBlur(difference, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT), np.float32
    )
    weight = np.maximum(spread[..., 3:], 1e-3, dtype=np.float32)
    return np.divide(spread[..., :3], weight, dtype=np.float32)
