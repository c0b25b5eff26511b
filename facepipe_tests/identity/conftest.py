"""Painted people on exact landmarks: no network, no weights, no real faces."""

from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import pytest

from facepipe.identity.embedding import arcface_crops
from facepipe.identity.face_set import FaceSet
from facepipe.landmarks.alignment import FACE_PX, NETWORK_112
from facepipe.landmarks.pose import _FACE, _STABLE  # a head that has the pose it is given
from facepipe.landmarks.regions import (
    FACE_OVAL,
    FIVE_POINTS,
    LEFT_EYE,
    LIPS_OUTER,
    RIGHT_EYE,
    fill_region,
)
from facepipe.landmarks.tracks import NO_TRACK, Landmarks


def ring(centre, radii, count):
    """Points clockwise from the top `(count, 2)`."""
    turn = 2 * np.pi * np.arange(count) / count
    return np.array(centre) + np.stack([np.sin(turn), -np.cos(turn)], -1) * radii


def face_points(yaw_deg=0.0):
    """A face `(478, 3)` in pixels of the stored crop; its stable points are turned by a yaw."""
    five = NETWORK_112 * 2 + 32
    radius = np.sqrt(np.linspace(0, 1, 478))
    turn = np.arange(478) * 2.39996
    flat = np.array([160, 172]) + np.stack([np.cos(turn) * 88, np.sin(turn) * 115], -1) * (
        radius[:, None] * 0.95
    )
    flat[list(FACE_OVAL)] = ring((160, 172), (88, 115), len(FACE_OVAL))
    flat[list(RIGHT_EYE)] = ring(five[0], (14, 7), len(RIGHT_EYE))
    flat[list(LEFT_EYE)] = ring(five[1], (14, 7), len(LEFT_EYE))
    flat[list(LIPS_OUTER)] = ring((five[3] + five[4]) / 2, (30, 12), len(LIPS_OUTER))
    flat[list(FIVE_POINTS)] = five
    away = ((flat - [160, 172]) / [88, 115]) ** 2
    points = np.column_stack([flat, 60 * away.sum(1) - 40]).astype(np.float32)
    (sine, cosine) = np.sin(np.radians(yaw_deg)), np.cos(np.radians(yaw_deg))
    turn = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    points[_STABLE] = _FACE @ turn.T * [9, 9, -9] + [160, 160, 0]
    return points


def paint(person, rng):
    """One more picture `(320, 320, 3)` of a person: other light, expression and noise."""
    look = np.random.default_rng(person)
    skin, hair, lip, iris = (look.integers(40, 230, 3) for _ in range(4))
    brow_px, nose_px, brow_height, mouth_px = look.integers([2, 4, 16, 18], [12, 16, 34, 36])
    beard = look.random() < 0.5
    five = (NETWORK_112 * 2 + 32).round().astype(int)
    picture = np.full((FACE_PX, FACE_PX, 3), rng.integers(0, 255, 3), np.uint8)

    def oval(centre, radii, colour):
        size = tuple(int(radius) for radius in radii)
        shade = tuple(int(value) for value in colour)
        place = tuple(int(value) for value in centre)
        cv2.ellipse(picture, place, size, 0, 0, 360, shade, -1, cv2.LINE_AA)

    oval((160, 160), (104, 132), hair)
    oval((160, 172), (88, 115), skin)
    if beard:
        oval((160, 240), (60, 44), hair * 0.6)
    for eye in five[:2]:
        oval(eye - [0, brow_height], (24, brow_px), hair * 0.7)
        oval(eye, (14, 7), (240, 240, 240))
        oval(eye, (6, 6), iris)
    oval(five[2], (nose_px, 10), skin * 0.8)
    oval((five[3] + five[4]) / 2, (mouth_px, 6 + rng.integers(0, 4)), lip)
    lit = picture * rng.uniform(0.85, 1.1) + rng.normal(0, 3, picture.shape)
    return np.clip(cv2.GaussianBlur(lit, (0, 0), 1.5), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def make_faces():
    """Build a `FaceSet` of painted pictures, one person each."""

    def make(people, *, yaw_deg=None, seed=0, sources=("clip.mp4",)):
        rng, n = np.random.default_rng(seed), len(people)
        crops = np.stack([paint(person, rng) for person in people])
        yaw = np.zeros(n) if yaw_deg is None else np.asarray(yaw_deg)
        return FaceSet(
            crops_rgb=crops,
            masks=np.stack([fill_region(face_points(), FACE_OVAL, (FACE_PX, FACE_PX))] * n),
            points_px=np.stack([face_points()] * n),
            transforms=np.stack([np.eye(2, 3, dtype=np.float32)] * n),
            pose_deg=np.column_stack([yaw, np.zeros(n), np.zeros(n)]).astype(np.float32),
            sharpness=np.linspace(50, 100, n, dtype=np.float32),
            score=np.full(n, 0.9, np.float32),
            face_px=np.full(n, 150, np.float32),
            source=np.zeros(n, np.int32),
            frame_index=np.arange(n, dtype=np.int32),
            pts_s=np.arange(n, dtype=np.float32) / 25,
            scene=np.zeros(n, np.int32),
            track_id=np.zeros(n, np.int32),
            sources=sources,
        )

    return make


class Stage:
    """Clips of painted people in a folder, with their landmarks and frame table."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._rng = np.random.default_rng(5)
        self._clips: dict[str, list] = {}

    def frame(self, *faces, clip="clip.mp4"):
        """Add a frame; a face is a dict of person, track and what `_placed` takes."""
        picture = np.full((360, 640, 3), 90, np.uint8)
        placed = [self._placed(picture, **face) for face in faces]
        self._clips.setdefault(clip, []).append((picture, placed))
        return self

    def _placed(self, picture, person, track, at=(20, 20), scale=1.0, score=0.9, blur=0, yaw=0):
        crop = paint(person, self._rng)
        if blur:
            crop = cv2.GaussianBlur(crop, (0, 0), blur)
        move = np.array([[scale, 0, at[0]], [0, scale, at[1]]], np.float32)
        smaller = cv2.GaussianBlur(crop, (0, 0), 0.4 / scale)
        cv2.warpAffine(smaller, move, (640, 360), picture, cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT)
        points = face_points(yaw) * scale
        points[:, :2] += at
        return points, track, score

    def build(self):
        """Write the clips; folder, landmarks and frame table as `build_faces` takes them."""
        for name, frames in self._clips.items():
            write_video(self.folder / name, [picture for picture, _ in frames])
        placed = [faces for frames in self._clips.values() for _, faces in frames]
        lengths = [len(frames) for frames in self._clips.values()]
        index = np.concatenate([np.arange(length) for length in lengths]).astype(np.int32)
        source = np.repeat(np.arange(len(lengths)), lengths).astype(np.int32)
        slots = max(1, *map(len, placed))
        points = np.full((len(placed), slots, 478, 3), np.nan, np.float32)
        score = np.full((len(placed), slots), np.nan, np.float32)
        track = np.full((len(placed), slots), NO_TRACK, np.int32)
        for row, faces in enumerate(placed):
            for slot, (face, number, sure) in enumerate(faces):
                points[row, slot], track[row, slot], score[row, slot] = face, number, sure
        names = tuple(self._clips)
        landmarks = Landmarks(
            points_px=points,
            score=score,
            track_id=track,
            bridged=np.zeros(track.shape, bool),
            source=source,
            frame_index=index,
            pts_s=(index / 25).astype(np.float32),
            scene=np.zeros(len(placed), np.int32),
            size_wh=np.tile(np.array([640, 360], np.int32), (len(placed), 1)),
            time_base=np.tile(np.array([1, 25], np.int32), (len(names), 1)),
            sources=names,
        )
        table = pd.DataFrame(
            {"source": [names[i] for i in source], "frame_index": index, "selected": True}
        )
        return self.folder, landmarks, table


def write_video(path, pictures):
    """An mp4 at 25 frames per second, nearly lossless."""
    with av.open(str(path), "w") as box:
        stream = box.add_stream("libx264", rate=25, options={"crf": "4", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for picture in pictures:
            box.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        box.mux(stream.encode(None))


@pytest.fixture
def stage(tmp_path):
    """An empty stage in a folder of its own."""
    return Stage(tmp_path)


@pytest.fixture(scope="session")
def crops_of():
    """ArcFace squares `(N, 112, 112, 3)` of N pictures of one painted person."""

    def make(person, count, seed=0):
        rng = np.random.default_rng([person, seed])
        return arcface_crops(np.stack([paint(person, rng) for _ in range(count)]))

    return make
