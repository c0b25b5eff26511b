"""Real faces: found where they are, small ones too; nothing where there are none; kept apart."""

import os
import time

import numpy as np
import pytest

from facepipe.landmarks.detection import detect
from facepipe.landmarks.landmarker import FaceFinder, quiet_stderr
from facepipe.landmarks.smoothing import smooth, tremble
from facepipe.landmarks.tracks import NO_TRACK
from facepipe_tests.real import CLIPS, STILLS, needs_real_media

pytestmark = [pytest.mark.realmedia, needs_real_media]


@pytest.fixture(scope="module")
def found(bundle):
    """Landmarks of a real clip, by name; each clip is looked at once."""
    known = {}

    def look(name):
        if name not in known:
            known[name] = detect(CLIPS, [CLIPS / f"{name}.mp4"], bundle)
        return known[name]

    return look


def tracks_of(landmarks):
    """How many frames each track has."""
    ids, counts = np.unique(landmarks.track_id, return_counts=True)
    return {int(each): int(n) for each, n in zip(ids, counts, strict=True) if each != NO_TRACK}


@pytest.mark.parametrize("name", ["dev_a_woman_ai", "dev_b_man_talk", "dev_c_man_glasses"])
def test_the_one_face_of_a_portrait_is_one_track_in_every_frame(found, name):
    landmarks = found(name)
    assert tracks_of(landmarks) == {0: len(landmarks.pts_s)}
    assert landmarks.points_px.shape[1] == 1


def test_small_faces_are_found(found):
    faces = found("dev_three_small").seen.sum(axis=1)
    assert (faces >= 1).mean() >= 0.95
    assert (faces == 3).mean() >= 0.9


def test_two_people_are_two_stable_tracks(found):
    landmarks = found("dev_two_faces")
    assert tracks_of(landmarks) == {0: len(landmarks.pts_s), 1: len(landmarks.pts_s)}
    assert (landmarks.track_id == landmarks.track_id[0]).all()


def test_nothing_is_found_where_there_is_no_face(found, bundle):
    assert found("dev_no_face").seen.any(axis=1).mean() <= 0.01
    assert not detect(STILLS, [STILLS / "noface_cat.jpg"], bundle).seen.any()


def test_a_face_is_there_only_while_it_is(found):
    seen = np.flatnonzero(found("dev_face_enters_leaves").seen.any(axis=1))
    assert seen.tolist() == list(range(50, 100))


def test_a_turned_head_is_not_lost(found):
    assert found("dev_large_pose").seen.any(axis=1).all()


def test_a_hand_before_the_face_does_not_end_the_track(found):
    assert len(tracks_of(found("dev_occlusion_hand"))) == 1


def test_stills_are_looked_at_each_for_itself(bundle):
    paths = [STILLS / name for name in ("ai_teacher_00.jpg", "astronaut_nasa.png")]
    landmarks = detect(STILLS, paths, bundle)
    assert landmarks.track_id.ravel().tolist() == [0, 1]
    assert (landmarks.score > 0.9).all()


def test_smoothing_takes_at_least_two_fifths_of_the_tremble(found):
    landmarks = found("dev_b_man_talk")
    assert tremble(smooth(landmarks)) <= 0.6 * tremble(landmarks)


def test_depth_comes_back_healed(found):
    points = found("dev_b_man_talk").points_px[:, 0]
    np.testing.assert_array_equal(points[:, 469, 2], points[:, 468, 2])
    np.testing.assert_array_equal(points[:, 471, 2], points[:, 468, 2])


def test_the_landmarker_keeps_its_log_to_itself(bundle, capfd):
    with FaceFinder(bundle, 2, moving=True) as finder:
        for frame in range(3):
            finder.find(np.zeros((64, 64, 3), np.uint8), frame / 25)
    time.sleep(0.1)
    assert capfd.readouterr().err == ""


def test_what_is_written_outside_the_quiet_block_is_heard(capfd):
    with quiet_stderr():
        os.write(2, b"noise")
    os.write(2, b"news")
    assert capfd.readouterr().err == "news"
