"""Which faces of each frame are swapped, by whose, how strongly, and why the others are not."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from facepipe.arrays import FloatArray, IntArray
from facepipe.landmarks.pose import head_pose_deg
from facepipe.landmarks.regions import POINTS
from facepipe.landmarks.tracks import Landmarks
from facepipe.swapping.fading import faded, room_share, size_share
from facepipe.swapping.settings import SwapSettings

NO_FACE, SMALL_FACE, EXTREME_POSE = "no_face", "small_face", "extreme_pose"
_TELLING = ("", EXTREME_POSE, SMALL_FACE, NO_FACE)
"""Of several people's reasons in a frame, the first of these is the frame's."""


@dataclass(frozen=True)
class Part:
    """A person of the target, and whose face they get.

    Attributes:
        identity: name of the identity whose face is drawn.
        tracks: ids of the tracks that show the person.
    """

    identity: str
    tracks: frozenset[int]


class Spot(NamedTuple):
    """A swapped face: the number of its frame, and of its role."""

    frame: int
    role: int


@dataclass(frozen=True, eq=False)
class Role:
    """A part's face in each of `T` frames; there is at most one in a frame.

    Attributes:
        part: who is replaced, and by whom.
        opacity: `(T,)` how much of the swap is shown, 0 to 1; 0 where `reason` is given.
        reason: why a frame is left alone; empty where it is swapped.
        slot: `(T,)` which of the landmarks' faces it is; -1 where the person is not seen.
        landmarks: of the whole film; shared, because points of hours of film fill the memory.
    """

    part: Part
    opacity: FloatArray
    reason: tuple[str, ...]
    slot: IntArray
    landmarks: Landmarks

    def face_px(self, frame: int) -> FloatArray:
        """The face's landmarks `(478, 3)` in a frame; NaN where the person is not seen."""
        slot = int(self.slot[frame])
        if slot < 0:
            return np.full((POINTS, 3), np.nan, np.float32)
        return self.landmarks.points_px[frame, slot].astype(np.float32)

    def track(self, frame: int) -> int:
        """The id of the track that the face belongs to in a frame where the person is seen."""
        return int(self.landmarks.track_id[frame, self.slot[frame]])


@dataclass(frozen=True, eq=False)
class Cast:
    """Everybody who is replaced in a film.

    Attributes:
        roles: one for each part, in the parts' order.
        scene: `(T,)` shot number.
        pts_s: `(T,)` time of the frame, in seconds.
    """

    roles: tuple[Role, ...]
    scene: FloatArray
    pts_s: FloatArray

    def spots(self, frame: int) -> list[Spot]:
        """The faces that are swapped in a frame; of two that overlap the nearer comes later."""
        shown = [number for number, role in enumerate(self.roles) if role.opacity[frame] > 0]
        if len(shown) > 1:
            shown.sort(key=lambda number: _size_px(self.roles[number].face_px(frame)))
        return [Spot(frame, number) for number in shown]

    def face_px(self, spot: Spot) -> FloatArray:
        """The landmarks `(478, 3)` of a face that is swapped, in pixels of its frame."""
        return self.roles[spot.role].face_px(spot.frame)

    def opacity(self, spot: Spot) -> float:
        """How much of a face's swap is shown, 0 to 1."""
        return float(self.roles[spot.role].opacity[spot.frame])

    @property
    def reason(self) -> tuple[str, ...]:
        """Why each frame is left alone; empty where any face in it is swapped."""
        if not self.roles:
            return (NO_FACE,) * len(self.pts_s)
        frames = zip(*(role.reason for role in self.roles), strict=True)
        return tuple(min(reasons, key=_TELLING.index) for reasons in frames)


def cast(landmarks: Landmarks, parts: Iterable[Part], settings: SwapSettings) -> Cast:
    """The faces of the given parts in each frame of a film."""
    return Cast(
        roles=tuple(_role(landmarks, part, settings) for part in parts),
        scene=landmarks.scene.astype(np.float32),
        pts_s=landmarks.pts_s.astype(np.float32),
    )


def _role(landmarks: Landmarks, part: Part, settings: SwapSettings) -> Role:
    """The face of the part's tracks in each frame; the surest, where several are in one frame."""
    ours = np.isin(landmarks.track_id, list(part.tracks)) & landmarks.seen
    sureness = np.where(ours, np.nan_to_num(landmarks.score, nan=0.0) + 1, 0)
    slot = np.where(ours.any(axis=1), sureness.argmax(axis=1), -1).astype(np.int32)
    faces = (landmarks.points_px[frame, place] for frame, place in enumerate(slot))
    verdicts = [
        _judge(face, settings) if place >= 0 else (0.0, NO_FACE)
        for face, place in zip(faces, slot, strict=True)
    ]
    return Role(
        part=part,
        opacity=faded(
            np.array([opacity for opacity, _ in verdicts], np.float32),
            landmarks.pts_s,
            landmarks.scene.astype(np.float32),
            settings.fade_s,
        ),
        reason=tuple(reason for _, reason in verdicts),
        slot=slot,
        landmarks=landmarks,
    )


def _judge(points_px: FloatArray, settings: SwapSettings) -> tuple[float, str]:
    """Opacity and reason for one face `(478, 3)`, whatever the frames around it show."""
    by_size = size_share(_size_px(points_px), settings.min_face_px)
    if by_size <= 0:
        return 0.0, SMALL_FACE
    yaw, pitch, _ = np.abs(head_pose_deg(points_px))
    room_deg = float(min(settings.max_yaw_deg - yaw, settings.max_pitch_deg - pitch))
    if room_deg <= 0:
        return 0.0, EXTREME_POSE
    return min(by_size, room_share(room_deg, settings.fade_deg)), ""


def _size_px(points_px: FloatArray) -> float:
    """The longer side of a face's landmark box."""
    return float(np.ptp(points_px[:, :2], axis=0).max())
