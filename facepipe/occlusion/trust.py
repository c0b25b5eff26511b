"""How far an occluder is to be believed about one person, place by place of their face.

An occluder that never saw a beard like somebody's takes it for a thing before them, in every frame.
What truly lies before a face comes and goes: elsewhere in the same film the place is seen bare.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from facepipe.arrays import FloatArray

LOOKS = 48
"""Faces looked at, spread in time."""
_LEAST_LOOKS = 8
_BARE = 0.9
"""Quantile of all looks: a tenth of them has to find the place bare."""
_UNSURE, _SURE = 0.7, 0.9
_SOFT_PX = 4.0


def trust(looks: Sequence[FloatArray]) -> FloatArray | None:
    """How far what is said of each place counts, `(256, 256)` 0 to 1; none of few looks.

    Args:
        looks: shares `(256, 256)` of the face that an occluder saw, over a person's time.
    """
    if len(looks) < _LEAST_LOOKS:
        return None
    best = cv2.GaussianBlur(
        np.quantile(np.stack(looks), _BARE, axis=0).astype(np.float32), (0, 0), _SOFT_PX
    )
    return np.asarray(np.clip((best - _UNSURE) / (_SURE - _UNSURE), 0, 1), np.float32)


def believed(shares: FloatArray, trusted: FloatArray | None) -> FloatArray:
    """Shares `(256, 256)` of which only what is trusted can say that the face is hidden."""
    return shares if trusted is None else np.asarray(1 - (1 - shares) * trusted, np.float32)


def spread(count: int) -> list[int]:
    """Which of so many faces to look at."""
    return np.unique(np.linspace(0, count - 1, min(count, LOOKS)).round().astype(int)).tolist()
