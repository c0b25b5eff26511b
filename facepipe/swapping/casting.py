"""Which face of each frame is swapped, how strongly, and why the others are not."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from facepipe.arrays import FloatArray
from facepipe.landmarks.pose import head_pose_deg
from facepipe.landmarks.tracks import Landmarks
from facepipe.swapping.settings import SwapSettings

NO_FACE, SMALL_FACE, EXTREME_POSE = "no_face", "small_face", "extreme_pose"


@dataclass(frozen=True, eq=False)
class Cast:
    """The person's face in each of `T` frames.

    Attributes:
        points_px: `(T, 478, 3)` landmarks; NaN where the person is not seen.
        opacity: `(T,)` how much of the swap is shown, 0 to 1; 0 where `reason` is given.
        reason: why a frame is left alone; empty where it is swapped.
        scene: `(T,)` shot number.
        pts_s: `(T,)` time of the frame, in seconds.
    """

    points_px: FloatArray
    opacity: FloatArray
    reason: tuple[str, ...]
    scene: FloatArray
    pts_s: FloatArray


def cast(landmarks: Landmarks, tracks: AbstractSet[int], settings: SwapSettings) -> Cast:
    """The face of the given tracks in each frame; the surest, where several are in one frame."""
    ours = np.isin(landmarks.track_id, list(tracks)) & landmarks.seen
    sureness = np.where(ours, np.nan_to_num(landmarks.score, nan=0.0) + 1, 0)
    slot = sureness.argmax(axis=1)
    points_px = landmarks.points_px[np.arange(len(slot)), slot].astype(np.float32, copy=True)
    points_px[~ours.any(axis=1)] = np.nan
    verdicts = [_judge(face, settings) for face in points_px]
    return Cast(
        points_px=points_px,
        opacity=np.array([opacity for opacity, _ in verdicts], np.float32),
        reason=tuple(reason for _, reason in verdicts),
        scene=landmarks.scene.astype(np.float32),
        pts_s=landmarks.pts_s.astype(np.float32),
    )


def _judge(points_px: FloatArray, settings: SwapSettings) -> tuple[float, str]:
    """Opacity and reason for one face `(478, 3)`."""
    if not np.isfinite(points_px[0, 0]):
        return 0.0, NO_FACE
    if np.ptp(points_px[:, :2], axis=0).max() < settings.min_face_px:
        return 0.0, SMALL_FACE
    yaw, pitch, _ = np.abs(head_pose_deg(points_px))
    room_deg = min(settings.max_yaw_deg - yaw, settings.max_pitch_deg - pitch)
    if room_deg <= 0:
        return 0.0, EXTREME_POSE
    return min(float(room_deg) / max(settings.fade_deg, 1e-6), 1.0), ""
