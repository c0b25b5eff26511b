"""Ways to give a face the colours of another picture, each told by one array of what it measures.

Such an array can be averaged over time, and a way from one to another can be gone in part.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import sqrtm

from facepipe.arrays import FloatArray
from facepipe.compositing.colour import ColourStatistics, lab_statistics, move_colours

Measured = NDArray[np.float64]
QUANTILES = 33
_LEAST_SPREAD = 1.0  # of L 0-100: below it, noise would be stretched into a pattern


class Transfer(NamedTuple):
    """How colours are measured, and moved by what was measured.

    Attributes:
        measure: of `(H, W, 3)` Lab under a mask `(H, W)`, which must not be 0 everywhere.
        move: `(H, W, 3)` Lab from what was measured of it to what is wanted.
    """

    measure: Callable[[FloatArray, FloatArray], Measured]
    move: Callable[[FloatArray, Measured, Measured], FloatArray]


def _mean_and_deviation(lab: FloatArray, mask: FloatArray) -> Measured:
    """`(2, 3)`."""
    statistics = lab_statistics(lab, mask)
    return np.stack([statistics.mean, statistics.deviation]).astype(np.float64)


def _by_mean_and_deviation(lab: FloatArray, own: Measured, wanted: Measured) -> FloatArray:
    mine, theirs = (ColourStatistics(*pair.astype(np.float32)) for pair in (own, wanted))
    return move_colours(lab, mine, theirs)


def _mean_and_covariance(lab: FloatArray, mask: FloatArray) -> Measured:
    """`(4, 3)`: the mean, and three rows of covariance."""
    values = lab[mask > 0].astype(np.float64)
    weights = mask[mask > 0].astype(np.float64)
    covariance = np.cov(values, rowvar=False, aweights=weights, bias=True)
    return np.vstack([np.average(values, axis=0, weights=weights), covariance])


def _by_covariance(lab: FloatArray, own: Measured, wanted: Measured) -> FloatArray:
    """The linear map that moves colours least (Pitié and Kokaram 2007)."""
    firm = _LEAST_SPREAD**2 * np.eye(3)
    root = np.real(sqrtm(own[1:] + firm))
    inverse = np.linalg.inv(root)
    turn = inverse @ np.real(sqrtm(root @ (wanted[1:] + firm) @ root)) @ inverse
    moved = (lab - own[0]) @ turn + wanted[0]
    return _lit(lab, moved, float(own[0, 0]))


def _quantiles(lab: FloatArray, mask: FloatArray) -> Measured:
    """`(33, 3)`: of each channel, evenly spaced."""
    return np.quantile(lab[mask > 0], np.linspace(0, 1, QUANTILES), axis=0).astype(np.float64)


def _by_quantiles(lab: FloatArray, own: Measured, wanted: Measured) -> FloatArray:
    """Each channel's histogram as wanted; beyond its ends, shifted as at the end."""
    moved = np.empty(lab.shape, np.float64)
    rising = np.linspace(0, 1e-3, len(own))  # equal quantiles would leave a choice
    for k in range(3):
        shift = np.interp(lab[..., k], own[:, k] + rising, wanted[:, k] - own[:, k])
        moved[..., k] = lab[..., k] + shift
    return _lit(lab, moved, float(own[len(own) // 2, 0]))


def _lit(lab: FloatArray, moved: NDArray[np.float64], usual_light: float) -> FloatArray:
    """Moved in full where it is as light as usual: black hair has no colour to change."""
    lit = np.clip(lab[..., :1] / max(usual_light, 1.0), 0, 1)
    return np.asarray(lab + lit * (moved - lab), np.float32)


TRANSFERS: dict[str, Transfer] = {
    "mean_std": Transfer(_mean_and_deviation, _by_mean_and_deviation),
    "mkl": Transfer(_mean_and_covariance, _by_covariance),
    "histogram": Transfer(_quantiles, _by_quantiles),
}
