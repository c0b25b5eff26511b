"""A face keeps its number while it can be followed, and no number is used twice."""

import numpy as np
import pytest

from facepipe.landmarks.tracking import MAX_MISS_S, Tracker, boxes_of, look, overlap
from facepipe_tests.landmarks.conftest import face_at

RED, BLUE = (200, 60, 40), (40, 60, 200)


def frame_of(*faces):
    """A grey frame with a coloured patch at each `(x, y, colour)`, and the faces `(F, 478, 3)`."""
    frame = np.full((200, 400, 3), 128, np.uint8)
    for x, y, colour in faces:
        frame[y - 30 : y + 30, x - 30 : x + 30] = 20
        frame[y - 20 : y + 20, x - 20 : x + 20] = colour
    return frame, np.stack([face_at(x, y, 60) for x, y, _ in faces])


def follow(tracker, scenes, fps=25.0):
    return [tracker.number(*frame_of(*faces), row / fps) for row, faces in enumerate(scenes)]


def test_a_moving_face_keeps_its_number():
    numbers = follow(Tracker(), [[(60 + 10 * step, 100, RED)] for step in range(20)])
    assert numbers == [[0]] * 20


def test_two_faces_keep_theirs_in_whatever_order_they_are_found():
    left, right = (100, 100, RED), (300, 100, BLUE)
    assert follow(Tracker(), [[left, right], [right, left]]) == [[0, 1], [1, 0]]


@pytest.mark.parametrize("hidden", [(), (4, 5, 6), (3, 4, 5, 6, 7)], ids=str)
def test_faces_that_pass_each_other_keep_their_numbers(hidden):
    tracker = Tracker()
    for step in range(11):
        faces = [(130 + 14 * step, 100, RED), (270 - 14 * step, 102, BLUE)]
        if step in hidden:  # the nearer face covers the other
            assert tracker.number(*frame_of(faces[0]), step / 25) == [0]
        else:
            assert tracker.number(*frame_of(*faces), step / 25) == [0, 1]


@pytest.mark.parametrize(("away_s", "number"), [(MAX_MISS_S - 0.1, 0), (MAX_MISS_S + 0.1, 1)])
def test_a_short_miss_keeps_the_number_and_a_long_one_ends_it(away_s, number):
    tracker = Tracker()
    tracker.number(*frame_of((100, 100, RED)), 0.0)
    assert tracker.number(*frame_of((100, 100, RED)), away_s) == [number]


def test_a_cut_ends_all_tracks():
    tracker = Tracker()
    first = tracker.number(*frame_of((100, 100, RED), (300, 100, BLUE)), 0.0)
    tracker.cut()
    second = tracker.number(*frame_of((100, 100, RED), (300, 100, BLUE)), 0.04)
    assert (first, second) == ([0, 1], [2, 3])


def test_a_face_elsewhere_is_someone_else():
    assert follow(Tracker(), [[(60, 100, RED)], [(340, 100, RED)]]) == [[0], [1]]


def test_a_frame_without_faces_is_no_trouble():
    tracker = Tracker()
    empty = np.zeros((0, 478, 3), np.float32)
    assert tracker.number(np.zeros((10, 10, 3), np.uint8), empty, 0.0) == []
    assert tracker.number(*frame_of((100, 100, RED)), 0.04) == [0]
    assert tracker.number(np.zeros((10, 10, 3), np.uint8), empty, 0.08) == []


@pytest.mark.parametrize(
    ("other", "share"),
    [((0, 0, 10, 10), 1.0), ((5, 0, 15, 10), 1 / 3), ((20, 20, 30, 30), 0.0)],
)
def test_overlap_is_the_shared_part_of_the_union(other, share):
    box = np.array([0, 0, 10, 10], np.float32)
    assert overlap(box, np.array(other, np.float32)) == pytest.approx(share)


def test_a_look_ignores_exposure_and_survives_the_border():
    frame, faces = frame_of((100, 100, RED))
    box = boxes_of(faces)[0]
    darker = look((frame * 0.7).astype(np.uint8), box)
    assert look(frame, box) @ darker > 0.999
    outside = np.array([-50, -50, -10, -10], np.float32)
    assert np.isfinite(look(frame, outside)).all()
