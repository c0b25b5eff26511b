"""Every face seen in the selected frames, cut out and measured, before anything is left out."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from facepipe.arrays import FloatArray, RgbImage, RgbImages
from facepipe.identity.embedding import arcface_crops
from facepipe.identity.settings import FacesSettings
from facepipe.landmarks.alignment import FACE_PX, apply_transform, cut, face_transform
from facepipe.landmarks.pose import head_pose_deg
from facepipe.landmarks.regions import five_points
from facepipe.landmarks.tracks import NO_TRACK, Landmarks
from facepipe.media.decode import Frame, decode

_CROP_BYTES = FACE_PX * FACE_PX * 3


@dataclass(frozen=True, eq=False)
class Candidate:
    """One face in one selected frame; a frame without any is one too, with `NO_TRACK`.

    Attributes:
        row: Row in the landmarks.
        track_id: The track in the landmarks file, or `NO_TRACK`.
        source: Name of the media file.
        frame_index: Place of the frame in its source.
        pts_s: Time in the source, in seconds.
        scene: Shot number in the source.
        score: Detection probability; NaN without a face.
        face_px: Longer side of the landmark box in the frame, in pixels.
        sharpness: Variance of the Laplacian in the ArcFace square; NaN without a crop.
        pose_deg: `(3,)` yaw, pitch, roll.
        points_px: `(478, 3)` in pixels of the crop.
        transform: `(2, 3)` from frame to crop.
        crop: Which crop of the shelf; -1 without one.
        reason: Why the face cannot be used, whoever it is; empty if it can.
    """

    row: int
    track_id: int
    source: str
    frame_index: int
    pts_s: float
    scene: int
    score: float
    face_px: float
    sharpness: float
    pose_deg: FloatArray
    points_px: FloatArray
    transform: FloatArray
    crop: int
    reason: str


class Shelf:
    """Crops on disk while it is still open whose they are: many people must not fill the memory."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `__exit__`)
        self._count = 0

    def __enter__(self) -> "Shelf":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def put(self, crop_rgb: RgbImage) -> int:
        """Keep a crop; its number is for `get`."""
        self._file.seek(self._count * _CROP_BYTES)
        self._file.write(np.ascontiguousarray(crop_rgb).tobytes())
        self._count += 1
        return self._count - 1

    def get(self, numbers: list[int]) -> RgbImages:
        """The crops `(len(numbers), 320, 320, 3)`."""
        crops = np.empty((len(numbers), FACE_PX, FACE_PX, 3), np.uint8)
        for place, number in enumerate(numbers):
            self._file.seek(number * _CROP_BYTES)
            data = np.frombuffer(self._file.read(_CROP_BYTES), np.uint8)
            crops[place] = data.reshape(FACE_PX, FACE_PX, 3)
        return crops


def gather(
    folder: Path,
    landmarks: Landmarks,
    frame_table: pd.DataFrame,
    settings: FacesSettings,
    shelf: Shelf,
) -> list[Candidate]:
    """All faces of the selected frames in the order of sources, times and slots.

    Each source is decoded once, up to its last selected frame; a crop is kept of each face that
    could be used.

    Raises:
        MediaError: A source cannot be decoded.
    """
    chosen = frame_table[frame_table["selected"]]
    found: list[Candidate] = []
    for source in landmarks.sources:
        wanted = {int(index) for index in chosen.loc[chosen["source"] == source, "frame_index"]}
        rows = landmarks.rows_of(source)
        row_of = {int(landmarks.frame_index[row]): row for row in range(rows.start, rows.stop)}
        for frame in _frames(folder / source, wanted & row_of.keys()):
            found += _in_frame(frame, landmarks, row_of[frame.index], settings, shelf)
    return found


def _frames(path: Path, wanted: set[int]) -> Iterator[Frame]:
    if not wanted:
        return
    last = max(wanted)
    for frame in decode(path):
        if frame.index in wanted:
            yield frame
        if frame.index >= last:
            return


def _in_frame(
    frame: Frame, landmarks: Landmarks, row: int, settings: FacesSettings, shelf: Shelf
) -> list[Candidate]:
    # points filled in between two sightings say where a face should be, not that it shows
    slots = np.flatnonzero(landmarks.seen[row] & ~landmarks.bridged[row])
    faces = [_measured(frame, landmarks, row, int(slot), settings, shelf) for slot in slots]
    return faces or [_nobody(landmarks, row)]


def _measured(
    frame: Frame,
    landmarks: Landmarks,
    row: int,
    slot: int,
    settings: FacesSettings,
    shelf: Shelf,
) -> Candidate:
    points = landmarks.points_px[row, slot]
    measures: dict[str, Any] = {
        "score": float(landmarks.score[row, slot]),
        "face_px": float(np.ptp(points[:, :2], axis=0).max()),
        "pose_deg": np.asarray(head_pose_deg(points), np.float32),
    }
    beyond = _share_beyond(points, frame.rgb)
    reason = _why_unusable(measures, beyond, settings)
    place = _place(landmarks, row, int(landmarks.track_id[row, slot]))
    transform = face_transform(five_points(points))
    crop_points = apply_transform(transform, points)
    number, sharp = -1, float("nan")
    if not reason:
        crop = cut(frame.rgb, transform, FACE_PX)
        number, sharp = shelf.put(crop), sharpness(crop)
    return Candidate(
        **place,
        **measures,
        sharpness=sharp,
        points_px=crop_points,
        transform=transform,
        crop=number,
        reason=reason,
    )


def sharpness(crop_rgb: RgbImage) -> float:
    """Variance of the Laplacian of the luminance in the ArcFace square of a stored face."""
    grey = cv2.cvtColor(arcface_crops(crop_rgb[None])[0], cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def _why_unusable(measures: dict[str, Any], beyond: float, settings: FacesSettings) -> str:
    yaw, pitch = abs(measures["pose_deg"][0]), abs(measures["pose_deg"][1])
    checks = {
        "too_small": measures["face_px"] < settings.min_face_px,
        "low_score": not measures["score"] >= settings.min_score,
        "cut_off": beyond > settings.max_cut_off,
        "extreme_pose": yaw > settings.max_yaw_deg or pitch > settings.max_pitch_deg,
    }
    return next((reason for reason, holds in checks.items() if holds), "")


def _share_beyond(points_px: FloatArray, frame_rgb: NDArray[np.uint8]) -> float:
    size_wh = np.array(frame_rgb.shape[1::-1])
    outside = (points_px[:, :2] < 0) | (points_px[:, :2] > size_wh - 1)
    return float(outside.any(axis=1).mean())


def _nobody(landmarks: Landmarks, row: int) -> Candidate:
    nan = np.float32(np.nan)
    return Candidate(
        **_place(landmarks, row, NO_TRACK),
        score=float("nan"),
        face_px=float("nan"),
        sharpness=float("nan"),
        pose_deg=np.full(3, nan),
        points_px=np.full((478, 3), nan),
        transform=np.full((2, 3), nan),
        crop=-1,
        reason="no_face",
    )


def _place(landmarks: Landmarks, row: int, track_id: int) -> dict[str, Any]:
    return {
        "row": row,
        "track_id": track_id,
        "source": landmarks.sources[int(landmarks.source[row])],
        "frame_index": int(landmarks.frame_index[row]),
        "pts_s": float(landmarks.pts_s[row]),
        "scene": int(landmarks.scene[row]),
    }
