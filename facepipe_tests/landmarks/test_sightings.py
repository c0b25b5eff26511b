"""What is too small, unsure, doubled or collapsed is no face; a blip is no track."""

import numpy as np
import pandas as pd
import pytest

from facepipe.errors import SettingsError
from facepipe.landmarks.settings import DetectionSettings
from facepipe.landmarks.sightings import believable_tracks, plausible
from facepipe_tests.landmarks.conftest import face_at

SETTINGS = DetectionSettings(max_faces=2, min_score=0.6, min_face_px=40)


def kept(*faces):
    """Which of the faces `(points, score)` are kept."""
    points = np.stack([points for points, _ in faces])
    score = np.array([score for _, score in faces], np.float32)
    return plausible(points, score, (640, 480), SETTINGS).tolist()


def test_a_large_certain_face_is_kept():
    assert kept((face_at(320, 240), 0.9)) == [True]


@pytest.mark.parametrize(
    ("points", "score"),
    [
        pytest.param(face_at(320, 240), 0.55, id="unsure"),
        pytest.param(face_at(320, 240, 30), 0.9, id="small"),
        pytest.param(face_at(700, 240), 0.9, id="centre outside the picture"),
        pytest.param(face_at(320, 240) * np.float32([3, 1, 1]), 0.9, id="squashed"),
        pytest.param(face_at(320, 240) * np.float32([0.3, 1, 1]), 0.9, id="pressed together"),
    ],
)
def test_a_doubtful_face_is_not(points, score):
    assert kept((points, score), (face_at(100, 100), 0.9)) == [False, True]


def test_of_two_sightings_of_one_face_the_more_certain_is_kept():
    assert kept((face_at(320, 240), 0.7), (face_at(323, 241), 0.9)) == [False, True]


def test_of_too_many_faces_the_largest_are_kept():
    sizes = (60, 110, 90)
    faces = [(face_at(100 + 200 * place, 240, size), 0.9) for place, size in enumerate(sizes)]
    assert kept(*faces) == [False, True, True]


def test_no_faces_is_no_faces():
    none = np.zeros((0, 478, 3), np.float32)
    assert plausible(none, np.zeros(0, np.float32), (64, 48), SETTINGS).tolist() == []


def believed(*tracks, frames=50, scene=None, fps=25.0):
    """Which of the tracks `(rows, score)` are believed, in a clip of `frames` frames."""
    table = pd.DataFrame({"source": 0, "scene": 0, "pts_s": np.arange(frames) / fps})
    if scene is not None:
        table["scene"] = scene
    faces = [
        {"row": row, "track": track, "score": score}
        for track, (rows, score) in enumerate(tracks)
        for row in rows
    ]
    return believable_tracks(pd.DataFrame(faces, columns=["row", "track", "score"]), table)


def test_a_lasting_certain_track_is_believed():
    assert believed((range(10, 30), 0.95)) == {0}


def test_a_blip_and_an_unsure_track_are_not():
    assert believed((range(3), 0.99), (range(10, 40), 0.7), (range(10, 40), 0.9)) == {2}


def test_blips_that_chance_to_be_near_each_other_are_not():
    assert believed(((5, 12), 0.9), (range(20, 40, 2), 0.9)) == {1}


def test_a_track_as_long_as_a_short_shot_is_believed():
    assert believed((range(2), 0.95), scene=np.repeat([0, 1], [2, 48])) == {0}


def test_a_still_needs_one_sighting():
    assert believed((range(1), 0.95), frames=1) == {0}


def test_without_faces_there_are_no_tracks():
    assert believed() == set()


@pytest.mark.parametrize(
    "wrong",
    [{"max_faces": 0}, {"min_score": 0.4}, {"min_score": 1.0}, {"min_face_px": -1}],
    ids=str,
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(SettingsError, match=f"{next(iter(wrong))} must"):
        DetectionSettings(**wrong)
