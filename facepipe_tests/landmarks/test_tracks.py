"""A landmarks file comes back as it was written, and refuses what contradicts itself."""

from dataclasses import replace

import numpy as np
import pytest

from facepipe.errors import ShapeError
from facepipe.landmarks.tracks import Landmarks


def test_what_is_saved_is_loaded(make_landmarks, tmp_path):
    landmarks = make_landmarks(unseen=slice(3, 6))
    landmarks.save(tmp_path / "landmarks.npz")
    loaded = Landmarks.load(tmp_path / "landmarks.npz")
    assert loaded.sources == landmarks.sources
    for name in ("points_px", "score", "track_id", "bridged", "pts_s", "size_wh", "time_base"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(landmarks, name))


def test_saving_twice_gives_the_same_bytes(make_landmarks, tmp_path):
    for name in ("one", "two"):
        make_landmarks().save(tmp_path / f"{name}.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_a_face_without_points_is_refused(make_landmarks):
    landmarks = make_landmarks(frames=4)
    points = landmarks.points_px.copy()
    points[2] = np.nan
    with pytest.raises(ShapeError, match="disagree on where a face was seen"):
        replace(landmarks, points_px=points)


@pytest.mark.parametrize("name", ["points_px", "bridged", "pts_s", "size_wh"])
def test_arrays_of_another_length_are_refused(make_landmarks, name):
    landmarks = make_landmarks(frames=4)
    with pytest.raises(ShapeError, match=f"{name} must have shape"):
        replace(landmarks, **{name: getattr(landmarks, name)[:3]})


def test_each_source_has_its_own_rows(make_landmarks):
    landmarks = make_landmarks(frames=6)
    two = replace(
        landmarks,
        source=np.array([0, 0, 1, 1, 1, 1], np.int32),
        sources=("a.mp4", "b.mp4", "empty.mp4"),
    )
    assert two.rows_of("b.mp4") == slice(2, 6)
    assert two.rows_of("empty.mp4") == slice(0, 0)
