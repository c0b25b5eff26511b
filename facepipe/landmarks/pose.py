"""How a head is turned, from its 478 points.

Points that expression hardly moves are fitted to a canonical face by a similarity (Umeyama 1991);
the rotation is read as roll after yaw after pitch. The canonical positions are those of MediaPipe's
canonical face model in cm (canonical_face_model.obj, Apache-2.0), which is symmetric.
"""

import numpy as np
from numpy.typing import NDArray

from facepipe.arrays import FloatArray
from facepipe.errors import ShapeError
from facepipe.landmarks.regions import POINTS

_MIDDLE = {4: (0.0, -0.463, 7.587), 6: (0.0, 2.473, 5.789), 10: (0.0, 8.262, 4.482)}
_PAIRS = {
    (33, 263): (-4.446, 2.664, 3.173),  # outer and inner corners of the eyes
    (133, 362): (-1.856, 2.585, 3.758),
    (54, 284): (-6.279, 6.615, 1.426),  # forehead
    (67, 297): (-3.524, 8.006, 3.729),
    (117, 346): (-5.259, 0.946, 2.974),  # cheek bones
    (119, 348): (-3.301, 0.862, 3.873),
    (121, 350): (-1.821, 1.468, 4.224),
    (127, 356): (-7.743, 2.365, -2.005),  # temples
    (143, 372): (-6.408, 2.236, 1.561),
    (129, 358): (-1.786, -0.978, 4.850),  # nose
    (198, 420): (-1.247, 0.230, 5.681),
}
"""Point on the person's right and left; x to the image's right, y up, z towards the camera."""


def head_pose_deg(points_px: FloatArray) -> FloatArray:
    """Yaw (> 0: nose to the image's right), pitch (> 0: down) and roll (> 0: clockwise).

    Args:
        points_px: `(..., 478, 3)` x, y and depth in pixels; NaN where unseen.

    Returns:
        `(..., 3)` degrees; NaN where unseen.

    Raises:
        ShapeError: The points have another shape.
    """
    if points_px.shape[-2:] != (POINTS, 3):
        raise ShapeError(f"points_px must have shape (..., {POINTS}, 3), got {points_px.shape}")
    stable = points_px[..., _STABLE, :].astype(np.float64)
    seen = np.isfinite(stable).all(axis=(-2, -1))
    angles = np.full((*points_px.shape[:-2], 3), np.nan, np.float32)
    angles[seen] = _angles_deg(_rotations(stable[seen] * _TO_CAMERA))
    return angles


def _canonical() -> tuple[list[int], NDArray[np.float64]]:
    """Indices `K` and centred positions `(K, 3)`: x right, y down, z towards the camera."""
    indices, positions = list(_MIDDLE), list(_MIDDLE.values())
    for (right, left), (x, y, z) in _PAIRS.items():
        indices += [right, left]
        positions += [(x, y, z), (-x, y, z)]
    array = np.array(positions) * [1, -1, 1]
    return indices, array - array.mean(axis=0)


_STABLE, _FACE = _canonical()
_TO_CAMERA = np.array([1.0, 1.0, -1.0])  # MediaPipe's depth grows away from the camera


def _rotations(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rotations `(N, 3, 3)` that turn the canonical face towards points `(N, K, 3)`."""
    centred = points - points.mean(axis=1, keepdims=True)
    u, _, vt = np.linalg.svd(np.swapaxes(centred, 1, 2) @ _FACE)
    u[..., -1] *= np.linalg.det(u @ vt)[:, None]
    return u @ vt


def _angles_deg(rotations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Yaw, pitch, roll `(N, 3)` of rotations that are roll · yaw · pitch."""
    yaw = np.arcsin(np.clip(-rotations[:, 2, 0], -1, 1))
    pitch = np.arctan2(-rotations[:, 2, 1], rotations[:, 2, 2])
    roll = np.arctan2(rotations[:, 1, 0], rotations[:, 0, 0])
    return np.degrees(np.stack([yaw, pitch, roll], axis=1))
