"""Tell the shots of a clip apart by how much each frame differs from the one before.

A cut is a frame whose thumbnail differs from the one before by far more than its neighbours do: a
comparison with the surroundings, as in PySceneDetect's adaptive detector, so that fast motion and
shaky cameras do not count. A flash of one or two frames makes two such jumps side by side, which
hide each other. Shots of fewer than three frames are not told apart.
"""

import numpy as np
from numpy.typing import NDArray

from facepipe.arrays import BoolArray, FloatArray, IntArray

CUT_LEVELS = 5.0
CUT_RATIO = 3.0
# On the ten clips of real people used in development, the jump of a cut was 47 levels and at least
# 13 times its neighbours; motion reached 7.9 levels and, above 5 levels, 3.0 times its neighbours.
_NEIGHBOURS = 2
_NEAR_FRAMES = 4
"""How far a neighbour may lie: tripled frames are still passed over, a held picture is not."""


def scene_numbers(difference: FloatArray, repeats: BoolArray) -> IntArray:
    """The shot `(T,)` of each frame, counted from 0.

    Args:
        difference: `(T,)` mean absolute difference of each frame's luminance thumbnail to the
            last frame that was no repeat, in levels of 0-255; the first frame's does not count.
        repeats: `(T,)` frames that show the picture before them once more. They are passed over,
            so that doubled or tripled frames do not make motion look like a row of cuts.
    """
    fresh = np.flatnonzero(~repeats)
    cuts = np.zeros(len(difference), np.int32)
    cuts[fresh] = _is_cut(difference[fresh], fresh)
    return np.cumsum(cuts, dtype=np.int32)


def _is_cut(difference: FloatArray, place: NDArray[np.int64]) -> BoolArray:
    jump = difference.astype(np.float64)
    jump[:1] = 0
    around = np.zeros(len(jump))
    for step in range(1, _NEIGHBOURS + 1):
        near = place[step:] - place[:-step] <= _NEAR_FRAMES
        around[step:] = np.maximum(around[step:], jump[:-step] * near)
        around[:-step] = np.maximum(around[:-step], jump[step:] * near)
    return jump > CUT_LEVELS + CUT_RATIO * around
