"""Means, medians, ways between and outliers of unit vectors, in float64: order does not show."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepipe.arrays import BoolArray, check_shape
from facepipe.errors import BadInputError

_MAD_TO_DEVIATION = 1.4826  # of a normal distribution
_LEAST_FOR_OUTLIERS = 5  # below that, no face is usual enough to call another one odd
_ROUNDS = 100
_SMALL = 1e-6


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


def between(one: NDArray[Any], other: NDArray[Any], share: float) -> NDArray[np.float64]:
    """The unit vector `(D,)` that lies `share` of the way from one unit vector to another.

    On the great circle through both, so that equal steps of `share` are equal angles; the plain
    weighted sum hurries through the middle.

    Raises:
        BadInputError: They point in opposite directions, and every way is as short.
    """
    first, last = shares_between(one, other, share)
    mixed = first * one.astype(np.float64) + last * other.astype(np.float64)
    return mixed / np.linalg.norm(mixed)


def shares_between(one: NDArray[Any], other: NDArray[Any], share: float) -> tuple[float, float]:
    """What each of two unit vectors `(D,)` is multiplied by, for their sum to be `between` them.

    Raises:
        BadInputError: They point in opposite directions.
    """
    check_shape(one, ("D",), name="one")
    check_shape(other, (len(one),), name="other")
    first, last = one.astype(np.float64), other.astype(np.float64)
    # an arc cosine is blind to small angles
    angle = 2 * np.arctan2(np.linalg.norm(first - last), np.linalg.norm(first + last))
    if np.pi - angle < _SMALL:
        raise BadInputError("two embeddings point in opposite directions; nothing lies between")
    if angle < _SMALL:
        return 1 - share, share
    parts = np.sin(np.array([1 - share, share]) * angle) / np.sin(angle)
    return float(parts[0]), float(parts[1])


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
