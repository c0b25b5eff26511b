"""Means, medians and outliers of unit vectors; all in float64, so that order does not show."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepipe.arrays import BoolArray, check_shape

_MAD_TO_DEVIATION = 1.4826  # of a normal distribution
_LEAST_FOR_OUTLIERS = 5  # below that, no face is usual enough to call another one odd
_ROUNDS = 100


def mean_direction(vectors: NDArray[Any]) -> NDArray[np.float64]:
    """The unit vector `(D,)` with the largest mean cosine to unit vectors `(N, D)`, N > 0."""
    check_shape(vectors, ("N", "D"), name="vectors")
    total = vectors.astype(np.float64).sum(axis=0)
    return total / np.linalg.norm(total)


def median_direction(vectors: NDArray[Any]) -> NDArray[np.float64]:
    """The direction of the geometric median of unit vectors `(N, D)`, N > 0 (Weiszfeld 1937).

    Unlike the mean it does not follow a few vectors that point elsewhere.
    """
    exact = vectors.astype(np.float64)
    centre = exact.mean(axis=0)
    for _ in range(_ROUNDS):
        near = 1 / np.maximum(np.linalg.norm(exact - centre, axis=1), 1e-9)
        moved = near @ exact / near.sum()
        done = np.linalg.norm(moved - centre) < 1e-12
        centre = moved
        if done:
            break
    return centre / np.linalg.norm(centre)


def outliers(vectors: NDArray[Any], mads: float, least_gap: float) -> BoolArray:
    """`(N,)` true for unit vectors that point away from where the others point.

    Args:
        vectors: `(N, D)` unit vectors; of fewer than 5 none is an outlier.
        mads: How many scaled median absolute deviations below the median cosine to the median
            direction a vector must lie.
        least_gap: And how far below at least, because frames of a still head hardly deviate.
    """
    if len(vectors) < _LEAST_FOR_OUTLIERS:
        return np.zeros(len(vectors), bool)
    cosine = vectors.astype(np.float64) @ median_direction(vectors)
    usual = np.median(cosine)
    deviation = _MAD_TO_DEVIATION * np.median(np.abs(cosine - usual))
    return cosine < usual - max(mads * deviation, least_gap)
