"""Everybody a target shows: a few faces of every track, to tell by who is who.

Which tracks are one person's is left to whoever asks, because it takes an embedder and a threshold;
these are the pictures that it is judged by.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from facepipe.arrays import BoolArray, FloatArray, RgbImage, RgbImages
from facepipe.errors import BadInputError
from facepipe.files import whole_file, write_whole
from facepipe.identity.embedding import ARCFACE_PX
from facepipe.landmarks.ahead import ahead
from facepipe.landmarks.alignment import arcface_transform, cut
from facepipe.landmarks.pose import head_pose_deg
from facepipe.landmarks.regions import five_points
from facepipe.landmarks.tracks import NO_TRACK, Landmarks
from facepipe.media.decode import decode

FACES_PER_TRACK = 12
"""At most so many faces vote on who a track shows."""
_TABLE, _STRIPS = "tracks.parquet", "tracks"


@dataclass(frozen=True, eq=False)
class Company:
    """The `K` tracks of a target, each with some of its faces.

    Attributes:
        tracks: a row per track, by its number: track, source, first_s, last_s, frames, face_px
            (median longer side of the landmark box), centre_x (mean, as a share of the width).
        faces: `(n, 112, 112, 3)` ArcFace squares of each, spread over its time, at least one.
    """

    tracks: pd.DataFrame
    faces: tuple[RgbImages, ...]

    def faces_of(self, tracks: AbstractSet[int]) -> RgbImages:
        """The kept faces `(n, 112, 112, 3)` of some tracks."""
        told = zip(self.tracks["track"], self.faces, strict=True)
        return np.concatenate([faces for track, faces in told if int(track) in tracks])

    def save(self, folder: Path) -> None:
        """Write the table, and a strip of pictures per track."""
        for track, faces in zip(self.tracks["track"], self.faces, strict=True):
            _, png = cv2.imencode(".png", cv2.cvtColor(np.hstack([*faces]), cv2.COLOR_RGB2BGR))
            write_whole(folder / _STRIPS / f"{track:06d}.png", png.tobytes())
        with whole_file(folder / _TABLE) as aside:
            self.tracks.to_parquet(aside, index=False)

    @staticmethod
    def load(folder: Path) -> "Company":
        """Read what `save` wrote.

        Raises:
            BadInputError: A strip is missing or damaged.
        """
        tracks = pd.read_parquet(folder / _TABLE)
        return Company(tracks, tuple(_read_strip(path) for path in strips_of(folder)))


def strips_of(folder: Path) -> list[Path]:
    """A picture per track, in the table's order: its faces side by side."""
    tracks = pd.read_parquet(folder / _TABLE)["track"]
    return [folder / _STRIPS / f"{track:06d}.png" for track in tracks]


def gather_company(folder: Path, landmarks: Landmarks) -> Company:
    """Cut out some faces of every track; each source is decoded once.

    Of a track's frames the one is taken, from each of `FACES_PER_TRACK` spells of equal length,
    that shows its face largest and most from the front.

    Raises:
        MediaError: A source cannot be decoded.
    """
    quality = _quality(landmarks)
    tracks = [int(track) for track in np.unique(landmarks.track_id) if track != NO_TRACK]
    wanted = {track: _chosen(landmarks, track, quality) for track in tracks}
    by_row: dict[int, list[tuple[int, int]]] = {}
    for track, places in wanted.items():
        for row, slot in places:
            by_row.setdefault(row, []).append((track, slot))
    faces: dict[int, list[RgbImage]] = {track: [] for track in tracks}
    for row, frame_rgb in _frames(folder, landmarks, sorted(by_row)):
        for track, slot in by_row[row]:
            transform = arcface_transform(five_points(landmarks.points_px[row, slot]))
            faces[track].append(cut(frame_rgb, transform, ARCFACE_PX))
    return Company(
        tracks=pd.DataFrame([_told(landmarks, track) for track in tracks], columns=list(_COLUMNS)),
        faces=tuple(np.stack(faces[track]) for track in tracks),
    )


def together(tracks: list[int], landmarks: Landmarks) -> BoolArray:
    """`(N, N)` true where two tracks share a frame: they are two people's."""
    shown = np.stack([(landmarks.track_id == track).any(axis=1) for track in tracks])
    return (shown.astype(np.float32) @ shown.T.astype(np.float32)) > 0


def _quality(landmarks: Landmarks) -> FloatArray:
    """`(T, F)` how well a face is seen; 0 where it is not."""
    quality = np.zeros(landmarks.score.shape, np.float32)
    for row, slot in np.argwhere(landmarks.seen):
        points_px = landmarks.points_px[row, slot]
        frontal = np.cos(np.radians(head_pose_deg(points_px)[0])) ** 2
        size_px = np.ptp(points_px[:, :2], axis=0).max()
        quality[row, slot] = size_px * frontal * (_GUESSED if landmarks.bridged[row, slot] else 1)
    return quality


def _chosen(landmarks: Landmarks, track: int, quality: FloatArray) -> list[tuple[int, int]]:
    """Row and slot of some of a track's faces, in the order of time."""
    places = np.argwhere(landmarks.track_id == track)
    spells = np.array_split(places, min(FACES_PER_TRACK, len(places)))
    best = [spell[np.argmax([quality[row, slot] for row, slot in spell])] for spell in spells]
    return [(int(row), int(slot)) for row, slot in best]


def _frames(folder: Path, landmarks: Landmarks, rows: list[int]) -> Iterator[tuple[int, RgbImage]]:
    """The frames of these rows, each source decoded up to the last of its own."""
    for source in landmarks.sources:
        here = landmarks.rows_of(source)
        wanted = {
            int(landmarks.frame_index[row]): row for row in rows if here.start <= row < here.stop
        }
        for frame in ahead(decode(folder / source, quick=True)) if wanted else ():
            if frame.index in wanted:
                yield wanted.pop(frame.index), frame.rgb
            if not wanted:
                break


def _told(landmarks: Landmarks, track: int) -> tuple[int, str, float, float, int, float, float]:
    """The row of the table, as `_COLUMNS` names it."""
    rows, slots = np.nonzero(landmarks.track_id == track)
    points_px = landmarks.points_px[rows, slots][..., :2]
    centres_x = points_px[..., 0].mean(axis=1) / landmarks.size_wh[rows, 0]
    return (
        track,
        landmarks.sources[int(landmarks.source[rows[0]])],
        float(landmarks.pts_s[rows[0]]),
        float(landmarks.pts_s[rows[-1]]),
        len(rows),
        float(np.median(np.ptp(points_px, axis=1).max(axis=1))),
        float(centres_x.mean()),
    )


def _read_strip(path: Path) -> RgbImages:
    strip = cv2.imread(str(path))
    if strip is None or strip.shape[0] != ARCFACE_PX or strip.shape[1] % ARCFACE_PX:
        raise BadInputError(f"{path}: the strip is missing or damaged; make target/people again")
    rgb = cv2.cvtColor(strip, cv2.COLOR_BGR2RGB)
    squares = np.split(rgb, strip.shape[1] // ARCFACE_PX, axis=1)
    return np.stack(squares).astype(np.uint8)


_COLUMNS = ("track", "source", "first_s", "last_s", "frames", "face_px", "centre_x")
_GUESSED = 0.2  # a face filled in between two sightings says where it should be, not how it looks
