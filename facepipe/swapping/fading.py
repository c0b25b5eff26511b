"""How much of a swap is shown from frame to frame: it comes and goes, it never pops."""

import math

import numpy as np

from facepipe.arrays import FloatArray

MOST_STEP = 0.25
"""No fade is shorter than four frames, however few frames a second has."""
_SIZE_FADE = 0.2  # of the least size: over so much more a face fades in


def room_share(room_deg: float, fade_deg: float) -> float:
    """Opacity of a face that could turn so much further before it is left alone, 0 to 1."""
    return float(np.clip(room_deg / max(fade_deg, 1e-6), 0, 1))


def size_share(size_px: float, least_px: float) -> float:
    """Opacity of a face of this size, 0 at the least size to 1 at a fifth more."""
    if least_px <= 0:
        return 1.0
    return float(np.clip((size_px / least_px - 1) / _SIZE_FADE, 0, 1))


def faded(opacity: FloatArray, pts_s: FloatArray, scene: FloatArray, fade_s: float) -> FloatArray:
    """The most opaque curve below `opacity` `(T,)` that rises and falls steadily.

    Within a shot it changes by no more than `MOST_STEP` a frame, and by no more than 1 in `fade_s`
    seconds, so that a swap fades in and out before a face leaves, turns too far or is lost, and
    is still 0 wherever `opacity` is. At a cut it may jump, as all else does.

    Args:
        opacity: of each frame by itself, 0 where the face is not seen or left alone.
        pts_s: `(T,)` times.
        scene: `(T,)` shot numbers.
        fade_s: seconds from nothing to all; 0 leaves the curve as it is.
    """
    if fade_s <= 0:
        return opacity
    step = np.minimum(np.diff(pts_s.astype(np.float64)) / fade_s, MOST_STEP)
    step[np.diff(scene) != 0] = math.inf
    curve = opacity.astype(np.float64)
    for frame in range(1, len(curve)):
        curve[frame] = min(curve[frame], curve[frame - 1] + step[frame - 1])
    for frame in range(len(curve) - 2, -1, -1):
        curve[frame] = min(curve[frame], curve[frame + 1] + step[frame])
    return curve.astype(np.float32)
